// SPDX-License-Identifier: GPL-2.0
/*
 * Listeners: connections that are half open, and those that nobody has accepted
 * yet. All under the listener's socket lock.
 */
#include "transport.h"

#include <linux/memcontrol.h>
#include <linux/slab.h>
#include <net/sock_reuseport.h>

#include "dev.h"
#include "input.h"
#include "net.h"
#include "output.h"
#include "room.h"

/* Half-open connections beyond what the backlog allows. */
#define GLASS_REQUESTS_SPARE	128

/* How often a SYN is answered in vain before the request is dropped. */
#define GLASS_REQUEST_ANSWERS	8

/**
 * struct glass_request - a connection that is half open (SYN_RECV)
 * @conn: in the connection table, with the listener as its socket; first
 * @list: in glass_transport.requests of the listener
 * @tcb: the connection so far
 * @mss: payload of the largest segment that our side of the way allows
 * @max_payload: what the peer says of itself, see struct glass_seg_syn
 * @max_record: likewise
 * @window: what the peer was told there is room for
 * @answers: SYNs with ACK sent
 * @answer_at: jiffies when the next one is due
 *
 * Lifetime: from the SYN until the handshake is over, a newer one takes its
 * place, it has been answered often enough or the listener goes; plus a grace
 * period. Guarded by the listener's lock.
 */
struct glass_request {
	struct glass_conn	conn;
	struct list_head	list;
	struct glass_tcb	tcb;
	u32			mss;
	u32			max_payload;
	u32			max_record;
	u32			window;
	u8			answers;
	unsigned long		answer_at;
};

static void request_remove(struct glass_transport *listener,
			   struct glass_request *request)
{
	list_del(&request->list);
	listener->request_count--;
	glass_conn_remove(sock_net(&listener->gs.sk), &request->conn);
	kfree_rcu(request, conn.rcu);
}

/* Send the SYN with ACK, and note when to send it again. */
static void request_answer(struct sock *sk, struct glass_request *request)
{
	struct glass_segment seg = {
		.seq		= request->tcb.snd_una,
		.flags		= GLASS_SEG_SYN,
		.max_payload	= request->mss,
		.max_record	= request->window,
	};
	struct glass_rtt rtt;

	glass_rtt_init(&rtt);
	rtt.backoff = request->answers++;
	request->answer_at = jiffies + usecs_to_jiffies(glass_rtt_rto(&rtt));
	glass_tcb_fill(&request->tcb, &seg, glass_clock());
	glass_segment_send(sock_net(sk), &request->conn.key, &seg);
}

static void listen_arm_timer(struct sock *sk)
{
	struct glass_transport *tp = glass_tp(sk);
	struct glass_request *request;
	unsigned long next;

	if (list_empty(&tp->requests))
		return;
	request = list_first_entry(&tp->requests, struct glass_request, list);
	next = request->answer_at;
	list_for_each_entry(request, &tp->requests, list)
		if (time_before(request->answer_at, next))
			next = request->answer_at;
	glass_transport_set_deadline(sk, GLASS_DEADLINE_REQUESTS,
				     time_after(next, jiffies) ?
				     next - jiffies : 1);
}

/**
 * glass_listen_timeout - answer half-open connections again, or drop them
 * @sk: the listener
 *
 * Context: BH, socket lock held.
 */
void glass_listen_timeout(struct sock *sk)
{
	struct glass_transport *tp = glass_tp(sk);
	struct glass_request *request, *next;

	list_for_each_entry_safe(request, next, &tp->requests, list) {
		if (time_before(jiffies, request->answer_at))
			continue;
		if (request->answers >= GLASS_REQUEST_ANSWERS)
			request_remove(tp, request);
		else
			request_answer(sk, request);
	}
	listen_arm_timer(sk);
}

/* --- A SYN ------------------------------------------------------------------ */

/*
 * A place for one more half-open connection. Who floods a listener with SYNs
 * fills the list; the oldest goes then, so that a real client, who answers at
 * once, gets through nevertheless.
 */
