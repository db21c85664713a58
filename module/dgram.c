// SPDX-License-Identifier: GPL-2.0
#include "dgram.h"

#include <linux/module.h>
#include <linux/sockios.h>
#include <asm/ioctls.h>

#include "glass.h"
#include "input.h"
#include "net.h"
#include "output.h"
#include "protosw.h"
#include "room.h"
#include "socket.h"

/* Of a frame in a receive queue: is it charged to its sender, as it came? */
static bool is_charged_to_sender(const struct sk_buff *skb)
{
	return skb->destructor == sock_wfree;
}

/* --- Receiving --------------------------------------------------------- */

static enum glass_drop dgram_queue(struct sock *sk, struct sk_buff *skb)
{
	struct glass_sock *gs = glass_sk(sk);
	const struct glass_hdr *hdr;
	struct glass_addr src;

	if (sk->sk_shutdown & RCV_SHUTDOWN)
		return GLASS_DROP_SHUTDOWN;

	hdr = (const struct glass_hdr *)skb_network_header(skb);
	if (hdr->hlen * 4 != sizeof(*hdr))
		return GLASS_DROP_HLEN;
	glass_input_source(skb, &src);
	if (glass_addr_is_set(&gs->remote) &&
	    !glass_addr_equal(&gs->remote, &src))
		return GLASS_DROP_PEER;

	if (is_charged_to_sender(skb)) {
		/* sk_rmem_alloc is what is unread, whoever pays for it. */
		atomic_add(skb->truesize, &sk->sk_rmem_alloc);
	} else {
		if (glass_room_is_full(sk)) {
			sk_drops_inc(sk);
			return GLASS_DROP_RCVBUF;
		}
		skb_set_owner_r(skb, sk);
	}
	__skb_pull(skb, sizeof(*hdr));
	sock_skb_set_dropcount(sk, skb);
	glass_stats_inc(sock_net(sk), GLASS_MIB_IN_DELIVERED);
	glass_stats_add(sock_net(sk), GLASS_MIB_IN_BYTES, skb->len);
	skb_queue_tail(&sk->sk_receive_queue, skb);
	sk->sk_data_ready(sk);
	return GLASS_DROP_NONE;
}

/*
 * proto.backlog_rcv: a frame from input, by way of the backlog or not. Socket
 * lock held: by BH, or by a process that lets it go.
 */
static int glass_dgram_backlog_rcv(struct sock *sk, struct sk_buff *skb)
{
	enum glass_drop drop;

	drop = dgram_queue(sk, skb);
	if (drop)
		glass_drop(sock_net(sk), skb, drop);
	return 0;
}

/* The reader has taken @skb off the queue: give its room back. */
static void dgram_dequeued(struct sock *sk, const struct sk_buff *skb)
{
	if (is_charged_to_sender(skb))
		atomic_sub(skb->truesize, &sk->sk_rmem_alloc);
}

static void dgram_purge(struct sock *sk)
{
	struct sk_buff *skb;

	while ((skb = skb_dequeue(&sk->sk_receive_queue))) {
		dgram_dequeued(sk, skb);
		kfree_skb_reason(skb, SKB_DROP_REASON_SOCKET_CLOSE);
	}
}

static void dgram_write_source(struct msghdr *msg, const struct sk_buff *skb)
{
	struct glass_addr src;

	if (!msg->msg_name)
		return;
	glass_input_source(skb, &src);
	glass_addr_write(msg->msg_name, &src);
	msg->msg_namelen = sizeof(struct sockaddr_glass);
}

/* proto.recvmsg */
static int glass_dgram_recvmsg(struct sock *sk, struct msghdr *msg, size_t len,
			       int flags)
{
	struct sk_buff *skb;
	size_t copied;
	int err;

	if (flags & MSG_ERRQUEUE)
		return sock_recv_errqueue(sk, msg, len, SOL_GLASS, 0);

	skb = skb_recv_datagram(sk, flags, &err);
	if (!skb) {
		/* End of file does not block, so it needs no other answer. */
		if (err == -EAGAIN && sk->sk_shutdown & RCV_SHUTDOWN)
			return 0;
		return err;
	}

	copied = min_t(size_t, len, skb->len);
	if (copied < skb->len)
		msg->msg_flags |= MSG_TRUNC;
	err = skb_copy_datagram_msg(skb, 0, msg, copied);
	if (!err) {
		sock_recv_cmsgs(msg, sk, skb);
		dgram_write_source(msg, skb);
		err = flags & MSG_TRUNC ? skb->len : copied;
	}

	if (!(flags & MSG_PEEK))
		dgram_dequeued(sk, skb);
	skb_free_datagram(sk, skb);
	/* After the free, which uncharged a frame that was ours to pay. */
	if (!(flags & MSG_PEEK))
		glass_room_wake(sk);
	return err;
}

