// SPDX-License-Identifier: GPL-2.0
/* The transport's way out: what was written becomes segments, until it is acknowledged. */
#include "transport.h"

#include "input.h"
#include "net.h"
#include "output.h"
#include "stats.h"
#include "trace.h"
#include "wire.h"

/* In front of the payload: link layer, Glass header, the longest segment's. */
#define GLASS_TX_HEADROOM \
	L1_CACHE_ALIGN(LL_MAX_HEADER + sizeof(struct glass_hdr) + \
		       GLASS_SEG_HDR_MAX)

/* Up to so many bytes are kept in the head of a buffer, others in pages. */
#define GLASS_TX_LINEAR		1024

/* A segment is lost when so many that were sent later have arrived (RFC 5681). */
#define GLASS_DUPTHRESH		3

/*
 * So often a segment that is still in this machine is asked for before it is
 * sent again nevertheless: tcpdump may be all that has it.
 */
#define GLASS_HELD_PROBES	3

/* How long a segment may be overtaken without being lost, in microseconds. */
#define GLASS_REORDER_MIN	1000U

/* For a segment without payload. */
static struct sk_buff *tx_alloc_bare(void)
{
	struct sk_buff *skb = alloc_skb(GLASS_TX_HEADROOM, GFP_ATOMIC);

	if (skb)
		skb_reserve(skb, GLASS_TX_HEADROOM);
	return skb;
}

/* --- Segments without a connection --------------------------------------- */

/**
 * glass_segment_read - the segment in a frame that input has let in
 * @skb: the frame, however much of it was pulled
 * @seg: filled in when the form is right
 *
 * Context: any.
 * Return: as glass_segment_decode().
 */
enum glass_drop glass_segment_read(const struct sk_buff *skb,
				   struct glass_segment *seg)
{
	const struct glass_hdr *hdr = glass_input_hdr(skb);

	return glass_segment_decode(seg, hdr + 1,
				    hdr->hlen * 4 - sizeof(*hdr),
				    be32_to_cpu(hdr->len));
}

/**
 * glass_segment_key - which connection a frame is of, as its receiver sees it
 * @skb: the frame, however much of it was pulled
 * @key: filled in
 *
 * Context: any.
 */
void glass_segment_key(const struct sk_buff *skb, struct glass_conn_key *key)
{
	const struct glass_hdr *hdr = glass_input_hdr(skb);

	key->local.node = be32_to_cpu(hdr->dst_node);
	key->local.port = be32_to_cpu(hdr->dst_port);
	glass_input_source(skb, &key->remote);
	key->protocol = hdr->protocol;
}

/**
 * glass_segment_send - send a segment that has no payload
 * @net: the namespace
 * @key: from where to where
 * @seg: the segment; its flags, numbers and times are filled in
 *
 * Nobody is charged for it.
 *
 * Context: any but hard interrupt; as glass_output().
 * Return: as glass_output().
 */
int glass_segment_send(struct net *net, const struct glass_conn_key *key,
		       const struct glass_segment *seg)
{
	struct glass_flow flow = {
		.src = key->local,
		.dst = key->remote,
		.protocol = key->protocol,
		.proto_hlen = glass_segment_hlen(seg),
	};
	struct sk_buff *skb = tx_alloc_bare();

	if (!skb)
		return -ENOMEM;
	glass_stats_inc(net, GLASS_MIB_OUT_SEGMENTS);
	if (seg->flags & GLASS_SEG_RST)
		glass_stats_inc(net, GLASS_MIB_RESETS_OUT);
	glass_segment_encode(skb_push(skb, flow.proto_hlen), seg);
	return glass_output(net, skb, &flow);
}

/**
 * glass_segment_send_reset - answer a segment of no connection
 * @net: the namespace
 * @skb: the segment, from the Glass header on; stays the caller's
 *
 * Context: BH or process, no socket's spinlock held.
 * Return: whether it was well formed.
 */
