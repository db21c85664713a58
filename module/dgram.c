// SPDX-License-Identifier: GPL-2.0
/* SOCK_DGRAM: names, readiness, life, and its operation tables. */
#include "dgram.h"

#include <linux/module.h>
#include <linux/sockios.h>
#include <asm/ioctls.h>

#include "cred.h"
#include "glass.h"
#include "output.h"
#include "protosw.h"
#include "room.h"
#include "route.h"
#include "socket.h"

/* --- Names ------------------------------------------------------------- */

/* @node is the node we are on the way to @peer. */
static void dgram_join(struct sock *sk, struct glass_addr peer, u32 node)
{
	struct glass_sock *gs = glass_sk(sk);

	sock_owned_by_me(sk);
	if (gs->local.node == GLASS_NODE_ANY)
		WRITE_ONCE(gs->local.node, node);
	glass_addr_set(&gs->remote, peer);
	WRITE_ONCE(sk->sk_state, TCP_ESTABLISHED);
}

/* proto.connect: name the only peer. Socket lock held. */
static int glass_dgram_connect(struct sock *sk, struct sockaddr_unsized *uaddr,
			       int len)
{
	struct glass_dgram_way way;
	struct glass_addr peer;
	int err;

	err = glass_addr_read_dest(&peer, (struct sockaddr_glass *)uaddr, len);
	if (err)
		return err;
	err = glass_dgram_find_way(sk, &peer, NULL, &way);
	if (err)
		return err;
	if (way.is_local) {
		err = glass_dgram_check_receiver(sk, &way);
		/* That it reads no more is for a send to say. */
		if (err && err != -EPIPE)
			return err;
	}

	err = glass_port_autobind(sk);
	if (err)
		return err;
	glass_room_unwatch(sk);
	dgram_join(sk, peer, way.flow.src.node);
	/* Who waits to send to this socket may have become a third party. */
	glass_room_wake_all(sk);
	return 0;
}

/* proto.disconnect: forget the peer, and what was chosen for its sake. */
static int glass_dgram_disconnect(struct sock *sk, int flags)
{
	struct glass_sock *gs = glass_sk(sk);

	sock_owned_by_me(sk);
	glass_room_unwatch(sk);
	glass_addr_set(&gs->remote, GLASS_ADDR_NONE);
	glass_cred_forget_peer(sk);
	WRITE_ONCE(sk->sk_state, TCP_CLOSE);
	if (!(sk->sk_userlocks & SOCK_BINDADDR_LOCK))
		WRITE_ONCE(gs->local.node, GLASS_NODE_ANY);
	if (!(sk->sk_userlocks & SOCK_BINDPORT_LOCK)) {
		sk->sk_prot->unhash(sk);
		glass_addr_set(&gs->local, GLASS_ADDR_NONE);
	}
	return 0;
}

static int dgram_pair_bind(struct sock *sk)
{
	int err;

	lock_sock(sk);
	err = glass_port_autobind(sk);
	release_sock(sk);
	return err;
}

static void dgram_pair_join(struct socket *sock, const struct sock *other)
{
	struct sock *sk = sock->sk;
	struct glass_addr peer = {
		.node = GLASS_NODE_LOCAL,
		.port = glass_sk(other)->local.port,
	};

	lock_sock(sk);
	dgram_join(sk, peer, GLASS_NODE_LOCAL);
	glass_cred_set_peer(sk);
	sock->state = SS_CONNECTED;
	release_sock(sk);
}

/*
 * proto_ops.socketpair: two new sockets, each connected to the other. Nobody
 * has a descriptor of them yet, so nothing else happens to them meanwhile.
 */
static int glass_dgram_socketpair(struct socket *sock1, struct socket *sock2)
{
	int err;

	err = dgram_pair_bind(sock1->sk);
	if (err)
		return err;
	/* If this fails, the caller releases both, and the port with them. */
	err = dgram_pair_bind(sock2->sk);
	if (err)
		return err;
	dgram_pair_join(sock1, sock2->sk);
	dgram_pair_join(sock2, sock1->sk);
	return 0;
}

/* --- Readiness --------------------------------------------------------- */

/* Would a send to the connected peer wait for its room? */
static bool dgram_peer_is_full(struct sock *sk)
{
	struct glass_addr local = glass_addr_peek(&glass_sk(sk)->local);
	struct glass_addr peer = glass_addr_peek(&glass_sk(sk)->remote);
	const struct glass_route *route;
	struct sock *receiver = NULL;
	bool full = false;

	if (!glass_addr_is_set(&peer))
		return false;
	rcu_read_lock();
	route = glass_route_lookup(sock_net(sk), peer.node);
	if (!IS_ERR(route) && route->is_local)
		receiver = glass_port_lookup_for(sock_net(sk), sk->sk_protocol,
						 &peer, &local,
						 route->ifindex);
	rcu_read_unlock();
	if (!receiver)
		return false;
	if (receiver != sk && glass_room_is_full(receiver) &&
	    !glass_dgram_may_send(receiver, &local)) {
		lock_sock(sk);
		full = glass_room_watch(sk, receiver);
		release_sock(sk);
	}
	sock_put(receiver);
	return full;
}

