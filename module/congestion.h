/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Congestion control: how much may be on its way (RFC 5681, RFC 6582). Pure.
 */
#ifndef GLASS_CONGESTION_H
#define GLASS_CONGESTION_H

#include <linux/types.h>

/**
 * struct glass_congestion - a connection's share of the network, in bytes
 * @cwnd: congestion window
 * @ssthresh: slow start ends here
 * @mss: payload of a full segment
 * @credit: bytes acknowledged towards the next step of congestion avoidance
 * @recover: the loss that was last seen is repaired when all before this
 *	sequence number is acknowledged
 * @in_recovery: that is still to come
 * @in_loss: so it is, after the timer has fired
 */
struct glass_congestion {
	__u32	cwnd;
	__u32	ssthresh;
	__u32	mss;
	__u32	credit;
	__u32	recover;
	__u8	in_recovery;
	__u8	in_loss;
};

void glass_congestion_init(struct glass_congestion *cc, __u32 mss);
void glass_congestion_acked(struct glass_congestion *cc, __u32 snd_una,
			    __u32 acked, int is_limited);
int glass_congestion_lost(struct glass_congestion *cc, __u32 snd_una,
			  __u32 snd_nxt, __u32 flight);
void glass_congestion_timeout(struct glass_congestion *cc, __u32 snd_nxt,
			      __u32 flight, int is_first);
__u32 glass_congestion_room(const struct glass_congestion *cc, __u32 pipe);

#endif /* GLASS_CONGESTION_H */