bool glass_segment_send_reset(struct net *net, struct sk_buff *skb)
{
	struct glass_segment seg, reset;
	struct glass_conn_key key;

	if (glass_segment_read(skb, &seg))
		return false;
	if (glass_segment_answer_reset(&seg, &reset)) {
		reset.ts = glass_clock();
		glass_segment_key(skb, &key);
		glass_segment_send(net, &key, &reset);
	}
	return true;
}

/* --- Segments of a connection --------------------------------------------- */

static void flow_init(const struct sock *sk, struct glass_flow *flow)
{
	const struct glass_sock *gs = glass_sk(sk);

	*flow = (struct glass_flow){
		.src		= gs->local,
		.dst		= gs->remote,
		.cache		= gs->route,
		.bound_dev_if	= sk->sk_bound_dev_if,
		.protocol	= sk->sk_protocol,
	};
}

/**
 * glass_segment_mss - payload of a full segment on a way
 * @net: the namespace
 * @flow: where to; its cache is renewed
 * @err: 0, or why nothing can be sent: as glass_route_lookup(), or -ENETDOWN
 *
 * Context: any but hard interrupt.
 * Return: bytes, 0 if there is no way or none that carries payload.
 */
u32 glass_segment_mss(struct net *net, struct glass_flow *flow, int *err)
{
	const struct glass_route *route;
	u32 payload = 0;

	rcu_read_lock();
	route = glass_output_route(net, flow);
	*err = PTR_ERR_OR_ZERO(route);
	if (!*err) {
		payload = glass_output_max_payload(route);
		if (!(READ_ONCE(route->dev->flags) & IFF_UP))
			*err = -ENETDOWN;
	}
	rcu_read_unlock();
	return payload > GLASS_SEG_HDR_MAX ? payload - GLASS_SEG_HDR_MAX : 0;
}

/**
 * glass_tx_mss - payload of a full segment
 * @sk: the socket; both its ends are known
 * @err: as glass_segment_mss()
 *
 * Context: socket lock held.
 * Return: bytes; if there is no way now, what it was before.
 */
u32 glass_tx_mss(struct sock *sk, int *err)
{
	struct glass_transport *tp = glass_tp(sk);
	struct glass_flow flow;
	u32 mss;

	flow_init(sk, &flow);
	mss = glass_segment_mss(sock_net(sk), &flow, err);
	tp->gs.route = flow.cache;
	return mss ? mss : tp->mss;
}

/*
 * Send a segment. @skb is its payload, and taken over. Whatever happens to it
 * after this is the network's affair.
 */
static void tx_transmit(struct sock *sk, struct sk_buff *skb,
			struct glass_segment *seg)
{
	struct glass_transport *tp = glass_tp(sk);
	struct glass_flow flow;

	/* Small steps of the window are not worth telling (RFC 1122, 4.2.3.3). */
	glass_tcb_open_window(&tp->tcb, glass_rx_room(sk),
			      min_t(u32, sk->sk_rcvbuf / 2, tp->mss));
	glass_tcb_fill(&tp->tcb, seg, glass_clock());
	if (tp->is_deaf)
		seg->flags |= GLASS_SEG_DEAF;
	tp->ack_owed = 0;
	glass_transport_clear_deadline(sk, GLASS_DEADLINE_ACK);
	glass_stats_inc(sock_net(sk), GLASS_MIB_OUT_SEGMENTS);

	flow_init(sk, &flow);
	flow.proto_hlen = glass_segment_hlen(seg);
	glass_segment_encode(skb_push(skb, flow.proto_hlen), seg);
	glass_output(sock_net(sk), skb, &flow);
	tp->gs.route = flow.cache;
}

/**
 * glass_tx_send_syn - send the SYN, with ACK if the peer's has come
 * @sk: the socket, in SYN_SENT or SYN_RECV
 *
 * If there is no memory for it, the retransmission timer tries again.
 *
 * Context: socket lock held.
 */
