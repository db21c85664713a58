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
 * @GLASS_MIB_ACTIVE_OPENS: connections begun by connect(2)
 * @GLASS_MIB_PASSIVE_OPENS: connections that a listener took
 * @GLASS_MIB_ESTABLISHED_RESETS: connections that a reset ended
 * @GLASS_MIB_CONNECT_FAILS: connections that did not come about
 * @GLASS_MIB_OUT_SEGMENTS: segments sent by connections
 * @GLASS_MIB_IN_SEGMENTS: segments that came for connections and listeners
 * @GLASS_MIB_RETRANSMITS: segments with data sent again
 * @GLASS_MIB_TIMEOUTS: times that the retransmission timer fired
 * @GLASS_MIB_RECOVERIES: losses that were seen before it fired
 * @GLASS_MIB_EARLY: segments that came ahead of what was missing
 * @GLASS_MIB_PRUNED: times that such were thrown away for want of memory
 * @GLASS_MIB_PROBES: probes of a silent peer or a closed window
 * @GLASS_MIB_CHALLENGES: acknowledgments that challenge a doubtful segment
 * @GLASS_MIB_RESETS_OUT: resets sent
 * @GLASS_MIB_GIVEN_UP: connections given up for want of an answer
 * @GLASS_MIB_REQUEST_EVICTIONS: half-open connections dropped for newer ones
 * @GLASS_MIB_TIMEWAITS: connections remembered after their end
 * @GLASS_MIB_MEMORY_PRESSURES: times that connections had too little memory
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
	GLASS_MIB_ACTIVE_OPENS,
	GLASS_MIB_PASSIVE_OPENS,
	GLASS_MIB_ESTABLISHED_RESETS,
	GLASS_MIB_CONNECT_FAILS,
	GLASS_MIB_OUT_SEGMENTS,
	GLASS_MIB_IN_SEGMENTS,
	GLASS_MIB_RETRANSMITS,
	GLASS_MIB_TIMEOUTS,
	GLASS_MIB_RECOVERIES,
	GLASS_MIB_EARLY,
	GLASS_MIB_PRUNED,
	GLASS_MIB_PROBES,
	GLASS_MIB_CHALLENGES,
	GLASS_MIB_RESETS_OUT,
	GLASS_MIB_GIVEN_UP,
	GLASS_MIB_REQUEST_EVICTIONS,
	GLASS_MIB_TIMEWAITS,
	GLASS_MIB_MEMORY_PRESSURES,
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

void glass_stats_add(struct net *net, enum glass_mib mib, unsigned long count);
unsigned long glass_stats_fold(struct net *net, unsigned int mib);
void glass_drop(struct net *net, struct sk_buff *skb, enum glass_drop reason);

#endif /* GLASS_STATS_H */