static void listen_make_place(struct sock *sk)
{
	struct glass_transport *tp = glass_tp(sk);
	u32 max = READ_ONCE(sk->sk_max_ack_backlog) + GLASS_REQUESTS_SPARE;

	if (tp->request_count < max)
		return;
	glass_stats_inc(sock_net(sk), GLASS_MIB_REQUEST_EVICTIONS);
	request_remove(tp, list_first_entry(&tp->requests, struct glass_request,
					    list));
}

static enum glass_drop listen_syn(struct sock *sk,
				  const struct glass_conn_key *key,
				  const struct glass_segment *seg, u32 iss)
{
	struct glass_transport *tp = glass_tp(sk);
	struct net *net = sock_net(sk);
	struct glass_request *request;
	struct glass_route_cache cache = {};
	int err;

	if (sk_acceptq_is_full(sk))
		return GLASS_DROP_BACKLOG;
	listen_make_place(sk);
	request = kzalloc(sizeof(*request), GFP_ATOMIC);
	if (!request)
		return GLASS_DROP_MEMORY;
	request->conn.key = *key;
	request->conn.kind = GLASS_CONN_REQUEST;
	request->conn.sk = sk;
	request->mss = glass_segment_mss(net, key->remote.node,
					 sk->sk_bound_dev_if, &cache, &err);
	request->max_payload = seg->max_payload;
	request->max_record = seg->max_record;
	request->window = READ_ONCE(sk->sk_rcvbuf);
	if (!iss)
		iss = glass_transport_iss(net, key);
	glass_tcb_accept(&request->tcb, iss, seg, glass_clock_coarse());
	glass_tcb_open_window(&request->tcb, request->window, 0);
	if (!request->mss || glass_conn_insert(net, &request->conn)) {
		kfree(request);
		return GLASS_DROP_MEMORY;
	}
	list_add_tail(&request->list, &tp->requests);
	tp->request_count++;
	request_answer(sk, request);
	if (!test_bit(GLASS_DEADLINE_REQUESTS, &tp->deadline_set))
		listen_arm_timer(sk);
	return GLASS_DROP_NONE;
}

/* --- The handshake's end ------------------------------------------------------ */

/*
 * Who makes a socket pays for its memory, but a copy has nobody yet: the core sets
 * that when TCP accepts it, and keeps that to itself. So who listens pays.
 */
static void child_set_memcg(struct sock *child, const struct sock *sk)
{
#ifdef CONFIG_MEMCG
	struct mem_cgroup *memcg = sk->sk_memcg;

	if (memcg && !child->sk_memcg && css_tryget(&memcg->css))
		child->sk_memcg = memcg;
#endif
}

/*
 * The socket of a new connection: a copy of the listener, its spinlock held,
 * with a reference for the accept queue and one for the caller.
 */
static struct sock *child_create(struct sock *sk,
				 const struct glass_request *request)
{
	struct glass_transport *tp;
	struct glass_sock *gs;
	struct sock *child;

	child = sk_clone_lock(sk, GFP_ATOMIC);
	if (!child)
		return NULL;
	child_set_memcg(child, sk);
	gs = glass_sk(child);
	/* Somebody may have held the listener's when it was copied. */
	spin_lock_init(&child->sk_peer_lock);
	RCU_INIT_POINTER(gs->port, NULL);
	gs->tap = NULL;
	gs->route.generation = 0;
	glass_room_init(child);
	gs->room_watched = NULL;
	gs->local = request->conn.key.local;
	gs->remote = request->conn.key.remote;

	glass_transport_init_state(child);
	tp = glass_tp(child);
	tp->tcb = request->tcb;
	tp->mss = request->mss;
	tp->window_floor = request->window;
	tp->readers = 0;
	glass_transport_set_peer(child, request->max_payload,
				 request->max_record);
	WRITE_ONCE(child->sk_state, TCP_SYN_RECV);
	sock_prot_inuse_add(sock_net(child), child->sk_prot, 1);
	return child;
}

/*
 * The last segment of a handshake: the request becomes a socket, which takes
 * the segment.
 */
static enum glass_drop listen_establish(struct sock *sk,
					struct glass_request *request,
					struct sk_buff *skb)
{
	struct glass_transport *tp = glass_tp(sk);
	struct glass_conn *conn;
	struct sock *child;

