// SPDX-License-Identifier: GPL-2.0
/* The transport's way out: what was written becomes segments, until it is acknowledged. */
#include "transport.h"

#include "dev.h"
#include "memory.h"
#include "net.h"
#include "pages.h"
#include "stamp.h"
#include "trace.h"

/* --- The send queue ------------------------------------------------------ */

static void tx_charge(struct sock *sk, int truesize)
{
	sk_wmem_queued_add(sk, truesize);
	sk_mem_charge(sk, truesize);
}

static void tx_uncharge(struct sock *sk, int truesize)
{
	sk_wmem_queued_add(sk, -truesize);
	glass_memory_uncharge(sk, truesize);
}

/**
 * glass_tx_free - a segment of the send queue is needed no more
 * @sk: the socket
 * @skb: the segment
 *
 * Context: socket lock held, or nobody else knows the socket.
 */
void glass_tx_free(struct sock *sk, struct sk_buff *skb)
{
	__skb_unlink(skb, &sk->sk_write_queue);
	tx_uncharge(sk, skb->truesize);
	/* A clone of it may have been read before it was acknowledged. */
	glass_pages_keep(skb);
	__kfree_skb(skb);
}

static struct sk_buff *tx_alloc(struct sock *sk, u32 linear, gfp_t gfp)
{
	struct sk_buff *skb;

	skb = alloc_skb(GLASS_TX_HEADROOM + linear, gfp);
	if (!skb)
		return NULL;
	skb_reserve(skb, GLASS_TX_HEADROOM);
	/* Its clones write their headers; we never look at them. */
	__skb_header_release(skb);
	/* Nobody needs a sum while the data is copied in. */
	skb->ip_summed = CHECKSUM_PARTIAL;
	memset(skb->cb, 0, sizeof(skb->cb));
	return skb;
}

/*
 * How many of @size bytes may be charged to the socket? However little memory
 * there is, each connection has a page: what goes on is what gives memory back.
 */
static int tx_schedule(struct sock *sk, int size)
{
	if (sk_wmem_schedule(sk, size))
		return size;
	return clamp(glass_memory_send_min - READ_ONCE(sk->sk_wmem_queued), 0,
		     size);
}

/* A segment for bytes that are to be written: the last one, if it has room. */
static struct sk_buff *tx_tail(struct sock *sk, size_t len, unsigned int how)
{
	struct glass_transport *tp = glass_tp(sk);
	struct sk_buff *skb = skb_peek_tail(&sk->sk_write_queue);

	if (skb && glass_tx_cb(skb)->state == GLASS_TX_UNSENT &&
	    skb->len < tp->mss && !glass_tx_cb(skb)->is_full)
		return skb;

	if (!(how & GLASS_TX_ALL) && !sk_stream_memory_free(sk))
		return NULL;
	skb = tx_alloc(sk, len <= GLASS_TX_LINEAR ? len : 0, sk->sk_allocation);
	if (!skb)
		return NULL;
	if (!tx_schedule(sk, skb->truesize)) {
		__kfree_skb(skb);
		return NULL;
	}
	glass_tx_cb(skb)->seq = tp->tcb.snd_end;
	glass_tx_cb(skb)->end = tp->tcb.snd_end;
	__skb_queue_tail(&sk->sk_write_queue, skb);
	if (!sk->sk_send_head) {
		sk->sk_send_head = skb;
		/* The time before is not the peer's. */
		if (!glass_tcb_in_flight(&tp->tcb))
			tp->progress = jiffies;
	}
	tx_charge(sk, skb->truesize);
	return skb;
}

