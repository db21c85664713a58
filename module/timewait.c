// SPDX-License-Identifier: GPL-2.0
/*
 * Connections that no socket has any more: closed by us first, waiting for the
 * peer's end (FIN_WAIT2) or for old segments to die (TIME_WAIT). Small, and no
 * hindrance to unloading the module.
 */
#include "transport.h"

#include <linux/slab.h>

#include "dev.h"
#include "net.h"

/* How long a peer may take to close its side once nobody reads ours. */
#define GLASS_FIN_TIMEOUT	(60 * HZ)

/* A new connection's numbers begin so far behind the old one's (RFC 1122, 4.2.2.13). */
#define GLASS_REOPEN_DISTANCE	65537

/**
 * struct glass_timewait - a connection without a socket
 * @conn: in the connection table; must be first
 * @lock: guards @tcb and @is_gone. BH
 * @tcb: what is left of the connection
 * @is_gone: it is out of the table
 * @timer: ends it
 * @net: its namespace, which purges it before it goes
 *
 * Lifetime: from glass_timewait_start() until the timer, a new connection
 * between the same ends or the namespace's end takes it out, plus a grace
 * period. Input and the timer's handler run inside RCU read sections.
 */
struct glass_timewait {
	struct glass_conn	conn;
	spinlock_t		lock;	/* see above */
	struct glass_tcb	tcb;
	bool			is_gone;
	struct timer_list	timer;
	struct net		*net;
};

static unsigned long timewait_time(const struct glass_timewait *tw)
{
	const struct glass_sysctl *sysctl = &glass_net(tw->net)->sysctl;

	return tw->tcb.state == TCP_TIME_WAIT ?
	       msecs_to_jiffies(READ_ONCE(sysctl->time_wait_ms)) :
	       GLASS_FIN_TIMEOUT;
}

/* It is out of the table. The timer may still be about to run: it finds it gone. */
static void timewait_free(struct glass_timewait *tw)
{
	lockdep_assert_held(&tw->lock);
	tw->is_gone = true;
	timer_delete(&tw->timer);
	atomic_dec(&glass_net(tw->net)->timewaits);
	kfree_rcu(tw, conn.rcu);
}

static void timewait_end(struct glass_timewait *tw)
{
	lockdep_assert_held(&tw->lock);
	if (tw->is_gone)
		return;
	glass_conn_remove(tw->net, &tw->conn);
	timewait_free(tw);
}

/* The initial sequence number of a connection that takes its place. */
static u32 timewait_next_iss(const struct glass_timewait *tw)
{
	return max(tw->tcb.snd_nxt + GLASS_REOPEN_DISTANCE, 1U);
}

static void timewait_timer(struct timer_list *timer)
{
	struct glass_timewait *tw = timer_container_of(tw, timer, timer);

	rcu_read_lock();
	spin_lock(&tw->lock);
	timewait_end(tw);
	spin_unlock(&tw->lock);
	rcu_read_unlock();
}

/**
 * glass_timewait_start - remember a connection without its socket
 * @sk: the socket, in FIN_WAIT2 or TIME_WAIT; it gives its connection away and
 *	is to be ended by the caller
 *
 * Context: BH or process; socket lock held.
 * Return: whether it is remembered; there may be too many, or no memory.
 */
bool glass_timewait_start(struct sock *sk)
{
	struct glass_transport *tp = glass_tp(sk);
	struct net *net = sock_net(sk);
	struct glass_net *gn = glass_net(net);
	struct glass_timewait *tw;

	if (!tp->conn || atomic_read(&gn->timewaits) >=
			 (int)READ_ONCE(gn->sysctl.time_wait_max))
		return false;
	tw = kzalloc(sizeof(*tw), GFP_ATOMIC);
	if (!tw)
		return false;
	spin_lock_init(&tw->lock);
	timer_setup(&tw->timer, timewait_timer, 0);
	tw->tcb = tp->tcb;
	tw->net = net;
	tw->conn.key = tp->conn->key;
	tw->conn.kind = GLASS_CONN_TIMEWAIT;

	spin_lock_bh(&tw->lock);
	if (glass_conn_replace(net, tp->conn, &tw->conn)) {
		spin_unlock_bh(&tw->lock);
		kfree(tw);
		return false;
	}
	kfree_rcu(tp->conn, rcu);
	tp->conn = NULL;
	atomic_inc(&gn->timewaits);
	glass_stats_inc(net, GLASS_MIB_TIMEWAITS);
	mod_timer(&tw->timer, jiffies + timewait_time(tw));
	spin_unlock_bh(&tw->lock);
	return true;
}

/* What the connection answers to @skb; lock held. Returns whether it answers. */
static bool timewait_answer(struct glass_timewait *tw, struct sk_buff *skb,
			    struct glass_tcb_result *result,
			    struct glass_segment *reply)
{
	*reply = (struct glass_segment){ .seq = tw->tcb.snd_nxt };