static bool dgram_is_writable(struct sock *sk)
{
	if (READ_ONCE(sk->sk_shutdown) & SEND_SHUTDOWN)
		return true;
	if (sock_writeable(sk) && !dgram_peer_is_full(sk))
		return true;
	sk_set_bit(SOCKWQ_ASYNC_NOSPACE, sk);
	return false;
}

/* proto_ops.poll. Process context, may sleep; no lock held. */
static __poll_t glass_dgram_poll(struct file *file, struct socket *sock,
				 struct poll_table_struct *wait)
{
	struct sock *sk = sock->sk;
	__poll_t mask = 0;
	u8 shutdown;

	sock_poll_wait(file, sock, wait);
	shutdown = READ_ONCE(sk->sk_shutdown);

	if (READ_ONCE(sk->sk_err) ||
	    !skb_queue_empty_lockless(&sk->sk_error_queue))
		mask |= EPOLLERR;
	if (shutdown & RCV_SHUTDOWN)
		mask |= EPOLLRDHUP | EPOLLIN | EPOLLRDNORM;
	if (shutdown == SHUTDOWN_MASK)
		mask |= EPOLLHUP;
	if (!skb_queue_empty_lockless(&sk->sk_receive_queue))
		mask |= EPOLLIN | EPOLLRDNORM;

	/* Looking at the peer costs; do it for those who want to know. */
	if (poll_requested_events(wait) &
	    (EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND) && dgram_is_writable(sk))
		mask |= EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND;
	return mask;
}

/**
 * glass_dgram_ioctl - proto.ioctl of types that have messages
 * @sk: the socket
 * @cmd: SIOCINQ: the next message's size, as for AF_UNIX and UDP; SIOCOUTQ:
 *	what was sent and is not read yet
 * @karg: the answer, in bytes
 *
 * Context: process; no lock held.
 * Return: 0 or -ENOIOCTLCMD.
 */
int glass_dgram_ioctl(struct sock *sk, int cmd, int *karg)
{
	struct sk_buff *skb;

	switch (cmd) {
	case SIOCINQ:
		spin_lock_bh(&sk->sk_receive_queue.lock);
		skb = skb_peek(&sk->sk_receive_queue);
		*karg = skb ? skb->len : 0;
		spin_unlock_bh(&sk->sk_receive_queue.lock);
		return 0;
	case SIOCOUTQ:
		*karg = sk_wmem_alloc_get(sk);
		return 0;
	default:
		return -ENOIOCTLCMD;
	}
}
EXPORT_SYMBOL_GPL(glass_dgram_ioctl);

/* proto.shutdown: the bits are set. Socket lock held. */
static void glass_dgram_shutdown(struct sock *sk, int how)
{
	if (how & RCV_SHUTDOWN)
		glass_room_wake_all(sk);
}

/* --- Life -------------------------------------------------------------- */

/* Nothing of ours may be left: it would have been charged to the socket. */
static void glass_dgram_destruct(struct sock *sk)
{
	glass_dgram_purge(sk);
	skb_queue_purge(&sk->sk_error_queue);
	WARN_ON_ONCE(atomic_read(&sk->sk_rmem_alloc));
}

/**
 * glass_dgram_sk_init - proto.init of types that have messages
 * @sk: the socket
 *
 * Context: process, may sleep.
 * Return: 0.
 */
int glass_dgram_sk_init(struct sock *sk)
{
	sk->sk_destruct = glass_dgram_destruct;
	sock_prot_inuse_add(sock_net(sk), sk->sk_prot, 1);
	return 0;
}
EXPORT_SYMBOL_GPL(glass_dgram_sk_init);

/**
 * glass_dgram_sk_destroy - proto.destroy: the socket is being closed
 * @sk: the socket
 *
 * Context: process, may sleep.
 */
void glass_dgram_sk_destroy(struct sock *sk)
{
	sock_prot_inuse_add(sock_net(sk), sk->sk_prot, -1);
}
EXPORT_SYMBOL_GPL(glass_dgram_sk_destroy);

