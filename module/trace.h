/* SPDX-License-Identifier: GPL-2.0 */
/* Tracepoints: what happens to frames. Anyone may include this. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM glass

#if !defined(GLASS_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define GLASS_TRACE_H

#include <linux/glass.h>
#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <linux/tracepoint.h>
#include <net/net_namespace.h>

#include "drop.h"

#ifndef GLASS_TRACE_ENUM
#define GLASS_TRACE_ENUM
TRACE_DEFINE_ENUM(GLASS_DROP_DEVICE);
TRACE_DEFINE_ENUM(GLASS_DROP_NOT_HOST);
TRACE_DEFINE_ENUM(GLASS_DROP_SHORT);
TRACE_DEFINE_ENUM(GLASS_DROP_VERSION);
TRACE_DEFINE_ENUM(GLASS_DROP_HLEN);
TRACE_DEFINE_ENUM(GLASS_DROP_FLAGS);
TRACE_DEFINE_ENUM(GLASS_DROP_RESERVED);
TRACE_DEFINE_ENUM(GLASS_DROP_LENGTH);
TRACE_DEFINE_ENUM(GLASS_DROP_CHECKSUM);
TRACE_DEFINE_ENUM(GLASS_DROP_SOURCE);
TRACE_DEFINE_ENUM(GLASS_DROP_NODE);
TRACE_DEFINE_ENUM(GLASS_DROP_PROTOCOL);
TRACE_DEFINE_ENUM(GLASS_DROP_PORT);
TRACE_DEFINE_ENUM(GLASS_DROP_FILTER);
TRACE_DEFINE_ENUM(GLASS_DROP_SHUTDOWN);
TRACE_DEFINE_ENUM(GLASS_DROP_PEER);
TRACE_DEFINE_ENUM(GLASS_DROP_RCVBUF);
TRACE_DEFINE_ENUM(GLASS_DROP_CONTROL);
TRACE_DEFINE_ENUM(GLASS_DROP_MEMORY);
#endif

#define show_drop_reason(reason)					\
	__print_symbolic(reason,					\
		{ GLASS_DROP_DEVICE, "device" },			\
		{ GLASS_DROP_NOT_HOST, "not_host" },			\
		{ GLASS_DROP_SHORT, "short" },				\
		{ GLASS_DROP_VERSION, "version" },			\
		{ GLASS_DROP_HLEN, "header_length" },			\
		{ GLASS_DROP_FLAGS, "flags" },				\
		{ GLASS_DROP_RESERVED, "reserved" },			\
		{ GLASS_DROP_LENGTH, "length" },			\
		{ GLASS_DROP_CHECKSUM, "checksum" },			\
		{ GLASS_DROP_SOURCE, "source" },			\
		{ GLASS_DROP_NODE, "node" },				\
		{ GLASS_DROP_PROTOCOL, "protocol" },			\
		{ GLASS_DROP_PORT, "port" },				\
		{ GLASS_DROP_FILTER, "filter" },			\
		{ GLASS_DROP_SHUTDOWN, "shutdown" },			\
		{ GLASS_DROP_PEER, "peer" },				\
		{ GLASS_DROP_RCVBUF, "rcvbuf" },			\
		{ GLASS_DROP_CONTROL, "control" },			\
		{ GLASS_DROP_MEMORY, "memory" })

/* Of a frame with its Glass header at the network header, on its device. */
DECLARE_EVENT_CLASS(glass_pkt_class,
	TP_PROTO(const struct net *net, const struct sk_buff *skb),
	TP_ARGS(net, skb),

	TP_STRUCT__entry(
		__field(u64, net_cookie)
		__field(const void *, skbaddr)
		__field(u32, src_node)
		__field(u32, src_port)
		__field(u32, dst_node)
		__field(u32, dst_port)
		__field(u32, len)
		__field(int, ifindex)
		__field(u8, protocol)
	),

	TP_fast_assign(
		const struct glass_hdr *hdr =
			(const struct glass_hdr *)skb_network_header(skb);

		__entry->net_cookie = net->net_cookie;
		__entry->skbaddr = skb;
		__entry->src_node = be32_to_cpu(hdr->src_node);
		__entry->src_port = be32_to_cpu(hdr->src_port);
		__entry->dst_node = be32_to_cpu(hdr->dst_node);
		__entry->dst_port = be32_to_cpu(hdr->dst_port);
		__entry->len = be32_to_cpu(hdr->len);
		__entry->ifindex = skb->dev->ifindex;
		__entry->protocol = hdr->protocol;
	),

	TP_printk("net=%llu skbaddr=%p ifindex=%d protocol=%u %u:%u -> %u:%u len=%u",
		  __entry->net_cookie, __entry->skbaddr, __entry->ifindex,
		  __entry->protocol, __entry->src_node, __entry->src_port,
		  __entry->dst_node, __entry->dst_port, __entry->len)
);

/* A frame is about to be handed to its device. */
DEFINE_EVENT(glass_pkt_class, glass_pkt_send,
	TP_PROTO(const struct net *net, const struct sk_buff *skb),
	TP_ARGS(net, skb));

/* A device brought a frame that is valid and for this node. */
DEFINE_EVENT(glass_pkt_class, glass_pkt_receive,
	TP_PROTO(const struct net *net, const struct sk_buff *skb),
	TP_ARGS(net, skb));

/* A frame ends without being delivered. */
TRACE_EVENT(glass_pkt_drop,
	TP_PROTO(const struct net *net, const struct sk_buff *skb,
		 enum glass_drop reason),
	TP_ARGS(net, skb, reason),

	TP_STRUCT__entry(
		__field(u64, net_cookie)
		__field(const void *, skbaddr)
		__field(u32, len)
		__field(int, ifindex)
		__field(int, reason)
	),

	TP_fast_assign(
		__entry->net_cookie = net->net_cookie;
		__entry->skbaddr = skb;
		__entry->len = skb->len;
		__entry->ifindex = skb->skb_iif;
		__entry->reason = reason;
	),

	TP_printk("net=%llu skbaddr=%p ifindex=%d len=%u reason=%s",
		  __entry->net_cookie, __entry->skbaddr, __entry->ifindex,
		  __entry->len, show_drop_reason(__entry->reason))
);

#endif /* GLASS_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