/* --- Sending ----------------------------------------------------------- */

/* May @sk, whose name is @local, send to @receiver? A look without its lock. */
static int dgram_may_send(struct sock *receiver, const struct glass_addr *local)
{
	struct glass_addr remote = glass_addr_peek(&glass_sk(receiver)->remote);

	if (READ_ONCE(receiver->sk_shutdown) & RCV_SHUTDOWN)
		return -EPIPE;
	if (glass_addr_is_set(&remote) && remote.port != local->port)
		return -EPERM;
	return 0;
}

/*
 * Read where a message goes and where it comes from. *flow is the sender's own
 * state at one instant, taken under its lock.
 */
static int dgram_flow(struct sock *sk, const struct msghdr *msg,
		      struct glass_flow *flow)
{
	struct glass_sock *gs = glass_sk(sk);
	int err = 0;

	if (msg->msg_namelen) {
		err = glass_addr_read_dest(&flow->dst, msg->msg_name,
					   msg->msg_namelen);
		if (err)
			return err;
	}

	lock_sock(sk);
	flow->src = gs->local;
	if (!msg->msg_namelen) {
		flow->dst = gs->remote;
		if (!glass_addr_is_set(&flow->dst))
			err = -ENOTCONN;
	}
	release_sock(sk);
	flow->protocol = sk->sk_protocol;
	return err;
}

/* An skb with a message in it, charged to @sk. */
static struct sk_buff *dgram_alloc(struct sock *sk, struct msghdr *msg,
				   size_t len, u32 headroom)
{
	size_t data_len = 0;
	struct sk_buff *skb;
	int err;

	if (len > SKB_MAX_ORDER(headroom, 2))
		data_len = PAGE_ALIGN(len - SKB_MAX_ORDER(headroom, 2));
	data_len = min(data_len, len);

	skb = sock_alloc_send_pskb(sk, headroom + len - data_len, data_len,
				   msg->msg_flags & MSG_DONTWAIT, &err,
				   PAGE_ALLOC_COSTLY_ORDER);
	if (!skb)
		return ERR_PTR(err);
	skb_reserve(skb, headroom);
	skb_put(skb, len - data_len);
	skb->data_len = data_len;
	skb->len = len;
	err = skb_copy_datagram_from_iter(skb, 0, &msg->msg_iter, len);
	if (err) {
		kfree_skb(skb);
		return ERR_PTR(err);
	}
	return skb;
}

/* Can a message of @len bytes go to @node, and what does it need in front? */
static int dgram_route(struct sock *sk, u32 node, size_t len, u32 *headroom,
		       bool *is_local)
{
	struct glass_route route;
	int err;

	rcu_read_lock();
	err = glass_route_lookup(&route, sock_net(sk), node);
	if (!err) {
		*headroom = glass_output_headroom(&route);
		*is_local = route.is_local;
		if (len > glass_output_max_payload(&route))
			err = -EMSGSIZE;
	}
	rcu_read_unlock();
	return err;
}

/*
 * Wait until the receiver that @flow names has room. A socket may send to
 * itself without end but that of its own send buffer: nobody else would make
 * room while it waits.
 */
static int dgram_wait_for_room(struct sock *sk, const struct glass_flow *flow,
			       bool noblock)
{
	long timeo = sock_sndtimeo(sk, noblock);
	struct sock *receiver;
	int err;

	for (;;) {
		receiver = glass_port_lookup(sock_net(sk), flow->protocol,
					     &flow->dst);
		if (!receiver)
			return -ECONNREFUSED;
		err = dgram_may_send(receiver, &flow->src);
		if (!err)
			err = sock_error(sk);
		if (!err && READ_ONCE(sk->sk_shutdown) & SEND_SHUTDOWN)
			err = -EPIPE;
		if (err || receiver == sk || !glass_room_is_full(receiver))
			break;
		err = glass_room_wait(sk, receiver, &timeo);
		if (err)
			break;
		sock_put(receiver);
	}
	sock_put(receiver);
	return err;
}

