// SPDX-License-Identifier: GPL-2.0
#include "output.h"

#include <linux/etherdevice.h>
#include <net/checksum.h>

#include "dev.h"
#include "net.h"
#include "trace.h"
#include "wire.h"

/* The frame that is being handed to a device on this CPU. BH disabled. */
static DEFINE_PER_CPU(const struct sk_buff *, output_frame_now);

/**
 * glass_output_is_mine - is it the calling process that sends this frame?
 * @skb: a frame that has come in
 *
 * It is when the frame was delivered in the call that sends it. Who runs a
 * queueing discipline sends other people's frames too; those are not its own.
 *
 * Context: BH disabled.
 * Return: whether it is; false also if nobody can tell.
 */
bool glass_output_is_mine(const struct sk_buff *skb)
{
	return !in_serving_softirq() && !in_hardirq() &&
	       this_cpu_read(output_frame_now) == skb;
}

/**
 * glass_output_headroom - what a frame needs in front of its payload
 * @route: the way it will take
 *
 * Context: RCU read section of the look-up.
 * Return: bytes.
 */
u32 glass_output_headroom(const struct glass_route *route)
{
	return LL_RESERVED_SPACE(route->dev) + sizeof(struct glass_hdr);
}

/**
 * glass_output_max_payload - the largest payload of one frame
 * @route: the way it will take
 *
 * Context: RCU read section of the look-up.
 * Return: bytes.
 */
u32 glass_output_max_payload(const struct glass_route *route)
{
	u32 mtu = READ_ONCE(route->dev->mtu);

	return mtu > sizeof(struct glass_hdr) ? mtu - sizeof(struct glass_hdr) :
						0;
}

/*
 * Leave the sum to the device, which on glass0 means: to nobody. Where
 * something between here and the receiver may alter the frame, the sum must be
 * real before it gets there: neither a qdisc nor a program tells what it
 * changed in a frame whose sum is still to be made.
 */
static int output_checksum(struct sk_buff *skb, bool is_clear)
{
	struct glass_hdr *hdr = (struct glass_hdr *)skb_network_header(skb);

	hdr->csum = (__force __be16)
		glass_wire_fold(glass_wire_pseudo_sum(eth_hdr(skb)));
	skb->ip_summed = CHECKSUM_PARTIAL;
	skb->csum_start = skb_network_header(skb) - skb->head;
	skb->csum_offset = offsetof(struct glass_hdr, csum);

	return !is_clear && glass_dev_may_alter(skb->dev) ?
	       skb_checksum_help(skb) : 0;
}

static void output_glass_header(struct sk_buff *skb,
				const struct glass_flow *flow)
{
	struct glass_wire wire = {
		.src_node	= flow->src.node,
		.src_port	= flow->src.port,
		.dst_node	= flow->dst.node,
		.dst_port	= flow->dst.port,
		.len		= skb->len - flow->proto_hlen,
		.hlen		= sizeof(struct glass_hdr) + flow->proto_hlen,
		.protocol	= flow->protocol,
	};

	if (flow->no_csum && glass_wire_may_omit_sum(flow->protocol))
		wire.flags |= GLASS_HDR_F_NO_CSUM;
	skb_push(skb, sizeof(struct glass_hdr));
	glass_wire_encode((struct glass_hdr *)skb->data, &wire);
}

/*
 * @skb begins with the Glass header. A sum that is there is left alone, and one
 * that is not to be there too.
 */
static int output_link_header(struct sk_buff *skb,
			      const struct glass_route *route, bool is_clear)
{
	struct net_device *dev = route->dev;
	const u8 *lladdr = route->is_local ? dev->dev_addr : route->lladdr;
	const struct glass_hdr *hdr = (struct glass_hdr *)skb->data;
	bool is_summed = hdr->csum || hdr->flags & GLASS_HDR_F_NO_CSUM;

	skb_reset_network_header(skb);
	skb->dev = dev;
	skb->protocol = htons(ETH_P_GLASS);
	if (dev_hard_header(skb, dev, ETH_P_GLASS, lladdr, dev->dev_addr,
			    skb->len) < 0)
		return -EINVAL;
	skb_reset_mac_header(skb);

	return is_summed ? 0 : output_checksum(skb, is_clear);
}

/**
 * glass_output_route - the way that a sender's frames take
 * @net: the namespace of the sender
 * @node: where they go
 * @bound_dev_if: the only device allowed (SO_BINDTODEVICE), or 0
 * @cache: as for glass_route_lookup_cached()
 *
 * Context: RCU read section; the answer is valid in it.
 * Return: as glass_route_lookup(); -EHOSTUNREACH also if the way is by another
 *	device than the one the sender is bound to.
 */
