// SPDX-License-Identifier: GPL-2.0
#include "control.h"

#include <linux/errno.h>
#include <linux/ratelimit.h>
#include <linux/skbuff.h>

#include "errqueue.h"
#include "glass.h"
#include "input.h"
#include "net.h"
#include "output.h"
#include "transport.h"
#include "wire.h"

/*
 * A control frame back to where another frame came from. Nobody is charged for
 * it: it is no larger than the one that caused it, and there is one for one.
 * No socket lock is held; the device does not deliver in a delivery.
 */
static void control_send(struct net *net, const struct glass_wire *cause,
			 struct sk_buff *skb)
{
	struct glass_flow flow = {
		.src = { .node = cause->dst_node, .port = cause->dst_port },
		.dst = { .node = cause->src_node, .port = cause->src_port },
		.protocol = GLASS_PROTO_CONTROL,
	};

	glass_stats_inc(net, GLASS_MIB_CONTROL_OUT);
	glass_output(net, skb, &flow);
}

/* The same data back. @skb is from the Glass header on, and stays whole. */
static enum glass_drop control_echo(struct net *net, struct sk_buff *skb,
				    const struct glass_wire *wire)
{
	struct glass_control_hdr *hdr;
	struct sk_buff *reply;

	/* Its head is our own to write; the rest is shared. */
	reply = pskb_copy(skb, GFP_ATOMIC);
	if (!reply)
		return GLASS_DROP_MEMORY;
	__skb_pull(reply, wire->hlen);
	hdr = (struct glass_control_hdr *)reply->data;
	hdr->type = GLASS_CONTROL_ECHO_REPLY;
	control_send(net, wire, reply);
	return GLASS_DROP_NONE;
}

/*
 * Another node lost a frame of ours: tell the socket that sent it, if it is
 * connected to where the frame went, and not otherwise: who guesses ports
 * should not guess an error. Who wants the errors of all (GLASS_RECVERR) gets
 * them with the names of those whom they are about, and can tell for itself.
 */
static enum glass_drop control_unreachable(struct net *net,
					   struct sk_buff *skb,
					   const struct glass_wire *wire,
					   unsigned int code)
{
	unsigned int offset = wire->hlen + sizeof(struct glass_control_hdr);
	struct sock_extended_err ee = {
		.ee_origin	= GLASS_EE_ORIGIN_CONTROL,
		.ee_type	= GLASS_CONTROL_UNREACHABLE,
	};
	struct glass_addr offender = {
		.node = wire->src_node,
		.port = wire->src_port,
	};
	struct glass_addr src, dst;
	struct glass_hdr lost;
	struct sock *sk;

	if (skb_copy_bits(skb, offset, &lost, sizeof(lost)))
		return GLASS_DROP_CONTROL;
	if (code != ECONNREFUSED)
		return GLASS_DROP_CONTROL;
	src.node = be32_to_cpu(lost.src_node);
	src.port = be32_to_cpu(lost.src_port);
	dst.node = be32_to_cpu(lost.dst_node);
	dst.port = be32_to_cpu(lost.dst_port);
	/* Only the node that the frame went to can say so. */
	if (dst.node != wire->src_node || src.node != wire->dst_node)
		return GLASS_DROP_CONTROL;

	sk = glass_port_lookup(net, lost.protocol, &src, skb->dev->ifindex);
	if (!sk)
		return GLASS_DROP_PORT;
	/* A connection is ended by resets, which are harder to forge. */
	if (glass_is_transport(sk))
		goto put_sk;
	bh_lock_sock(sk);
	ee.ee_code = code;
	ee.ee_errno = code;
	glass_errqueue_add(sk, &ee, &dst, &offender);
	if (glass_addr_equal(&glass_sk(sk)->remote, &dst)) {
		WRITE_ONCE(sk->sk_err, code);
		sk_error_report(sk);
	}
	bh_unlock_sock(sk);
put_sk:
	sock_put(sk);
	return GLASS_DROP_NONE;
}

/* glass_input_handler of GLASS_PROTO_CONTROL. */
static enum glass_drop control_rcv(struct net *net, struct sk_buff *skb,
				   const struct glass_wire *wire)
{
	const struct glass_control_hdr *hdr;
	enum glass_drop drop = GLASS_DROP_CONTROL;

	if (wire->hlen != sizeof(struct glass_hdr))
		return GLASS_DROP_HLEN;
	if (!pskb_may_pull(skb, wire->hlen + sizeof(*hdr)))
		return GLASS_DROP_CONTROL;
	hdr = (const struct glass_control_hdr *)(skb->data + wire->hlen);
	if (hdr->reserved)
		return GLASS_DROP_CONTROL;

	switch (hdr->type) {
	case GLASS_CONTROL_ECHO:
		drop = control_echo(net, skb, wire);
		break;
	case GLASS_CONTROL_ECHO_REPLY:
		/* For raw sockets, which have had their copy. */
		drop = GLASS_DROP_NONE;
		break;
	case GLASS_CONTROL_UNREACHABLE:
		drop = control_unreachable(net, skb, wire, hdr->code);
		break;
	}
	if (drop)
		return drop;
	glass_stats_inc(net, GLASS_MIB_CONTROL_IN);
	consume_skb(skb);
	return GLASS_DROP_NONE;
}

static bool may_send_error(struct net *net)
{
	struct glass_net *gn = glass_net(net);

	gn->errors_limit.burst = READ_ONCE(gn->sysctl.errors_per_second);
	return gn->errors_limit.burst && __ratelimit(&gn->errors_limit);
}

/**
 * glass_control_refuse - tell another node that nobody has a port
 * @net: the namespace
 * @skb: the frame, from the Glass header on
 * @wire: its header, decoded
 *
 * A sender in this namespace was told before it sent; who sent before the port
 * went away is told nothing, as with AF_UNIX. The number of these frames is
 * limited, and none answers a control frame.
 *
 * Context: BH, RCU read section; no lock held.
 */
void glass_control_refuse(struct net *net, const struct sk_buff *skb,
			  const struct glass_wire *wire)
{
	const struct glass_control_hdr hdr = {
		.type = GLASS_CONTROL_UNREACHABLE,
		.code = ECONNREFUSED,
	};
	struct sk_buff *error;

	if (glass_route_is_local(net, wire->src_node) || !may_send_error(net))
		return;
	error = alloc_skb(MAX_HEADER + 2 * sizeof(struct glass_hdr) +
			  sizeof(hdr), GFP_ATOMIC);
	if (!error)
		return;
	skb_reserve(error, MAX_HEADER + sizeof(struct glass_hdr));
	skb_put_data(error, &hdr, sizeof(hdr));
	skb_put_data(error, skb->data, sizeof(struct glass_hdr));
	control_send(net, wire, error);
}

/**
 * glass_control_init - begin to understand control frames
 *
 * Context: process.
 */
void __init glass_control_init(void)
{
	glass_input_add_protocol(GLASS_PROTO_CONTROL, control_rcv);
}

/**
 * glass_control_exit - understand them no more
 *
 * Context: process. Input is closed, so no handler is running.
 */
void glass_control_exit(void)
{
	glass_input_del_protocol(GLASS_PROTO_CONTROL, control_rcv);
}
