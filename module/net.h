/* SPDX-License-Identifier: GPL-2.0 */
/* What Glass keeps in each network namespace. */
#ifndef GLASS_NET_H
#define GLASS_NET_H

#include <linux/ratelimit_types.h>
#include <linux/siphash.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>

#include "conn.h"
#include "port.h"
#include "route.h"
#include "stats.h"
#include "sysctl.h"
#include "tap.h"

/**
 * struct glass_net - all state of one network namespace
 * @ports: who is bound to what; see port.h for its lock
 * @conns: who is connected to whom; see conn.h for its lock
 * @timewaits: how many connections are kept without a socket
 * @iss_key: makes initial sequence numbers; const after init
 * @routes: which device leads to which node; see route.h for its lock
 * @taps: who listens in; see tap.h for its lock
 * @errors_limit: bounds the errors sent to other nodes
 * @sysctl: settings; see sysctl.h
 * @stats: the counters; const after init, the counters themselves per CPU
 *
 * Lifetime: that of the namespace, from the pernet init to the pernet exit. A
 * user's socket holds the namespace; a frame is in it as long as its device.
 * The owning files (port.c, route.c, tap.c, stats.c) are the only ones that look
 * inside their part; and glass_stats_inc().
 */
struct glass_net {
	struct glass_port_table		ports;
	struct glass_conn_table		conns;
	atomic_t			timewaits;
	siphash_key_t			iss_key;
	struct glass_route_table	routes;
	struct glass_tap_table		taps;
	struct ratelimit_state		errors_limit;
	struct glass_sysctl		sysctl;
	struct glass_mibs __percpu	*stats;
};

extern unsigned int glass_net_id;

/**
 * glass_net - the state of a namespace
 * @net: the namespace
 *
 * As net_generic(), which is asked several times for each frame: but the array
 * of pointers, which may be exchanged for a longer one, is held by having
 * preemption off. Where readers of RCU can be preempted, rcu_read_lock() and
 * rcu_read_unlock() are calls.
 *
 * Context: any, while @net is alive.
 * Return: it; never NULL.
 */
static inline struct glass_net *glass_net(const struct net *net)
{
	const struct net_generic *generic;
	struct glass_net *gn;

	rcu_read_lock_sched();
	generic = rcu_dereference_sched(net->gen);
	gn = generic->ptr[glass_net_id];
	rcu_read_unlock_sched();
	return gn;
}

/**
 * glass_stats_inc - count one event
 * @net: the namespace it happened in
 * @mib: the event
 *
 * Context: any.
 */
static inline void glass_stats_inc(struct net *net, enum glass_mib mib)
{
	SNMP_INC_STATS(glass_net(net)->stats, mib);
}

int glass_net_init(void);
void glass_net_exit(void);

#endif /* GLASS_NET_H */
