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
#include <net/tcp_states.h>

#include "drop.h"
#include "glass.h"

/* So that a reader of the formats (perf, bpftrace) is told numbers. */
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
TRACE_DEFINE_ENUM(GLASS_DROP_SEGMENT);
TRACE_DEFINE_ENUM(GLASS_DROP_CONNECTION);
TRACE_DEFINE_ENUM(GLASS_DROP_OLD);
TRACE_DEFINE_ENUM(GLASS_DROP_WINDOW);
TRACE_DEFINE_ENUM(GLASS_DROP_ACK);
TRACE_DEFINE_ENUM(GLASS_DROP_BACKLOG);
TRACE_DEFINE_ENUM(GLASS_DROP_CONTROL);
TRACE_DEFINE_ENUM(GLASS_DROP_MEMORY);
TRACE_DEFINE_ENUM(TCP_ESTABLISHED);
TRACE_DEFINE_ENUM(TCP_SYN_SENT);
TRACE_DEFINE_ENUM(TCP_SYN_RECV);
TRACE_DEFINE_ENUM(TCP_FIN_WAIT1);
TRACE_DEFINE_ENUM(TCP_FIN_WAIT2);
TRACE_DEFINE_ENUM(TCP_TIME_WAIT);
TRACE_DEFINE_ENUM(TCP_CLOSE);
TRACE_DEFINE_ENUM(TCP_CLOSE_WAIT);
TRACE_DEFINE_ENUM(TCP_LAST_ACK);
TRACE_DEFINE_ENUM(TCP_LISTEN);
TRACE_DEFINE_ENUM(TCP_CLOSING);

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
		{ GLASS_DROP_SEGMENT, "segment" },			\
		{ GLASS_DROP_CONNECTION, "connection" },		\
		{ GLASS_DROP_OLD, "old" },				\
		{ GLASS_DROP_WINDOW, "window" },			\
		{ GLASS_DROP_ACK, "ack" },				\
		{ GLASS_DROP_BACKLOG, "backlog" },			\
		{ GLASS_DROP_CONTROL, "control" },			\
		{ GLASS_DROP_MEMORY, "memory" })

#define show_state(state)						\
	__print_symbolic(state,						\
		{ TCP_ESTABLISHED, "ESTABLISHED" },			\
		{ TCP_SYN_SENT, "SYN_SENT" },				\
		{ TCP_SYN_RECV, "SYN_RECV" },				\
		{ TCP_FIN_WAIT1, "FIN_WAIT1" },				\
		{ TCP_FIN_WAIT2, "FIN_WAIT2" },				\
		{ TCP_TIME_WAIT, "TIME_WAIT" },				\
		{ TCP_CLOSE, "CLOSE" },					\
		{ TCP_CLOSE_WAIT, "CLOSE_WAIT" },			\
		{ TCP_LAST_ACK, "LAST_ACK" },				\
		{ TCP_LISTEN, "LISTEN" },				\
		{ TCP_CLOSING, "CLOSING" })

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

/* Of a connection, and one of its segments. */
DECLARE_EVENT_CLASS(glass_segment_class,
	TP_PROTO(const struct sock *sk, u32 seq, u32 len),
	TP_ARGS(sk, seq, len),

	TP_STRUCT__entry(
		__field(u64, net_cookie)
		__field(const void *, skaddr)
		__field(u32, local_node)
		__field(u32, local_port)
		__field(u32, remote_node)
		__field(u32, remote_port)
		__field(u32, seq)
		__field(u32, len)
		__field(int, state)
	),

	TP_fast_assign(
		__entry->net_cookie = sock_net(sk)->net_cookie;
		__entry->skaddr = sk;
		__entry->local_node = glass_sk(sk)->local.node;
		__entry->local_port = glass_sk(sk)->local.port;
		__entry->remote_node = glass_sk(sk)->remote.node;
		__entry->remote_port = glass_sk(sk)->remote.port;
		__entry->seq = seq;
		__entry->len = len;
		__entry->state = sk->sk_state;
	),

	TP_printk("net=%llu skaddr=%p %u:%u -> %u:%u state=%s seq=%u len=%u",
		  __entry->net_cookie, __entry->skaddr, __entry->local_node,
		  __entry->local_port, __entry->remote_node,
		  __entry->remote_port, show_state(__entry->state),
		  __entry->seq, __entry->len)
);

/* A segment with data is about to be sent again. */
DEFINE_EVENT(glass_segment_class, glass_retransmit,
	TP_PROTO(const struct sock *sk, u32 seq, u32 len),
	TP_ARGS(sk, seq, len));

/* A connection is about to send a reset. */
DEFINE_EVENT(glass_segment_class, glass_reset_send,
	TP_PROTO(const struct sock *sk, u32 seq, u32 len),
	TP_ARGS(sk, seq, len));

/* A connection is ended by its peer's reset. */
DEFINE_EVENT(glass_segment_class, glass_reset_receive,
	TP_PROTO(const struct sock *sk, u32 seq, u32 len),
	TP_ARGS(sk, seq, len));

/* A connection's state changes. */
TRACE_EVENT(glass_state,
	TP_PROTO(const struct sock *sk, int oldstate, int newstate),
	TP_ARGS(sk, oldstate, newstate),

	TP_STRUCT__entry(
		__field(u64, net_cookie)
		__field(const void *, skaddr)
		__field(u32, local_node)
		__field(u32, local_port)
		__field(u32, remote_node)
		__field(u32, remote_port)
		__field(int, oldstate)
		__field(int, newstate)
	),

	TP_fast_assign(
		__entry->net_cookie = sock_net(sk)->net_cookie;
		__entry->skaddr = sk;
		__entry->local_node = glass_sk(sk)->local.node;
		__entry->local_port = glass_sk(sk)->local.port;
		__entry->remote_node = glass_sk(sk)->remote.node;
		__entry->remote_port = glass_sk(sk)->remote.port;
		__entry->oldstate = oldstate;
		__entry->newstate = newstate;
	),

	TP_printk("net=%llu skaddr=%p %u:%u -> %u:%u %s -> %s",
		  __entry->net_cookie, __entry->skaddr, __entry->local_node,
		  __entry->local_port, __entry->remote_node,
		  __entry->remote_port, show_state(__entry->oldstate),
		  show_state(__entry->newstate))
);

#endif /* GLASS_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
