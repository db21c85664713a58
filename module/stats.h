/* SPDX-License-Identifier: GPL-2.0 */
/* Per-CPU counters, one set in each network namespace. */
#ifndef GLASS_STATS_H
#define GLASS_STATS_H

#include <linux/percpu.h>
#include <linux/skbuff.h>
#include <net/snmp.h>

#include "drop.h"

struct net;

/**
 * enum glass_mib - what is counted
 * @GLASS_MIB_OUT_FRAMES: frames handed to a device
 * @GLASS_MIB_OUT_BYTES: their payload, in bytes
 * @GLASS_MIB_OUT_DEVICE_DROPS: of those, how many the device or its qdisc refused
 * @GLASS_MIB_IN_FRAMES: frames that came from a device
 * @GLASS_MIB_IN_DELIVERED: of those, how many were queued to a socket
 * @GLASS_MIB_IN_BYTES: their payload, in bytes
 * @GLASS_MIB_RAW_DELIVERED: copies queued to raw sockets
 * @GLASS_MIB_RAW_DROPS: copies that a raw socket did not take
 * @GLASS_MIB_CONTROL_IN: frames of GLASS_PROTO_CONTROL that were understood
 * @GLASS_MIB_CONTROL_OUT: frames of GLASS_PROTO_CONTROL sent by the module
 * @GLASS_MIB_ROUTE_LOOKUPS: times a route was looked up in the table
 * @GLASS_MIB_DROP_BASE: plus an enum glass_drop: frames dropped for it
 * @GLASS_MIB_MAX: number of counters
 */
enum glass_mib {
	GLASS_MIB_OUT_FRAMES,
	GLASS_MIB_OUT_BYTES,
	GLASS_MIB_OUT_DEVICE_DROPS,
	GLASS_MIB_IN_FRAMES,
	GLASS_MIB_IN_DELIVERED,
	GLASS_MIB_IN_BYTES,
	GLASS_MIB_RAW_DELIVERED,
	GLASS_MIB_RAW_DROPS,
	GLASS_MIB_CONTROL_IN,
	GLASS_MIB_CONTROL_OUT,
	GLASS_MIB_ROUTE_LOOKUPS,
	GLASS_MIB_DROP_BASE,
	GLASS_MIB_MAX = GLASS_MIB_DROP_BASE + GLASS_DROP_MAX,
};

/**
 * struct glass_mibs - the counters of one CPU
 * @mibs: indexed by enum glass_mib; written by its CPU alone, read by all
 */
struct glass_mibs {
	unsigned long	mibs[GLASS_MIB_MAX];
};

/* Named counters: all but the place of GLASS_DROP_NONE. */
#define GLASS_STATS_COUNT	(GLASS_MIB_MAX - 1)

extern const struct snmp_mib glass_stats_list[GLASS_STATS_COUNT];

void glass_stats_inc(struct net *net, enum glass_mib mib);
void glass_stats_add(struct net *net, enum glass_mib mib, unsigned long count);
unsigned long glass_stats_fold(struct net *net, unsigned int mib);
void glass_drop(struct net *net, struct sk_buff *skb, enum glass_drop reason);

#endif /* GLASS_STATS_H */
