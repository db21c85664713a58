// SPDX-License-Identifier: GPL-2.0
/* The transport: life of a connection, its timers, its end. */
#include "transport.h"

#include <linux/slab.h>

#include "net.h"
#include "output.h"
#include "port.h"
#include "room.h"
#include "route.h"
#include "stamp.h"
#include "trace.h"

/* A connection that does not come about is given up after so long. */
#define GLASS_CONNECT_TIMEOUT	(30 * HZ)

/* RFC 1122, 4.2.3.6, and what TCP has. */
#define GLASS_KEEP_IDLE		7200
#define GLASS_KEEP_INTERVAL	75
#define GLASS_KEEP_COUNT	9

/* When the timer finds the lock taken, it comes again after this. */
#define GLASS_TIMER_RETRY	max(HZ / 100, 1)

/* --- Deadlines -------------------------------------------------------------- */

/**
 * glass_transport_set_deadline - have something done later
 * @sk: the socket
 * @which: what; a deadline that it has already is moved
 * @delay: jiffies from now
 *
 * The timer is touched only if it would come too late: one that comes too
 * early sees what is due and waits on.
 *
 * Context: socket lock held.
 */
void glass_transport_set_deadline(struct sock *sk, enum glass_deadline which,
				  unsigned long delay)
{
	struct glass_transport *tp = glass_tp(sk);
	unsigned long when = jiffies + delay;

	tp->deadlines[which] = when;
	__set_bit(which, &tp->deadline_set);
	if (!timer_pending(&sk->sk_timer) ||
	    time_before(when, sk->sk_timer.expires))
		sk_reset_timer(sk, &sk->sk_timer, when);
}

/**
 * glass_transport_clear_deadline - it is not to be done any more
 * @sk: the socket
 * @which: what
 *
 * Context: socket lock held.
 */
void glass_transport_clear_deadline(struct sock *sk, enum glass_deadline which)
{
	__clear_bit(which, &glass_tp(sk)->deadline_set);
}

static void transport_keepalive(struct sock *sk)
{
	struct glass_transport *tp = glass_tp(sk);
	unsigned long silence = jiffies - tp->heard;
	unsigned long idle = tp->keep_idle * HZ;

	if (!sock_flag(sk, SOCK_KEEPOPEN))
		return;
	/* Then there is a timer for that. */
	if (glass_tcb_in_flight(&tp->tcb) || sk->sk_send_head)
		silence = 0;
	if (silence < idle) {
		glass_transport_set_deadline(sk, GLASS_DEADLINE_KEEPALIVE,
					     idle - silence);
		return;
	}
	if (tp->keep_probes >= tp->keep_count ||
	    (tp->user_timeout &&
	     silence >= idle + msecs_to_jiffies(tp->user_timeout))) {
		glass_transport_reset(sk, ETIMEDOUT);
		return;
	}
	tp->keep_probes++;
	glass_tx_send_probe(sk);
	glass_transport_set_deadline(sk, GLASS_DEADLINE_KEEPALIVE,
				     tp->keep_interval * HZ);
}

static void deadline_due(struct sock *sk, enum glass_deadline which)
{
	switch (which) {
	case GLASS_DEADLINE_RETRANSMIT:
		glass_tx_timeout(sk);
		break;
	case GLASS_DEADLINE_ACK:
		glass_tx_send_ack(sk);
		break;
	case GLASS_DEADLINE_KEEPALIVE:
		transport_keepalive(sk);
		break;
	case GLASS_DEADLINE_REQUESTS:
		glass_listen_timeout(sk);
		break;
	case GLASS_DEADLINE_MAX:
		break;
	}
}

