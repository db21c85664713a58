// SPDX-License-Identifier: GPL-2.0
/* The bytes that came over a connection, until they are read. */
#include "transport.h"

#include "dev.h"
#include "input.h"
#include "memory.h"
#include "net.h"
#include "pages.h"

/* Payloads up to this are copied together when they wait to be read. */
#define GLASS_RX_SMALL		512

/* The buffer that they are copied into: with its overhead, a page. */
#define GLASS_RX_COLLECTOR	SKB_WITH_OVERHEAD(4096)

/* --- The window ------------------------------------------------------------ */

/**
 * glass_rx_room - for how much more is there room?
 * @sk: the socket
 *
 * The receive buffer counts bytes of payload, and twice as many with all that
 * the kernel needs to keep them. A message that the peer was promised room for
 * fits in even if the buffer was made smaller since.
 *
 * Context: socket lock held.
 * Return: bytes of payload.
 */
u32 glass_rx_room(const struct sock *sk)
{
	const struct glass_transport *tp = glass_tp(sk);
	s64 buffer = max_t(u32, READ_ONCE(sk->sk_rcvbuf), tp->window_floor);
	s64 room = min(buffer - tp->unread,
		       2 * buffer - atomic_read(&sk->sk_rmem_alloc));

	/* What is thrown away needs none; the peer may have its end behind. */
	if (tp->is_deaf)
		room = buffer;
	return clamp_t(s64, room, 0, GLASS_WINDOW_MAX);
}

/**
 * glass_rx_make_room - the reader has taken something: may the peer go on?
 * @sk: the socket
 *
 * Context: process; socket lock held.
 */
void glass_rx_make_room(struct sock *sk)
{
	struct glass_transport *tp = glass_tp(sk);
	u32 step = min_t(u32, sk->sk_rcvbuf / 2, tp->mss);

	switch (tp->tcb.state) {
	case TCP_ESTABLISHED:
	case TCP_FIN_WAIT1:
	case TCP_FIN_WAIT2:
		if (glass_tcb_open_window(&tp->tcb, glass_rx_room(sk), step))
			glass_tx_send_ack(sk);
	}
}

/**
 * glass_rx_reader_waits - the reader has all there is, and wants more
 * @sk: the socket
 *
 * An acknowledgment that was held back for an answer to ride with goes now:
 * the peer may be waiting for it.
 *
 * Context: process; socket lock held.
 */
void glass_rx_reader_waits(struct sock *sk)
{
	if (glass_tp(sk)->ack_owed)
		glass_tx_send_ack(sk);
}

/* --- Out of the queue ------------------------------------------------------- */

/*
 * The segment of the receive queue with the unread byte at @offset, which becomes
 * the offset among the segment's unread bytes; NULL if there is none.
 */
static struct sk_buff *rx_find(const struct sock *sk, u32 *offset)
{
	struct sk_buff *skb;
	u32 n;

	skb_queue_walk(&sk->sk_receive_queue, skb) {
		n = skb->len - glass_rx_cb(skb)->offset;
		if (*offset < n)
			return skb;
		*offset -= n;
	}
	return NULL;
}

/**
 * glass_rx_copy - read bytes of the receive queue, and leave them there
 * @sk: the socket
 * @offset: how many of the unread bytes to pass over first
 * @to: where to
 * @len: how many; @offset and @len together are at most what is unread
 *
 * Context: process, may sleep; socket lock held.
 * Return: 0 or -EFAULT.
 */
int glass_rx_copy(struct sock *sk, u32 offset, struct iov_iter *to, u32 len)
{
	struct sk_buff *skb;
	u32 start, n;

	if (!len)
		return 0;
	skb = rx_find(sk, &offset);
	skb_queue_walk_from(&sk->sk_receive_queue, skb) {
		start = glass_rx_cb(skb)->offset + offset;
		n = min(skb->len - start, len);
		if (glass_pages_copy_out(skb, start, to, n))
			return -EFAULT;
		offset = 0;
		len -= n;
		if (!len)
			break;
	}
	return 0;
}

/**
 * glass_rx_peek - look at bytes of the receive queue
 * @sk: the socket
 * @offset: how many of the unread bytes to pass over first
 * @to: where to, in the kernel
 * @len: how many; @offset and @len together are at most what is unread
 *
 * Context: any; socket lock held.
 */
