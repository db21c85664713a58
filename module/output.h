/* SPDX-License-Identifier: GPL-2.0 */
/* Frames on the way out: header, checksum, device. */
#ifndef GLASS_OUTPUT_H
#define GLASS_OUTPUT_H

#include <linux/skbuff.h>

#include "addr.h"

struct glass_route;

/**
 * struct glass_flow - from where to where, by which protocol
 * @src: sender; a node of GLASS_NODE_ANY becomes the one of the way out
 * @dst: receiver
 * @protocol: GLASS_PROTO_*
 */
struct glass_flow {
	struct glass_addr	src;
	struct glass_addr	dst;
	u8			protocol;
};

u32 glass_output_headroom(const struct glass_route *route);
u32 glass_output_max_payload(const struct glass_route *route);
int glass_output(struct net *net, struct sk_buff *skb,
		 const struct glass_flow *flow);

#endif /* GLASS_OUTPUT_H */
