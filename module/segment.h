/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The header of STREAM's and SEQPACKET's segments: building, checking, taking
 * apart. Pure: no socket, no skb, no lock, no allocation.
 */
#ifndef GLASS_SEGMENT_H
#define GLASS_SEGMENT_H

#include <linux/glass.h>

#include "drop.h"

/* The longest header that a segment can have, in bytes. */
#define GLASS_SEG_HDR_MAX \
	(sizeof(struct glass_seg_hdr) + \
	 GLASS_SEG_SACKS * sizeof(struct glass_seg_sack))

/**
 * struct glass_range - sequence numbers of bytes that follow each other
 * @start: the first
 * @end: behind the last
 */
struct glass_range {
	__u32	start;
	__u32	end;
};

/**
 * struct glass_segment - a segment in host byte order
 * @seq: of its first byte (SYN, payload, FIN)
 * @ack: next byte expected by its sender; valid with ACK
 * @window: bytes that its sender has room for, behind @ack
 * @ts: its sender's clock
 * @ts_echo: the receiver's own clock, echoed; valid with ACK
 * @len: bytes of payload
 * @flags: GLASS_SEG_*
 * @sacks: how many of @sack are valid
 * @sack: bytes that its sender has beyond @ack
 * @max_payload: with SYN: see struct glass_seg_syn
 * @max_record: with SYN: see struct glass_seg_syn
 */
struct glass_segment {
	__u32			seq;
	__u32			ack;
	__u32			window;
	__u32			ts;
	__u32			ts_echo;
	__u32			len;
	__u8			flags;
	__u8			sacks;
	struct glass_range	sack[GLASS_SEG_SACKS];
	__u32			max_payload;
	__u32			max_record;
};

/* Sequence numbers that a segment occupies. */
static inline __u32 glass_segment_span(const struct glass_segment *seg)
{
	return seg->len + !!(seg->flags & GLASS_SEG_SYN) +
	       !!(seg->flags & GLASS_SEG_FIN);
}

__u32 glass_segment_hlen(const struct glass_segment *seg);
void glass_segment_encode(void *hdr, const struct glass_segment *seg);
enum glass_drop glass_segment_decode(struct glass_segment *seg,
				     const void *hdr, __u32 hlen, __u32 len);

#endif /* GLASS_SEGMENT_H */