void glass_rx_peek(const struct sock *sk, u32 offset, void *to, u32 len)
{
	struct sk_buff *skb = rx_find(sk, &offset);
	u32 start, n;

	skb_queue_walk_from(&sk->sk_receive_queue, skb) {
		start = glass_rx_cb(skb)->offset + offset;
		n = min(skb->len - start, len);
		/* It is there: nothing can fail. */
		if (start + n <= skb_headlen(skb))
			memcpy(to, skb->data + start, n);
		else
			WARN_ON_ONCE(skb_copy_bits(skb, start, to, n));
		to += n;
		offset = 0;
		len -= n;
		if (!len)
			break;
	}
}

/**
 * glass_rx_time - when a byte of the receive queue came
 * @sk: the socket
 * @offset: how many of the unread bytes are before it
 *
 * Context: socket lock held.
 * Return: the time of its segment's arrival, or 0 if nobody looked.
 */
ktime_t glass_rx_time(const struct sock *sk, u32 offset)
{
	const struct sk_buff *skb = rx_find(sk, &offset);

	return skb ? skb->tstamp : 0;
}

/**
 * glass_rx_skip - bytes at the front of the receive queue were read
 * @sk: the socket
 * @len: how many, at most what is unread
 *
 * Context: process; socket lock held.
 */
void glass_rx_skip(struct sock *sk, u32 len)
{
	struct sk_buff *skb;
	u32 n;

	glass_tp(sk)->unread -= len;
	while (len && (skb = skb_peek(&sk->sk_receive_queue))) {
		struct glass_rx_cb *cb = glass_rx_cb(skb);

		n = min(skb->len - cb->offset, len);
		cb->offset += n;
		len -= n;
		if (cb->offset < skb->len)
			break;
		__skb_unlink(skb, &sk->sk_receive_queue);
		glass_pages_consume(skb);
	}
}

/**
 * glass_rx_dequeue - take the first frame of the receive queue as it is
 * @sk: the socket
 *
 * Context: socket lock held.
 * Return: its unread bytes, no longer charged to the socket; NULL if nothing is
 *	unread, or if there is no memory now.
 */
struct sk_buff *glass_rx_dequeue(struct sock *sk)
{
	struct sk_buff *skb = skb_peek(&sk->sk_receive_queue);

	/* Pages of a process (MSG_ZEROCOPY) are its own again too soon. */
	if (!skb || skb_orphan_frags_rx(skb, GFP_ATOMIC) ||
	    !pskb_pull(skb, glass_rx_cb(skb)->offset))
		return NULL;
	glass_rx_cb(skb)->offset = 0;
	__skb_unlink(skb, &sk->sk_receive_queue);
	glass_tp(sk)->unread -= skb->len;
	skb_orphan(skb);
	return skb;
}

/**
 * glass_rx_splice - move bytes of the receive queue into a pipe
 * @sk: the socket
 * @pipe: gets the pages as they are; its lock is held
 * @len: how many bytes, at most
 * @flags: SPLICE_F_*
 *
 * Context: process, may sleep; socket lock held.
 * Return: how many, 0 if nothing is unread, -EAGAIN if the pipe is full, or a
 *	negative errno.
 */
int glass_rx_splice(struct sock *sk, struct pipe_inode_info *pipe, size_t len,
		    unsigned int flags)
{
	struct sk_buff *skb;
	int spliced = 0;
	int n = 0;

	len = min_t(size_t, len, INT_MAX);
	while (spliced < len && (skb = skb_peek(&sk->sk_receive_queue))) {
		u32 start = glass_rx_cb(skb)->offset;

		/* Pages of a process (MSG_ZEROCOPY) are its own again too soon. */
		n = skb_orphan_frags_rx(skb, sk->sk_allocation);
		if (n)
			break;
		n = skb_splice_bits(skb, sk, start, pipe,
				    min_t(u32, skb->len - start, len - spliced),
				    flags);
		if (n <= 0)
			break;
		spliced += n;
		glass_rx_skip(sk, n);
	}
	return spliced ?: n;
}

/**
 * glass_rx_purge - forget what was received
 * @sk: the socket
 *
 * Context: socket lock held, or nobody else knows the socket.
 */
void glass_rx_purge(struct sock *sk)
{
	__skb_queue_purge(&sk->sk_receive_queue);
	__skb_queue_purge(&glass_tp(sk)->out_of_order);
	glass_tp(sk)->unread = 0;
}

/* --- Into the queue --------------------------------------------------------- */

/*
 * Copy a small payload to the end of the last buffer of the queue, which is
 * made for that: small segments would cost their weight in overhead many times
 * over. Returns whether it was.
 */
