// SPDX-License-Identifier: GPL-2.0
/* What the peer acknowledges, what is lost, and when to send it again. */
#include "transport.h"

#include "net.h"
#include "stamp.h"
#include "trace.h"

/* A segment is lost when so many that were sent later have arrived (RFC 5681). */
#define GLASS_DUPTHRESH		3

/*
 * So often a segment that is still in this machine is asked for before it is
 * sent again nevertheless: tcpdump may be all that has it.
 */
#define GLASS_HELD_PROBES	3

/* How long a segment may be overtaken without being lost, in microseconds. */
#define GLASS_REORDER_MIN	1000U

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
		glass_stamp_acked(sk, skb);
		glass_tx_free(sk, skb);
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
 *
 * While a clone of it is in some queue of this machine it was overtaken, by what
 * another CPU has sent, and is not lost; but a capture may have that clone, so
 * it is not waited for any longer than the timer would.
 */
static u32 tx_patience(const struct glass_transport *tp,
		       const struct sk_buff *skb, const struct glass_tx_cb *cb)
{
	u32 reorder = max(tp->rtt.srtt8 / 32, GLASS_REORDER_MIN);

	if (skb_cloned(skb))
		return glass_rtt_rto(&tp->rtt);
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
		patience = tx_patience(tp, skb, cb);
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

/**
 * glass_tx_write_space - there may be room again for who writes
 * @sk: the socket; who waits has set SOCK_NOSPACE
 *
 * Context: socket lock held.
 */
void glass_tx_write_space(struct sock *sk)
{
	const struct socket *sock = sk->sk_socket;

	/*
	 * What was freed, before the look for who waits. Paired with the
	 * barrier in is_writable() (connected.c), and with that of
	 * sk_stream_wait_memory().
	 */
	smp_mb();
	if (sock && test_bit(SOCK_NOSPACE, &sock->flags))
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
		glass_tx_arm_timer(sk, true);
	if (tp->lossy)
		tx_look_for_losses(sk, flight);
	if (result->acked)
		glass_tx_write_space(sk);
}

/* The window is closed and the peer silent, or nothing could be sent. */
static void tx_probe(struct sock *sk)
{
	struct glass_transport *tp = glass_tp(sk);

	tp->probes = min(tp->probes + 1, 255);
	tx_back_off(tp);
	glass_tx_send_probe(sk);
	glass_tx_arm_timer(sk, true);
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
	struct sk_buff *skb = skb_peek(&sk->sk_write_queue);
	/* The peer wants what it said it had: it has thrown that away. */
	bool is_reneged = skb && glass_tx_cb(skb)->state == GLASS_TX_SACKED;
	u32 flight = tp->pipe;

	skb_queue_walk(&sk->sk_write_queue, skb) {
		struct glass_tx_cb *cb = glass_tx_cb(skb);

		if (skb == sk->sk_send_head)
			break;
		/* It may have without a sign of it, too (RFC 2018, 8). */
		if (cb->state == GLASS_TX_FLYING || !is_first || is_reneged)
			cb->state = GLASS_TX_LOST;
	}
	tp->pipe = 0;
	tp->lossy = true;
	tp->timeout_una = tp->tcb.snd_una;
	glass_congestion_timeout(&tp->cc, tp->tcb.snd_nxt, flight, is_first);
	tx_back_off(tp);
	glass_stats_inc(sock_net(sk), GLASS_MIB_TIMEOUTS);

	glass_tx_push_lost(sk);
	/* Only the FIN is missing. */
	if (skb_queue_empty(&sk->sk_write_queue))
		glass_tx_send_fin(sk);
	glass_tx_arm_timer(sk, true);
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
		glass_tx_push(sk, false);
		if (!tp->is_reordered)
			glass_tx_arm_timer(sk, true);
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
		glass_tx_arm_timer(sk, true);
	} else if (glass_tcb_in_flight(&tp->tcb)) {
		if (tx_is_held_here(sk))
			tx_probe(sk);
		else
			tx_go_back(sk);
	} else {
		/* Use what room there is, small as it may be (RFC 1122). */
		glass_tx_push(sk, true);
		if (!glass_tcb_in_flight(&tp->tcb))
			tx_probe(sk);
	}
}
