// SPDX-License-Identifier: GPL-2.0
#include "stats.h"

#include <linux/array_size.h>

#include "net.h"

static const char * const names[GLASS_MIB_MAX] = {
#define GLASS_MIB_NAME(id, name) [GLASS_MIB_##id] = name,
	GLASS_MIB_EVENTS(GLASS_MIB_NAME)
#undef GLASS_MIB_NAME
#define GLASS_DROP_NAME(id, name) \
	[GLASS_MIB_DROP_BASE + GLASS_DROP_##id] = name,
	GLASS_DROP_REASONS(GLASS_DROP_NAME)
#undef GLASS_DROP_NAME
};

/**
 * glass_stats_inc - count one event
 * @net: the namespace it happened in
 * @mib: the event
 *
 * Context: any.
 */
void glass_stats_inc(struct net *net, enum glass_mib mib)
{
	SNMP_INC_STATS(glass_net(net)->stats, mib);
}

/**
 * glass_stats_add - count several events, or bytes
 * @net: the namespace
 * @mib: the event
 * @count: how many
 *
 * Context: any.
 */
void glass_stats_add(struct net *net, enum glass_mib mib, unsigned long count)
{
	SNMP_ADD_STATS(glass_net(net)->stats, mib, count);
}

/**
 * glass_stats_fold - read a counter
 * @net: the namespace
 * @mib: the event, below GLASS_MIB_MAX
 *
 * Context: any.
 * Return: the sum over all CPUs; not a snapshot of one instant.
 */
unsigned long glass_stats_fold(struct net *net, unsigned int mib)
{
	unsigned long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += per_cpu_ptr(glass_net(net)->stats, cpu)->mibs[mib];
	return sum;
}

/**
 * glass_stats_name - a counter's name
 * @mib: the event, below GLASS_MIB_MAX
 *
 * Return: the name, or NULL for the place of GLASS_DROP_NONE.
 */
const char *glass_stats_name(unsigned int mib)
{
	return names[mib];
}

/**
 * glass_drop - end a frame that is not delivered
 * @net: the namespace it is dropped in
 * @skb: the frame; one reference is taken over
 * @reason: why, not GLASS_DROP_NONE
 *
 * Every frame that Glass drops ends here, so every one is counted.
 *
 * Context: any but hard interrupt.
 */
void glass_drop(struct net *net, struct sk_buff *skb, enum glass_drop reason)
{
	glass_stats_inc(net, GLASS_MIB_DROP_BASE + reason);
	kfree_skb_reason(skb, SKB_DROP_REASON_NOT_SPECIFIED);
}