void glass_tx_send_syn(struct sock *sk)
{
	struct glass_transport *tp = glass_tp(sk);
	struct sk_buff *skb = tx_alloc_bare();
	struct glass_segment seg = {
		.seq		= tp->tcb.snd_una,
		.flags		= GLASS_SEG_SYN,
		.max_payload	= tp->mss,
		.max_record	= READ_ONCE(sk->sk_rcvbuf),
	};

	if (skb)
		tx_transmit(sk, skb, &seg);
}

/* Up to GLASS_SEG_SACKS ranges that arrived early; the latest first (RFC 2018). */
static void tx_fill_sacks(struct glass_transport *tp, struct glass_segment *seg)
{
	struct glass_range range = {}, *first = seg->sack;
	struct sk_buff *skb;
	bool is_latest = false;
	u32 latest = tp->latest_early;

	seg->sacks = 0;
	skb_queue_walk(&tp->out_of_order, skb) {
		const struct glass_rx_cb *cb = glass_rx_cb(skb);

		if (range.end != range.start && cb->seq == range.end) {
			range.end = cb->end;
		} else {
			range.start = cb->seq;
			range.end = cb->end;
			if (seg->sacks < GLASS_SEG_SACKS)
				seg->sacks++;
			is_latest = false;
		}
		is_latest |= cb->seq == latest;
		/* What does not fit in overwrites the last. */
		seg->sack[seg->sacks - 1] = range;
		if (is_latest)
			swap(*first, seg->sack[seg->sacks - 1]);
		if (is_latest && seg->sacks == GLASS_SEG_SACKS)
			break;
	}
}

/**
 * glass_tx_send_ack - acknowledge what has come
 * @sk: the socket, synchronized
 *
 * Context: socket lock held.
 */
void glass_tx_send_ack(struct sock *sk)
{
	struct glass_transport *tp = glass_tp(sk);
	struct sk_buff *skb = tx_alloc_bare();
	struct glass_segment seg = { .seq = tp->tcb.snd_nxt };

	if (!skb) {
		/* Soon, then. */
		glass_transport_set_deadline(sk, GLASS_DEADLINE_ACK, 1);
		return;
	}
	tx_fill_sacks(tp, &seg);
	tx_transmit(sk, skb, &seg);
}

/**
 * glass_tx_send_probe - ask the peer for a sign of life, or for its window
 * @sk: the socket, synchronized
 *
 * An old number makes it acknowledge (RFC 1122, 4.2.3.6).
 *
 * Context: socket lock held.
 */
void glass_tx_send_probe(struct sock *sk)
{
	struct glass_transport *tp = glass_tp(sk);
	struct sk_buff *skb = tx_alloc_bare();
	struct glass_segment seg = { .seq = tp->tcb.snd_una - 1 };

	glass_stats_inc(sock_net(sk), GLASS_MIB_PROBES);
	if (skb)
		tx_transmit(sk, skb, &seg);
}

/**
 * glass_tx_send_reset - tell the peer that the connection is gone
 * @sk: the socket; both its ends are known still
 * @reset: what glass_tcb_abort() or glass_tcb_input() wants sent
 *
 * Context: socket lock held.
 */
void glass_tx_send_reset(struct sock *sk, struct glass_segment *reset)
{
	struct glass_conn_key key;

	glass_transport_key(sk, &key);
	trace_glass_reset_send(sk, reset->seq, 0);
	reset->ts = glass_clock();
	glass_segment_send(sock_net(sk), &key, reset);
}

/* --- The send queue ------------------------------------------------------ */

static void tx_charge(struct sock *sk, int truesize)
{
	sk_wmem_queued_add(sk, truesize);
	sk_mem_charge(sk, truesize);
}

static void tx_free(struct sock *sk, struct sk_buff *skb)
{
	__skb_unlink(skb, &sk->sk_write_queue);
	sk_wmem_queued_add(sk, -(int)skb->truesize);
	sk_mem_uncharge(sk, skb->truesize);
	__kfree_skb(skb);
}

static struct sk_buff *tx_alloc(struct sock *sk, u32 linear, gfp_t gfp)
{
	struct sk_buff *skb;