/* sk_timer. Softirq; holds a reference on the socket. */
static void transport_timer(struct timer_list *timer)
{
	struct sock *sk = timer_container_of(sk, timer, sk_timer);
	struct glass_transport *tp = glass_tp(sk);
	unsigned long next = 0;
	int which;

	bh_lock_sock(sk);
	if (sock_owned_by_user(sk)) {
		sk_reset_timer(sk, &sk->sk_timer, jiffies + GLASS_TIMER_RETRY);
		goto unlock;
	}
	for (which = 0; which < GLASS_DEADLINE_MAX; which++) {
		if (!test_bit(which, &tp->deadline_set) ||
		    time_before(jiffies, tp->deadlines[which]))
			continue;
		glass_transport_clear_deadline(sk, which);
		deadline_due(sk, which);
	}
	for_each_set_bit(which, &tp->deadline_set, GLASS_DEADLINE_MAX)
		if (!next || time_before(tp->deadlines[which], next))
			next = tp->deadlines[which] ?: 1;
	if (next)
		sk_reset_timer(sk, &sk->sk_timer, next);
unlock:
	bh_unlock_sock(sk);
	sock_put(sk);
}

/**
 * glass_transport_set_keepalive - proto.keepalive: SO_KEEPALIVE was set
 * @sk: the socket
 * @value: to what
 *
 * Context: socket lock held.
 */
void glass_transport_set_keepalive(struct sock *sk, int value)
{
	if (!value)
		glass_transport_clear_deadline(sk, GLASS_DEADLINE_KEEPALIVE);
	else if (glass_tcb_is_synchronized(&glass_tp(sk)->tcb))
		glass_transport_set_deadline(sk, GLASS_DEADLINE_KEEPALIVE,
					     glass_tp(sk)->keep_idle * HZ);
}

/**
 * glass_transport_is_stalled - has the peer been silent for too long?
 * @sk: the socket, with something to send
 *
 * A peer that has closed its window and answers probes is alive, and may take
 * its time; but a closed socket does not wait for it for ever.
 *
 * Context: socket lock held.
 * Return: whether the connection is to be given up.
 */
bool glass_transport_is_stalled(const struct sock *sk)
{
	const struct glass_transport *tp = glass_tp(sk);
	unsigned long since = tp->progress;
	unsigned long limit;
	u32 ms = tp->user_timeout;

	if (!ms)
		ms = READ_ONCE(glass_net(sock_net(sk))->sysctl.user_timeout_ms);
	limit = msecs_to_jiffies(ms);
	if (!glass_tcb_is_synchronized(&tp->tcb) ||
	    tp->tcb.state == TCP_SYN_RECV)
		limit = min_t(unsigned long, limit, GLASS_CONNECT_TIMEOUT);
	else if (!glass_tcb_in_flight(&tp->tcb) && !sock_flag(sk, SOCK_DEAD) &&
		 !tp->user_timeout)
		since = time_after(tp->heard, since) ? tp->heard : since;
	return time_after(jiffies, since + limit);
}

/* --- Beginning --------------------------------------------------------------- */

/* sk_write_space: there is room in the send buffer for who waits for it. */
static void transport_write_space(struct sock *sk)
{
	struct socket *sock = sk->sk_socket;
	struct socket_wq *wq;

	if (!sk_stream_is_writeable(sk) || !sock ||
	    !test_bit(SOCK_NOSPACE, &sock->flags))
		return;
	clear_bit(SOCK_NOSPACE, &sock->flags);

	rcu_read_lock();
	wq = rcu_dereference(sk->sk_wq);
	if (skwq_has_sleeper(wq))
		wake_up_interruptible_poll(&wq->wait, EPOLLOUT | EPOLLWRNORM |
					   EPOLLWRBAND);
	if (wq && wq->fasync_list && !(sk->sk_shutdown & SEND_SHUTDOWN))
		sock_wake_async(wq, SOCK_WAKE_SPACE, POLL_OUT);
	rcu_read_unlock();
}

/* Nothing may be left that is charged to the socket. */
static void transport_destruct(struct sock *sk)
{
	glass_tx_purge(sk);
	glass_rx_purge(sk);
	skb_queue_purge(&sk->sk_error_queue);
	sk_mem_reclaim_final(sk);
	WARN_ON_ONCE(atomic_read(&sk->sk_rmem_alloc));
	WARN_ON_ONCE(sk->sk_wmem_queued);
	WARN_ON_ONCE(sk->sk_forward_alloc);
	WARN_ON_ONCE(glass_tp(sk)->conn);
	glass_cred_clear(&glass_tp(sk)->own);
}

