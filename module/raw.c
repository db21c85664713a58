// SPDX-License-Identifier: GPL-2.0
#include "raw.h"

#include <linux/module.h>

#include "cred.h"
#include "dgram.h"
#include "glass.h"
#include "net.h"
#include "output.h"
#include "protosw.h"
#include "socket.h"
#include "tap.h"

/*
 * proto.backlog_rcv: a copy of a frame. It is charged to its reader, and
 * dropped when that is full. Socket lock held.
 */
static int glass_raw_backlog_rcv(struct sock *sk, struct sk_buff *skb)
{
	if (sk->sk_shutdown & RCV_SHUTDOWN ||
	    atomic_read(&sk->sk_rmem_alloc) >= READ_ONCE(sk->sk_rcvbuf)) {
		sk_drops_inc(sk);
		glass_stats_inc(sock_net(sk), GLASS_MIB_RAW_DROPS);
		glass_cred_detach(sk, skb);
		kfree_skb_reason(skb, SKB_DROP_REASON_SOCKET_RCVBUFF);
		return 0;
	}
	skb_set_owner_r(skb, sk);
	sock_skb_set_dropcount(sk, skb);
	glass_stats_inc(sock_net(sk), GLASS_MIB_RAW_DELIVERED);
	skb_queue_tail(&sk->sk_receive_queue, skb);
	sk->sk_data_ready(sk);
	return 0;
}

/* Where a message goes: what it says, or the peer. */
static int raw_find_way(struct sock *sk, struct msghdr *msg,
			struct glass_dgram_way *way)
{
	struct glass_pktinfo info;
	struct glass_addr dst;
	int err;

	err = glass_sk_cmsg_read(sk, msg, &info, &way->sockc);
	if (!err && msg->msg_namelen)
		err = glass_addr_read(&dst, msg->msg_name, msg->msg_namelen);
	if (err)
		return err;

	lock_sock(sk);
	if (!msg->msg_namelen)
		dst = glass_sk(sk)->remote;
	if (dst.node == GLASS_NODE_ANY)
		err = msg->msg_namelen ? -EINVAL : -ENOTCONN;
	else
		err = glass_dgram_find_way(sk, &dst, &info, way);
	release_sock(sk);
	way->flow.mark = way->sockc.mark;

	/* On the wire there are no wildcards; 0 is nobody's port. */
	if (way->flow.dst.port == GLASS_PORT_ANY)
		way->flow.dst.port = 0;
	if (way->flow.src.port == GLASS_PORT_ANY)
		way->flow.src.port = 0;
	return err;
}

/* proto.sendmsg */
static int glass_raw_sendmsg(struct sock *sk, struct msghdr *msg, size_t len)
{
	bool has_header = READ_ONCE(glass_sk(sk)->has_header);
	struct glass_dgram_way way = {};
	struct sk_buff *skb;
	int err;

	if (READ_ONCE(sk->sk_shutdown) & SEND_SHUTDOWN)
		return -EPIPE;
	if (has_header ? len < sizeof(struct glass_hdr) : !sk->sk_protocol)
		return -EINVAL;
	err = raw_find_way(sk, msg, &way);
	if (err)
		goto refused;
	if (has_header)
		way.max_payload += sizeof(struct glass_hdr);
	err = -EMSGSIZE;
	if (len > way.max_payload)
		goto refused;

	skb = glass_dgram_alloc(sk, msg, len, way.headroom,
				msg->msg_flags & MSG_DONTWAIT);
	if (IS_ERR(skb))
		return PTR_ERR(skb);
	glass_dgram_label(skb, &way);
	if (has_header)
		err = glass_output_raw(sock_net(sk), skb, &way.flow);
	else
		err = glass_output(sock_net(sk), skb, &way.flow);
	if (!err)
		return len;
refused:
	glass_sk_refused(sk, msg, err, way.max_payload);
	return err;
}

/* proto.connect: name the only peer; its port may be a wildcard. */
static int glass_raw_connect(struct sock *sk, struct sockaddr_unsized *uaddr,
			     int len)
{
	struct glass_dgram_way way;
	struct glass_addr peer;
	int err;

	err = glass_addr_read(&peer, (struct sockaddr_glass *)uaddr, len);
	if (err)
		return err;
	if (peer.node == GLASS_NODE_ANY)
		return -EINVAL;
	err = glass_dgram_find_way(sk, &peer, NULL, &way);
	if (err)
		return err;
	if (peer.port == GLASS_PORT_ANY)
		peer.port = 0;
	glass_addr_set(&glass_sk(sk)->remote, peer);
	WRITE_ONCE(sk->sk_state, TCP_ESTABLISHED);
	return 0;
}

