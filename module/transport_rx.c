// SPDX-License-Identifier: GPL-2.0
/* The transport's way in: what a segment brings, and what it acknowledges. */
#include "transport.h"

#include <linux/filter.h>
#include <linux/jhash.h>
#include <net/netns/hash.h>

#include "compat.h"
#include "dev.h"
#include "input.h"
#include "net.h"
#include "trace.h"
#include "wire.h"

/* RFC 5961, 7: challenges to one connection in a second. */
#define GLASS_CHALLENGES_MAX	100

/* --- Segments -------------------------------------------------------------- */

static void rx_challenge(struct sock *sk)
{
	struct glass_transport *tp = glass_tp(sk);

	if (time_after(jiffies, tp->challenged + HZ)) {
		tp->challenged = jiffies;
		tp->challenges = 0;
	}
	if (tp->challenges++ >= GLASS_CHALLENGES_MAX)
		return;
	glass_stats_inc(sock_net(sk), GLASS_MIB_CHALLENGES);
	glass_tx_send_ack(sk);
}

/* The connection is not to go on. Returns whether it has ended. */
static bool rx_ends(struct sock *sk, struct glass_tcb_result *result)
{
	u32 actions = result->actions;

	if (actions & GLASS_TCB_RESET) {
		glass_stats_inc(sock_net(sk), GLASS_MIB_ESTABLISHED_RESETS);
		trace_glass_reset_receive(sk, glass_tp(sk)->tcb.rcv_nxt, 0);
		/* Who has had the peer's end writes to nobody; as TCP. */
		glass_transport_end(sk, sk->sk_state == TCP_CLOSE_WAIT ?
					EPIPE : ECONNRESET);
		return true;
	}
	if (actions & GLASS_TCB_REFUSED) {
		glass_transport_end(sk, ECONNREFUSED);
		return true;
	}
	if (actions & GLASS_TCB_CLOSED) {
		glass_transport_end(sk, 0);
		return true;
	}
	/* Nobody will ever read it. */
	if (actions & GLASS_TCB_DATA && sock_flag(sk, SOCK_DEAD)) {
		glass_transport_reset(sk, 0);
		return true;
	}
	return false;
}

/*
 * Do what a segment asks for; one that is dropped for its payload can still
 * acknowledge something. Returns whether @skb was taken over.
 */
static bool rx_segment(struct sock *sk, struct sk_buff *skb,
		       const struct glass_segment *seg,
		       struct glass_tcb_result *result)
{
	struct glass_transport *tp = glass_tp(sk);
	u32 rcv_nxt = tp->tcb.rcv_nxt;
	bool is_taken = false;
	bool is_end_acked;

	if (result->actions & GLASS_TCB_CONNECTED) {
		if (seg->flags & GLASS_SEG_SYN)
			glass_transport_set_peer(sk, seg->max_payload,
						 seg->max_record);
		glass_cred_learn_peer(sk, skb);
		glass_transport_established(sk);
	}
	if (result->actions & (GLASS_TCB_ACKED | GLASS_TCB_WINDOW) ||
	    (seg->sacks && !result->drop))
		glass_tx_acked(sk, seg, result);
	if (seg->flags & GLASS_SEG_DEAF && !result->drop && !tp->peer_is_deaf) {
		tp->peer_is_deaf = true;
		/* It ends the wait of who writes, too. */
		WRITE_ONCE(sk->sk_shutdown, sk->sk_shutdown | SEND_SHUTDOWN);
		if (!sock_flag(sk, SOCK_DEAD))
			sk->sk_state_change(sk);
	}