/* Nothing is known of a connection; options are kept. */
static void transport_forget(struct sock *sk)
{
	struct glass_transport *tp = glass_tp(sk);

	memset(&tp->tcb, 0, sizeof(tp->tcb));
	tp->tcb.state = TCP_CLOSE;
	glass_rtt_init(&tp->rtt);
	memset(&tp->cc, 0, sizeof(tp->cc));
	tp->conn = NULL;
	tp->peer.generation = 0;
	__skb_queue_head_init(&tp->out_of_order);
	tp->mss = 0;
	tp->pipe = 0;
	tp->timeout_una = 0;
	tp->lossy = false;
	tp->is_reordered = false;
	tp->is_corked = false;
	tp->is_deaf = false;
	tp->peer_is_deaf = false;
	tp->ack_owed = 0;
	tp->window_floor = 0;
	tp->unread = 0;
	tp->deadline_set = 0;
	tp->progress = jiffies;
	tp->heard = jiffies;
	tp->probes = 0;
	tp->keep_probes = 0;
	tp->retransmits = 0;
	INIT_LIST_HEAD(&tp->requests);
	tp->request_count = 0;
	INIT_LIST_HEAD(&tp->accept_queue);
	INIT_LIST_HEAD(&tp->accept_link);
}

/**
 * glass_transport_init_state - a socket that has no connection yet
 * @sk: the socket, new or cloned from a listener; options are kept
 *
 * Context: any; nobody else knows the socket.
 */
void glass_transport_init_state(struct sock *sk)
{
	transport_forget(sk);
	timer_setup(&sk->sk_timer, transport_timer, 0);
	glass_cred_init(&glass_tp(sk)->own);
}

/**
 * glass_transport_sk_init - proto.init
 * @sk: the socket
 *
 * Context: process, may sleep.
 * Return: 0.
 */
int glass_transport_sk_init(struct sock *sk)
{
	struct glass_transport *tp = glass_tp(sk);

	glass_transport_init_state(sk);
	tp->keep_idle = GLASS_KEEP_IDLE;
	tp->keep_interval = GLASS_KEEP_INTERVAL;
	tp->keep_count = GLASS_KEEP_COUNT;
	tp->sndbuf = sk->sk_sndbuf;
	sk->sk_destruct = transport_destruct;
	/* For SO_REUSEPORT: see glass_connected_sock_setsockopt(). */
	set_bit(SOCK_CUSTOM_SOCKOPT, &sk->sk_socket->flags);
	sk->sk_write_space = transport_write_space;
	sock_prot_inuse_add(sock_net(sk), sk->sk_prot, 1);
	sk_sockets_allocated_inc(sk);
	return 0;
}

/**
 * glass_transport_sk_destroy - proto.destroy: the socket is going
 * @sk: the socket
 *
 * Context: any but hard interrupt.
 */
void glass_transport_sk_destroy(struct sock *sk)
{
	sock_prot_inuse_add(sock_net(sk), sk->sk_prot, -1);
	sk_sockets_allocated_dec(sk);
}

/**
 * glass_transport_set_state - show the connection's state to the world
 * @sk: the socket; its tcb has the state
 *
 * Context: socket lock held.
 */
void glass_transport_set_state(struct sock *sk)
{
	u8 state = glass_tp(sk)->tcb.state;

	if (sk->sk_state == state)
		return;
	trace_glass_state(sk, sk->sk_state, state);
	WRITE_ONCE(sk->sk_state, state);
}

/**
 * glass_transport_key - a socket's ends
 * @sk: the socket
 * @key: filled in
 *
 * Context: socket lock held.
 */
