/* SPDX-License-Identifier: GPL-2.0 */
/* Round-trip and retransmission times (RFC 6298). Pure. */
#ifndef GLASS_RTT_H
#define GLASS_RTT_H

#include <linux/types.h>

/*
 * Microseconds. RFC 6298 wants a second at least and at first; that is for the
 * Internet. The shortest must exceed the time for which a receiver holds an
 * acknowledgment back.
 */
#define GLASS_RTO_FIRST		200000U
#define GLASS_RTO_MIN		100000U
#define GLASS_RTO_MAX		2000000U
#define GLASS_DELACK		20000U

/**
 * struct glass_rtt - what is known of a connection's round-trip time
 * @srtt8: smoothed, in eighths of a microsecond; 0: not measured yet
 * @var4: its variation, in quarters of a microsecond
 * @min: the shortest, in microseconds
 * @backoff: how often in a row the timer has fired in vain
 */
struct glass_rtt {
	__u32	srtt8;
	__u32	var4;
	__u32	min;
	__u8	backoff;
};

void glass_rtt_init(struct glass_rtt *rtt);
void glass_rtt_sample(struct glass_rtt *rtt, __u32 us);
void glass_rtt_backoff(struct glass_rtt *rtt);
__u32 glass_rtt_rto(const struct glass_rtt *rtt);

#endif /* GLASS_RTT_H */