/*
 * A connected socket was told EAGAIN: its pollers want to hear of room even if
 * they do not look again first (edge-triggered ones do not).
 */
static void dgram_watch_peer(struct sock *sk, const struct glass_addr *peer)
{
	struct sock *receiver;

	receiver = glass_port_lookup(sock_net(sk), sk->sk_protocol, peer);
	if (!receiver)
		return;
	lock_sock(sk);
	/* If there is room by now, say so: the caller was told otherwise. */
	if (receiver != sk && !glass_room_watch(sk, receiver))
		sk->sk_write_space(sk);
	release_sock(sk);
	sock_put(receiver);
}

/*
 * The receiver can be asked before the frame leaves only if it is here: then
 * its refusals are the sender's errors, and the sender waits for its room.
 */
static int dgram_ask_receiver(struct sock *sk, const struct msghdr *msg,
			      const struct glass_flow *flow)
{
	bool noblock = msg->msg_flags & MSG_DONTWAIT;
	int err;

	err = dgram_wait_for_room(sk, flow, noblock);
	if (err == -EAGAIN && !msg->msg_namelen)
		dgram_watch_peer(sk, &flow->dst);
	return err;
}

/* Nobody has the port: say so before the sender is given one of its own. */
static int dgram_check_receiver(struct sock *sk, const struct glass_flow *flow)
{
	struct sock *receiver;
	int err;

	receiver = glass_port_lookup(sock_net(sk), flow->protocol, &flow->dst);
	if (!receiver)
		return -ECONNREFUSED;
	err = dgram_may_send(receiver, &flow->src);
	sock_put(receiver);
	return err;
}

static int dgram_autobind(struct sock *sk, struct glass_flow *flow)
{
	int err;

	if (glass_addr_is_set(&flow->src))
		return 0;
	lock_sock(sk);
	err = glass_sk_autobind(sk);
	flow->src = glass_sk(sk)->local;
	release_sock(sk);
	return err;
}

static int dgram_send(struct sock *sk, struct msghdr *msg, size_t len)
{
	struct glass_flow flow;
	struct sk_buff *skb;
	bool is_local;
	u32 headroom;
	int err;

	if (READ_ONCE(sk->sk_shutdown) & SEND_SHUTDOWN)
		return -EPIPE;
	err = dgram_flow(sk, msg, &flow);
	if (err)
		return err;
	err = dgram_route(sk, flow.dst.node, len, &headroom, &is_local);
	if (err)
		return err;
	if (is_local) {
		err = dgram_check_receiver(sk, &flow);
		if (err)
			return err;
	}

	skb = dgram_alloc(sk, msg, len, headroom);
	if (IS_ERR(skb))
		return PTR_ERR(skb);
	err = dgram_autobind(sk, &flow);
	if (err)
		goto free_skb;
	if (is_local) {
		err = dgram_ask_receiver(sk, msg, &flow);
		if (err)
			goto free_skb;
	}
	err = glass_output(sock_net(sk), skb, &flow);
	return err ? err : len;

free_skb:
	kfree_skb(skb);
	return err;
}

/* proto.sendmsg */
static int glass_dgram_sendmsg(struct sock *sk, struct msghdr *msg, size_t len)
{
	struct sockcm_cookie sockc;
	int err;

	sockcm_init(&sockc, sk);
	if (msg->msg_controllen) {
		err = sock_cmsg_send(sk, msg, &sockc);
		if (err)
			return err;
	}

	err = dgram_send(sk, msg, len);
	if (err == -EPIPE && !(msg->msg_flags & MSG_NOSIGNAL))
		send_sig(SIGPIPE, current, 0);
	return err;
}

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
	struct glass_sock *gs = glass_sk(sk);
	struct glass_route route;
	struct glass_addr peer;
	bool is_local;
	u32 node;
	int err;

	err = glass_addr_read_dest(&peer, (struct sockaddr_glass *)uaddr, len);
	if (err)
		return err;

	rcu_read_lock();
	err = glass_route_lookup(&route, sock_net(sk), peer.node);
	if (!err) {
		node = route.src_node;
		is_local = route.is_local;
	}
	rcu_read_unlock();
	if (err)
		return err;

	if (is_local) {
		struct glass_flow flow = {
			.src		= gs->local,
			.dst		= peer,
			.protocol	= sk->sk_protocol,
		};

		err = dgram_check_receiver(sk, &flow);
		/* That it reads no more is for a send to say. */
		if (err && err != -EPIPE)
			return err;
	}

	err = glass_sk_autobind(sk);
	if (err)
		return err;
	glass_room_unwatch(sk);
	dgram_join(sk, peer, node);
	/* Who waits to send to this socket may have become a third party. */
	glass_room_wake(sk);
	return 0;
}