void glass_transport_key(const struct sock *sk, struct glass_conn_key *key)
{
	key->local = glass_sk(sk)->local;
	key->remote = glass_sk(sk)->remote;
	key->protocol = sk->sk_protocol;
}

/**
 * glass_transport_iss - choose an initial sequence number (RFC 6528)
 * @net: the namespace
 * @key: both ends
 *
 * Context: any.
 * Return: the number.
 */
u32 glass_transport_iss(struct net *net, const struct glass_conn_key *key)
{
	const struct glass_net *gn = glass_net(net);
	u32 fixed = READ_ONCE(gn->sysctl.initial_sequence);

	if (fixed)
		return fixed;
	/* A clock of 4 microseconds, as RFC 9293, 3.4.1, has it. */
	return siphash(key, sizeof(*key), &gn->iss_key) + (glass_clock() >> 2);
}

/**
 * glass_transport_set_peer - what a connection's first segments agree on
 * @sk: the socket; its mss is what its own way allows
 * @max_payload: the largest segment that the peer receives
 * @max_record: the largest message that it receives
 *
 * Context: socket lock held.
 */
void glass_transport_set_peer(struct sock *sk, u32 max_payload, u32 max_record)
{
	struct glass_transport *tp = glass_tp(sk);

	tp->mss = min(tp->mss, max_payload);
	tp->peer_max_record = max_record;
	glass_congestion_init(&tp->cc, tp->mss);
}

/**
 * glass_transport_established - the handshake is over
 * @sk: the socket
 *
 * Context: socket lock held.
 */
void glass_transport_established(struct sock *sk)
{
	glass_transport_set_state(sk);
	glass_stamp_reset_key(sk);
	if (sock_flag(sk, SOCK_KEEPOPEN))
		glass_transport_set_keepalive(sk, 1);
	if (sock_flag(sk, SOCK_DEAD))
		return;
	sk->sk_state_change(sk);
	sk_wake_async(sk, SOCK_WAKE_IO, POLL_OUT);
}

/* The node that we are on the way to a peer, or an error. */
static int transport_find_way(struct sock *sk, const struct glass_addr *peer,
			      u32 *node)
{
	const struct glass_route *route;
	int err;

	rcu_read_lock();
	route = glass_output_route(sock_net(sk), peer->node,
				   sk->sk_bound_dev_if, &glass_sk(sk)->route);
	err = PTR_ERR_OR_ZERO(route);
	if (!err)
		*node = route->src_node;
	rcu_read_unlock();
	return err;
}

static int transport_hash(struct sock *sk, u32 *iss)
{
	struct glass_transport *tp = glass_tp(sk);
	struct glass_conn *conn;
	int err;

	conn = kzalloc(sizeof(*conn), GFP_KERNEL);
	if (!conn)
		return -ENOMEM;
	glass_transport_key(sk, &conn->key);
	conn->kind = GLASS_CONN_SOCKET;
	conn->sk = sk;
	err = glass_conn_insert(sock_net(sk), conn);
	if (err == -EADDRNOTAVAIL)
		err = glass_timewait_reuse(sock_net(sk), conn, iss);
	else
		*iss = glass_transport_iss(sock_net(sk), &conn->key);
	if (err) {
		kfree(conn);
		return err;
	}
	tp->conn = conn;
	return 0;
}

/*
 * Name both ends and enter the connection table. On failure the socket is as it
 * was before. A device that is down is an error only for who @needs_device.
 * @iss is set to the sequence number with which to begin.
 */