	/* The peer tries again, and there may be a place then. */
	if (sk_acceptq_is_full(sk))
		return GLASS_DROP_BACKLOG;
	conn = kzalloc(sizeof(*conn), GFP_ATOMIC);
	if (!conn)
		return GLASS_DROP_MEMORY;
	local_bh_disable();
	child = child_create(sk, request);
	if (!child) {
		local_bh_enable();
		kfree(conn);
		return GLASS_DROP_MEMORY;
	}
	/* sk_clone_lock() has; sparse does not know. */
	__acquire(&child->sk_lock.slock);
	conn->key = request->conn.key;
	conn->kind = GLASS_CONN_SOCKET;
	conn->sk = child;
	/* The request is in the table, and its listener locked: no failure. */
	WARN_ON_ONCE(glass_conn_replace(sock_net(sk), &request->conn, conn));
	glass_tp(child)->conn = conn;
	list_del(&request->list);
	tp->request_count--;
	kfree_rcu(request, conn.rcu);

	list_add_tail(&glass_tp(child)->accept_link, &tp->accept_queue);
	sk_acceptq_added(sk);
	glass_stats_inc(sock_net(sk), GLASS_MIB_PASSIVE_OPENS);

	glass_dev_delivery_hold();
	glass_transport_rcv(child, skb);
	glass_dev_delivery_release();
	bh_unlock_sock(child);
	local_bh_enable();
	sock_put(child);
	sk->sk_data_ready(sk);
	return GLASS_DROP_NONE;
}

static enum glass_drop listen_request(struct sock *sk,
				      struct glass_request *request,
				      const struct glass_segment *seg,
				      struct sk_buff *skb)
{
	struct glass_tcb tcb = request->tcb;
	struct glass_tcb_result result;
	struct glass_segment ack;

	/* On a copy: the socket-to-be sees the segment for itself. */
	glass_tcb_input(&tcb, seg, glass_clock_coarse(), &result);
	if (result.actions & GLASS_TCB_CONNECTED)
		return listen_establish(sk, request, skb);

	if (result.actions & GLASS_TCB_REFUSED) {
		request_remove(glass_tp(sk), request);
	} else if (result.actions & GLASS_TCB_SYN) {
		if (request->answers < GLASS_REQUEST_ANSWERS)
			request_answer(sk, request);
	} else if (result.actions & GLASS_TCB_REPLY_RST) {
		result.reset.ts = glass_clock();
		glass_segment_send(sock_net(sk), &request->conn.key,
				   &result.reset);
	} else if (result.actions & (GLASS_TCB_ACK_NOW | GLASS_TCB_CHALLENGE)) {
		ack = (struct glass_segment){ .seq = request->tcb.snd_nxt };
		glass_tcb_fill(&request->tcb, &ack, glass_clock());
		glass_segment_send(sock_net(sk), &request->conn.key, &ack);
	}
	if (result.drop)
		return result.drop;
	consume_skb(skb);
	return GLASS_DROP_NONE;
}

/* The connection came about while the segment waited: its socket takes it. */
static void listen_forward(struct sock *child, struct sk_buff *skb)
{
	enum glass_drop drop = GLASS_DROP_NONE;

	local_bh_disable();
	/*
	 * The listener's lock, if it is a spinlock, is the outer one, and was
	 * taken as a receiver's: see glass_input_deliver().
	 */
	spin_lock_nested(&child->sk_lock.slock, SINGLE_DEPTH_NESTING + 1);
	glass_dev_delivery_hold();
	if (!sock_owned_by_user(child))
		glass_transport_rcv(child, skb);
	else
		drop = glass_input_add_backlog(child, skb, 4 * child->sk_rcvbuf);
	if (drop)
		glass_drop(sock_net(child), skb, drop);
	glass_dev_delivery_release();
	bh_unlock_sock(child);
	local_bh_enable();
}

/**
 * glass_listen_rcv - a segment arrives at a listener
 * @sk: the listener
 * @skb: the segment, from the Glass header on; taken over
 *
 * Context: socket lock held.
 */
