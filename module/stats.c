// SPDX-License-Identifier: GPL-2.0
#include "stats.h"

#include <linux/array_size.h>

#include "net.h"
#include "trace.h"

#define GLASS_DROP_ITEM(name, reason) \
	SNMP_MIB_ITEM(name, GLASS_MIB_DROP_BASE + (reason))

/* Every counter by name, in the order in which they are shown. */
const struct snmp_mib glass_stats_list[] = {
	SNMP_MIB_ITEM("GlassOutFrames", GLASS_MIB_OUT_FRAMES),
	SNMP_MIB_ITEM("GlassOutBytes", GLASS_MIB_OUT_BYTES),
	SNMP_MIB_ITEM("GlassOutDeviceDrops", GLASS_MIB_OUT_DEVICE_DROPS),
	SNMP_MIB_ITEM("GlassInFrames", GLASS_MIB_IN_FRAMES),
	SNMP_MIB_ITEM("GlassInDelivered", GLASS_MIB_IN_DELIVERED),
	SNMP_MIB_ITEM("GlassInBytes", GLASS_MIB_IN_BYTES),
	SNMP_MIB_ITEM("GlassRawDelivered", GLASS_MIB_RAW_DELIVERED),
	SNMP_MIB_ITEM("GlassRawDrops", GLASS_MIB_RAW_DROPS),
	SNMP_MIB_ITEM("GlassControlIn", GLASS_MIB_CONTROL_IN),
	SNMP_MIB_ITEM("GlassControlOut", GLASS_MIB_CONTROL_OUT),
	SNMP_MIB_ITEM("GlassRouteLookups", GLASS_MIB_ROUTE_LOOKUPS),
	SNMP_MIB_ITEM("GlassActiveOpens", GLASS_MIB_ACTIVE_OPENS),
	SNMP_MIB_ITEM("GlassPassiveOpens", GLASS_MIB_PASSIVE_OPENS),
	SNMP_MIB_ITEM("GlassEstabResets", GLASS_MIB_ESTABLISHED_RESETS),
	SNMP_MIB_ITEM("GlassConnectFails", GLASS_MIB_CONNECT_FAILS),
	SNMP_MIB_ITEM("GlassOutSegments", GLASS_MIB_OUT_SEGMENTS),
	SNMP_MIB_ITEM("GlassInSegments", GLASS_MIB_IN_SEGMENTS),
	SNMP_MIB_ITEM("GlassRetransmits", GLASS_MIB_RETRANSMITS),
	SNMP_MIB_ITEM("GlassTimeouts", GLASS_MIB_TIMEOUTS),
	SNMP_MIB_ITEM("GlassRecoveries", GLASS_MIB_RECOVERIES),
	SNMP_MIB_ITEM("GlassEarly", GLASS_MIB_EARLY),
	SNMP_MIB_ITEM("GlassPruned", GLASS_MIB_PRUNED),
	SNMP_MIB_ITEM("GlassProbes", GLASS_MIB_PROBES),
	SNMP_MIB_ITEM("GlassChallenges", GLASS_MIB_CHALLENGES),
	SNMP_MIB_ITEM("GlassResetsOut", GLASS_MIB_RESETS_OUT),
	SNMP_MIB_ITEM("GlassGivenUp", GLASS_MIB_GIVEN_UP),
	SNMP_MIB_ITEM("GlassRequestEvictions", GLASS_MIB_REQUEST_EVICTIONS),
	SNMP_MIB_ITEM("GlassTimeWaits", GLASS_MIB_TIMEWAITS),
	SNMP_MIB_ITEM("GlassMemoryPressures", GLASS_MIB_MEMORY_PRESSURES),
	GLASS_DROP_ITEM("GlassDropDevice", GLASS_DROP_DEVICE),
	GLASS_DROP_ITEM("GlassDropNotHost", GLASS_DROP_NOT_HOST),
	GLASS_DROP_ITEM("GlassDropShort", GLASS_DROP_SHORT),
	GLASS_DROP_ITEM("GlassDropVersion", GLASS_DROP_VERSION),
	GLASS_DROP_ITEM("GlassDropHeaderLength", GLASS_DROP_HLEN),
	GLASS_DROP_ITEM("GlassDropFlags", GLASS_DROP_FLAGS),
	GLASS_DROP_ITEM("GlassDropReserved", GLASS_DROP_RESERVED),
	GLASS_DROP_ITEM("GlassDropLength", GLASS_DROP_LENGTH),
	GLASS_DROP_ITEM("GlassDropChecksum", GLASS_DROP_CHECKSUM),
	GLASS_DROP_ITEM("GlassDropSource", GLASS_DROP_SOURCE),
	GLASS_DROP_ITEM("GlassDropNode", GLASS_DROP_NODE),
	GLASS_DROP_ITEM("GlassDropProtocol", GLASS_DROP_PROTOCOL),
	GLASS_DROP_ITEM("GlassDropPort", GLASS_DROP_PORT),
	GLASS_DROP_ITEM("GlassDropFilter", GLASS_DROP_FILTER),
	GLASS_DROP_ITEM("GlassDropShutdown", GLASS_DROP_SHUTDOWN),
	GLASS_DROP_ITEM("GlassDropPeer", GLASS_DROP_PEER),
	GLASS_DROP_ITEM("GlassDropRcvbuf", GLASS_DROP_RCVBUF),
	GLASS_DROP_ITEM("GlassDropSegment", GLASS_DROP_SEGMENT),
	GLASS_DROP_ITEM("GlassDropConnection", GLASS_DROP_CONNECTION),
	GLASS_DROP_ITEM("GlassDropOld", GLASS_DROP_OLD),
	GLASS_DROP_ITEM("GlassDropWindow", GLASS_DROP_WINDOW),
	GLASS_DROP_ITEM("GlassDropAck", GLASS_DROP_ACK),
	GLASS_DROP_ITEM("GlassDropBacklog", GLASS_DROP_BACKLOG),
	GLASS_DROP_ITEM("GlassDropControl", GLASS_DROP_CONTROL),
	GLASS_DROP_ITEM("GlassDropMemory", GLASS_DROP_MEMORY),
};