static int transport_join(struct sock *sk, const struct glass_addr *peer,
			  bool needs_device, u32 *iss)
{
	struct glass_transport *tp = glass_tp(sk);
	u32 node;
	int err;

	err = transport_find_way(sk, peer, &node);
	if (err == -ENETDOWN && !needs_device) {
		node = GLASS_NODE_LOCAL;
		/* Once the device is up, what it really carries counts. */
		tp->mss = GLASS_PAYLOAD_DEFAULT - GLASS_SEG_HDR_MAX;
		err = 0;
	}
	if (err)
		return err;
	err = glass_port_autobind(sk);
	if (err)
		return err;
	if (tp->gs.local.node == GLASS_NODE_ANY)
		WRITE_ONCE(tp->gs.local.node, node);
	glass_addr_set(&tp->gs.remote, *peer);
	tp->mss = glass_tx_mss(sk, &err);
	if (err && (err != -ENETDOWN || needs_device))
		goto forget;
	err = -EMSGSIZE;
	if (!tp->mss)
		goto forget;
	err = transport_hash(sk, iss);
	if (err)
		goto forget;
	glass_congestion_init(&tp->cc, tp->mss);
	tp->window_floor = READ_ONCE(sk->sk_rcvbuf);
	tp->progress = jiffies;
	tp->heard = jiffies;
	return 0;

forget:
	sk->sk_prot->disconnect(sk, 0);
	return err;
}

/**
 * glass_transport_connect - send the first segment of a connection
 * @sk: the socket, in CLOSE
 * @peer: the other end; no wildcard
 *
 * Context: process, may sleep; socket lock held.
 * Return: 0, as glass_route_lookup(), -ENETDOWN, -EADDRNOTAVAIL if there is a
 *	connection between these ends, -EMSGSIZE if the way carries no payload,
 *	or as proto.get_port.
 */
int glass_transport_connect(struct sock *sk, const struct glass_addr *peer)
{
	struct glass_transport *tp = glass_tp(sk);
	u32 iss;
	int err;

	err = transport_join(sk, peer, true, &iss);
	if (err)
		return err;
	glass_cred_set(&tp->own);
	glass_tcb_connect(&tp->tcb, iss);
	glass_transport_set_state(sk);
	glass_stats_inc(sock_net(sk), GLASS_MIB_ACTIVE_OPENS);
	glass_tx_send_syn(sk);
	glass_transport_set_deadline(sk, GLASS_DEADLINE_RETRANSMIT,
				     usecs_to_jiffies(glass_rtt_rto(&tp->rtt)));
	return 0;
}

/**
 * glass_transport_join_pair - connect two new sockets without a handshake
 * @sk: one of them
 * @other: the other one; each is bound
 * @iss: initial sequence number of @sk
 * @irs: of @other
 *
 * Context: process, may sleep; lock of @sk held.
 * Return: as glass_transport_connect().
 */
int glass_transport_join_pair(struct sock *sk, const struct sock *other,
			      u32 iss, u32 irs)
{
	struct glass_transport *tp = glass_tp(sk);
	struct glass_addr peer = {
		.node = GLASS_NODE_LOCAL,
		.port = glass_sk(other)->local.port,
	};
	u32 window = READ_ONCE(other->sk_rcvbuf);
	u32 unused;
	int err;

	err = transport_join(sk, &peer, false, &unused);
	if (err)
		return err;
	glass_tcb_join(&tp->tcb, iss, irs, window);
	/* What the other side is told by the same call on it. */
	glass_tcb_open_window(&tp->tcb, tp->window_floor, 0);
	tp->peer_max_record = window;
	glass_cred_set_peer(sk);
	glass_transport_established(sk);
	return 0;
}

/**
 * glass_is_transport - is a socket one of STREAM or SEQPACKET?
 * @sk: a Glass socket
 *
 * Context: any.
 * Return: whether glass_tp() may be asked for.
 */
bool glass_is_transport(const struct sock *sk)
{
	return sk->sk_prot->init == glass_transport_sk_init;
}

/**
 * glass_transport_unacked - what SIOCOUTQ tells
 * @sk: the socket
 *
 * Context: socket lock held.
 * Return: bytes that were written and not acknowledged, sent or not.
 */
u32 glass_transport_unacked(const struct sock *sk)
{
	const struct glass_tcb *tcb = &glass_tp(sk)->tcb;

	/* A SYN and a FIN have numbers, but are no bytes. */
	if (!glass_tcb_is_synchronized(tcb) || tcb->state == TCP_SYN_RECV ||
	    glass_tcb_fin_is_acked(tcb))
		return 0;
	return tcb->snd_end - tcb->snd_una;
}

