// SPDX-License-Identifier: GPL-2.0
#include "segment.h"

#include <asm/byteorder.h>

#include "seq.h"

/**
 * glass_segment_hlen - length of a segment's header
 * @seg: the segment
 *
 * Context: any.
 * Return: bytes, a multiple of 4.
 */
__u32 glass_segment_hlen(const struct glass_segment *seg)
{
	if (seg->flags & GLASS_SEG_SYN)
		return sizeof(struct glass_seg_hdr) +
		       sizeof(struct glass_seg_syn);
	return sizeof(struct glass_seg_hdr) +
	       seg->sacks * sizeof(struct glass_seg_sack);
}

/**
 * glass_segment_encode - write a segment's header
 * @hdr: where to, aligned to 4 bytes; glass_segment_hlen() bytes are written
 * @seg: what to write
 *
 * Context: any.
 */
void glass_segment_encode(void *hdr, const struct glass_segment *seg)
{
	struct glass_seg_hdr *sh = hdr;
	struct glass_seg_sack *sack;
	struct glass_seg_syn *syn;
	int i;

	sh->seq = __cpu_to_be32(seg->seq);
	sh->ack = __cpu_to_be32(seg->ack);
	sh->window = __cpu_to_be32(seg->window);
	sh->ts = __cpu_to_be32(seg->ts);
	sh->ts_echo = __cpu_to_be32(seg->ts_echo);
	sh->flags = seg->flags;
	sh->sacks = 0;
	sh->reserved = 0;

	if (seg->flags & GLASS_SEG_SYN) {
		syn = (struct glass_seg_syn *)(sh + 1);
		syn->max_payload = __cpu_to_be32(seg->max_payload);
		syn->max_record = __cpu_to_be32(seg->max_record);
		return;
	}
	sh->sacks = seg->sacks;
	sack = (struct glass_seg_sack *)(sh + 1);
	for (i = 0; i < seg->sacks; i++) {
		sack[i].start = __cpu_to_be32(seg->sack[i].start);
		sack[i].end = __cpu_to_be32(seg->sack[i].end);
	}
}

/**
 * glass_segment_decode - check a segment's form and read its header
 * @seg: filled in when the form is right
 * @hdr: what follows the Glass header, aligned to 4 bytes
 * @hlen: bytes of it that are header; that many must be readable
 * @len: bytes of payload
 *
 * Everything that can be said without a connection is said here.
 *
 * Context: any.
 * Return: GLASS_DROP_NONE, or why it is no segment.
 */
enum glass_drop glass_segment_decode(struct glass_segment *seg,
				     const void *hdr, __u32 hlen, __u32 len)
{
	const struct glass_seg_hdr *sh = hdr;
	const struct glass_seg_sack *sack;
	const struct glass_seg_syn *syn;
	int i;

	if (hlen < sizeof(*sh))
		return GLASS_DROP_HLEN;
	if (sh->flags & ~GLASS_SEG_FLAGS)
		return GLASS_DROP_FLAGS;
	if (sh->reserved)
		return GLASS_DROP_RESERVED;
	if (sh->sacks > GLASS_SEG_SACKS || len > GLASS_WINDOW_MAX)
		return GLASS_DROP_SEGMENT;
	if (sh->sacks && !(sh->flags & GLASS_SEG_ACK))
		return GLASS_DROP_SEGMENT;

	seg->seq = __be32_to_cpu(sh->seq);
	seg->ack = __be32_to_cpu(sh->ack);
	seg->window = __be32_to_cpu(sh->window);
	if (seg->window > GLASS_WINDOW_MAX)
		seg->window = GLASS_WINDOW_MAX;
	seg->ts = __be32_to_cpu(sh->ts);
	seg->ts_echo = __be32_to_cpu(sh->ts_echo);
	seg->len = len;
	seg->flags = sh->flags;
	seg->sacks = sh->sacks;
	if (glass_segment_hlen(seg) != hlen)
		return GLASS_DROP_HLEN;

	if (seg->flags & GLASS_SEG_SYN) {
		/* Neither says anything that a connection could follow. */
		if (seg->flags & (GLASS_SEG_FIN | GLASS_SEG_RST) || seg->sacks ||
		    len)
			return GLASS_DROP_SEGMENT;
		syn = (const struct glass_seg_syn *)(sh + 1);
		seg->max_payload = __be32_to_cpu(syn->max_payload);
		seg->max_record = __be32_to_cpu(syn->max_record);
		return seg->max_payload ? GLASS_DROP_NONE : GLASS_DROP_SEGMENT;
	}
	sack = (const struct glass_seg_sack *)(sh + 1);
	for (i = 0; i < seg->sacks; i++) {
		seg->sack[i].start = __be32_to_cpu(sack[i].start);
		seg->sack[i].end = __be32_to_cpu(sack[i].end);
		if (!glass_seq_before(seg->sack[i].start, seg->sack[i].end))
			return GLASS_DROP_SEGMENT;
	}
	return GLASS_DROP_NONE;
}
