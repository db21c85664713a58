// SPDX-License-Identifier: GPL-2.0
#include "wire.h"

#include <asm/byteorder.h>

/* Ethernet pads what it carries up to this many bytes (IEEE 802.3, 3.2.8). */
#define GLASS_ETH_MIN_DATA	(ETH_ZLEN - ETH_HLEN)

/**
 * glass_wire_encode - write a header
 * @hdr: where to; its csum is left zero, for whoever sums the frame
 * @wire: what to write; hlen must be a multiple of 4 below 1024
 *
 * Context: any.
 */
void glass_wire_encode(struct glass_hdr *hdr, const struct glass_wire *wire)
{
	hdr->version = GLASS_WIRE_VERSION;
	hdr->hlen = wire->hlen / 4;
	hdr->protocol = wire->protocol;
	hdr->flags = wire->flags;
	hdr->csum = 0;
	hdr->reserved = 0;
	hdr->len = __cpu_to_be32(wire->len);
	hdr->src_node = __cpu_to_be32(wire->src_node);
	hdr->src_port = __cpu_to_be32(wire->src_port);
	hdr->dst_node = __cpu_to_be32(wire->dst_node);
	hdr->dst_port = __cpu_to_be32(wire->dst_port);
}

/**
 * glass_wire_decode - check a header's form and read it
 * @wire: filled in when the form is right
 * @hdr: the header; sizeof(*hdr) bytes must be readable if @frame_len says so
 * @frame_len: bytes from the header to the end of the frame
 *
 * Everything that can be said without the sum, a device or a socket is said
 * here, and only here. That hlen fits the protocol is the protocol's to say.
 *
 * Context: any.
 * Return: GLASS_DROP_NONE, or why the frame is no Glass frame.
 */
enum glass_drop glass_wire_decode(struct glass_wire *wire,
				  const struct glass_hdr *hdr, __u32 frame_len)
{
	__u32 hlen, len;

	if (frame_len < sizeof(*hdr))
		return GLASS_DROP_SHORT;
	if (hdr->version != GLASS_WIRE_VERSION)
		return GLASS_DROP_VERSION;
	hlen = hdr->hlen * 4U;
	if (hlen < sizeof(*hdr) || hlen > frame_len)
		return GLASS_DROP_HLEN;
	if (hdr->flags & ~GLASS_HDR_FLAGS)
		return GLASS_DROP_FLAGS;
	if (hdr->flags & GLASS_HDR_F_NO_CSUM &&
	    !glass_wire_may_omit_sum(hdr->protocol))
		return GLASS_DROP_FLAGS;
	if (hdr->reserved)
		return GLASS_DROP_RESERVED;
	len = __be32_to_cpu(hdr->len);
	if (len > frame_len - hlen)
		return GLASS_DROP_LENGTH;
	if (len < frame_len - hlen && frame_len > GLASS_ETH_MIN_DATA)
		return GLASS_DROP_LENGTH;
	/* There is one, or the header says that there is none. */
	if (!hdr->csum != !!(hdr->flags & GLASS_HDR_F_NO_CSUM))
		return GLASS_DROP_CHECKSUM;

	wire->src_node = __be32_to_cpu(hdr->src_node);
	wire->src_port = __be32_to_cpu(hdr->src_port);
	wire->dst_node = __be32_to_cpu(hdr->dst_node);
	wire->dst_port = __be32_to_cpu(hdr->dst_port);
	wire->len = len;
	wire->hlen = hlen;
	wire->protocol = hdr->protocol;
	wire->flags = hdr->flags;

	if (wire->src_node == GLASS_NODE_ANY || wire->src_port == GLASS_PORT_ANY)
		return GLASS_DROP_SOURCE;
	return GLASS_DROP_NONE;
}

/**
 * glass_wire_pseudo_sum - the pseudo header's share of the checksum
 * @eth: the frame's Ethernet header
 *
 * As TCP's pseudo header guards against a frame that reached the wrong host,
 * ours covers both link-layer addresses and the EtherType.
 *
 * Context: any.
 * Return: a sum of big-endian 16-bit words, in memory order, not yet folded.
 */
__u32 glass_wire_pseudo_sum(const struct ethhdr *eth)
{
	const __u8 *byte = (const __u8 *)eth;
	__u32 sum = 0;
	__u16 word;
	int i;

	for (i = 0; i < ETH_HLEN; i += sizeof(word)) {
		__builtin_memcpy(&word, byte + i, sizeof(word));
		sum += word;
	}
	return sum;
}

/**
 * glass_wire_fold - fold a sum into 16 bits (RFC 1071)
 * @sum: a sum of 16-bit words
 *
 * Context: any.
 * Return: the folded sum, not complemented.
 */
__u16 glass_wire_fold(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum += sum >> 16;
	return sum;
}