/**
 * glass_transport_info - a connection at this moment
 * @sk: the socket
 * @info: filled in
 *
 * Context: any; without the socket lock, values may be of different moments.
 */
void glass_transport_info(const struct sock *sk, struct glass_info *info)
{
	const struct glass_transport *tp = glass_tp(sk);
	const struct glass_tcb *tcb = &tp->tcb;
	u32 una = READ_ONCE(tcb->snd_una);
	u32 nxt = READ_ONCE(tcb->snd_nxt);
	u32 end = READ_ONCE(tcb->snd_end);
	bool is_known = glass_tcb_is_synchronized(tcb);

	*info = (struct glass_info){
		.state		= READ_ONCE(sk->sk_state),
		.backoff	= tp->rtt.backoff,
		.rtt		= tp->rtt.srtt8 / 8,
		.rttvar		= tp->rtt.var4 / 4,
		.min_rtt	= tp->rtt.srtt8 ? tp->rtt.min : 0,
		.rto		= glass_rtt_rto(&tp->rtt),
		.mss		= tp->mss,
		.cwnd		= tp->cc.cwnd,
		.ssthresh	= tp->cc.ssthresh,
		.in_flight	= tp->pipe,
		.snd_wnd	= tcb->snd_wnd,
		.rcv_wnd	= READ_ONCE(tcb->rcv_edge) -
				  READ_ONCE(tcb->rcv_nxt),
		.unsent		= is_known ? max_t(s32, end - nxt, 0) : 0,
		.unacked	= is_known ? nxt - una : 0,
		.unread		= READ_ONCE(tp->unread),
		.retransmits	= tp->retransmits,
	};
}

/* --- End --------------------------------------------------------------------- */

/* Take the connection out of the table; frames for it are answered by resets. */
static void transport_unlink(struct sock *sk)
{
	struct glass_transport *tp = glass_tp(sk);

	if (!tp->conn)
		return;
	glass_conn_remove(sock_net(sk), tp->conn);
	kfree_rcu(tp->conn, rcu);
	tp->conn = NULL;
}

/**
 * glass_transport_unhash - proto.unhash: nobody finds the socket any more
 * @sk: the socket
 *
 * Context: any but hard interrupt; socket lock held, or nobody else knows it.
 */
void glass_transport_unhash(struct sock *sk)
{
	transport_unlink(sk);
	glass_port_unhash(sk);
}

/**
 * glass_transport_done - a closed socket has nothing more to say
 * @sk: the socket; its descriptor has gone, and its connection
 *
 * Drops the reference that the descriptor had. What may still refer to the
 * socket: input and timers that found it before, each with a reference of its
 * own; they find it in CLOSE, unlinked, and do nothing.
 *
 * Context: socket lock held by somebody with a reference.
 */
void glass_transport_done(struct sock *sk)
{
	WARN_ON_ONCE(!sock_flag(sk, SOCK_DEAD));
	WARN_ON_ONCE(sk->sk_state != TCP_CLOSE);

	sk_stop_timer(sk, &sk->sk_timer);
	sk->sk_prot->unhash(sk);
	sk->sk_prot->destroy(sk);
	sock_put(sk);
}

/**
 * glass_transport_end - the connection is over
 * @sk: the socket
 * @err: why, as an errno without sign; 0 if it ended in good order
 *
 * What was received can still be read.
 *
 * Context: socket lock held.
 */
