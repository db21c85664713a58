// SPDX-License-Identifier: GPL-2.0
#include "input.h"

#include <linux/etherdevice.h>
#include <linux/filter.h>
#include <net/checksum.h>

#include "control.h"
#include "cred.h"
#include "dev.h"
#include "glass.h"
#include "net.h"
#include "output.h"
#include "trace.h"
#include "wire.h"

/* By protocol: who takes its frames. One word, changed at any time. */
static glass_input_handler handlers[GLASS_PROTO_MAX + 1];

/**
 * glass_input_add_protocol - let frames of a protocol in
 * @protocol: GLASS_PROTO_*; if it has a handler, that is kept
 * @handler: who takes them
 *
 * Context: any.
 */
void glass_input_add_protocol(u8 protocol, glass_input_handler handler)
{
	cmpxchg(&handlers[protocol], NULL, handler);
}

/**
 * glass_input_del_protocol - drop frames of a protocol from now on
 * @protocol: GLASS_PROTO_*
 * @handler: who takes them; if it is somebody else, nothing happens
 *
 * Context: any. The handler may still be running until synchronize_net().
 */
void glass_input_del_protocol(u8 protocol, glass_input_handler handler)
{
	cmpxchg(&handlers[protocol], handler, NULL);
}

/**
 * glass_input_source - who sent a queued frame
 * @skb: a frame from a socket's receive queue
 * @src: filled in
 *
 * Context: any.
 */
void glass_input_source(const struct sk_buff *skb, struct glass_addr *src)
{
	const struct glass_hdr *hdr = glass_input_hdr(skb);

	src->node = be32_to_cpu(hdr->src_node);
	src->port = be32_to_cpu(hdr->src_port);
}

/*
 * On a Glass device a frame whose sum is still to be made met nothing that
 * could alter it (see output_checksum()). AF_PACKET can ask for a sum anywhere
 * in the frame, so only our own place counts. Other devices bring no such
 * frame of ours.
 */
static bool input_checksum_ok(struct sk_buff *skb, bool is_attached)
{
	__wsum sum;

	if (!is_attached && skb->ip_summed == CHECKSUM_PARTIAL &&
	    skb_checksum_start_offset(skb) == 0 &&
	    skb->csum_offset == offsetof(struct glass_hdr, csum))
		return true;

	sum = (__force __wsum)glass_wire_pseudo_sum(eth_hdr(skb));
	return !csum_fold(skb_checksum(skb, 0, skb->len, sum));
}

/*
 * Is this a Glass frame for this host? On success the data begins with the
 * Glass header, which is linear, and ends with the payload. @own is the route to
 * the node that the device owns, or NULL.
 */
static enum glass_drop input_check(struct sk_buff *skb,
				   const struct glass_route *own,
				   struct glass_wire *wire)
{
	enum glass_drop drop;

	if (!own)
		return GLASS_DROP_DEVICE;
	if (skb->pkt_type != PACKET_HOST)
		return GLASS_DROP_NOT_HOST;
	if (!pskb_may_pull(skb, sizeof(struct glass_hdr)))
		return GLASS_DROP_SHORT;

	skb_reset_network_header(skb);
	drop = glass_wire_decode(wire, glass_input_hdr(skb), skb->len);
	if (drop)
		return drop;
	if (!pskb_may_pull(skb, wire->hlen))
		return GLASS_DROP_MEMORY;
	if (pskb_trim(skb, wire->hlen + wire->len))
		return GLASS_DROP_MEMORY;
	if (!(wire->flags & GLASS_HDR_F_NO_CSUM) &&
	    !input_checksum_ok(skb, own->is_attached))
		return GLASS_DROP_CHECKSUM;
	skb->ip_summed = CHECKSUM_UNNECESSARY;

	return wire->dst_node == own->node ? GLASS_DROP_NONE : GLASS_DROP_NODE;
}

/**
 * glass_input_add_backlog - keep a frame until a process lets go of its socket
 * @sk: the socket; its spinlock is held
 * @skb: the frame, from the Glass header on; taken over unless refused
 * @limit: how many bytes may wait for the socket, queue and backlog together
 *
 * Context: BH.
 * Return: GLASS_DROP_NONE, GLASS_DROP_RCVBUF or GLASS_DROP_MEMORY.
 */
