/* SPDX-License-Identifier: GPL-2.0 */
/* Sequence numbers: 32 bits that wrap (RFC 9293, 3.4). Pure. */
#ifndef GLASS_SEQ_H
#define GLASS_SEQ_H

#include <linux/types.h>

/*
 * Numbers are compared by the sign of their difference, so any two that are
 * compared must be less than 2^31 apart: no window is larger than 2^30.
 */
#define GLASS_WINDOW_MAX	0x40000000U

/* Does @a stand before @b? */
static inline int glass_seq_before(__u32 a, __u32 b)
{
	return (__s32)(a - b) < 0;
}

/* Does @a stand behind @b? */
static inline int glass_seq_after(__u32 a, __u32 b)
{
	return glass_seq_before(b, a);
}

/* Is @seq in the range of @len numbers that begins with @start? */
static inline int glass_seq_in(__u32 seq, __u32 start, __u32 len)
{
	return seq - start < len;
}

/* The later of two. */
static inline __u32 glass_seq_max(__u32 a, __u32 b)
{
	return glass_seq_before(a, b) ? b : a;
}

/* The earlier of two. */
static inline __u32 glass_seq_min(__u32 a, __u32 b)
{
	return glass_seq_before(a, b) ? a : b;
}

#endif /* GLASS_SEQ_H */
