// SPDX-License-Identifier: GPL-2.0
/* Segments, one by one: read, encoded and sent, with a connection and without. */
#include "transport.h"

#include "input.h"
#include "net.h"
#include "output.h"
#include "stats.h"
#include "trace.h"
#include "wire.h"

/**
 * glass_segment_alloc - a buffer for a segment without payload
 *
 * Context: any.
 * Return: the buffer, or NULL if there is no memory.
 */
struct sk_buff *glass_segment_alloc(void)
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
	struct sk_buff *skb = glass_segment_alloc();

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
		.mark		= READ_ONCE(sk->sk_mark),
		.priority	= READ_ONCE(sk->sk_priority),
		.protocol	= sk->sk_protocol,
	};
}

/**
 * glass_segment_mss - payload of a full segment on a way
 * @net: the namespace
 * @node: where to
 * @bound_dev_if: as for glass_output_route()
 * @cache: likewise
 * @err: 0, or why nothing can be sent: as glass_output_route()
 *
 * Context: any but hard interrupt.
 * Return: bytes, 0 if there is no way or none that carries payload.
 */
u32 glass_segment_mss(struct net *net, u32 node, int bound_dev_if,
		      struct glass_route_cache *cache, int *err)
{
	const struct glass_route *route;
	u32 payload = 0;

	rcu_read_lock();
	route = glass_output_route(net, node, bound_dev_if, cache);
	*err = PTR_ERR_OR_ZERO(route);
	if (!*err)
		payload = glass_output_max_payload(route);
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
	u32 mss = glass_segment_mss(sock_net(sk), tp->gs.remote.node,
				    sk->sk_bound_dev_if, &tp->gs.route, err);

	return mss ? mss : tp->mss;
}

/**
 * glass_segment_transmit - send a segment of a connection
 * @sk: the socket; both its ends are known
 * @skb: the payload; taken over. Whatever happens to it after this is the
 *	network's affair
 * @seg: the segment; what the receiving side tells is filled in
 *
 * Context: socket lock held.
 */
void glass_segment_transmit(struct sock *sk, struct sk_buff *skb,
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
	struct sk_buff *skb = glass_segment_alloc();
	struct glass_segment seg = {
		.seq		= tp->tcb.snd_una,
		.flags		= GLASS_SEG_SYN,
		.max_payload	= tp->mss,
		.max_record	= READ_ONCE(sk->sk_rcvbuf),
	};

	if (skb)
		glass_segment_transmit(sk, skb, &seg);
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
	struct sk_buff *skb = glass_segment_alloc();
	struct glass_segment seg = { .seq = tp->tcb.snd_nxt };

	if (!skb) {
		/* Soon, then. */
		glass_transport_set_deadline(sk, GLASS_DEADLINE_ACK, 1);
		return;
	}
	tx_fill_sacks(tp, &seg);
	glass_segment_transmit(sk, skb, &seg);
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
	struct sk_buff *skb = glass_segment_alloc();
	struct glass_segment seg = { .seq = tp->tcb.snd_una - 1 };

	glass_stats_inc(sock_net(sk), GLASS_MIB_PROBES);
	if (skb)
		glass_segment_transmit(sk, skb, &seg);
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