	if (result->actions & GLASS_TCB_DATA) {
		if (tp->is_deaf) {
			if (!(result->actions & GLASS_TCB_HOLE))
				rcv_nxt = result->data.end;
			tp->ack_owed++;
		} else {
			is_taken = glass_rx_queue(sk, skb, seg, result, &rcv_nxt);
		}
	}
	glass_tcb_received(&tp->tcb, rcv_nxt, result);
	if (result->actions & GLASS_TCB_FIN) {
		WRITE_ONCE(sk->sk_shutdown, sk->sk_shutdown | RCV_SHUTDOWN);
		sock_set_flag(sk, SOCK_DONE);
	}
	is_end_acked = sk->sk_state == TCP_FIN_WAIT1 &&
		       tp->tcb.state == TCP_FIN_WAIT2;
	glass_transport_set_state(sk);

	if (sock_flag(sk, SOCK_DEAD))
		return is_taken;
	/* A close() that lingers waits for this. */
	if (is_end_acked)
		sk->sk_state_change(sk);
	if (result->actions & GLASS_TCB_FIN) {
		sk->sk_state_change(sk);
		sk_wake_async(sk, SOCK_WAKE_WAITD, POLL_IN);
	} else if (result->actions & GLASS_TCB_DATA) {
		/* Whether it is enough is for the type to say, see its poll. */
		sk->sk_data_ready(sk);
	}
	return is_taken;
}

/* The peer's end has come, and the peer sees it: that is its acknowledgment. */
static void rx_confirm_end(struct sock *sk, struct sk_buff *skb)
{
	struct glass_transport *tp = glass_tp(sk);

	glass_dev_arrived(skb);
	tp->tcb.ack_sent = tp->tcb.rcv_nxt;
	tp->ack_owed = 0;
	glass_transport_clear_deadline(sk, GLASS_DEADLINE_ACK);
}

/* Acknowledge now, or soon, or with the next segment that goes anyway. */
static void rx_acknowledge(struct sock *sk, struct sk_buff *skb, u32 actions)
{
	struct glass_transport *tp = glass_tp(sk);
	bool is_sent = tp->tcb.ack_sent == tp->tcb.rcv_nxt;

	if (actions & GLASS_TCB_CHALLENGE) {
		rx_challenge(sk);
		return;
	}
	if (actions & GLASS_TCB_FIN && glass_dev_is_expected(skb)) {
		rx_confirm_end(sk, skb);
		return;
	}
	/* A segment that has just gone said it, but for what came early. */
	if (actions & GLASS_TCB_ACK_NOW &&
	    (!is_sent || !(actions & GLASS_TCB_FIN))) {
		glass_tx_send_ack(sk);
		return;
	}
	if (!tp->ack_owed)
		return;
	/* Every second full segment (RFC 1122, 4.2.3.2). */
	if (tp->ack_owed >= 2 * tp->mss ||
	    tp->ack_owed >= (u32)READ_ONCE(sk->sk_rcvbuf) / 2)
		glass_tx_send_ack(sk);
	else if (!test_bit(GLASS_DEADLINE_ACK, &tp->deadline_set))
		glass_transport_set_deadline(sk, GLASS_DEADLINE_ACK,
					     usecs_to_jiffies(GLASS_DELACK));
}

/* What has to be sent in answer to @skb, which may be gone. */
static void rx_answer(struct sock *sk, struct sk_buff *skb,
		      struct glass_tcb_result *result)
{
	u32 actions = result->actions;

	if (actions & GLASS_TCB_REPLY_RST)
		glass_tx_send_reset(sk, &result->reset);
	if (actions & GLASS_TCB_SYN)
		glass_tx_send_syn(sk);
	if (sk->sk_state == TCP_CLOSE || sk->sk_state == TCP_SYN_SENT ||
	    sk->sk_state == TCP_SYN_RECV)
		return;
	/* A payload that is dropped may have come with news for the sender. */
	if ((!result->drop || actions & (GLASS_TCB_ACKED | GLASS_TCB_WINDOW)) &&
	    (!skb_queue_empty(&sk->sk_write_queue) ||
	     glass_tp(sk)->tcb.fin_queued))
		glass_tx_push(sk, false);
	rx_acknowledge(sk, skb, actions);
}