static bool rx_collect(struct sock *sk, struct sk_buff *skb)
{
	struct sk_buff *tail = skb_peek_tail(&sk->sk_receive_queue);
	struct sk_buff *collector;

	if (!tail || skb->len > GLASS_RX_SMALL)
		return false;
	if (glass_rx_cb(tail)->is_collector &&
	    skb_tailroom(tail) >= (int)skb->len) {
		skb_copy_bits(skb, 0, skb_put(tail, skb->len), skb->len);
		glass_rx_cb(tail)->end = glass_rx_cb(skb)->end;
		/* Of the last byte, as with TCP. */
		tail->tstamp = skb->tstamp;
		consume_skb(skb);
		return true;
	}

	collector = alloc_skb(GLASS_RX_COLLECTOR, GFP_ATOMIC);
	if (!collector)
		return false;
	if (!sk_rmem_schedule(sk, collector, collector->truesize)) {
		kfree_skb(collector);
		return false;
	}
	skb_copy_bits(skb, 0, skb_put(collector, skb->len), skb->len);
	*glass_rx_cb(collector) = *glass_rx_cb(skb);
	glass_rx_cb(collector)->is_collector = true;
	collector->tstamp = skb->tstamp;
	consume_skb(skb);
	glass_memory_set_owner_r(collector, sk);
	__skb_queue_tail(&sk->sk_receive_queue, collector);
	return true;
}

static void rx_queue_in_order(struct sock *sk, struct sk_buff *skb)
{
	struct glass_transport *tp = glass_tp(sk);
	u32 len = skb->len;

	glass_dev_arrived(skb);
	tp->unread += len;
	tp->ack_owed += len;
	glass_stats_inc(sock_net(sk), GLASS_MIB_IN_DELIVERED);
	glass_stats_add(sock_net(sk), GLASS_MIB_IN_BYTES, len);
	if (rx_collect(sk, skb))
		return;
	/* One that came early is ours already; one by AF_PACKET was its sender's. */
	if (skb->sk != sk)
		glass_memory_set_owner_r(skb, sk);
	__skb_queue_tail(&sk->sk_receive_queue, skb);
}

/* What came early and is due now. */
static void rx_queue_due(struct sock *sk, u32 *rcv_nxt)
{
	struct glass_transport *tp = glass_tp(sk);
	struct sk_buff *skb;

	while ((skb = skb_peek(&tp->out_of_order))) {
		struct glass_rx_cb *cb = glass_rx_cb(skb);
		u32 known;

		if (glass_seq_after(cb->seq, *rcv_nxt))
			break;
		__skb_unlink(skb, &tp->out_of_order);
		known = *rcv_nxt - cb->seq;
		if (!glass_seq_after(cb->end, *rcv_nxt) ||
		    (known && !pskb_pull(skb, known))) {
			consume_skb(skb);
			continue;
		}
		cb->seq = *rcv_nxt;
		*rcv_nxt = cb->end;
		rx_queue_in_order(sk, skb);
	}
}

/*
 * Keep a segment that came early. Where it overlaps with what is there, what
 * came first stays, but for whole segments that it covers. Returns whether it
 * was taken over.
 */
static bool rx_queue_early(struct sock *sk, struct sk_buff *skb)
{
	struct glass_transport *tp = glass_tp(sk);
	struct sk_buff_head *queue = &tp->out_of_order;
	struct glass_rx_cb *cb = glass_rx_cb(skb);
	struct sk_buff *prev, *next;
	u32 known;

	skb_queue_reverse_walk(queue, prev)
		if (!glass_seq_after(glass_rx_cb(prev)->seq, cb->seq))
			break;
	if (prev != (struct sk_buff *)queue &&
	    glass_seq_after(glass_rx_cb(prev)->end, cb->seq)) {
		known = glass_rx_cb(prev)->end - cb->seq;
		if (known >= skb->len || !pskb_pull(skb, known))
			return false;
		cb->seq += known;
	}
	for (;;) {
		next = prev == (struct sk_buff *)queue ? skb_peek(queue) :
		       skb_queue_is_last(queue, prev) ? NULL :
							 skb_queue_next(queue, prev);
		if (!next || !glass_seq_before(glass_rx_cb(next)->seq, cb->end))
			break;
		if (glass_seq_after(glass_rx_cb(next)->end, cb->end)) {
			if (pskb_trim(skb, glass_rx_cb(next)->seq - cb->seq))
				return false;
			cb->end = glass_rx_cb(next)->seq;
			break;
		}
		__skb_unlink(next, queue);
		consume_skb(next);
	}
	if (!skb->len)
		return false;
	glass_memory_set_owner_r(skb, sk);
	__skb_queue_after(queue, prev, skb);
	tp->latest_early = cb->seq;
	glass_stats_inc(sock_net(sk), GLASS_MIB_EARLY);
	return true;
}