/* Copy up to @len bytes behind @skb's. Returns how many, or a negative errno. */
static int tx_copy(struct sock *sk, struct sk_buff *skb, struct iov_iter *from,
		   size_t len)
{
	struct skb_shared_info *info = skb_shinfo(skb);
	int copy, i = info->nr_frags;
	struct page_frag *frag;
	bool may_merge;
	int err;

	if (len <= GLASS_TX_LINEAR && skb_tailroom(skb) > 0) {
		copy = min_t(int, len, skb_tailroom(skb));
		if (!copy_from_iter_full(skb_tail_pointer(skb), copy, from))
			return -EFAULT;
		skb_put(skb, copy);
		return copy;
	}

	frag = sk_page_frag(sk);
	if (!glass_pages_refill(sk, frag))
		return -ENOBUFS;
	may_merge = skb_can_coalesce(skb, i, frag->page, frag->offset);
	if (!may_merge && i >= MAX_SKB_FRAGS)
		return 0;
	copy = tx_schedule(sk, min_t(int, len, frag->size - frag->offset));
	if (!copy)
		return -ENOBUFS;
	/* Charges the bytes, too. */
	err = skb_copy_to_page_nocache(sk, from, skb, frag->page, frag->offset,
				       copy);
	if (err)
		return err;
	if (may_merge) {
		skb_frag_size_add(&info->frags[i - 1], copy);
	} else {
		skb_fill_page_desc(skb, i, frag->page, frag->offset, copy);
		page_ref_inc(frag->page);
	}
	frag->offset += copy;
	return copy;
}

/* Have @skb refer to the pages of up to @len bytes. Returns as tx_copy(). */
static int tx_refer(struct sock *sk, struct sk_buff *skb, struct iov_iter *from,
		    size_t len, struct ubuf_info *uarg)
{
	ssize_t n;

	/* It tells one only that it was freed. */
	if (uarg && skb_zcopy(skb) && skb_zcopy(skb) != uarg)
		return 0;
	len = tx_schedule(sk, len);
	if (!len)
		return -ENOBUFS;
	n = glass_pages_refer(skb, sk, from, len, uarg);
	if (n == -EMSGSIZE)
		return 0;
	if (n < 0)
		return n;
	tx_charge(sk, n);
	return n;
}

/**
 * glass_tx_append - put bytes behind what was written
 * @sk: the socket
 * @from: the bytes
 * @len: how many at most
 * @how: GLASS_TX_ALL, GLASS_TX_REFER; few bytes are copied in any case
 * @uarg: with GLASS_TX_REFER, who is told when their pages are not needed any
 *	more, if they are a process's (MSG_ZEROCOPY); else NULL
 *
 * Context: process, may sleep; socket lock held.
 * Return: how many there was room for, 0 if the send buffer is full or memory
 *	short, or a negative errno if not even one was taken: -EFAULT, or with
 *	GLASS_TX_REFER -EIO for pages that cannot be referred to. With
 *	GLASS_TX_ALL, @len or a negative errno, also -ENOBUFS.
 */
ssize_t glass_tx_append(struct sock *sk, struct iov_iter *from, size_t len,
			unsigned int how, struct ubuf_info *uarg)
{
	bool refer = how & GLASS_TX_REFER && len > GLASS_TX_LINEAR;
	bool all = how & GLASS_TX_ALL;
	struct glass_transport *tp = glass_tp(sk);
	struct sk_buff *skb;
	size_t copied = 0, left;
	int n;

	while (copied < len) {
		left = len - copied;
		skb = tx_tail(sk, refer ? len : left, how);
		if (!skb)
			return all ? -ENOBUFS : copied;
		left = min_t(size_t, left, tp->mss - skb->len);
		n = refer ? tx_refer(sk, skb, from, left, uarg) :
			    tx_copy(sk, skb, from, left);
		if (n > 0) {
			glass_tx_cb(skb)->end += n;
			glass_tcb_write(&tp->tcb, n);
			copied += n;
			continue;
		}
		if (!skb->len) {
			if (sk->sk_send_head == skb)
				sk->sk_send_head = NULL;
			glass_tx_free(sk, skb);
		}
		if (n < 0)
			return !all && (copied || n == -ENOBUFS) ? copied : n;
		/* It has all the pages it can have: a new one, then. */
		glass_tx_cb(skb)->is_full = true;
	}
	return copied;
}

