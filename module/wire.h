/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The Glass header: building, checking, taking apart.
 *
 * Pure: no socket, no skb, no lock, no allocation. Compiled into the module
 * and into the host's unit tests.
 */
#ifndef GLASS_WIRE_H
#define GLASS_WIRE_H

#include <linux/glass.h>
#include <linux/if_ether.h>

#include "drop.h"

/**
 * struct glass_wire - a header in host byte order
 * @src_node: sender's node
 * @src_port: sender's port
 * @dst_node: receiver's node
 * @dst_port: receiver's port
 * @len: bytes of payload
 * @hlen: bytes of header, the protocol's own included; a multiple of 4
 * @protocol: GLASS_PROTO_*
 * @flags: GLASS_HDR_F_*
 */
struct glass_wire {
	__u32	src_node;
	__u32	src_port;
	__u32	dst_node;
	__u32	dst_port;
	__u32	len;
	__u16	hlen;
	__u8	protocol;
	__u8	flags;
};

/* May frames of a protocol go without a sum? What is reliable needs one. */
static inline int glass_wire_may_omit_sum(__u8 protocol)
{
	return protocol != GLASS_PROTO_STREAM &&
	       protocol != GLASS_PROTO_SEQPACKET;
}

void glass_wire_encode(struct glass_hdr *hdr, const struct glass_wire *wire);
enum glass_drop glass_wire_decode(struct glass_wire *wire,
				  const struct glass_hdr *hdr, __u32 frame_len);
__u32 glass_wire_pseudo_sum(const struct ethhdr *eth);
__u16 glass_wire_fold(__u32 sum);

#endif /* GLASS_WIRE_H */