/* Cut a segment down to the bytes that count, and note which they are. */
static bool rx_trim(struct sk_buff *skb, const struct glass_segment *seg,
		    const struct glass_range *data)
{
	struct glass_rx_cb *cb = glass_rx_cb(skb);
	u32 hlen = glass_input_hdr(skb)->hlen * 4;

	__skb_pull(skb, hlen);
	if (data->start != seg->seq &&
	    !pskb_pull(skb, data->start - seg->seq))
		return false;
	if (pskb_trim(skb, data->end - data->start))
		return false;
	*cb = (struct glass_rx_cb){ .seq = data->start, .end = data->end };
	return true;
}

static bool rx_has_room(struct sock *sk, const struct sk_buff *skb,
			bool is_early)
{
	unsigned int held = atomic_read(&sk->sk_rmem_alloc) + skb->truesize;
	/* The window keeps below it, unless somebody sends crumbs. */
	unsigned int limit = max_t(unsigned int, READ_ONCE(sk->sk_rcvbuf),
				   glass_tp(sk)->window_floor);

	return held <= (is_early ? 3 : 4) * limit;
}

/*
 * Throw away what came early, if there is anything: the peer keeps it until it
 * is acknowledged, and what fills the hole is worth more.
 */
static bool rx_prune(struct sock *sk)
{
	struct glass_transport *tp = glass_tp(sk);

	if (skb_queue_empty(&tp->out_of_order))
		return false;
	__skb_queue_purge(&tp->out_of_order);
	glass_stats_inc(sock_net(sk), GLASS_MIB_PRUNED);
	return true;
}

/*
 * Do all connections together have memory for a segment? One that fills a hole
 * takes it from what waits behind it; and a reader who has nothing gets it in
 * any case, as with TCP: what is read is what gives memory back. Either way,
 * the next one who asks for memory asks for this too.
 */
static bool rx_has_memory(struct sock *sk, struct sk_buff *skb, bool is_early)
{
	if (sk_rmem_schedule(sk, skb, skb->truesize))
		return true;
	return !is_early &&
	       (skb_queue_empty(&sk->sk_receive_queue) || rx_prune(sk));
}

static bool rx_queue_own(struct sock *sk, struct sk_buff *skb,
			 const struct glass_segment *seg,
			 const struct glass_tcb_result *result, u32 *rcv_nxt)
{
	bool is_early = result->actions & GLASS_TCB_HOLE;

	if (!rx_has_room(sk, skb, is_early) ||
	    !rx_has_memory(sk, skb, is_early)) {
		sk_drops_inc(sk);
		glass_drop(sock_net(sk), skb, GLASS_DROP_RCVBUF);
		return true;
	}
	if (!rx_trim(skb, seg, &result->data))
		return false;
	if (is_early)
		return rx_queue_early(sk, skb);

	*rcv_nxt = result->data.end;
	rx_queue_in_order(sk, skb);
	rx_queue_due(sk, rcv_nxt);
	return true;
}

/**
 * glass_rx_queue - keep the payload of a segment
 * @sk: the socket
 * @skb: the segment, from its header on
 * @seg: the header, decoded
 * @result: which bytes of it are new, and whether some before them are missing
 * @rcv_nxt: gets how far the bytes are complete, if that changes
 *
 * One that its sender lends is kept as it is if it is the next and all new; else
 * a clone is.
 *
 * Context: socket lock held, BH disabled.
 * Return: whether the segment was taken over.
 */
bool glass_rx_queue(struct sock *sk, struct sk_buff *skb,
		    const struct glass_segment *seg,
		    const struct glass_tcb_result *result, u32 *rcv_nxt)
{
	const struct glass_range *data = &result->data;
	struct sk_buff *own;

	if (!glass_dev_is_expected(skb) ||
	    (data->start == seg->seq && data->end == seg->seq + seg->len &&
	     !(result->actions & GLASS_TCB_HOLE)))
		return rx_queue_own(sk, skb, seg, result, rcv_nxt);
	own = skb_clone(skb, GFP_ATOMIC);
	if (own && !rx_queue_own(sk, own, seg, result, rcv_nxt))
		consume_skb(own);
	return false;
}
