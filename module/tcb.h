/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The connection state machine: (state, event) to (state, actions).
 *
 * The rules are those of RFC 9293, 3.10 ("Event Processing"), with RFC 5961
 * against forged segments and RFC 7323's protection against old ones (PAWS).
 * Here is only what sequence numbers and flags decide; who keeps the bytes,
 * when a timer fires and how much a congested network takes is said elsewhere.
 *
 * Pure: no socket, no skb, no lock, no clock. Compiled into the module, and on
 * the host into an explorer that walks all interleavings of two of them.
 */
#ifndef GLASS_TCB_H
#define GLASS_TCB_H

#ifdef __KERNEL__
#include <net/tcp_states.h>
#else
#include <netinet/tcp.h>
#endif

#include "drop.h"
#include "segment.h"
#include "seq.h"

/**
 * struct glass_tcb - a transmission control block (RFC 9293, 3.3.1)
 * @state: TCP_*
 * @fin_queued: the user sends no more: a FIN stands behind @snd_end
 * @ts_valid: @ts_recent is
 * @snd_una: oldest number that was sent and is not acknowledged
 * @snd_nxt: next number to be sent
 * @snd_end: behind the last byte that the user has written
 * @ack_heard: newest acknowledgment that a segment has brought; behind @snd_una
 *	where the sender saw it arrive, see glass_tcb_delivered()
 * @snd_wnd: bytes that the peer has room for, from @snd_una
 * @snd_wl1: seq of the segment that said so
 * @snd_wl2: ack of the segment that said so
 * @snd_wnd_max: the largest @snd_wnd so far
 * @rcv_nxt: next number expected
 * @rcv_edge: behind the last number that the peer was allowed to send; moves
 *	only forward
 * @ack_sent: the newest @rcv_nxt that the peer was told
 * @ts_recent: the peer's clock, to be echoed
 * @ts_recent_at: when that came, by our own clock
 *
 * A SYN and a FIN have a number each. Whoever embeds it guards it.
 */
struct glass_tcb {
	__u8	state;
	__u8	fin_queued;
	__u8	ts_valid;
	__u32	snd_una;
	__u32	snd_nxt;
	__u32	snd_end;
	__u32	ack_heard;
	__u32	snd_wnd;
	__u32	snd_wl1;
	__u32	snd_wl2;
	__u32	snd_wnd_max;
	__u32	rcv_nxt;
	__u32	rcv_edge;
	__u32	ack_sent;
	__u32	ts_recent;
	__u32	ts_recent_at;
};

/* What a segment asks the connection's keeper to do. */
#define GLASS_TCB_ACK_NOW	0x0001	/* acknowledge at once */
#define GLASS_TCB_CHALLENGE	0x0002	/* so it does, but at a limited rate */
#define GLASS_TCB_SYN		0x0004	/* send the SYN (with ACK) again */
#define GLASS_TCB_REPLY_RST	0x0008	/* send glass_tcb_result.reset */
#define GLASS_TCB_CONNECTED	0x0010	/* now ESTABLISHED */
#define GLASS_TCB_ACKED		0x0020	/* snd_una has moved by .acked */
#define GLASS_TCB_WINDOW	0x0040	/* the send window has news */
#define GLASS_TCB_DATA		0x0080	/* keep the bytes of .data */
#define GLASS_TCB_HOLE		0x0100	/* .data is not the next expected */
#define GLASS_TCB_FIN		0x0200	/* the peer sends no more */
#define GLASS_TCB_TIME_WAIT	0x0400	/* (re)start waiting for 2 MSL */
#define GLASS_TCB_CLOSED	0x0800	/* all is sent and acknowledged: over */
#define GLASS_TCB_RESET		0x1000	/* the peer has reset it: over */
#define GLASS_TCB_REFUSED	0x2000	/* nobody listens there: over */
#define GLASS_TCB_REOPEN	0x4000	/* TIME_WAIT: a new connection begins */

/**
 * struct glass_tcb_result - what becomes of a segment
 * @actions: GLASS_TCB_*
 * @drop: why the segment says nothing new, or GLASS_DROP_NONE
 * @acked: numbers that it acknowledges, SYN and FIN included
 * @data: which of its bytes are new and inside the window
 * @has_fin: it has a FIN, at @fin
 * @fin: number of that
 * @reset: what to send for GLASS_TCB_REPLY_RST
 */
struct glass_tcb_result {
	__u32			actions;
	enum glass_drop		drop;
	__u32			acked;
	struct glass_range	data;
	__u8			has_fin;
	__u32			fin;
	struct glass_segment	reset;
};

/* Is there a connection that both sides know of? */
static inline int glass_tcb_is_synchronized(const struct glass_tcb *tcb)
{
	return tcb->state != TCP_CLOSE && tcb->state != TCP_LISTEN &&
	       tcb->state != TCP_SYN_SENT;
}

/* Has the FIN been sent, and acknowledged? */
static inline int glass_tcb_fin_is_acked(const struct glass_tcb *tcb)
{
	return tcb->fin_queued && tcb->snd_una == tcb->snd_end + 1;
}

/* Is there something unacknowledged? */
static inline int glass_tcb_in_flight(const struct glass_tcb *tcb)
{
	return tcb->snd_una != tcb->snd_nxt;
}

/* Is there something that the peer has not answered, though it may have it? */
static inline int glass_tcb_is_unanswered(const struct glass_tcb *tcb)
{
	return tcb->ack_heard != tcb->snd_nxt;
}

/* events */
void glass_tcb_connect(struct glass_tcb *tcb, __u32 iss);
void glass_tcb_accept(struct glass_tcb *tcb, __u32 iss,
		      const struct glass_segment *syn, __u32 now);
void glass_tcb_join(struct glass_tcb *tcb, __u32 iss, __u32 irs, __u32 window);
void glass_tcb_input(struct glass_tcb *tcb, const struct glass_segment *seg,
		     __u32 now, struct glass_tcb_result *result);
void glass_tcb_received(struct glass_tcb *tcb, __u32 rcv_nxt,
			struct glass_tcb_result *result);
void glass_tcb_write(struct glass_tcb *tcb, __u32 len);
void glass_tcb_shutdown(struct glass_tcb *tcb);
int glass_tcb_abort(struct glass_tcb *tcb, struct glass_segment *reset);
void glass_tcb_sent(struct glass_tcb *tcb, __u32 end);
__u32 glass_tcb_delivered(struct glass_tcb *tcb, __u32 end);
int glass_tcb_open_window(struct glass_tcb *tcb, __u32 room, __u32 step);

/* answers */
__u32 glass_tcb_usable_window(const struct glass_tcb *tcb);
void glass_tcb_fill(struct glass_tcb *tcb, struct glass_segment *seg,
		    __u32 now);
int glass_segment_answer_reset(const struct glass_segment *seg,
			       struct glass_segment *reset);

#endif /* GLASS_TCB_H */