void glass_transport_end(struct sock *sk, int err)
{
	struct glass_transport *tp = glass_tp(sk);
	bool is_failed_attempt;

	if (err == ETIMEDOUT)
		glass_stats_inc(sock_net(sk), GLASS_MIB_GIVEN_UP);
	if (tp->tcb.state == TCP_SYN_SENT || err == ECONNREFUSED)
		glass_stats_inc(sock_net(sk), GLASS_MIB_CONNECT_FAILS);
	if (err) {
		WRITE_ONCE(sk->sk_err, err);
		/* Before the state: paired with the barrier in poll. */
		smp_wmb();
	}
	/* There never was a peer. */
	is_failed_attempt = sk->sk_state == TCP_SYN_SENT ||
			    sk->sk_state == TCP_SYN_RECV;
	tp->tcb.state = TCP_CLOSE;
	glass_transport_set_state(sk);
	tp->deadline_set = 0;
	sk_stop_timer(sk, &sk->sk_timer);
	transport_unlink(sk);
	glass_tx_purge(sk);
	__skb_queue_purge(&tp->out_of_order);
	if (is_failed_attempt)
		glass_addr_set(&tp->gs.remote, GLASS_ADDR_NONE);
	WRITE_ONCE(sk->sk_shutdown, SHUTDOWN_MASK);

	if (sock_flag(sk, SOCK_DEAD)) {
		glass_transport_done(sk);
		return;
	}
	if (err)
		sk_error_report(sk);
	sk->sk_state_change(sk);
}

/**
 * glass_transport_reset - end the connection and tell the peer
 * @sk: the socket
 * @err: what its user is told, as an errno without sign; 0: nothing
 *
 * Context: socket lock held.
 */
void glass_transport_reset(struct sock *sk, int err)
{
	struct glass_segment reset;

	if (glass_tcb_abort(&glass_tp(sk)->tcb, &reset))
		glass_tx_send_reset(sk, &reset);
	glass_transport_end(sk, err);
}

/**
 * glass_transport_disconnect - proto.disconnect: back to a new socket
 * @sk: the socket, connected, connecting, listening or none of them
 * @flags: of the file
 *
 * Context: process, may sleep; socket lock held.
 * Return: 0.
 */
int glass_transport_disconnect(struct sock *sk, int flags)
{
	struct glass_transport *tp = glass_tp(sk);
	struct glass_segment reset;

	sock_owned_by_me(sk);
	if (sk->sk_state == TCP_LISTEN)
		glass_listen_stop(sk);
	else if (glass_tcb_abort(&tp->tcb, &reset))
		glass_tx_send_reset(sk, &reset);
	tp->tcb.state = TCP_CLOSE;
	glass_transport_set_state(sk);

	sk_stop_timer(sk, &sk->sk_timer);
	transport_unlink(sk);
	glass_tx_purge(sk);
	glass_rx_purge(sk);
	/* Not the timer: its handler may be waiting for us, to set it again. */
	transport_forget(sk);
	WRITE_ONCE(sk->sk_shutdown, 0);
	WRITE_ONCE(sk->sk_err, 0);
	sock_reset_flag(sk, SOCK_DONE);

	glass_addr_set(&tp->gs.remote, GLASS_ADDR_NONE);
	glass_cred_forget_peer(sk);
	tp->gs.route.generation = 0;
	if (!(sk->sk_userlocks & SOCK_BINDADDR_LOCK))
		WRITE_ONCE(tp->gs.local.node, GLASS_NODE_ANY);
	if (!(sk->sk_userlocks & SOCK_BINDPORT_LOCK)) {
		sk->sk_prot->unhash(sk);
		glass_addr_set(&tp->gs.local, GLASS_ADDR_NONE);
	}
	/* Who waits in another call waits for nothing. */
	sk->sk_state_change(sk);
	return 0;
}

/* Nothing more is written: once all is sent, the FIN follows. Socket lock held. */
static void transport_end_writing(struct sock *sk)
{
	struct glass_transport *tp = glass_tp(sk);

	/* The time before is not the peer's, even if there is no memory now. */
	if (!tp->tcb.fin_queued && !glass_tcb_in_flight(&tp->tcb) &&
	    !sk->sk_send_head)
		tp->progress = jiffies;
	tp->is_corked = false;
	glass_tcb_shutdown(&tp->tcb);
	glass_transport_set_state(sk);
}