/**
 * glass_tx_append_head - put a few bytes of our own behind what was written
 * @sk: the socket
 * @head: the bytes
 * @len: how many
 * @more: how many will follow by glass_tx_append(); together with few of them
 *	they are kept in one buffer
 *
 * Context: process, may sleep; socket lock held.
 * Return: 0, or a negative errno as glass_tx_append() with GLASS_TX_ALL.
 */
int glass_tx_append_head(struct sock *sk, const void *head, u32 len,
			 size_t more)
{
	struct kvec kvec = { .iov_base = (void *)head, .iov_len = len };
	struct glass_transport *tp = glass_tp(sk);
	struct iov_iter iter;
	struct sk_buff *skb;
	ssize_t n;

	skb = tx_tail(sk, len + more, GLASS_TX_ALL);
	if (!skb)
		return -ENOBUFS;
	if (skb_tailroom(skb) >= (int)len && tp->mss - skb->len >= len) {
		skb_put_data(skb, head, len);
		glass_tx_cb(skb)->end += len;
		glass_tcb_write(&tp->tcb, len);
		return 0;
	}
	/* In pages, or in the next segment too. */
	iov_iter_kvec(&iter, ITER_SOURCE, &kvec, 1, len);
	n = glass_tx_append(sk, &iter, len, GLASS_TX_ALL, NULL);
	return n < 0 ? n : 0;
}

/**
 * glass_tx_truncate - take back what was just written
 * @sk: the socket; nothing was sent since
 * @end: the write queue ends here from now on
 *
 * Context: socket lock held.
 */
void glass_tx_truncate(struct sock *sk, u32 end)
{
	struct glass_transport *tp = glass_tp(sk);
	struct sk_buff *skb;

	while ((skb = skb_peek_tail(&sk->sk_write_queue))) {
		struct glass_tx_cb *cb = glass_tx_cb(skb);

		if (!glass_seq_after(cb->end, end))
			break;
		if (glass_seq_before(cb->seq, end)) {
			int truesize = skb->truesize;

			__pskb_trim(skb, end - cb->seq);
			/* It may have moved what is left out of the pages. */
			tx_charge(sk, skb->truesize - truesize);
			cb->end = end;
			break;
		}
		if (sk->sk_send_head == skb)
			sk->sk_send_head = NULL;
		glass_tx_free(sk, skb);
	}
	tp->tcb.snd_end = end;
}

/**
 * glass_tx_purge - forget what was written and is not acknowledged
 * @sk: the socket; it has no connection any more
 *
 * Context: socket lock held, or nobody else knows the socket.
 */
void glass_tx_purge(struct sock *sk)
{
	struct sk_buff *skb;

	sk->sk_send_head = NULL;
	glass_tp(sk)->pipe = 0;
	while ((skb = skb_peek(&sk->sk_write_queue)))
		glass_tx_free(sk, skb);
	sk_mem_reclaim_final(sk);
}

/*
 * Cut a segment in two, the first with @len bytes. Returns 0, or -ENOMEM with
 * the segment as it was.
 */
static int tx_split(struct sock *sk, struct sk_buff *skb, u32 len)
{
	struct glass_tx_cb *cb = glass_tx_cb(skb), *rest_cb;
	int truesize = skb->truesize;
	struct sk_buff *rest;
	u32 linear = skb_headlen(skb) > len ? skb_headlen(skb) - len : 0;
	u32 moved;

	/*
	 * A clone that is on its way shares the page list. Nobody is asked
	 * whether there is memory: what cannot be sent gives none back. The
	 * next one who asks, asks for this too.
	 */
	if (skb_unclone(skb, GFP_ATOMIC))
		return -ENOMEM;
	tx_charge(sk, skb->truesize - truesize);
	rest = tx_alloc(sk, linear, GFP_ATOMIC);
	if (!rest)
		return -ENOMEM;

	tx_charge(sk, rest->truesize);
	skb_split(skb, rest, len);
	moved = rest->data_len;
	rest->truesize += moved;
	skb->truesize -= moved;

	rest_cb = glass_tx_cb(rest);
	*rest_cb = *cb;
	rest_cb->seq = cb->seq + len;
	cb->end = rest_cb->seq;
	glass_stamp_split(skb, rest);
	__skb_queue_after(&sk->sk_write_queue, skb, rest);
	return 0;
}