enum glass_drop glass_input_add_backlog(struct sock *sk, struct sk_buff *skb,
					unsigned int limit)
{
	struct sk_buff *own = skb;

	/* What a sender lends is its own again when the delivery is over. */
	if (glass_dev_is_expected(skb)) {
		own = skb_clone(skb, GFP_ATOMIC);
		if (!own)
			return GLASS_DROP_MEMORY;
	}
	if (sk_add_backlog(sk, own, limit)) {
		sk_drops_inc(sk);
		if (own != skb)
			kfree_skb(own);
		return GLASS_DROP_RCVBUF;
	}
	if (own != skb)
		consume_skb(skb);
	return GLASS_DROP_NONE;
}

/**
 * glass_input_deliver - hand a frame to its socket
 * @sk: the socket, with a reference
 * @skb: the frame, from the Glass header on; taken over unless refused
 * @limit: how many bytes may wait for the socket, queue and backlog together
 *
 * The socket takes it now, or when the process that owns its lock lets go.
 *
 * Context: BH, RCU read section; no lock held.
 * Return: as glass_input_add_backlog().
 */
enum glass_drop glass_input_deliver(struct sock *sk, struct sk_buff *skb,
				    unsigned int limit)
{
	enum glass_drop drop = GLASS_DROP_NONE;

	/* The device may go while the frame is queued. */
	skb->dev = NULL;
	/* The long way does this for all, once one socket wants it. */
	if (unlikely(READ_ONCE(sk->sk_flags) & SK_FLAGS_TIMESTAMP) &&
	    !skb->tstamp)
		__net_timestamp(skb);

	/* Nested: a listener takes its child's lock inside its own. */
	bh_lock_sock_nested(sk);
	if (!sock_owned_by_user(sk))
		sk->sk_backlog_rcv(sk, skb);
	else
		drop = glass_input_add_backlog(sk, skb, limit);
	bh_unlock_sock(sk);
	return drop;
}

/*
 * The backlog is bounded for frames that nobody pays for. A frame charged to
 * its sender is never refused for room: its sender's buffer is the bound.
 * @is_mine: the calling process sends it.
 */
static enum glass_drop input_deliver(struct sock *sk, struct sk_buff *skb,
				     bool is_mine)
{
	unsigned int limit = READ_ONCE(sk->sk_rcvbuf);
	enum glass_drop drop;

	if (skb->destructor == sock_wfree)
		limit = UINT_MAX;
	glass_cred_attach(skb, is_mine && READ_ONCE(glass_sk(sk)->wants_cred));
	drop = glass_input_deliver(sk, skb, limit);
	if (drop)
		glass_cred_detach(sk, skb);
	return drop;
}

/**
 * glass_input_to_socket - the handler of protocols whose frames go to a port
 * @net: the namespace
 * @skb: the frame, from the Glass header on; taken over unless refused
 * @wire: its header, decoded
 *
 * Context: BH, RCU read section; no lock held.
 * Return: GLASS_DROP_NONE, or why the frame is refused.
 */
enum glass_drop glass_input_to_socket(struct net *net, struct sk_buff *skb,
				      const struct glass_wire *wire)
{
	struct glass_addr dst = {
		.node = wire->dst_node,
		.port = wire->dst_port,
	};
	enum glass_drop drop = GLASS_DROP_FILTER;
	struct glass_addr src = {
		.node = wire->src_node,
		.port = wire->src_port,
	};
	struct sock *sk;

	sk = glass_port_lookup_for(net, wire->protocol, &dst, &src,
				   skb->dev->ifindex);
	if (!sk) {
		glass_control_refuse(net, skb, wire);
		return GLASS_DROP_PORT;
	}
	if (!sk_filter_trim_cap(sk, skb, wire->hlen))
		drop = input_deliver(sk, skb, glass_output_is_mine(skb));
	sock_put(sk);
	return drop;
}

/* Does a socket that listens in want this frame? */
static bool tap_wants(const struct sock *sk, const struct glass_wire *wire,
		      int ifindex)
{
	const struct glass_sock *gs = glass_sk(sk);
	struct glass_addr local = glass_addr_peek(&gs->local);
	struct glass_addr remote = glass_addr_peek(&gs->remote);
	int bound_dev_if = READ_ONCE(sk->sk_bound_dev_if);

	if (sk->sk_protocol && sk->sk_protocol != wire->protocol)
		return false;
	if (bound_dev_if && bound_dev_if != ifindex)
		return false;
	/* Of a tap's ports, 0 and the wildcard stand for all. */
	if (local.node != GLASS_NODE_ANY && local.node != wire->dst_node)
		return false;
	if (local.port && local.port != GLASS_PORT_ANY &&
	    local.port != wire->dst_port)
		return false;
	if (remote.node != GLASS_NODE_ANY && remote.node != wire->src_node)
		return false;
	return !remote.port || remote.port == GLASS_PORT_ANY ||
	       remote.port == wire->src_port;
}

