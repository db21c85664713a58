// SPDX-License-Identifier: GPL-2.0
#include "rtt.h"

/* A sample is never longer: the clock that measures it wraps in 71 minutes. */
#define GLASS_RTT_MAX	60000000U

/**
 * glass_rtt_init - nothing is known yet
 * @rtt: set up
 *
 * Context: any.
 */
void glass_rtt_init(struct glass_rtt *rtt)
{
	*rtt = (struct glass_rtt){ .min = ~0U };
}

/**
 * glass_rtt_sample - a round trip was measured (RFC 6298, 2.2 and 2.3)
 * @rtt: what is known
 * @us: how long it took, in microseconds
 *
 * Time stamps say which transmission is acknowledged, so a retransmitted
 * segment gives a sample too (RFC 7323, 4).
 *
 * Context: any.
 */
void glass_rtt_sample(struct glass_rtt *rtt, __u32 us)
{
	__s32 error;

	if (us > GLASS_RTT_MAX)
		us = GLASS_RTT_MAX;
	/* 0 would say that nothing was measured. */
	if (!us)
		us = 1;
	if (us < rtt->min)
		rtt->min = us;
	rtt->backoff = 0;

	if (!rtt->srtt8) {
		rtt->srtt8 = us * 8;
		rtt->var4 = us * 2;
		return;
	}
	error = us - rtt->srtt8 / 8;
	rtt->srtt8 += error;
	if (error < 0)
		error = -error;
	rtt->var4 += error - rtt->var4 / 4;
}

/**
 * glass_rtt_backoff - the timer has fired: wait twice as long (RFC 6298, 5.5)
 * @rtt: what is known
 *
 * Context: any.
 */
void glass_rtt_backoff(struct glass_rtt *rtt)
{
	if (rtt->backoff < 255)
		rtt->backoff++;
}

/**
 * glass_rtt_rto - how long to wait before sending something again
 * @rtt: what is known
 *
 * Context: any.
 * Return: microseconds, from GLASS_RTO_MIN on; the doubling of backoff() ends at
 *	GLASS_RTO_MAX.
 */
__u32 glass_rtt_rto(const struct glass_rtt *rtt)
{
	__u32 rto = GLASS_RTO_FIRST;
	__u32 max;
	int i;

	if (rtt->srtt8)
		rto = rtt->srtt8 / 8 + rtt->var4;
	if (rto < GLASS_RTO_MIN)
		rto = GLASS_RTO_MIN;
	/* A way that is longer than the limit is given its time nevertheless. */
	max = rto > GLASS_RTO_MAX ? rto : GLASS_RTO_MAX;
	for (i = 0; i < rtt->backoff && rto < max; i++)
		rto *= 2;
	return rto < max ? rto : max;
}