/**
 * glass_dgram_close - proto.close of types that have messages
 * @sk: the socket
 * @timeout: not used: nothing is waited for
 *
 * What still refers to the socket after each step:
 *
 * - Unhashed, it is found by nobody new. Input that found it before holds a
 *   reference and waits for the lock, or has put its frame on the backlog;
 *   senders that found it were woken and see that the port has gone.
 * - With RCV_SHUTDOWN set under the lock, whatever input still brings, by
 *   release_sock() or later, is dropped; so the queue stays empty once purged,
 *   and every sender has its buffer back.
 * - sk_common_release() drops our reference. Those of input end with it; frames
 *   that the socket itself sent keep the memory until they are read.
 *
 * Context: process, may sleep.
 */
void glass_dgram_close(struct sock *sk, long timeout)
{
	lock_sock(sk);
	WRITE_ONCE(sk->sk_shutdown, SHUTDOWN_MASK);
	sk->sk_prot->unhash(sk);
	glass_room_unwatch(sk);
	glass_dgram_purge(sk);
	release_sock(sk);

	sk_common_release(sk);
}
EXPORT_SYMBOL_GPL(glass_dgram_close);

/* proto.init */
static int glass_dgram_prot_init(struct sock *sk)
{
	/* For SO_REUSEPORT: see glass_sk_sock_setsockopt(). */
	set_bit(SOCK_CUSTOM_SOCKOPT, &sk->sk_socket->flags);
	return glass_dgram_sk_init(sk);
}

/* proto.get_port: with SO_REUSEPORT, it is one of a group from now on. */
static int glass_dgram_get_port(struct sock *sk, unsigned short unused)
{
	int err;

	err = glass_port_get(sk, unused);
	if (err)
		return err;
	err = glass_port_join_group(sk);
	if (err) {
		sk->sk_prot->unhash(sk);
		WRITE_ONCE(glass_sk(sk)->local.port, GLASS_PORT_ANY);
	}
	return err;
}

GLASS_SHIM_RECVMSG(glass_dgram_recvmsg);

static struct proto glass_dgram_prot = {
	.name		= "GLASS-DGRAM",
	.owner		= THIS_MODULE,
	.obj_size	= sizeof(struct glass_sock),
	.slab_flags	= SLAB_TYPESAFE_BY_RCU,
	.init		= glass_dgram_prot_init,
	.destroy	= glass_dgram_sk_destroy,
	.close		= glass_dgram_close,
	.connect	= glass_dgram_connect,
	.disconnect	= glass_dgram_disconnect,
	.ioctl		= glass_dgram_ioctl,
	.shutdown	= glass_dgram_shutdown,
	.setsockopt	= glass_sk_setsockopt,
	.getsockopt	= glass_sk_getsockopt,
	.sendmsg	= glass_dgram_sendmsg,
	.recvmsg	= glass_shim_recvmsg(glass_dgram_recvmsg),
	.backlog_rcv	= glass_dgram_backlog_rcv,
	.hash		= glass_port_hash,
	.unhash		= glass_port_unhash,
	.get_port	= glass_dgram_get_port,
};

static struct proto_ops glass_dgram_ops __ro_after_init = {
	.owner		= THIS_MODULE,
	.release	= glass_sk_release,
	.bind		= glass_sk_bind,
	.connect	= glass_sk_connect,
	.socketpair	= glass_dgram_socketpair,
	.accept		= sock_no_accept,
	.getname	= glass_sk_getname,
	.poll		= glass_dgram_poll,
	.ioctl		= glass_sk_ioctl,
	.gettstamp	= sock_gettstamp,
	.listen		= sock_no_listen,
	.shutdown	= glass_sk_shutdown,
	.setsockopt	= glass_sk_sock_setsockopt,
	.getsockopt	= sock_common_getsockopt,
	.sendmsg	= glass_sk_sendmsg,
	.recvmsg	= glass_sk_recvmsg,
	.mmap		= sock_no_mmap,
	.set_peek_off	= sk_set_peek_off,
};

static struct glass_protosw glass_dgram_protosw = {
	.type		= SOCK_DGRAM,
	.protocol	= GLASS_PROTO_DGRAM,
	.flags		= GLASS_PROTOSW_PERMANENT,
	.prot		= &glass_dgram_prot,
	.ops		= &glass_dgram_ops,
};

/**
 * glass_dgram_init - offer SOCK_DGRAM
 *
 * Context: process, may sleep.
 * Return: as glass_register_protosw().
 */
int __init glass_dgram_init(void)
{
	return glass_register_protosw(&glass_dgram_protosw);
}

/**
 * glass_dgram_exit - offer SOCK_DGRAM no more
 *
 * Context: process, may sleep.
 */
void glass_dgram_exit(void)
{
	glass_unregister_protosw(&glass_dgram_protosw);
}