const struct glass_route *
glass_output_route(struct net *net, u32 node, int bound_dev_if,
		   struct glass_route_cache *cache)
{
	const struct glass_route *route;

	route = glass_route_lookup_cached(net, node, cache);
	if (!IS_ERR(route) && bound_dev_if && bound_dev_if != route->ifindex)
		return ERR_PTR(-EHOSTUNREACH);
	return route;
}

/* @route: of a frame that goes over a clear device; else NULL. */
static int output_xmit(struct net *net, struct sk_buff *skb, u32 len,
		       const struct glass_route *route)
{
	const struct sk_buff *outer;
	int err;

	glass_stats_inc(net, GLASS_MIB_OUT_FRAMES);
	glass_stats_add(net, GLASS_MIB_OUT_BYTES, len);
	trace_glass_pkt_send(net, skb);
	local_bh_disable();
	outer = this_cpu_read(output_frame_now);
	this_cpu_write(output_frame_now, skb);
	if (route) {
		glass_dev_transmit(skb, route);
		err = 0;
	} else {
		err = dev_queue_xmit(skb);
	}
	this_cpu_write(output_frame_now, outer);
	local_bh_enable();
	if (likely(!err))
		return 0;
	glass_stats_inc(net, GLASS_MIB_OUT_DEVICE_DROPS);
	return err == -ENETDOWN ? err : 0;
}

static int output_frame(struct net *net, struct sk_buff *skb,
			struct glass_flow *flow, bool has_header)
{
	u32 len = skb->len - (has_header ? sizeof(struct glass_hdr) : 0);
	const struct glass_route *route;
	bool is_clear;
	u32 headroom;
	int err;

	rcu_read_lock();
	route = glass_output_route(net, flow->dst.node, flow->bound_dev_if,
				   &flow->cache);
	if (IS_ERR(route)) {
		err = PTR_ERR(route);
		goto free_skb;
	}
	err = -EMSGSIZE;
	if (len > glass_output_max_payload(route))
		goto free_skb;

	is_clear = glass_dev_is_clear(route->dev);
	headroom = glass_output_headroom(route);
	err = -ENOMEM;
	/* A frame that its sender only lends stays among ourselves. */
	if (!is_clear || skb_headroom(skb) < headroom)
		skb = skb_share_check(skb, GFP_ATOMIC);
	if (!skb)
		goto unlock_rcu;
	err = skb_cow_head(skb, headroom);
	if (err)
		goto free_skb;
	skb->mark = flow->mark;
	skb->priority = flow->priority;
	if (!has_header)
		output_glass_header(skb, flow);
	err = output_link_header(skb, route, is_clear);
	if (err)
		goto free_skb;
	err = output_xmit(net, skb, len, is_clear ? route : NULL);
	rcu_read_unlock();
	return err;

free_skb:
	kfree_skb(skb);
unlock_rcu:
	rcu_read_unlock();
	return err;
}

/**
 * glass_output - send one frame
 * @net: the namespace of the sender
 * @skb: the payload, charged to whoever pays for it, with
 *	glass_output_headroom() bytes in front; taken over in any case
 * @flow: from where to where; no wildcard is left in it
 *
 * The route is asked for here, whatever the caller asked for to size the
 * frame: time may have passed. What the device does with the frame is the
 * device's affair: a loss is counted and is no error, as it would not be
 * further down the line either.
 *
 * Context: process or BH, no socket spinlock held: the frame may be delivered
 *	before this returns.
 * Return: 0, -EHOSTUNREACH, -ENETDOWN, -EMSGSIZE, -ENOMEM.
 */
int glass_output(struct net *net, struct sk_buff *skb,
		 struct glass_flow *flow)
{
	return output_frame(net, skb, flow, false);
}

/**
 * glass_output_raw - send one frame with a header of the sender's making
 * @net: the namespace of the sender
 * @skb: struct glass_hdr, whatever it says, and the payload; else as for
 *	glass_output(). A csum of 0 is filled in
 * @flow: where to; decides the device, and nothing else
 *
 * Context: as glass_output().
 * Return: as glass_output().
 */
int glass_output_raw(struct net *net, struct sk_buff *skb,
		     struct glass_flow *flow)
{
	return output_frame(net, skb, flow, true);
}