static_assert(ARRAY_SIZE(glass_stats_list) == GLASS_STATS_COUNT);

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

/* What the core has a name for. */
static const enum skb_drop_reason core_reasons[GLASS_DROP_MAX] = {
	[GLASS_DROP_DEVICE]	= SKB_DROP_REASON_UNHANDLED_PROTO,
	[GLASS_DROP_NOT_HOST]	= SKB_DROP_REASON_OTHERHOST,
	[GLASS_DROP_SHORT]	= SKB_DROP_REASON_PKT_TOO_SMALL,
	[GLASS_DROP_HLEN]	= SKB_DROP_REASON_HDR_TRUNC,
	[GLASS_DROP_LENGTH]	= SKB_DROP_REASON_HDR_TRUNC,
	[GLASS_DROP_CHECKSUM]	= SKB_DROP_REASON_SKB_CSUM,
	[GLASS_DROP_PROTOCOL]	= SKB_DROP_REASON_UNHANDLED_PROTO,
	[GLASS_DROP_PORT]	= SKB_DROP_REASON_NO_SOCKET,
	[GLASS_DROP_FILTER]	= SKB_DROP_REASON_SOCKET_FILTER,
	[GLASS_DROP_RCVBUF]	= SKB_DROP_REASON_SOCKET_RCVBUFF,
	[GLASS_DROP_SEGMENT]	= SKB_DROP_REASON_TCP_FLAGS,
	[GLASS_DROP_CONNECTION]	= SKB_DROP_REASON_NO_SOCKET,
	[GLASS_DROP_OLD]	= SKB_DROP_REASON_TCP_RFC7323_PAWS,
	[GLASS_DROP_WINDOW]	= SKB_DROP_REASON_TCP_INVALID_SEQUENCE,
	[GLASS_DROP_ACK]	= SKB_DROP_REASON_TCP_INVALID_ACK_SEQUENCE,
	[GLASS_DROP_BACKLOG]	= SKB_DROP_REASON_SOCKET_BACKLOG,
	[GLASS_DROP_MEMORY]	= SKB_DROP_REASON_NOMEM,
};

/**
 * glass_drop - end a frame that is not delivered
 * @net: the namespace it is dropped in
 * @skb: the frame; one reference is taken over
 * @reason: why, not GLASS_DROP_NONE
 *
 * Every frame that Glass drops ends here, so every one is counted
 * and traced.
 *
 * Context: any but hard interrupt.
 */
void glass_drop(struct net *net, struct sk_buff *skb, enum glass_drop reason)
{
	enum skb_drop_reason core = core_reasons[reason];

	glass_stats_inc(net, GLASS_MIB_DROP_BASE + reason);
	trace_glass_pkt_drop(net, skb, reason);
	kfree_skb_reason(skb, core ? core : SKB_DROP_REASON_NOT_SPECIFIED);
}