	/* Nobody reads here. */
	if (result->actions & GLASS_TCB_DATA &&
	    glass_tcb_abort(&tw->tcb, reply)) {
		timewait_end(tw);
		reply->ts = glass_clock();
		return true;
	}
	glass_tcb_received(&tw->tcb, tw->tcb.rcv_nxt, result);
	if (result->actions & (GLASS_TCB_RESET | GLASS_TCB_CLOSED))
		timewait_end(tw);
	else if (result->actions & GLASS_TCB_TIME_WAIT)
		mod_timer(&tw->timer, jiffies + timewait_time(tw));
	if (result->actions & GLASS_TCB_REPLY_RST) {
		*reply = result->reset;
		reply->ts = glass_clock();
		return true;
	}
	if (!(result->actions & (GLASS_TCB_ACK_NOW | GLASS_TCB_CHALLENGE)))
		return false;
	if (result->actions & GLASS_TCB_FIN && glass_dev_is_expected(skb)) {
		/* The peer sees its end arrive. */
		glass_dev_arrived(skb);
		return false;
	}
	glass_tcb_fill(&tw->tcb, reply, glass_clock());
	return true;
}

/**
 * glass_timewait_rcv - a segment arrives for a connection without a socket
 * @net: the namespace
 * @conn: the connection
 * @skb: the segment, from the Glass header on; taken over unless it begins a
 *	new connection
 * @iss: set to the initial sequence number of that, if it is not to be any
 *
 * Context: BH, RCU read section; no lock held.
 * Return: whether the segment was taken over; if not, the connection is gone.
 */
bool glass_timewait_rcv(struct net *net, struct glass_conn *conn,
			struct sk_buff *skb, u32 *iss)
{
	struct glass_timewait *tw = container_of(conn, struct glass_timewait,
						 conn);
	struct glass_segment seg, reply;
	struct glass_tcb_result result;
	enum glass_drop drop;
	bool answers;

	drop = glass_segment_read(skb, &seg);
	if (drop)
		goto drop_skb;

	spin_lock(&tw->lock);
	if (tw->is_gone) {
		spin_unlock(&tw->lock);
		return false;
	}
	glass_tcb_input(&tw->tcb, &seg, glass_clock_coarse(), &result);
	if (result.actions & GLASS_TCB_REOPEN) {
		*iss = timewait_next_iss(tw);
		timewait_end(tw);
		spin_unlock(&tw->lock);
		return false;
	}
	answers = timewait_answer(tw, skb, &result, &reply);
	drop = result.drop;
	spin_unlock(&tw->lock);

	if (answers)
		glass_segment_send(net, &conn->key, &reply);
	if (drop)
		goto drop_skb;
	consume_skb(skb);
	return true;

drop_skb:
	glass_drop(net, skb, drop);
	return true;
}

/**
 * glass_timewait_reuse - take the place of a connection in TIME_WAIT
 * @net: the namespace
 * @conn: a new connection between the same ends, begun by us
 * @iss: set to the initial sequence number that it is to begin with
 *
 * Our clock has moved since, and stands in every segment: what the old one left
 * on its way is known to be old (RFC 6191).
 *
 * Context: process or BH; the lock of the new connection's socket held.
 * Return: 0, or -EADDRNOTAVAIL if what is there is not in TIME_WAIT.
 */
int glass_timewait_reuse(struct net *net, struct glass_conn *conn, u32 *iss)
{
	struct glass_timewait *tw;
	struct glass_conn *old;
	int err = -EADDRNOTAVAIL;

	rcu_read_lock();
	old = glass_conn_lookup(net, &conn->key);
	if (!old || old->kind != GLASS_CONN_TIMEWAIT)
		goto unlock_rcu;
	tw = container_of(old, struct glass_timewait, conn);
	spin_lock_bh(&tw->lock);
	if (!tw->is_gone && tw->tcb.state == TCP_TIME_WAIT &&
	    !glass_conn_replace(net, old, conn)) {
		*iss = timewait_next_iss(tw);
		timewait_free(tw);
		err = 0;
	}
	spin_unlock_bh(&tw->lock);
unlock_rcu:
	rcu_read_unlock();
	return err;
}

/**
 * glass_timewait_state - FIN_WAIT2 or TIME_WAIT
 * @conn: the connection
 *
 * Context: RCU read section.
 * Return: a TCP_* number.
 */
u8 glass_timewait_state(const struct glass_conn *conn)
{
	return READ_ONCE(container_of(conn, struct glass_timewait, conn)
			 ->tcb.state);
}

/* The namespace has no device and no socket any more. */
static void __net_exit timewait_purge(struct net *net)
{
	struct glass_conn_table *table = &glass_net(net)->conns;
	struct glass_timewait *tw;
	struct glass_conn *conn;

	for (;;) {
		rcu_read_lock();
		conn = hlist_entry_safe(rcu_dereference(hlist_first_rcu(&table->all)),
					struct glass_conn, all);
		tw = conn ? container_of(conn, struct glass_timewait, conn) :
			    NULL;
		if (tw) {
			spin_lock_bh(&tw->lock);
			timewait_end(tw);
			spin_unlock_bh(&tw->lock);
		}
		rcu_read_unlock();
		if (!tw)
			break;
		cond_resched();
	}
}

static void __net_exit timewait_net_exit_batch(struct list_head *nets)
{
	struct net *net;

	list_for_each_entry(net, nets, exit_list)
		timewait_purge(net);
	/* A timer that was about to run has run after this. */
	synchronize_rcu();
}

static struct pernet_operations timewait_net_ops = {
	.exit_batch	= timewait_net_exit_batch,
};

/**
 * glass_timewait_init - begin to remember connections
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int __init glass_timewait_init(void)
{
	return register_pernet_subsys(&timewait_net_ops);
}

/**
 * glass_timewait_exit - forget them all
 *
 * Context: process, may sleep.
 */
void glass_timewait_exit(void)
{
	unregister_pernet_subsys(&timewait_net_ops);
}