static void tap_deliver(struct sock *sk, struct sk_buff *skb,
			const struct glass_wire *wire)
{
	struct sk_buff *copy = skb_clone(skb, GFP_ATOMIC);

	if (copy && !sk_filter_trim_cap(sk, copy, wire->hlen) &&
	    !input_deliver(sk, copy, glass_output_is_mine(skb)))
		return;
	glass_stats_inc(sock_net(sk), GLASS_MIB_RAW_DROPS);
	kfree_skb(copy);
}

/* A copy for every socket that listens in. */
static void input_to_taps(struct net *net, struct sk_buff *skb,
			  const struct glass_wire *wire)
{
	struct glass_tap *tap;
	struct sock *sk;

	hlist_for_each_entry_rcu(tap, &glass_net(net)->taps.list, link) {
		sk = glass_sk_get_rcu(&tap->sk);
		if (!sk)
			continue;
		if (tap_wants(sk, wire, skb->dev->ifindex))
			tap_deliver(sk, skb, wire);
		sock_put(sk);
	}
}

/* A frame that nobody else has, or whose sender lends it: see glass_dev_expect(). */
static int input_frame(struct net *net, struct sk_buff *skb,
		       const struct glass_route *own)
{
	glass_input_handler handler;
	struct glass_wire wire;
	enum glass_drop drop;

	glass_stats_inc(net, GLASS_MIB_IN_FRAMES);
	drop = input_check(skb, own, &wire);
	if (drop)
		goto drop_skb;
	trace_glass_pkt_receive(net, skb);
	input_to_taps(net, skb, &wire);

	drop = GLASS_DROP_PROTOCOL;
	handler = READ_ONCE(handlers[wire.protocol]);
	if (handler)
		drop = handler(net, skb, &wire);
	if (drop)
		goto drop_skb;
	return NET_RX_SUCCESS;

drop_skb:
	glass_drop(net, skb, drop);
	return NET_RX_DROP;
}

/**
 * glass_input_receive - a frame that came straight from a Glass device
 * @skb: the frame, from the Glass header on; taken over
 * @own: the route to the node of the device where it comes in, which is
 *	glass_dev_is_clear()
 *
 * Context: BH disabled, RCU read section; no lock held.
 */
void glass_input_receive(struct sk_buff *skb, const struct glass_route *own)
{
	input_frame(dev_net(own->dev), skb, own);
}

/*
 * packet_type handler: every frame of our EtherType on every device of every
 * namespace that came the long way. BH, RCU read section.
 */
static int glass_rcv(struct sk_buff *skb, struct net_device *dev,
		     struct packet_type *pt, struct net_device *orig_dev)
{
	skb = skb_share_check(skb, GFP_ATOMIC);
	if (!skb)
		return NET_RX_DROP;
	return input_frame(dev_net(dev), skb, glass_route_of_dev(dev));
}

static struct packet_type packet_type __read_mostly = {
	.type	= cpu_to_be16(ETH_P_GLASS),
	.func	= glass_rcv,
};

/**
 * glass_input_is_alone - does nobody else ask for frames of our EtherType?
 *
 * Handlers hang in lists by their type. Ours is the only one of its list if the
 * nodes before and behind it are the same: the list's head. (A handler of a type
 * that shares the list counts as one of ours: the answer is safe, and false.)
 *
 * Context: any.
 * Return: whether nobody does, of those who ask about all devices.
 */
bool glass_input_is_alone(void)
{
	return READ_ONCE(packet_type.list.next) ==
	       READ_ONCE(packet_type.list.prev);
}

/**
 * glass_input_init - begin to receive
 *
 * Context: process.
 */
void __init glass_input_init(void)
{
	dev_add_pack(&packet_type);
}

/**
 * glass_input_exit - receive no more
 *
 * Context: process, may sleep. No handler runs any more on return.
 */
void glass_input_exit(void)
{
	dev_remove_pack(&packet_type);
}