	skb = alloc_skb_fclone(GLASS_TX_HEADROOM + linear, gfp);
	if (!skb)
		return NULL;
	skb_reserve(skb, GLASS_TX_HEADROOM);
	/* Its clones write their headers; we never look at them. */
	__skb_header_release(skb);
	/* Nobody needs a sum while the data is copied in. */
	skb->ip_summed = CHECKSUM_PARTIAL;
	memset(skb->cb, 0, sizeof(skb->cb));
	if (!sk_wmem_schedule(sk, skb->truesize)) {
		__kfree_skb(skb);
		return NULL;
	}
	return skb;
}

/* A segment for bytes that are to be written: the last one, if it has room. */
static struct sk_buff *tx_tail(struct sock *sk, size_t len, bool force)
{
	struct glass_transport *tp = glass_tp(sk);
	struct sk_buff *skb = skb_peek_tail(&sk->sk_write_queue);

	if (skb && glass_tx_cb(skb)->state == GLASS_TX_UNSENT &&
	    skb->len < tp->mss && !glass_tx_cb(skb)->is_full)
		return skb;

	if (!force && !sk_stream_memory_free(sk))
		return NULL;
	skb = tx_alloc(sk, len <= GLASS_TX_LINEAR ? len : 0, sk->sk_allocation);
	if (!skb)
		return NULL;
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
	if (!sk_page_frag_refill(sk, frag))
		return -ENOBUFS;
	may_merge = skb_can_coalesce(skb, i, frag->page, frag->offset);
	if (!may_merge && i >= MAX_SKB_FRAGS)
		return 0;
	copy = min_t(int, len, frag->size - frag->offset);
	if (!sk_wmem_schedule(sk, copy))
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

/**
 * glass_tx_append - copy bytes behind what was written
 * @sk: the socket
 * @from: the bytes
 * @len: how many at most
 * @force: all of them, even beyond the send buffer
 *
 * Context: process, may sleep; socket lock held.
 * Return: how many there was room for, 0 if the send buffer is full, or a
 *	negative errno: -EFAULT, -ENOBUFS; unless @force, only if not even one
 *	was copied.
 */
ssize_t glass_tx_append(struct sock *sk, struct iov_iter *from, size_t len,
			bool force)
{
	struct glass_transport *tp = glass_tp(sk);
	struct sk_buff *skb;
	size_t copied = 0;
	int n;

	while (copied < len) {
		skb = tx_tail(sk, len - copied, force);
		if (!skb)
			return force ? -ENOBUFS : copied;
		n = tx_copy(sk, skb, from,
			    min_t(size_t, len - copied, tp->mss - skb->len));
		if (n > 0) {
			glass_tx_cb(skb)->end += n;
			glass_tcb_write(&tp->tcb, n);
			copied += n;
			continue;
		}
		if (!skb->len) {
			if (sk->sk_send_head == skb)
				sk->sk_send_head = NULL;
			tx_free(sk, skb);
		}
		if (n < 0)
			return copied && !force ? copied : n;
		/* It has all the pages it can have: a new one, then. */
		glass_tx_cb(skb)->is_full = true;
	}
	return copied;
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
			__pskb_trim(skb, end - cb->seq);
			cb->end = end;
			break;
		}
		if (sk->sk_send_head == skb)
			sk->sk_send_head = NULL;
		tx_free(sk, skb);
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
		tx_free(sk, skb);
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

	/* A clone that is on its way shares the page list. */
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
	cb->sent = glass_clock();
	cb->state = GLASS_TX_FLYING;
	tp->pipe += skb->len;
}

/*
 * Send a segment of the send queue, for the first time or again. Returns
 * whether it was: there may be no memory for it.
 */
static bool tx_send_segment(struct sock *sk, struct sk_buff *skb)
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
	}
	tx_segment_sent(tp, skb, end);
	copy->ip_summed = CHECKSUM_NONE;
	tx_transmit(sk, copy, &seg);
	return true;
}

/* Send the FIN alone: all data was sent. */
static void tx_send_fin(struct sock *sk)
{
	struct glass_transport *tp = glass_tp(sk);
	struct sk_buff *skb = tx_alloc_bare();
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
	tx_transmit(sk, skb, &seg);
}

