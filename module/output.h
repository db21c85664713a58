/* SPDX-License-Identifier: GPL-2.0 */
/* Frames on the way out: header, checksum, device. */
#ifndef GLASS_OUTPUT_H
#define GLASS_OUTPUT_H

#include <linux/skbuff.h>

#include "addr.h"
#include "route.h"

/**
 * struct glass_flow - from where to where, by which protocol
 * @src: sender
 * @dst: receiver
 * @cache: the way to @dst
 * @bound_dev_if: the only device allowed (SO_BINDTODEVICE), or 0
 * @mark: of the frame (SO_MARK)
 * @priority: likewise (SO_PRIORITY)
 * @protocol: GLASS_PROTO_*
 * @no_csum: leave the checksum out (SO_NO_CHECK), where the protocol may
 * @proto_hlen: bytes at the front of the payload that are the protocol's own
 *	header, a multiple of 4
 */
struct glass_flow {
	struct glass_addr	src;
	struct glass_addr	dst;
	struct glass_route_cache cache;
	int			bound_dev_if;
	u32			mark;
	u32			priority;
	u8			protocol;
	u8			proto_hlen;
	bool			no_csum;
};

bool glass_output_is_mine(const struct sk_buff *skb);
u32 glass_output_headroom(const struct glass_route *route);
u32 glass_output_max_payload(const struct glass_route *route);
const struct glass_route *
glass_output_route(struct net *net, u32 node, int bound_dev_if,
		   struct glass_route_cache *cache);
int glass_output(struct net *net, struct sk_buff *skb,
		 struct glass_flow *flow);
int glass_output_raw(struct net *net, struct sk_buff *skb,
		     struct glass_flow *flow);

#endif /* GLASS_OUTPUT_H */