/* proto.disconnect: forget the peer, and what was chosen for its sake. */
static int glass_dgram_disconnect(struct sock *sk, int flags)
{
	struct glass_sock *gs = glass_sk(sk);

	sock_owned_by_me(sk);
	glass_room_unwatch(sk);
	glass_addr_set(&gs->remote, GLASS_ADDR_NONE);
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
	err = glass_sk_autobind(sk);
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
	struct glass_addr peer = glass_addr_peek(&glass_sk(sk)->remote);
	struct sock *receiver;
	bool full = false;

	if (!glass_addr_is_set(&peer) ||
	    !glass_route_is_local(sock_net(sk), peer.node))
		return false;
	receiver = glass_port_lookup(sock_net(sk), sk->sk_protocol, &peer);
	if (!receiver)
		return false;
	if (receiver != sk && glass_room_is_full(receiver)) {
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

/* proto.ioctl: SIOCINQ is the next message's size, as for AF_UNIX and UDP. */
static int glass_dgram_ioctl(struct sock *sk, int cmd, int *karg)
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

/* proto.shutdown: the bits are set. Socket lock held. */
static void glass_dgram_shutdown(struct sock *sk, int how)
{
	if (how & RCV_SHUTDOWN)
		glass_room_wake(sk);
}

/* --- Life -------------------------------------------------------------- */

/* Nothing of ours may be left: it would have been charged to the socket. */
static void glass_dgram_destruct(struct sock *sk)
{
	dgram_purge(sk);
	skb_queue_purge(&sk->sk_error_queue);
	WARN_ON_ONCE(atomic_read(&sk->sk_rmem_alloc));
}

/* proto.init */
static int glass_dgram_sk_init(struct sock *sk)
{
	sk->sk_destruct = glass_dgram_destruct;
	sock_prot_inuse_add(sock_net(sk), sk->sk_prot, 1);
	return 0;
}

/* proto.destroy: the socket is being closed. */
static void glass_dgram_sk_destroy(struct sock *sk)
{
	sock_prot_inuse_add(sock_net(sk), sk->sk_prot, -1);
}

/*
 * proto.close. What still refers to the socket after each step:
 *
 * - Unhashed, it is found by nobody new. Input that found it before holds a
 *   reference and waits for the lock, or has put its frame on the backlog;
 *   senders that found it were woken and see that the port has gone.
 * - With RCV_SHUTDOWN set under the lock, whatever input still brings, by
 *   release_sock() or later, is dropped; so the queue stays empty once purged,
 *   and every sender has its buffer back.
 * - sk_common_release() drops our reference. Those of input end with it; frames
 *   that the socket itself sent keep the memory until they are read.
 */
static void glass_dgram_close(struct sock *sk, long timeout)
{
	lock_sock(sk);
	WRITE_ONCE(sk->sk_shutdown, SHUTDOWN_MASK);
	sk->sk_prot->unhash(sk);
	glass_room_unwatch(sk);
	dgram_purge(sk);
	release_sock(sk);

	sk_common_release(sk);
}

GLASS_SHIM_RECVMSG(glass_dgram_recvmsg);

static struct proto glass_dgram_prot = {
	.name		= "GLASS-DGRAM",
	.owner		= THIS_MODULE,
	.obj_size	= sizeof(struct glass_sock),
	.slab_flags	= SLAB_TYPESAFE_BY_RCU,
	.init		= glass_dgram_sk_init,
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
	.get_port	= glass_port_get,
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
	.setsockopt	= sock_common_setsockopt,
	.getsockopt	= sock_common_getsockopt,
	.sendmsg	= glass_sk_sendmsg,
	.recvmsg	= glass_sk_recvmsg,
	.mmap		= sock_no_mmap,
};

static struct glass_protosw glass_dgram_protosw = {
	.type		= SOCK_DGRAM,
	.protocol	= GLASS_PROTO_DGRAM,
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