/* The timer runs while something is unacknowledged, or cannot be sent. */
static void tx_arm_timer(struct sock *sk, bool restart)
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

/* Send again what is lost, oldest first, as far as the network has room. */
static void tx_push_lost(struct sock *sk)
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
		if (!tx_send_segment(sk, skb))
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
	    (tp->is_corked || glass_tcb_in_flight(tcb)))
		return 0;
	return skb->len;
}

static void tx_push(struct sock *sk, bool force)
{
	struct glass_transport *tp = glass_tp(sk);
	struct sk_buff *skb;
	u32 len;

	tx_push_lost(sk);
	while ((skb = sk->sk_send_head)) {
		len = tx_next_len(sk, skb, force);
		if (!len || (len < skb->len && tx_split(sk, skb, len)))
			break;
		if (!tx_send_segment(sk, skb))
			break;
		sk->sk_send_head = skb_queue_is_last(&sk->sk_write_queue, skb) ?
				   NULL : skb_queue_next(&sk->sk_write_queue, skb);
	}
	if (!sk->sk_send_head && tp->tcb.fin_queued &&
	    tp->tcb.snd_nxt == tp->tcb.snd_end)
		tx_send_fin(sk);
	tx_arm_timer(sk, false);
}

/**
 * glass_tx_push - send what may be sent
 * @sk: the socket, synchronized
 *
 * Context: socket lock held. In process context a frame may be delivered, and
 *	answered to this socket's backlog, before this returns.
 */
void glass_tx_push(struct sock *sk)
{
	tx_push(sk, false);
}

/* --- What the peer acknowledges -------------------------------------------- */

/* A transmission has arrived: it tells of all that were sent before it. */
static void tx_arrived(struct glass_transport *tp, struct sk_buff *skb)
{
	const struct glass_tx_cb *cb = glass_tx_cb(skb);

	if (cb->state == GLASS_TX_FLYING)
		tp->pipe -= skb->len;
	if (glass_seq_after(cb->order, tp->order_acked))
		tp->order_acked = cb->order;
}

static void tx_ack_cumulative(struct sock *sk)
{
	struct glass_transport *tp = glass_tp(sk);
	struct sk_buff *skb;

	while ((skb = skb_peek(&sk->sk_write_queue)) && skb != sk->sk_send_head &&
	       !glass_seq_after(glass_tx_cb(skb)->end, tp->tcb.snd_una)) {
		tx_arrived(tp, skb);
		tx_free(sk, skb);
	}
}

static bool is_sacked(const struct glass_segment *seg,
		      const struct glass_tx_cb *cb)
{
	int i;

	for (i = 0; i < seg->sacks; i++)
		if (!glass_seq_before(cb->seq, seg->sack[i].start) &&
		    !glass_seq_after(cb->end, seg->sack[i].end))
			return true;
	return false;
}

static void tx_ack_selective(struct sock *sk, const struct glass_segment *seg)
{
	struct glass_transport *tp = glass_tp(sk);
	struct sk_buff *skb;

	skb_queue_walk(&sk->sk_write_queue, skb) {
		struct glass_tx_cb *cb = glass_tx_cb(skb);

		if (skb == sk->sk_send_head)
			break;
		if (cb->state == GLASS_TX_SACKED || !is_sacked(seg, cb))
			continue;
		tx_arrived(tp, skb);
		cb->state = GLASS_TX_SACKED;
	}
}

/*
 * For how long a transmission that was overtaken is not held for lost, in
 * microseconds. After three that were sent later and have arrived (RFC 5681's
 * threshold, counted in transmissions as RFC 9002 does, so that a lost
 * retransmission is seen too) it is a moment; after one or two, as long as an
 * answer has ever taken lately. A window of few large segments never has three
 * behind a loss, and need not wait for the timer (RFC 8985).
 */