/**
 * glass_transport_shutdown - proto.shutdown: one direction ends, or both
 * @sk: the socket, connected; sk_shutdown is set
 * @how: RCV_SHUTDOWN, SEND_SHUTDOWN
 *
 * Context: process; socket lock held.
 */
void glass_transport_shutdown(struct sock *sk, int how)
{
	struct glass_transport *tp = glass_tp(sk);

	if (how & SEND_SHUTDOWN)
		transport_end_writing(sk);
	if (how & RCV_SHUTDOWN && !tp->is_deaf) {
		tp->is_deaf = true;
		tp->ack_owed++;
	}
	if (!glass_tcb_is_synchronized(&tp->tcb) || sk->sk_state == TCP_SYN_RECV)
		return;
	if (glass_tx_push_end(sk))
		glass_transport_end(sk, 0);
	else if (tp->ack_owed)
		glass_tx_send_ack(sk);
}

static bool close_is_under_way(const struct sock *sk)
{
	switch (sk->sk_state) {
	case TCP_FIN_WAIT1:
	case TCP_CLOSING:
	case TCP_LAST_ACK:
		return true;
	default:
		return false;
	}
}

/* SO_LINGER: wait until the peer has everything, or the time is over. */
static void close_linger(struct sock *sk, long timeout)
{
	DEFINE_WAIT_FUNC(wait, woken_wake_function);

	add_wait_queue(sk_sleep(sk), &wait);
	while (timeout && close_is_under_way(sk) && !signal_pending(current))
		if (sk_wait_event(sk, &timeout, !close_is_under_way(sk), &wait))
			break;
	remove_wait_queue(sk_sleep(sk), &wait);
}

/* The user goes: what becomes of the connection? Socket lock held. */
static void close_connection(struct sock *sk)
{
	struct glass_transport *tp = glass_tp(sk);

	WRITE_ONCE(sk->sk_shutdown, SHUTDOWN_MASK);
	if (sk->sk_state == TCP_LISTEN) {
		glass_listen_stop(sk);
		return;
	}
	if (sk->sk_state == TCP_CLOSE)
		return;
	/* What was sent to us and not read is lost; the peer must know. */
	if (tp->unread || (sock_flag(sk, SOCK_LINGER) && !sk->sk_lingertime) ||
	    sk->sk_state == TCP_SYN_SENT) {
		glass_transport_reset(sk, 0);
		return;
	}
	transport_end_writing(sk);
	if (sk->sk_state != TCP_SYN_RECV && glass_tx_push_end(sk))
		glass_transport_end(sk, 0);
}

/**
 * glass_transport_close - proto.close: the last descriptor was closed
 * @sk: the socket
 * @timeout: jiffies to wait for the peer to have everything
 *
 * What still refers to the socket after each step:
 *
 * - The connection is in the table as long as it has something to send or the
 *   peer may: input finds it there and takes references. The descriptor's
 *   reference is the connection's from now on.
 * - Orphaned, the socket wakes nobody. The backlog is emptied by
 *   release_sock(); whatever ends the connection after that calls
 *   glass_transport_done(), from input or the timer.
 * - If it had ended before, nobody else calls that, so we do.
 *
 * Context: process, may sleep.
 */
void glass_transport_close(struct sock *sk, long timeout)
{
	struct glass_transport *tp = glass_tp(sk);
	bool was_over;

	lock_sock(sk);
	close_connection(sk);
	if (timeout)
		close_linger(sk, timeout);

	was_over = sk->sk_state == TCP_CLOSE;
	sock_hold(sk);
	sock_orphan(sk);
	release_sock(sk);

	local_bh_disable();
	bh_lock_sock(sk);
	if (was_over) {
		glass_transport_done(sk);
	} else if (tp->tcb.state == TCP_FIN_WAIT2) {
		/* If it cannot be remembered, it is forgotten. */
		glass_timewait_start(sk);
		glass_transport_end(sk, 0);
	}
	bh_unlock_sock(sk);
	local_bh_enable();
	sock_put(sk);
}