/* Nothing is left for the socket to do: TIME_WAIT needs none. */
static bool rx_leaves_socket(const struct sock *sk)
{
	return sk->sk_state == TCP_TIME_WAIT ||
	       (sk->sk_state == TCP_FIN_WAIT2 && sock_flag(sk, SOCK_DEAD));
}

/*
 * While a segment waited for its socket, the socket may have given its connection
 * to what remembers it: the segment is for that. Returns whether it was taken
 * over. Socket lock held.
 */
static bool rx_is_remembered(struct net *net, struct sk_buff *skb)
{
	struct glass_conn_key key;
	struct glass_conn *conn;
	bool is_remembered;
	u32 iss;

	glass_segment_key(skb, &key);
	local_bh_disable();
	rcu_read_lock();
	conn = glass_conn_lookup(net, &key);
	is_remembered = conn && conn->kind == GLASS_CONN_TIMEWAIT;
	/* What begins a new connection will come again. */
	if (is_remembered && !glass_timewait_rcv(net, conn, skb, &iss))
		glass_drop(net, skb, GLASS_DROP_CONNECTION);
	rcu_read_unlock();
	local_bh_enable();
	return is_remembered;
}

/**
 * glass_transport_rcv - a segment arrives at its connection's socket
 * @sk: the socket, not listening
 * @skb: the segment, from the Glass header on; taken over
 *
 * Context: socket lock held. If that is a spinlock, frames sent here must not
 *	be delivered directly: see glass_dev_delivery_hold().
 */
void glass_transport_rcv(struct sock *sk, struct sk_buff *skb)
{
	struct glass_transport *tp = glass_tp(sk);
	struct glass_tcb_result result glass_uncleared;
	struct glass_segment seg glass_uncleared;
	enum glass_drop drop;
	bool is_taken = false;

	drop = glass_segment_read(skb, &seg);
	if (drop)
		goto drop_skb;
	/* It found the socket before the connection ended. */
	if (sk->sk_state == TCP_CLOSE) {
		if (rx_is_remembered(sock_net(sk), skb))
			return;
		glass_segment_send_reset(sock_net(sk), skb);
		drop = GLASS_DROP_CONNECTION;
		goto drop_skb;
	}

	glass_tcb_input(&tp->tcb, &seg, glass_clock_coarse(), &result);
	drop = result.drop;
	if (!drop || result.actions & GLASS_TCB_ACK_NOW) {
		tp->heard = jiffies;
		tp->keep_probes = 0;
	}
	if (!rx_ends(sk, &result)) {
		is_taken = rx_segment(sk, skb, &seg, &result);
		rx_answer(sk, skb, &result);
		if (rx_leaves_socket(sk)) {
			glass_timewait_start(sk);
			glass_transport_end(sk, 0);
		}
	}
	if (is_taken)
		return;
	if (!drop) {
		consume_skb(skb);
		return;
	}
drop_skb:
	glass_drop(sock_net(sk), skb, drop);
}

/**
 * glass_transport_backlog_rcv - proto.backlog_rcv: take a frame from input
 * @sk: the socket
 * @skb: the frame, from the Glass header on; taken over
 *
 * Context: socket lock held, by BH or by a process that is letting it go.
 * Return: 0.
 */
int glass_transport_backlog_rcv(struct sock *sk, struct sk_buff *skb)
{
	glass_stats_inc(sock_net(sk), GLASS_MIB_IN_SEGMENTS);
	if (sk->sk_state == TCP_LISTEN)
		glass_listen_rcv(sk, skb);
	else
		glass_transport_rcv(sk, skb);
	return 0;
}

/* --- Demultiplexing --------------------------------------------------------- */