static u32 tx_patience(const struct glass_transport *tp,
		       const struct glass_tx_cb *cb)
{
	u32 reorder = max(tp->rtt.srtt8 / 32, GLASS_REORDER_MIN);

	if (!glass_seq_before(tp->order_acked, cb->order + GLASS_DUPTHRESH))
		return reorder;
	return tp->rtt.srtt8 / 8 + max(tp->rtt.var4, reorder);
}

/*
 * Find what is lost among what was overtaken, and see to it that what may be
 * late only is looked at again. Returns whether something is lost.
 */
static bool tx_find_lost(struct sock *sk)
{
	struct glass_transport *tp = glass_tp(sk);
	u32 patience, age, soonest = U32_MAX;
	u32 now = glass_clock();
	struct sk_buff *skb;
	bool any = false;

	tp->lossy = false;
	skb_queue_walk(&sk->sk_write_queue, skb) {
		struct glass_tx_cb *cb = glass_tx_cb(skb);

		if (skb == sk->sk_send_head)
			break;
		/* Whatever is in flight behind a hole keeps us looking. */
		tp->lossy = true;
		if (cb->state == GLASS_TX_LOST)
			any = true;
		if (cb->state != GLASS_TX_FLYING ||
		    !glass_seq_after(tp->order_acked, cb->order))
			continue;
		patience = tx_patience(tp, cb);
		age = now - cb->sent;
		if (age < patience) {
			soonest = min(soonest, patience - age);
			continue;
		}
		cb->state = GLASS_TX_LOST;
		tp->pipe -= skb->len;
		any = true;
	}
	if (soonest != U32_MAX && !tp->is_reordered) {
		tp->is_reordered = true;
		glass_transport_set_deadline(sk, GLASS_DEADLINE_RETRANSMIT,
					     usecs_to_jiffies(soonest) + 1);
	}
	return any;
}

/* If something is lost, a recovery begins. @flight was on its way before. */
static void tx_look_for_losses(struct sock *sk, u32 flight)
{
	struct glass_transport *tp = glass_tp(sk);

	if (tx_find_lost(sk) &&
	    glass_congestion_lost(&tp->cc, tp->tcb.snd_una, tp->tcb.snd_nxt,
				  flight))
		glass_stats_inc(sock_net(sk), GLASS_MIB_RECOVERIES);
}

/* There may be room again for who writes. */
static void tx_write_space(struct sock *sk)
{
	/*
	 * What was freed, before the look for who waits. Paired with the
	 * barrier in is_writable() (connected.c), and with that of
	 * sk_stream_wait_memory().
	 */
	smp_mb();
	if (sk_stream_is_writeable(sk))
		sk->sk_write_space(sk);
}

/* There was no answer in time: wait longer for the next one. */
static void tx_back_off(struct glass_transport *tp)
{
	glass_rtt_backoff(&tp->rtt);
	tp->timed_out = glass_clock();
}

/*
 * How long did it take? An answer to what was sent before the timer fired tells
 * how long the loss took to repair, which is our own doing: counted as a round
 * trip, it would make the next repair take longer still. So it is not, and the
 * timer stays as slow as it is until something that was sent later is answered
 * (RFC 6298, 3 and 5.7: Karn's algorithm).
 */
static void tx_measure(struct glass_transport *tp,
		       const struct glass_segment *seg)
{
	if (tp->rtt.backoff && glass_seq_before(seg->ts_echo, tp->timed_out))
		return;
	glass_rtt_sample(&tp->rtt, glass_clock() - seg->ts_echo);
}

/**
 * glass_tx_acked - the peer has acknowledged something, or opened its window
 * @sk: the socket
 * @seg: the segment that says so
 * @result: what it says
 *
 * Context: socket lock held.
 */
