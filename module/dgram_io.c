// SPDX-License-Identifier: GPL-2.0
/* SOCK_DGRAM's bytes: from a process to output, from input to a process. */
#include "dgram.h"

#include <linux/export.h>
#include <linux/errqueue.h>

#include "cred.h"
#include "errqueue.h"
#include "glass.h"
#include "input.h"
#include "net.h"
#include "output.h"
#include "pages.h"
#include "room.h"
#include "socket.h"

/* Up to so many bytes of a message are kept in the head, others in pages. */
#define GLASS_DGRAM_LINEAR	512

/* Of a frame in a receive queue: is it charged to its sender, as it came? */
static bool is_charged_to_sender(const struct sk_buff *skb)
{
	return skb->destructor == sock_wfree;
}

/* --- Receiving --------------------------------------------------------- */

static enum glass_drop dgram_queue(struct sock *sk, struct sk_buff *skb)
{
	struct glass_sock *gs = glass_sk(sk);
	const struct glass_hdr *hdr = glass_input_hdr(skb);
	struct glass_addr src;

	if (sk->sk_shutdown & RCV_SHUTDOWN)
		return GLASS_DROP_SHUTDOWN;

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

/**
 * glass_dgram_backlog_rcv - proto.backlog_rcv: take a frame from input
 * @sk: the receiver
 * @skb: the frame, from the Glass header on; taken over
 *
 * Context: socket lock held, by BH or by a process that is letting it go.
 * Return: 0.
 */
int glass_dgram_backlog_rcv(struct sock *sk, struct sk_buff *skb)
{
	enum glass_drop drop;

	drop = dgram_queue(sk, skb);
	if (drop) {
		glass_cred_detach(sk, skb);
		glass_drop(sock_net(sk), skb, drop);
	}
	return 0;
}
EXPORT_SYMBOL_GPL(glass_dgram_backlog_rcv);

/* The reader has taken @skb off the queue: give its room back. */
static void dgram_dequeued(struct sock *sk, struct sk_buff *skb)
{
	glass_cred_detach(sk, skb);
	if (is_charged_to_sender(skb))
		atomic_sub(skb->truesize, &sk->sk_rmem_alloc);
}

/**
 * glass_dgram_purge - drop what nobody will read
 * @sk: the socket; it takes no frames any more
 *
 * Context: any but hard interrupt.
 */
void glass_dgram_purge(struct sock *sk)
{
	struct sk_buff *skb;

	while ((skb = skb_dequeue(&sk->sk_receive_queue))) {
		dgram_dequeued(sk, skb);
		kfree_skb(skb);
	}
}

static void dgram_write_pktinfo(struct msghdr *msg, const struct sk_buff *skb)
{
	const struct glass_hdr *hdr = glass_input_hdr(skb);
	struct glass_pktinfo info = {
		.ifindex = skb->skb_iif,
		.node	 = be32_to_cpu(hdr->dst_node),
	};

	put_cmsg(msg, SOL_GLASS, GLASS_PKTINFO, sizeof(info), &info);
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

/**
 * glass_dgram_recvmsg - proto.recvmsg: read one message
 * @sk: the receiver
 * @msg: where to; gets the sender's name and MSG_TRUNC
 * @len: room in bytes
 * @flags: MSG_DONTWAIT, MSG_PEEK, MSG_TRUNC, MSG_ERRQUEUE
 *
 * Context: process, may sleep; no lock held.
 * Return: bytes, 0 also at the end after a shutdown, or a negative errno.
 */
int glass_dgram_recvmsg(struct sock *sk, struct msghdr *msg, size_t len,
			int flags)
{
	struct sk_buff *skb;
	size_t copied;
	int err, off;

	if (flags & MSG_ERRQUEUE) {
		err = glass_errqueue_recv(sk, msg, len);
		/* Errors take room, too. */
		glass_room_wake(sk);
		return err;
	}

	off = sk_peek_offset(sk, flags);
	skb = __skb_recv_datagram(sk, &sk->sk_receive_queue, flags, &off, &err);
	if (!skb) {
		/* End of file does not block, so it needs no other answer. */
		if (err == -EAGAIN && sk->sk_shutdown & RCV_SHUTDOWN)
			return 0;
		return err;
	}

	/* Unless SO_PEEK_OFF is set, and this is a peek, it begins at 0. */
	off = flags & MSG_PEEK ? max(off, 0) : 0;
	copied = min_t(size_t, len, skb->len - off);
	if (copied < skb->len - off)
		msg->msg_flags |= MSG_TRUNC;
	err = glass_pages_copy_out(skb, off, &msg->msg_iter, copied);
	if (!err) {
		sock_recv_cmsgs(msg, sk, skb);
		glass_cred_tell_sender(sk, msg, skb);
		if (READ_ONCE(glass_sk(sk)->wants_pktinfo))
			dgram_write_pktinfo(msg, skb);
		dgram_write_source(msg, skb);
		err = flags & MSG_TRUNC ? skb->len - off : copied;
		if (flags & MSG_PEEK)
			sk_peek_offset_fwd(sk, copied);
	}

	if (!(flags & MSG_PEEK)) {
		sk_peek_offset_bwd(sk, skb->len);
		dgram_dequeued(sk, skb);
	}
	glass_pages_consume(skb);
	/* After the free, which uncharged a frame that was ours to pay. */
	if (!(flags & MSG_PEEK))
		glass_room_wake(sk);
	return err;
}
EXPORT_SYMBOL_GPL(glass_dgram_recvmsg);

/* --- Sending ----------------------------------------------------------- */

/**
 * glass_dgram_may_send - would a receiver take a message, were there room?
 * @receiver: the receiver, with a reference; its lock is not needed
 * @src: the sender's name
 *
 * Context: any.
 * Return: 0, -EPIPE if it reads no more, -EPERM if it is connected to somebody
 *	else.
 */
int glass_dgram_may_send(const struct sock *receiver,
			 const struct glass_addr *src)
{
	struct glass_addr remote = glass_addr_peek(&glass_sk(receiver)->remote);

	if (READ_ONCE(receiver->sk_shutdown) & RCV_SHUTDOWN)
		return -EPIPE;
	if (glass_addr_is_set(&remote) && !glass_addr_equal(&remote, src))
		return -EPERM;
	return 0;
}

/**
 * glass_dgram_find_way - how a message from a socket gets somewhere
 * @sk: the sender; if it is connected there, its cached route is used
 * @dst: the receiver
 * @info: what the sender asks for, or NULL
 * @way: filled in on success
 *
 * Context: process, socket lock held.
 * Return: 0; -EINVAL or -EADDRNOTAVAIL if @info asks for another device than
 *	the socket is bound to, or for a node that is not ours; or as
 *	glass_output_route().
 */
int glass_dgram_find_way(struct sock *sk, const struct glass_addr *dst,
			 const struct glass_pktinfo *info,
			 struct glass_dgram_way *way)
{
	struct glass_sock *gs = glass_sk(sk);
	const struct glass_route *route;
	int err = 0;

	sock_owned_by_me(sk);
	way->flow = (struct glass_flow) {
		.src		= gs->local,
		.dst		= *dst,
		.bound_dev_if	= READ_ONCE(sk->sk_bound_dev_if),
		.mark		= READ_ONCE(sk->sk_mark),
		.priority	= READ_ONCE(sk->sk_priority),
		.protocol	= sk->sk_protocol,
		.no_csum	= sk->sk_no_check_tx,
	};
	if (info) {
		if (info->ifindex && way->flow.bound_dev_if &&
		    info->ifindex != way->flow.bound_dev_if)
			return -EINVAL;
		if (info->ifindex)
			way->flow.bound_dev_if = info->ifindex;
		if (info->node != GLASS_NODE_ANY) {
			if (!glass_route_is_local(sock_net(sk), info->node))
				return -EADDRNOTAVAIL;
			way->flow.src.node = info->node;
		}
	}
	if (dst->node == gs->remote.node)
		way->flow.cache = gs->route;

	rcu_read_lock();
	route = glass_output_route(sock_net(sk), dst->node,
				   way->flow.bound_dev_if, &way->flow.cache);
	if (IS_ERR(route)) {
		err = PTR_ERR(route);
	} else {
		if (way->flow.src.node == GLASS_NODE_ANY)
			way->flow.src.node = route->src_node;
		way->headroom = glass_output_headroom(route);
		way->max_payload = glass_output_max_payload(route);
		way->ifindex = route->ifindex;
		way->is_local = route->is_local;
	}
	rcu_read_unlock();

	if (dst->node == gs->remote.node)
		gs->route = way->flow.cache;
	return err;
}

/* Read where a message goes, and find the way there. */
static int dgram_find_way(struct sock *sk, struct msghdr *msg, size_t len,
			  struct glass_dgram_way *way)
{
	struct glass_pktinfo info;
	struct glass_addr dst;
	int err;

	err = glass_sk_cmsg_read(sk, msg, &info, &way->sockc);
	if (err)
		return err;

	if (msg->msg_namelen) {
		err = glass_addr_read_dest(&dst, msg->msg_name,
					   msg->msg_namelen);
		if (err)
			return err;
	}

	lock_sock(sk);
	if (!msg->msg_namelen)
		dst = glass_sk(sk)->remote;
	if (glass_addr_is_set(&dst))
		err = glass_dgram_find_way(sk, &dst, &info, way);
	else
		err = -ENOTCONN;
	release_sock(sk);
	way->flow.mark = way->sockc.mark;
	if (!err && len > way->max_payload)
		err = -EMSGSIZE;
	return err;
}

static struct sock *dgram_receiver(struct sock *sk,
				   const struct glass_dgram_way *way)
{
	return glass_port_lookup_for(sock_net(sk), way->flow.protocol,
				     &way->flow.dst, &way->flow.src,
				     way->ifindex);
}

/*
 * Wait until the local receiver and the sender's own buffer have room. The
 * receiver is here, so its refusals are the sender's errors.
 */
static int dgram_wait_for_room(struct sock *sk,
			       const struct glass_dgram_way *way, long *timeo)
{
	struct sock *receiver;
	int err;

	for (;;) {
		receiver = dgram_receiver(sk, way);
		if (!receiver)
			return -ECONNREFUSED;
		err = glass_dgram_may_send(receiver, &way->flow.src);
		if (!err)
			err = sock_error(sk);
		if (!err && READ_ONCE(sk->sk_shutdown) & SEND_SHUTDOWN)
			err = -EPIPE;
		if (err || !glass_room_must_wait(sk, receiver))
			break;
		err = glass_room_wait(sk, receiver, timeo);
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
static void dgram_watch_peer(struct sock *sk, const struct glass_dgram_way *way)
{
	struct sock *receiver = dgram_receiver(sk, way);

	if (!receiver)
		return;
	lock_sock(sk);
	/* If there is room by now, say so: the caller was told otherwise. */
	if (receiver != sk && !glass_room_watch(sk, receiver))
		sk->sk_write_space(sk);
	release_sock(sk);
	sock_put(receiver);
}

/**
 * glass_dgram_label - when a message is to go, and what its sender wants to hear
 * @skb: the frame, charged to its sender
 * @way: its way
 *
 * For SO_TXTIME and SO_TIMESTAMPING: a queueing discipline and the device look
 * at it.
 *
 * Context: process; once for each message.
 */
void glass_dgram_label(struct sk_buff *skb, const struct glass_dgram_way *way)
{
	skb_set_delivery_type_by_clockid(skb, way->sockc.transmit_time,
					 skb->sk->sk_clockid);
	glass_tx_timestamp(skb, &way->sockc);
}

/* All of a message that does not fit into the head, in pages of the core's. */
static struct sk_buff *dgram_alloc_slowly(struct sock *sk, struct msghdr *msg,
					  size_t len, u32 headroom,
					  bool noblock)
{
	size_t data_len = 0;
	struct sk_buff *skb;
	int err;

	if (len > SKB_MAX_ORDER(headroom, 2))
		data_len = PAGE_ALIGN(len - SKB_MAX_ORDER(headroom, 2));
	data_len = min(data_len, len);

	skb = sock_alloc_send_pskb(sk, headroom + len - data_len, data_len,
				   noblock, &err, PAGE_ALLOC_COSTLY_ORDER);
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

/*
 * Have a new frame, charged to @sk, refer to the pages of @len bytes; @uarg, if
 * any, is told when it does not any more. Returns as glass_pages_append(), or
 * -EIO for pages that cannot be referred to.
 */
static int dgram_refer(struct sk_buff *skb, struct sock *sk,
		       struct iov_iter *from, size_t len,
		       struct ubuf_info *uarg)
{
	ssize_t n = glass_pages_refer(skb, sk, from, len, uarg);

	if (n < 0)
		return n;
	refcount_add(n, &sk->sk_wmem_alloc);
	return n < len ? -EMSGSIZE : 0;
}

/* glass_dgram_alloc(), with who is told when it is freed, or NULL. */
static struct sk_buff *dgram_alloc(struct sock *sk, struct msghdr *msg,
				   size_t len, u32 headroom, bool noblock,
				   struct ubuf_info *uarg)
{
	size_t left = iov_iter_count(&msg->msg_iter);
	bool is_small = len <= GLASS_DGRAM_LINEAR;
	bool refer = uarg || msg->msg_flags & MSG_SPLICE_PAGES;
	struct sk_buff *skb;
	int err;

	if (!is_small && !refer && !sk->sk_use_task_frag)
		return dgram_alloc_slowly(sk, msg, len, headroom, noblock);

	skb = sock_alloc_send_pskb(sk, headroom + (is_small ? len : 0), 0,
				   noblock, &err, 0);
	if (!skb)
		return ERR_PTR(err);
	skb_reserve(skb, headroom);
	err = 0;
	if (is_small)
		glass_zerocopy_copied(uarg);
	if (!is_small && refer)
		err = dgram_refer(skb, sk, &msg->msg_iter, len, uarg);
	else if (!is_small)
		err = glass_pages_append(skb, sk, &msg->msg_iter, len);
	else if (!copy_from_iter_full(skb_put(skb, len), len, &msg->msg_iter))
		err = -EFAULT;
	if (!err)
		return skb;

	kfree_skb(skb);
	if (err != -EMSGSIZE)
		return ERR_PTR(err);
	/* Too many pieces: what was taken is taken once more, as a copy. */
	iov_iter_revert(&msg->msg_iter, left - iov_iter_count(&msg->msg_iter));
	glass_zerocopy_copied(uarg);
	return dgram_alloc_slowly(sk, msg, len, headroom, noblock);
}

/**
 * glass_dgram_alloc - an skb with a message in it
 * @sk: the sender, who is charged
 * @msg: the message
 * @len: its bytes
 * @headroom: bytes to leave in front of it
 * @noblock: do not wait for the send buffer
 *
 * Context: process, may sleep; no lock held.
 * Return: the skb, or an ERR_PTR.
 */
struct sk_buff *glass_dgram_alloc(struct sock *sk, struct msghdr *msg,
				  size_t len, u32 headroom, bool noblock)
{
	struct ubuf_info *uarg;
	struct sk_buff *skb;
	int err;

	err = glass_zerocopy_begin(sk, msg, len, &uarg);
	if (err)
		return ERR_PTR(err);
	skb = dgram_alloc(sk, msg, len, headroom, noblock, uarg);
	glass_zerocopy_end(uarg, !IS_ERR(skb));
	return skb;
}

/*
 * An skb with a message in it for a receiver that is here. All waiting is done
 * in one place, where both sides' ends are heard of. Two threads may see the
 * same room in their buffer; the one that comes too late waits again.
 */
static struct sk_buff *dgram_alloc_local(struct sock *sk, struct msghdr *msg,
					 size_t len,
					 const struct glass_dgram_way *way)
{
	bool noblock = msg->msg_flags & MSG_DONTWAIT;
	long timeo = sock_sndtimeo(sk, noblock);
	struct sk_buff *skb;
	int err;

	do {
		err = dgram_wait_for_room(sk, way, &timeo);
		if (err == -EAGAIN && !msg->msg_namelen)
			dgram_watch_peer(sk, way);
		if (err)
			return ERR_PTR(err);
		skb = glass_dgram_alloc(sk, msg, len, way->headroom, true);
	} while (!noblock && skb == ERR_PTR(-EAGAIN));
	return skb;
}

/**
 * glass_dgram_check_receiver - would a local receiver take a message?
 * @sk: the sender
 * @way: the way to it
 *
 * Context: any but hard interrupt.
 * Return: 0, -ECONNREFUSED if nobody has the port, -EPIPE if the receiver reads
 *	no more, -EPERM if it is connected to somebody else.
 */
int glass_dgram_check_receiver(struct sock *sk,
			       const struct glass_dgram_way *way)
{
	struct sock *receiver = dgram_receiver(sk, way);
	int err;

	if (!receiver)
		return -ECONNREFUSED;
	err = glass_dgram_may_send(receiver, &way->flow.src);
	sock_put(receiver);
	return err;
}

static int dgram_autobind(struct sock *sk, struct glass_flow *flow)
{
	int err;

	if (glass_addr_is_set(&flow->src))
		return 0;
	lock_sock(sk);
	err = glass_port_autobind(sk);
	flow->src.port = glass_sk(sk)->local.port;
	release_sock(sk);
	return err;
}

/**
 * glass_dgram_sendmsg - proto.sendmsg: send one message
 * @sk: the sender
 * @msg: what, and whereto if not to the peer
 * @len: bytes
 *
 * Context: process, may sleep; no lock held.
 * Return: @len, or a negative errno.
 */
int glass_dgram_sendmsg(struct sock *sk, struct msghdr *msg, size_t len)
{
	struct glass_dgram_way way = {};
	struct sk_buff *skb;
	int err;

	if (READ_ONCE(sk->sk_shutdown) & SEND_SHUTDOWN)
		return -EPIPE;
	err = dgram_find_way(sk, msg, len, &way);
	if (err)
		goto refused;
	if (way.is_local)
		skb = dgram_alloc_local(sk, msg, len, &way);
	else
		skb = glass_dgram_alloc(sk, msg, len, way.headroom,
					msg->msg_flags & MSG_DONTWAIT);
	err = PTR_ERR_OR_ZERO(skb);
	if (err)
		goto refused;

	/* Not before: a refused message leaves an unbound socket unbound. */
	err = dgram_autobind(sk, &way.flow);
	if (err) {
		kfree_skb(skb);
		return err;
	}
	glass_dgram_label(skb, &way);
	err = glass_output(sock_net(sk), skb, &way.flow);
	if (!err)
		return len;
refused:
	glass_sk_refused(sk, msg, err, way.max_payload);
	return err;
}
EXPORT_SYMBOL_GPL(glass_dgram_sendmsg);