void glass_listen_rcv(struct sock *sk, struct sk_buff *skb)
{
	struct glass_request *request = NULL;
	struct net *net = sock_net(sk);
	struct sock *child = NULL;
	struct glass_conn_key key;
	struct glass_segment seg;
	struct glass_conn *conn;
	enum glass_drop drop;

	drop = glass_segment_read(skb, &seg);
	if (drop)
		goto drop_skb;
	glass_segment_key(skb, &key);

	rcu_read_lock();
	conn = glass_conn_lookup(net, &key);
	if (conn && conn->kind == GLASS_CONN_REQUEST &&
	    READ_ONCE(conn->sk) == sk)
		/* Only who has our lock takes it away. */
		request = container_of(conn, struct glass_request, conn);
	else if (conn)
		child = glass_sk_get_rcu(&conn->sk);
	rcu_read_unlock();

	if (child) {
		if (child != sk && child->sk_state != TCP_LISTEN)
			listen_forward(child, skb);
		else
			glass_drop(net, skb, GLASS_DROP_CONNECTION);
		sock_put(child);
		return;
	}
	if (request) {
		drop = listen_request(sk, request, &seg, skb);
	} else if (seg.flags == GLASS_SEG_SYN) {
		drop = listen_syn(sk, &key, &seg, glass_rx_cb(skb)->iss);
		if (!drop)
			consume_skb(skb);
	} else {
		glass_segment_send_reset(net, skb);
		drop = GLASS_DROP_CONNECTION;
	}
	if (!drop)
		return;
drop_skb:
	glass_drop(net, skb, drop);
}

/* --- The user -------------------------------------------------------------- */

/**
 * glass_listen_start - let connections come
 * @sk: the socket, bound, in CLOSE or LISTEN already
 * @backlog: how many may wait to be accepted
 *
 * Context: process; socket lock held.
 * Return: 0, or -ENOMEM for a group of SO_REUSEPORT.
 */
int glass_listen_start(struct sock *sk, int backlog)
{
	struct glass_transport *tp = glass_tp(sk);
	int err;

	WRITE_ONCE(sk->sk_max_ack_backlog, backlog);
	glass_cred_set(&tp->own);
	if (sk->sk_state == TCP_LISTEN)
		return 0;
	err = glass_port_join_group(sk);
	if (err)
		return err;
	sk->sk_ack_backlog = 0;
	tp->tcb.state = TCP_LISTEN;
	glass_transport_set_state(sk);
	return 0;
}

/* Nobody will accept it: the peer is told so. */
static void child_abandon(struct sock *child)
{
	sock_hold(child);
	lock_sock_nested(child, SINGLE_DEPTH_NESTING);
	sock_orphan(child);
	if (child->sk_state == TCP_CLOSE)
		glass_transport_done(child);
	else
		glass_transport_reset(child, 0);
	release_sock(child);
	sock_put(child);
}

/**
 * glass_listen_stop - let no more connections come, and drop who waits
 * @sk: the listener
 *
 * Context: process, may sleep; socket lock held.
 */
void glass_listen_stop(struct sock *sk)
{
	struct glass_transport *tp = glass_tp(sk), *child;
	struct glass_request *request, *next;

	tp->tcb.state = TCP_CLOSE;
	glass_transport_set_state(sk);
	if (rcu_access_pointer(sk->sk_reuseport_cb))
		reuseport_detach_sock(sk);
	glass_transport_clear_deadline(sk, GLASS_DEADLINE_REQUESTS);
	list_for_each_entry_safe(request, next, &tp->requests, list)
		request_remove(tp, request);
	while ((child = list_first_entry_or_null(&tp->accept_queue,
						 struct glass_transport,
						 accept_link))) {
		list_del_init(&child->accept_link);
		sk_acceptq_removed(sk);
		child_abandon(&child->gs.sk);
	}
}

/**
 * glass_listen_accept - take the connection that has waited longest
 * @sk: the listener
 *
 * Context: process; socket lock held.
 * Return: its socket, with the reference that a descriptor has, or NULL.
 */
struct sock *glass_listen_accept(struct sock *sk)
{
	struct glass_transport *tp = glass_tp(sk), *child;

	child = list_first_entry_or_null(&tp->accept_queue,
					 struct glass_transport, accept_link);
	if (!child)
		return NULL;
	list_del_init(&child->accept_link);
	sk_acceptq_removed(sk);
	return &child->gs.sk;
}