/* --- Sending what was written ---------------------------------------------- */

/* Does the FIN follow this byte, and may it go along? */
static bool tx_has_fin(const struct glass_transport *tp, u32 end)
{
	return tp->tcb.fin_queued && end == tp->tcb.snd_end;
}

static void tx_segment_sent(struct glass_transport *tp, struct sk_buff *skb,
			    u32 end)
{
	struct glass_tx_cb *cb = glass_tx_cb(skb);

	if (!glass_tcb_in_flight(&tp->tcb))
		tp->progress = jiffies;
	glass_tcb_sent(&tp->tcb, end);
	cb->order = ++tp->order;
	cb->state = GLASS_TX_FLYING;
	tp->pipe += skb->len;
}

/*
 * Send a segment of the send queue, for the first time or again, and keep it.
 * Returns whether it was: there may be no memory for it.
 */
static bool tx_send_clone(struct sock *sk, struct sk_buff *skb)
{
	struct glass_transport *tp = glass_tp(sk);
	struct glass_tx_cb *cb = glass_tx_cb(skb);
	struct glass_segment seg = { .seq = cb->seq, .len = skb->len };
	u32 end = cb->end;
	struct sk_buff *copy;

	/* If an earlier transmission is still on its way, it has that head. */
	copy = skb_cloned(skb) ? pskb_copy(skb, GFP_ATOMIC) :
				 skb_clone(skb, GFP_ATOMIC);
	if (!copy)
		return false;
	if (tx_has_fin(tp, end)) {
		seg.flags |= GLASS_SEG_FIN;
		end++;
	}
	if (cb->state != GLASS_TX_UNSENT) {
		tp->retransmits++;
		glass_stats_inc(sock_net(sk), GLASS_MIB_RETRANSMITS);
		trace_glass_retransmit(sk, cb->seq, skb->len);
	} else if (cb->stamps) {
		glass_stamp_sent(sk, skb);
	}
	tx_segment_sent(tp, skb, end);
	copy->ip_summed = CHECKSUM_NONE;
	glass_segment_transmit(sk, copy, &seg);
	cb->sent = seg.ts;
	return true;
}

/* The peer was seen to take everything up to @end: that is an acknowledgment. */
static void tx_delivered(struct sock *sk, u32 end)
{
	struct glass_transport *tp = glass_tp(sk);
	struct sk_buff *skb;

	while ((skb = skb_peek(&sk->sk_write_queue)) && skb != sk->sk_send_head) {
		glass_stamp_acked(sk, skb);
		glass_tx_free(sk, skb);
	}
	tp->pipe = 0;
	tp->lossy = false;
	tp->progress = jiffies;
	glass_tcb_delivered(&tp->tcb, end);
	glass_tx_write_space(sk);
}

/*
 * Lend the segment at sk_send_head to the device, and see whether the peer takes
 * it. Then it needs no clone, no timer and no acknowledgment. If it does not, it
 * stays in the queue as any other that is on its way. BH are disabled, see
 * glass_dev_expect().
 */