/* proto.disconnect */
static int glass_raw_disconnect(struct sock *sk, int flags)
{
	glass_addr_set(&glass_sk(sk)->remote, GLASS_ADDR_NONE);
	WRITE_ONCE(sk->sk_state, TCP_CLOSE);
	return 0;
}

/* proto.get_port: a tap takes no port, it only looks at that one. */
static int glass_raw_get_port(struct sock *sk, unsigned short unused)
{
	struct glass_sock *gs = glass_sk(sk);

	if (gs->local.port == GLASS_PORT_ANY)
		WRITE_ONCE(gs->local.port, 0);
	return 0;
}

/* proto.setsockopt */
static int glass_raw_setsockopt(struct sock *sk, int level, int optname,
				sockptr_t optval, unsigned int optlen)
{
	if (level == SOL_GLASS && optname == GLASS_HDRINCL)
		return glass_sk_set_flag(sk, &glass_sk(sk)->has_header, optval,
					 optlen);
	return glass_sk_setsockopt(sk, level, optname, optval, optlen);
}

/* proto.getsockopt */
static int glass_raw_getsockopt(struct sock *sk, int level, int optname,
				char __user *optval, int __user *optlen)
{
	if (level == SOL_GLASS && optname == GLASS_HDRINCL)
		return glass_sk_get_flag(glass_sk(sk)->has_header, optval,
					 optlen);
	return glass_sk_getsockopt(sk, level, optname, optval, optlen);
}

/* proto.shutdown: the bits are all there is. */
static void glass_raw_shutdown(struct sock *sk, int how)
{
}

/* proto.init */
static int glass_raw_sk_init(struct sock *sk)
{
	int err;

	err = glass_dgram_sk_init(sk);
	if (err)
		return err;
	return sk->sk_prot->hash(sk);
}

GLASS_SHIM_RECVMSG(glass_dgram_recvmsg);

static struct proto glass_raw_prot = {
	.name		= "GLASS-RAW",
	.owner		= THIS_MODULE,
	.obj_size	= sizeof(struct glass_sock),
	.slab_flags	= SLAB_TYPESAFE_BY_RCU,
	.init		= glass_raw_sk_init,
	.destroy	= glass_dgram_sk_destroy,
	.close		= glass_dgram_close,
	.connect	= glass_raw_connect,
	.disconnect	= glass_raw_disconnect,
	.ioctl		= glass_dgram_ioctl,
	.shutdown	= glass_raw_shutdown,
	.setsockopt	= glass_raw_setsockopt,
	.getsockopt	= glass_raw_getsockopt,
	.sendmsg	= glass_raw_sendmsg,
	.recvmsg	= glass_shim_recvmsg(glass_dgram_recvmsg),
	.backlog_rcv	= glass_raw_backlog_rcv,
	.hash		= glass_tap_add,
	.unhash		= glass_tap_del,
	.get_port	= glass_raw_get_port,
};

static struct proto_ops glass_raw_ops __ro_after_init = {
	.owner		= THIS_MODULE,
	.release	= glass_sk_release,
	.bind		= glass_sk_bind,
	.connect	= glass_sk_connect,
	.socketpair	= sock_no_socketpair,
	.accept		= sock_no_accept,
	.getname	= glass_sk_getname,
	.poll		= datagram_poll,
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

static struct glass_protosw glass_raw_protosw = {
	.type		= SOCK_RAW,
	.protocol	= GLASS_PROTO_ANY,
	.flags		= GLASS_PROTOSW_PERMANENT | GLASS_PROTOSW_NET_RAW,
	.prot		= &glass_raw_prot,
	.ops		= &glass_raw_ops,
};

/**
 * glass_raw_init - offer SOCK_RAW
 *
 * Context: process, may sleep.
 * Return: as glass_register_protosw().
 */
int __init glass_raw_init(void)
{
	return glass_register_protosw(&glass_raw_protosw);
}

/**
 * glass_raw_exit - offer SOCK_RAW no more
 *
 * Context: process, may sleep.
 */
void glass_raw_exit(void)
{
	glass_unregister_protosw(&glass_raw_protosw);
}
