// SPDX-License-Identifier: GPL-2.0
#include "congestion.h"

#include "seq.h"

/* RFC 6928. */
#define GLASS_CWND_FIRST	10

static __u32 half_of(const struct glass_congestion *cc, __u32 flight)
{
	return flight / 2 > 2 * cc->mss ? flight / 2 : 2 * cc->mss;
}

/**
 * glass_congestion_init - a new connection
 * @cc: set up
 * @mss: bytes of payload of a full segment, not 0
 *
 * Context: any.
 */
void glass_congestion_init(struct glass_congestion *cc, __u32 mss)
{
	*cc = (struct glass_congestion){
		.cwnd	  = GLASS_CWND_FIRST * mss,
		.ssthresh = GLASS_WINDOW_MAX,
		.mss	  = mss,
	};
}

/**
 * glass_congestion_acked - new data was acknowledged
 * @cc: the connection's share
 * @snd_una: behind the last byte acknowledged
 * @acked: bytes that are new among them
 * @is_limited: the window was what held the sender back; else a larger one is
 *	not earned (RFC 7661)
 *
 * Context: any.
 */
void glass_congestion_acked(struct glass_congestion *cc, __u32 snd_una,
			    __u32 acked, int is_limited)
{
	/* Everything may have been lost, and some of it not: L=1 (RFC 3465, 2.3). */
	__u32 limit = cc->in_loss ? cc->mss : 2 * cc->mss;

	if (cc->in_loss && !glass_seq_before(snd_una, cc->recover))
		cc->in_loss = 0;
	if (cc->in_recovery) {
		if (glass_seq_before(snd_una, cc->recover))
			return;
		cc->in_recovery = 0;
		return;
	}
	if (!is_limited || cc->cwnd >= GLASS_WINDOW_MAX)
		return;
	if (cc->cwnd < cc->ssthresh) {
		/* Slow start with appropriate byte counting (RFC 3465, L=2). */
		cc->cwnd += acked < limit ? acked : limit;
		return;
	}
	cc->credit += acked;
	if (cc->credit >= cc->cwnd) {
		cc->credit -= cc->cwnd;
		cc->cwnd += cc->mss;
	}
}

/**
 * glass_congestion_lost - a segment is known to be lost
 * @cc: the connection's share
 * @snd_una: oldest number not acknowledged
 * @snd_nxt: next number to be sent
 * @flight: bytes in flight before the loss was seen
 *
 * All losses of one flight count as one (RFC 6582, 3.2).
 *
 * Context: any.
 * Return: whether a recovery begins.
 */
int glass_congestion_lost(struct glass_congestion *cc, __u32 snd_una,
			  __u32 snd_nxt, __u32 flight)
{
	if ((cc->in_recovery || cc->in_loss) &&
	    glass_seq_before(snd_una, cc->recover))
		return 0;
	cc->ssthresh = half_of(cc, flight);
	cc->cwnd = cc->ssthresh;
	cc->credit = 0;
	cc->recover = snd_nxt;
	cc->in_recovery = 1;
	cc->in_loss = 0;
	return 1;
}

/**
 * glass_congestion_timeout - the retransmission timer fired (RFC 5681, 3.1)
 * @cc: the connection's share
 * @snd_nxt: next number to be sent
 * @flight: bytes in flight
 * @is_first: of its kind: the same data did not time out before
 *
 * Context: any.
 */
void glass_congestion_timeout(struct glass_congestion *cc, __u32 snd_nxt,
			      __u32 flight, int is_first)
{
	if (is_first)
		cc->ssthresh = half_of(cc, flight);
	cc->cwnd = cc->mss;
	cc->credit = 0;
	cc->recover = snd_nxt;
	cc->in_recovery = 0;
	cc->in_loss = 1;
}

/**
 * glass_congestion_room - how much more may be sent now
 * @cc: the connection's share
 * @pipe: bytes that are believed to be on their way
 *
 * Context: any.
 * Return: bytes; 0 if a full segment does not fit, unless nothing is on its
 *	way.
 */
__u32 glass_congestion_room(const struct glass_congestion *cc, __u32 pipe)
{
	__u32 room = cc->cwnd > pipe ? cc->cwnd - pipe : 0;

	if (room < cc->mss)
		return pipe ? 0 : cc->mss;
	return room;
}