/* The socket that a segment is for, with a reference, or NULL. */
static struct sock *rx_find_socket(struct net *net, struct sk_buff *skb,
				   const struct glass_wire *wire,
				   struct glass_conn **timewait)
{
	struct glass_conn_key key = {
		.local.node	= wire->dst_node,
		.local.port	= wire->dst_port,
		.remote.node	= wire->src_node,
		.remote.port	= wire->src_port,
		.protocol	= wire->protocol,
	};
	struct glass_conn *conn, *gone = NULL;
	struct sock *sk;

	conn = glass_conn_lookup_cached(net, &key, glass_dev_expected_peer(skb));
	while (conn && conn != gone) {
		if (conn->kind == GLASS_CONN_TIMEWAIT) {
			*timewait = conn;
			return NULL;
		}
		sk = glass_sk_get_rcu(&conn->sk);
		if (sk)
			return sk;
		/* It has gone since, and may have left its connection to another. */
		gone = conn;
		conn = glass_conn_lookup(net, &key);
	}
	/* If it is going, the segment comes for nobody. */
	if (conn)
		return NULL;

	sk = glass_port_lookup_listener(net, wire->protocol, &key.local,
					skb->dev->ifindex);
	return sk ? glass_port_select(sk, jhash(&key, sizeof(key), net_hash_mix(net))) : NULL;
}

/* Through the socket's filter, to the socket. Returns why not, as a handler. */
static enum glass_drop rx_deliver(struct sock *sk, struct sk_buff *skb,
				  u32 hlen)
{
	enum glass_drop drop = GLASS_DROP_FILTER;
	struct sk_buff *own = skb;
	unsigned int limit;

	/* A filter may cut what it sees; not what is only lent. */
	if (unlikely(rcu_access_pointer(sk->sk_filter)) &&
	    glass_dev_is_expected(skb))
		own = skb_clone(skb, GFP_ATOMIC);
	if (!own)
		return GLASS_DROP_MEMORY;

	/* A window full of segments, and what acknowledges as much. */
	limit = 4 * READ_ONCE(sk->sk_rcvbuf) + READ_ONCE(sk->sk_sndbuf) +
		GLASS_MTU_DEFAULT;
	if (!sk_filter_trim_cap(sk, own, hlen))
		drop = glass_input_deliver(sk, own, limit);
	if (own != skb && drop)
		kfree_skb(own);
	else if (own != skb)
		consume_skb(skb);
	return drop;
}

/* glass_input_handler of GLASS_PROTO_STREAM and GLASS_PROTO_SEQPACKET. */
static enum glass_drop transport_demux(struct net *net, struct sk_buff *skb,
				       const struct glass_wire *wire)
{
	struct glass_conn *timewait = NULL;
	enum glass_drop drop;
	struct sock *sk;
	u32 iss = 0;

	sk = rx_find_socket(net, skb, wire, &timewait);
	if (timewait && glass_timewait_rcv(net, timewait, skb, &iss))
		return GLASS_DROP_NONE;
	/* A new connection begins where one was remembered. */
	if (timewait)
		sk = rx_find_socket(net, skb, wire, &timewait);
	glass_rx_cb(skb)->iss = iss;
	if (!sk)
		return glass_segment_send_reset(net, skb) ?
		       GLASS_DROP_CONNECTION : GLASS_DROP_SEGMENT;

	drop = rx_deliver(sk, skb, wire->hlen);
	sock_put(sk);
	return drop;
}

/**
 * glass_rx_init - begin to receive segments
 *
 * Context: process.
 */
void __init glass_rx_init(void)
{
	glass_input_add_protocol(GLASS_PROTO_STREAM, transport_demux);
	glass_input_add_protocol(GLASS_PROTO_SEQPACKET, transport_demux);
}

/**
 * glass_rx_exit - receive no more
 *
 * Context: process. Input is closed, so no handler is running.
 */
void glass_rx_exit(void)
{
	glass_input_del_protocol(GLASS_PROTO_SEQPACKET, transport_demux);
	glass_input_del_protocol(GLASS_PROTO_STREAM, transport_demux);
}