static void tx_send_expected(struct sock *sk, struct sk_buff *skb)
{
	struct glass_transport *tp = glass_tp(sk);
	struct sk_buff_head *queue = &sk->sk_write_queue;
	struct sk_buff *next = skb_queue_is_last(queue, skb) ?
			       NULL : skb_queue_next(queue, skb);
	struct glass_segment seg = {
		.seq = glass_tx_cb(skb)->seq,
		.len = skb->len,
	};
	int truesize = skb->truesize;
	u8 *data = skb->data;
	struct glass_tx_cb cb;

	tx_segment_sent(tp, skb, glass_tx_cb(skb)->end);
	cb = *glass_tx_cb(skb);
	__skb_unlink(skb, queue);
	sk->sk_send_head = next;
	glass_segment_transmit(sk, skb_get(skb), &seg);
	if (glass_dev_seen()) {
		tx_uncharge(sk, truesize);
		tx_delivered(sk, cb.end);
		return;
	}
	WARN_ON_ONCE(skb_shared(skb));
	skb->len += skb->data - data;
	skb->data = data;
	skb->dev = NULL;
	skb->ip_summed = CHECKSUM_PARTIAL;
	cb.sent = seg.ts;
	*glass_tx_cb(skb) = cb;
	if (next)
		__skb_queue_before(queue, next, skb);
	else
		__skb_queue_tail(queue, skb);
}

/* Send what is at sk_send_head. Returns whether it was, as tx_send_clone(). */
static bool tx_send_head(struct sock *sk)
{
	struct sk_buff *skb = sk->sk_send_head;

	/* What a FIN changes is for the peer's answer to say; so is a stamp's time. */
	if (!tx_has_fin(glass_tp(sk), glass_tx_cb(skb)->end) &&
	    !glass_tx_cb(skb)->stamps && !skb_cloned(skb) &&
	    glass_dev_expect(skb, &glass_tp(sk)->peer)) {
		tx_send_expected(sk, skb);
		return true;
	}
	if (!tx_send_clone(sk, skb))
		return false;
	sk->sk_send_head = skb_queue_is_last(&sk->sk_write_queue, skb) ?
			   NULL : skb_queue_next(&sk->sk_write_queue, skb);
	return true;
}

/* Send the FIN alone, all data was sent; @may_end: see glass_tx_push_end(). */
static void tx_send_fin(struct sock *sk, bool may_end)
{
	struct glass_transport *tp = glass_tp(sk);
	struct sk_buff *skb = glass_segment_alloc();
	struct glass_segment seg = {
		.seq	= tp->tcb.snd_end,
		.flags	= GLASS_SEG_FIN,
	};

	/* The timer tries again. */
	if (!skb)
		return;
	if (!glass_tcb_in_flight(&tp->tcb))
		tp->progress = jiffies;
	glass_tcb_sent(&tp->tcb, tp->tcb.snd_end + 1);
	if (!may_end || !glass_dev_expect(skb, &tp->peer)) {
		glass_segment_transmit(sk, skb, &seg);
		return;
	}
	/* The peer has all before it, too, if it takes it. */
	glass_segment_transmit(sk, skb_get(skb), &seg);
	if (glass_dev_seen())
		tx_delivered(sk, tp->tcb.snd_nxt);
	else
		consume_skb(skb);
}

/**
 * glass_tx_send_fin - send the FIN alone
 * @sk: the socket; all data was sent
 *
 * Context: socket lock held.
 */
void glass_tx_send_fin(struct sock *sk)
{
	tx_send_fin(sk, false);
}

/**
 * glass_tx_arm_timer - run the retransmission timer as long as it is needed
 * @sk: the socket
 * @restart: whether a timer that runs starts again
 *
 * It is, while something is unacknowledged or cannot be sent.
 *
 * Context: socket lock held.
 */
void glass_tx_arm_timer(struct sock *sk, bool restart)
{
	struct glass_transport *tp = glass_tp(sk);
	bool is_set = test_bit(GLASS_DEADLINE_RETRANSMIT, &tp->deadline_set);
	bool fin_waits = tp->tcb.fin_queued && !glass_tcb_fin_is_acked(&tp->tcb);

	if (!glass_tcb_in_flight(&tp->tcb) && !sk->sk_send_head && !fin_waits) {
		glass_transport_clear_deadline(sk, GLASS_DEADLINE_RETRANSMIT);
		return;
	}
	if (is_set && !restart)
		return;
	tp->is_reordered = false;
	glass_transport_set_deadline(sk, GLASS_DEADLINE_RETRANSMIT,
				     usecs_to_jiffies(glass_rtt_rto(&tp->rtt)));
}