void glass_tx_acked(struct sock *sk, const struct glass_segment *seg,
		    const struct glass_tcb_result *result)
{
	struct glass_transport *tp = glass_tp(sk);
	u32 flight = tp->pipe;

	tp->probes = 0;
	if (result->acked) {
		tp->progress = jiffies;
		tx_measure(tp, seg);
		tx_ack_cumulative(sk);
		glass_congestion_acked(&tp->cc, tp->tcb.snd_una, result->acked,
				       2 * flight >= tp->cc.cwnd);
	}
	if (seg->sacks) {
		tx_ack_selective(sk, seg);
		tp->lossy = true;
	}
	if (result->acked)
		tx_arm_timer(sk, true);
	if (tp->lossy)
		tx_look_for_losses(sk, flight);
	if (result->acked)
		tx_write_space(sk);
}

/* The window is closed and the peer silent, or nothing could be sent. */
static void tx_probe(struct sock *sk)
{
	struct glass_transport *tp = glass_tp(sk);

	tp->probes = min(tp->probes + 1, 255);
	tx_back_off(tp);
	glass_tx_send_probe(sk);
	tx_arm_timer(sk, true);
}

/*
 * Is the oldest segment still in this machine, in a queue of the device or of
 * the receiver? Then it is not lost: whoever has it was kept from running, or
 * its acknowledgment was lost, which a probe brings again.
 */
static bool tx_is_held_here(struct sock *sk)
{
	struct sk_buff *skb = skb_peek(&sk->sk_write_queue);

	return skb && skb != sk->sk_send_head &&
	       glass_tx_cb(skb)->state == GLASS_TX_FLYING && skb_cloned(skb) &&
	       glass_tp(sk)->probes < GLASS_HELD_PROBES;
}

/* Everything in flight is held for lost: begin again with one segment. */
static void tx_go_back(struct sock *sk)
{
	struct glass_transport *tp = glass_tp(sk);
	bool is_first = tp->timeout_una != tp->tcb.snd_una;
	u32 flight = tp->pipe;
	struct sk_buff *skb;

	skb_queue_walk(&sk->sk_write_queue, skb) {
		struct glass_tx_cb *cb = glass_tx_cb(skb);

		if (skb == sk->sk_send_head)
			break;
		/* The peer may have thrown away what it had (RFC 2018, 8). */
		if (cb->state == GLASS_TX_FLYING || !is_first)
			cb->state = GLASS_TX_LOST;
	}
	tp->pipe = 0;
	tp->lossy = true;
	tp->timeout_una = tp->tcb.snd_una;
	glass_congestion_timeout(&tp->cc, tp->tcb.snd_nxt, flight, is_first);
	tx_back_off(tp);
	glass_stats_inc(sock_net(sk), GLASS_MIB_TIMEOUTS);

	tx_push_lost(sk);
	/* Only the FIN is missing. */
	if (skb_queue_empty(&sk->sk_write_queue))
		tx_send_fin(sk);
	tx_arm_timer(sk, true);
}

/**
 * glass_tx_timeout - the retransmission timer has fired
 * @sk: the socket
 *
 * Context: BH, socket lock held.
 */
void glass_tx_timeout(struct sock *sk)
{
	struct glass_transport *tp = glass_tp(sk);
	int err;

	if (tp->is_reordered) {
		tp->is_reordered = false;
		tx_look_for_losses(sk, tp->pipe);
		glass_tx_push(sk);
		if (!tp->is_reordered)
			tx_arm_timer(sk, true);
		return;
	}
	if (glass_transport_is_stalled(sk)) {
		glass_transport_end(sk, ETIMEDOUT);
		return;
	}
	/* A device may have been given a smaller MTU: nothing got through. */
	tp->mss = min(tp->mss, glass_tx_mss(sk, &err));
	if (tp->tcb.state == TCP_SYN_SENT || tp->tcb.state == TCP_SYN_RECV) {
		tx_back_off(tp);
		glass_tx_send_syn(sk);
		tx_arm_timer(sk, true);
	} else if (glass_tcb_in_flight(&tp->tcb)) {
		if (tx_is_held_here(sk))
			tx_probe(sk);
		else
			tx_go_back(sk);
	} else {
		/* Use what room there is, small as it may be (RFC 1122). */
		tx_push(sk, true);
		if (!glass_tcb_in_flight(&tp->tcb))
			tx_probe(sk);
	}
}
