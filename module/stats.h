/* SPDX-License-Identifier: GPL-2.0 */
/* Per-CPU counters, one set in each network namespace. */
#ifndef GLASS_STATS_H
#define GLASS_STATS_H

#include <linux/percpu.h>
#include <linux/skbuff.h>
#include <net/snmp.h>

#include "drop.h"

struct net;

#define GLASS_MIB_EVENTS(X)						\
	X(OUT_FRAMES, "GlassOutFrames")	/* handed to a device */	\
	X(OUT_BYTES, "GlassOutBytes")	/* their payload */		\
	X(OUT_DEVICE_DROPS, "GlassOutDeviceDrops") /* refused by it */	\
	X(IN_FRAMES, "GlassInFrames")	/* came from a device */	\
	X(IN_DELIVERED, "GlassInDelivered")	/* queued to a socket */ \
	X(IN_BYTES, "GlassInBytes")	/* their payload */

/**
 * enum glass_mib - what is counted
 * @GLASS_MIB_DROP_BASE: plus an enum glass_drop: frames dropped for it
 * @GLASS_MIB_MAX: number of counters; the others as commented above
 */
enum glass_mib {
#define GLASS_MIB_ENUM(id, name) GLASS_MIB_##id,
	GLASS_MIB_EVENTS(GLASS_MIB_ENUM)
#undef GLASS_MIB_ENUM
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

void glass_stats_inc(struct net *net, enum glass_mib mib);
void glass_stats_add(struct net *net, enum glass_mib mib, unsigned long count);
unsigned long glass_stats_fold(struct net *net, unsigned int mib);
const char *glass_stats_name(unsigned int mib);
void glass_drop(struct net *net, struct sk_buff *skb, enum glass_drop reason);

#endif /* GLASS_STATS_H */