/**
 * glass_tx_push_lost - send again what is lost
 * @sk: the socket
 *
 * The oldest first, as far as the network has room.
 *
 * Context: socket lock held.
 */
void glass_tx_push_lost(struct sock *sk)
{
	struct glass_transport *tp = glass_tp(sk);
	struct sk_buff *skb;

	if (!tp->lossy)
		return;
	skb_queue_walk(&sk->sk_write_queue, skb) {
		if (skb == sk->sk_send_head)
			break;
		if (glass_tx_cb(skb)->state != GLASS_TX_LOST)
			continue;
		if (!glass_congestion_room(&tp->cc, tp->pipe))
			break;
		if (skb->len > tp->mss && tx_split(sk, skb, tp->mss))
			break;
		if (!tx_send_clone(sk, skb))
			break;
	}
}

/*
 * How much of the next segment is to be sent now? Silly windows are avoided
 * (RFC 1122, 4.2.3.4), and small segments wait for what is on its way.
 */
static u32 tx_next_len(const struct sock *sk, struct sk_buff *skb, bool force)
{
	const struct glass_transport *tp = glass_tp(sk);
	const struct glass_tcb *tcb = &tp->tcb;
	u32 room = glass_tcb_usable_window(tcb);
	u32 full = min(tp->mss, max(tcb->snd_wnd_max / 2, 1U));
	bool is_last = glass_tx_cb(skb)->end == tcb->snd_end;

	room = min(room, glass_congestion_room(&tp->cc, tp->pipe));
	if (skb->len > room || skb->len > tp->mss) {
		room = min(room, tp->mss);
		return room >= full || force ? room : 0;
	}
	if (skb->len < tp->mss && is_last && !tcb->fin_queued && !force &&
	    (tp->is_corked || glass_tcb_is_unanswered(tcb)))
		return 0;
	return skb->len;
}

static void tx_push(struct sock *sk, bool force, bool may_end)
{
	struct glass_transport *tp = glass_tp(sk);
	struct sk_buff *skb;
	u32 len;

	glass_tx_push_lost(sk);
	while ((skb = sk->sk_send_head)) {
		len = tx_next_len(sk, skb, force);
		if (!len || (len < skb->len && tx_split(sk, skb, len)))
			break;
		if (!tx_send_head(sk))
			break;
	}
	if (!sk->sk_send_head && tp->tcb.fin_queued &&
	    tp->tcb.snd_nxt == tp->tcb.snd_end)
		tx_send_fin(sk, may_end);
	glass_tx_arm_timer(sk, false);
}

/**
 * glass_tx_push - send what may be sent
 * @sk: the socket, synchronized
 * @force: also segments and windows so small that they should wait
 *
 * Context: socket lock held. In process context a frame may be delivered, and
 *	answered to this socket's backlog, before this returns.
 */
void glass_tx_push(struct sock *sk, bool force)
{
	tx_push(sk, force, false);
}

/**
 * glass_tx_push_end - send what may be sent, and the FIN
 * @sk: the socket, synchronized; its user writes no more
 *
 * A FIN that is seen to arrive is acknowledged thereby, and the peer's silence
 * saves a frame. That may be the connection's end.
 *
 * Context: process; socket lock held.
 * Return: whether the connection is over, and glass_transport_end() to be called.
 */
bool glass_tx_push_end(struct sock *sk)
{
	struct glass_transport *tp = glass_tp(sk);
	/* In CLOSING it would leave the socket: that is for input to do. */
	bool may_end = tp->tcb.state == TCP_FIN_WAIT1 ||
		       tp->tcb.state == TCP_LAST_ACK;

	tx_push(sk, false, may_end);
	if (tp->tcb.state == TCP_CLOSE)
		return true;
	glass_transport_set_state(sk);
	return false;
}
