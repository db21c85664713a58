// SPDX-License-Identifier: GPL-2.0
#include "tcb.h"

/*
 * How long a time stamp of the peer can be compared with later ones: a clock
 * of microseconds comes half around in 35 minutes (RFC 7323, 5.5).
 */
#define GLASS_TS_VALID_US	(20U * 60 * 1000000)

static void result_init(struct glass_tcb_result *result)
{
	result->actions = 0;
	result->drop = GLASS_DROP_NONE;
	result->acked = 0;
	result->data.start = 0;
	result->data.end = 0;
	result->has_fin = 0;
}

/* The segment says nothing that holds; what is done nevertheless: @actions. */
static void result_refuse(struct glass_tcb_result *result,
			  enum glass_drop drop, __u32 actions)
{
	result->drop = drop;
	result->actions |= actions;
}

static void ts_store(struct glass_tcb *tcb, __u32 ts, __u32 now)
{
	tcb->ts_recent = ts;
	tcb->ts_recent_at = now;
	tcb->ts_valid = 1;
}

static int ts_is_old(const struct glass_tcb *tcb, __u32 ts, __u32 now)
{
	return tcb->ts_valid && glass_seq_before(ts, tcb->ts_recent) &&
	       now - tcb->ts_recent_at < GLASS_TS_VALID_US;
}

static void window_store(struct glass_tcb *tcb,
			 const struct glass_segment *seg)
{
	tcb->snd_wnd = seg->window;
	tcb->snd_wl1 = seg->seq;
	tcb->snd_wl2 = seg->ack;
	if (tcb->snd_wnd_max < seg->window)
		tcb->snd_wnd_max = seg->window;
}

/* --- Beginning ---------------------------------------------------------- */

static void tcb_begin(struct glass_tcb *tcb, __u8 state, __u32 iss)
{
	*tcb = (struct glass_tcb){
		.state	   = state,
		.snd_una   = iss,
		.snd_nxt   = iss + 1,
		.snd_end   = iss + 1,
		.ack_heard = iss,
	};
}

static void tcb_synchronize(struct glass_tcb *tcb,
			    const struct glass_segment *syn, __u32 now)
{
	/* What our own SYN allowed, if there was one, holds. */
	tcb->rcv_edge += syn->seq + 1 - tcb->rcv_nxt;
	tcb->rcv_nxt = syn->seq + 1;
	tcb->ack_sent = tcb->rcv_nxt;
	ts_store(tcb, syn->ts, now);
	window_store(tcb, syn);
}

/**
 * glass_tcb_connect - active open: a SYN is to be sent
 * @tcb: the block, of no connection
 * @iss: initial sequence number
 *
 * Context: any.
 */
void glass_tcb_connect(struct glass_tcb *tcb, __u32 iss)
{
	tcb_begin(tcb, TCP_SYN_SENT, iss);
}

/**
 * glass_tcb_accept - passive open: a SYN came to a listener
 * @tcb: the block, of no connection
 * @iss: initial sequence number
 * @syn: the segment: SYN, without ACK and RST
 * @now: our clock in microseconds
 *
 * A SYN with ACK is to be sent.
 *
 * Context: any.
 */
void glass_tcb_accept(struct glass_tcb *tcb, __u32 iss,
		      const struct glass_segment *syn, __u32 now)
{
	tcb_begin(tcb, TCP_SYN_RECV, iss);
	tcb_synchronize(tcb, syn, now);
}

/**
 * glass_tcb_join - one side of a connection without a handshake
 * @tcb: the block, of no connection
 * @iss: initial sequence number of this side
 * @irs: of the other side
 * @window: bytes that the other side has room for
 *
 * Context: any.
 */
void glass_tcb_join(struct glass_tcb *tcb, __u32 iss, __u32 irs, __u32 window)
{
	tcb_begin(tcb, TCP_ESTABLISHED, iss);
	tcb->snd_una = iss + 1;
	tcb->ack_heard = iss + 1;
	tcb->rcv_nxt = irs + 1;
	tcb->rcv_edge = tcb->rcv_nxt;
	tcb->ack_sent = tcb->rcv_nxt;
	tcb->snd_wnd = window;
	tcb->snd_wnd_max = window;
	tcb->snd_wl1 = irs;
	tcb->snd_wl2 = iss;
}

/* --- Segments ----------------------------------------------------------- */

/**
 * glass_segment_answer_reset - the answer to a segment of no connection
 * @seg: what came
 * @reset: filled in (RFC 9293, 3.10.7.1)
 *
 * Context: any.
 * Return: whether there is an answer: a reset has none.
 */
int glass_segment_answer_reset(const struct glass_segment *seg,
			       struct glass_segment *reset)
{
	if (seg->flags & GLASS_SEG_RST)
		return 0;
	*reset = (struct glass_segment){
		.flags	 = GLASS_SEG_RST,
		.ts_echo = seg->ts,
	};
	if (seg->flags & GLASS_SEG_ACK) {
		reset->seq = seg->ack;
	} else {
		reset->flags |= GLASS_SEG_ACK;
		reset->ack = seg->seq + glass_segment_span(seg);
	}
	return 1;
}

static void refuse_by_reset(const struct glass_segment *seg,
			    struct glass_tcb_result *result)
{
	result_refuse(result, GLASS_DROP_ACK, 0);
	if (glass_segment_answer_reset(seg, &result->reset))
		result->actions |= GLASS_TCB_REPLY_RST;
}

/* RFC 9293, 3.10.7.3. */
static void input_syn_sent(struct glass_tcb *tcb,
			   const struct glass_segment *seg, __u32 now,
			   struct glass_tcb_result *result)
{
	int has_ack = !!(seg->flags & GLASS_SEG_ACK);

	if (has_ack && seg->ack != tcb->snd_nxt) {
		refuse_by_reset(seg, result);
		return;
	}
	if (seg->flags & GLASS_SEG_RST) {
		if (!has_ack) {
			result_refuse(result, GLASS_DROP_ACK, 0);
			return;
		}
		tcb->state = TCP_CLOSE;
		result->actions = GLASS_TCB_REFUSED;
		return;
	}
	if (!(seg->flags & GLASS_SEG_SYN)) {
		result_refuse(result, GLASS_DROP_SEGMENT, 0);
		return;
	}

	tcb_synchronize(tcb, seg, now);
	if (!has_ack) {
		/* Both sides have opened at the same time. */
		tcb->state = TCP_SYN_RECV;
		result->actions = GLASS_TCB_SYN;
		return;
	}
	result->acked = 1;
	tcb->snd_una = seg->ack;
	tcb->ack_heard = seg->ack;
	tcb->state = TCP_ESTABLISHED;
	result->actions = GLASS_TCB_CONNECTED | GLASS_TCB_ACKED |
			  GLASS_TCB_ACK_NOW;
}

/*
 * Does the segment touch the receive window? One that ends or begins just at
 * an edge does: its ACK counts, even if the window is closed.
 */
static int is_in_window(const struct glass_tcb *tcb,
			const struct glass_segment *seg)
{
	__u32 end = seg->seq + glass_segment_span(seg);

	return !glass_seq_before(end, tcb->rcv_nxt) &&
	       !glass_seq_after(seg->seq, tcb->rcv_edge);
}

/* RFC 5961, 3.2: only a reset at exactly the expected number is believed. */
static void input_reset(struct glass_tcb *tcb, const struct glass_segment *seg,
			struct glass_tcb_result *result)
{
	if (seg->seq != tcb->rcv_nxt) {
		result_refuse(result, GLASS_DROP_WINDOW, GLASS_TCB_CHALLENGE);
		return;
	}
	result->actions = tcb->state == TCP_SYN_RECV ? GLASS_TCB_REFUSED :
						       GLASS_TCB_RESET;
	/* Both sides were done: nothing is lost. */
	if (tcb->state == TCP_CLOSING || tcb->state == TCP_LAST_ACK)
		result->actions = GLASS_TCB_CLOSED;
	tcb->state = TCP_CLOSE;
}

/* Our FIN has been acknowledged. Returns what that asks for. */
static __u32 fin_acked(struct glass_tcb *tcb)
{
	switch (tcb->state) {
	case TCP_FIN_WAIT1:
		tcb->state = TCP_FIN_WAIT2;
		return 0;
	case TCP_CLOSING:
		tcb->state = TCP_TIME_WAIT;
		return GLASS_TCB_TIME_WAIT;
	case TCP_LAST_ACK:
		tcb->state = TCP_CLOSE;
		return GLASS_TCB_CLOSED;
	default:
		return 0;
	}
}

/* Is the acknowledgment one that the peer can have sent (RFC 5961, 5.2)? */
static int ack_is_plausible(const struct glass_tcb *tcb, __u32 ack)
{
	return !glass_seq_after(ack, tcb->snd_nxt) &&
	       !glass_seq_before(ack, tcb->snd_una - tcb->snd_wnd_max);
}

static void input_ack(struct glass_tcb *tcb, const struct glass_segment *seg,
		      struct glass_tcb_result *result)
{
	__u32 edge = tcb->snd_una + tcb->snd_wnd;

	tcb->ack_heard = glass_seq_max(tcb->ack_heard, seg->ack);
	if (glass_seq_before(seg->ack, tcb->snd_una)) {
		/*
		 * It was overtaken, by a later one or by what the sender saw
		 * with its own eyes (glass_tcb_delivered()). What it allows
		 * beyond the edge is allowed nevertheless.
		 */
		if (glass_seq_after(seg->ack + seg->window, edge)) {
			tcb->snd_wnd = seg->ack + seg->window - tcb->snd_una;
			result->actions |= GLASS_TCB_WINDOW;
		}
		return;
	}
	if (seg->ack != tcb->snd_una) {
		result->acked = seg->ack - tcb->snd_una;
		result->actions |= GLASS_TCB_ACKED;
		tcb->snd_una = seg->ack;
	}
	/*
	 * A retransmission has an old number and a new acknowledgment: its
	 * window counts too, else the old one would be taken to begin later.
	 */
	if (result->acked || glass_seq_before(tcb->snd_wl1, seg->seq) ||
	    (tcb->snd_wl1 == seg->seq &&
	     !glass_seq_before(seg->ack, tcb->snd_wl2))) {
		window_store(tcb, seg);
		if (tcb->snd_una + tcb->snd_wnd != edge)
			result->actions |= GLASS_TCB_WINDOW;
	}
	if (glass_tcb_fin_is_acked(tcb))
		result->actions |= fin_acked(tcb);
}

/* Which of the payload is new and inside the window? */
static void input_data(struct glass_tcb *tcb, const struct glass_segment *seg,
		       struct glass_tcb_result *result)
{
	__u32 start = glass_seq_max(seg->seq, tcb->rcv_nxt);
	__u32 end = glass_seq_min(seg->seq + seg->len, tcb->rcv_edge);

	if (!glass_seq_before(start, end)) {
		/* All known, or ahead of what there is room for. */
		result_refuse(result, GLASS_DROP_WINDOW, GLASS_TCB_ACK_NOW);
		return;
	}
	result->data.start = start;
	result->data.end = end;
	result->actions |= GLASS_TCB_DATA;
	if (start != tcb->rcv_nxt)
		result->actions |= GLASS_TCB_HOLE | GLASS_TCB_ACK_NOW;
	if (end != seg->seq + seg->len)
		result->actions |= GLASS_TCB_ACK_NOW;
}

static void input_payload(struct glass_tcb *tcb,
			  const struct glass_segment *seg,
			  struct glass_tcb_result *result)
{
	switch (tcb->state) {
	case TCP_ESTABLISHED:
	case TCP_FIN_WAIT1:
	case TCP_FIN_WAIT2:
		if (seg->len)
			input_data(tcb, seg, result);
		if (seg->flags & GLASS_SEG_FIN) {
			result->has_fin = 1;
			result->fin = seg->seq + seg->len;
			/* Whether it can be taken or not, it is answered. */
			result->actions |= GLASS_TCB_ACK_NOW;
		}
		break;
	default:
		/* The peer's FIN is behind us: this is old. */
		if (glass_segment_span(seg))
			result_refuse(result, GLASS_DROP_WINDOW,
				      GLASS_TCB_ACK_NOW);
		if (tcb->state == TCP_TIME_WAIT && seg->flags & GLASS_SEG_FIN)
			result->actions |= GLASS_TCB_TIME_WAIT;
	}
}

/* Our SYN is acknowledged: the user may have shut down meanwhile. */
static __u8 state_when_connected(const struct glass_tcb *tcb)
{
	return tcb->fin_queued ? TCP_FIN_WAIT1 : TCP_ESTABLISHED;
}

/* A SYN where there is a connection already (RFC 5961, 4.2; RFC 6191). */
static void input_syn(struct glass_tcb *tcb, const struct glass_segment *seg,
		      __u32 now, struct glass_tcb_result *result)
{
	if (tcb->state == TCP_SYN_RECV && seg->seq + 1 == tcb->rcv_nxt &&
	    !(seg->flags & GLASS_SEG_ACK)) {
		/* Once more: our answer was lost. */
		result_refuse(result, GLASS_DROP_WINDOW, GLASS_TCB_SYN);
		return;
	}
	if (tcb->state == TCP_TIME_WAIT && !(seg->flags & GLASS_SEG_ACK) &&
	    !ts_is_old(tcb, seg->ts, now) &&
	    (glass_seq_after(seg->seq, tcb->rcv_nxt) ||
	     !ts_is_old(tcb, seg->ts - 1, now))) {
		tcb->state = TCP_CLOSE;
		result->actions = GLASS_TCB_REOPEN;
		return;
	}
	/* In a simultaneous opening, the other side's SYN with ACK. */
	if (tcb->state == TCP_SYN_RECV && seg->seq + 1 == tcb->rcv_nxt) {
		if (seg->ack != tcb->snd_nxt) {
			/* It has taken an old SYN for ours. */
			refuse_by_reset(seg, result);
			return;
		}
		tcb->state = state_when_connected(tcb);
		tcb->snd_una = seg->ack;
		tcb->ack_heard = seg->ack;
		window_store(tcb, seg);
		result->acked = 1;
		result->actions = GLASS_TCB_CONNECTED | GLASS_TCB_ACKED |
				  GLASS_TCB_ACK_NOW;
		return;
	}
	result_refuse(result, GLASS_DROP_WINDOW, GLASS_TCB_CHALLENGE);
}

/*
 * The segment is not acceptable: say what would be. Data is answered each time;
 * acknowledgments are not, else two ends that disagree would answer each
 * other's for ever.
 */
static void refuse_by_ack(const struct glass_segment *seg,
			  enum glass_drop drop,
			  struct glass_tcb_result *result)
{
	result_refuse(result, drop,
		      glass_segment_span(seg) ? GLASS_TCB_ACK_NOW :
						GLASS_TCB_CHALLENGE);
}

/* RFC 9293, 3.10.7.4. */
static void input_synchronized(struct glass_tcb *tcb,
			       const struct glass_segment *seg, __u32 now,
			       struct glass_tcb_result *result)
{
	if (seg->flags & GLASS_SEG_SYN) {
		input_syn(tcb, seg, now, result);
		return;
	}
	if (!(seg->flags & GLASS_SEG_RST) && ts_is_old(tcb, seg->ts, now)) {
		refuse_by_ack(seg, GLASS_DROP_OLD, result);
		return;
	}
	if (!is_in_window(tcb, seg)) {
		if (seg->flags & GLASS_SEG_RST)
			result_refuse(result, GLASS_DROP_WINDOW, 0);
		else
			refuse_by_ack(seg, GLASS_DROP_WINDOW, result);
		return;
	}
	if (seg->flags & GLASS_SEG_RST) {
		/* RFC 1337: a reset does not shorten TIME_WAIT. */
		if (tcb->state == TCP_TIME_WAIT)
			result_refuse(result, GLASS_DROP_WINDOW, 0);
		else
			input_reset(tcb, seg, result);
		return;
	}
	if (!(seg->flags & GLASS_SEG_ACK)) {
		result_refuse(result, GLASS_DROP_SEGMENT, 0);
		return;
	}

	if (tcb->state == TCP_SYN_RECV) {
		if (!glass_seq_in(seg->ack - 1, tcb->snd_una,
				  tcb->snd_nxt - tcb->snd_una)) {
			refuse_by_reset(seg, result);
			return;
		}
		tcb->state = state_when_connected(tcb);
		result->actions |= GLASS_TCB_CONNECTED;
		window_store(tcb, seg);
	}
	if (!ack_is_plausible(tcb, seg->ack)) {
		result_refuse(result, GLASS_DROP_ACK, GLASS_TCB_CHALLENGE);
		return;
	}
	/* RFC 7323, 4.3: the oldest segment that is not yet acknowledged. */
	if (!glass_seq_after(seg->seq, tcb->ack_sent) &&
	    !ts_is_old(tcb, seg->ts, now))
		ts_store(tcb, seg->ts, now);

	input_ack(tcb, seg, result);
	if (tcb->state != TCP_CLOSE)
		input_payload(tcb, seg, result);
}

/**
 * glass_tcb_input - a segment of the connection arrives
 * @tcb: the block, in any state but LISTEN
 * @seg: the segment
 * @now: our clock in microseconds
 * @result: what to do; with GLASS_TCB_DATA or has_fin, glass_tcb_received() is
 *	to be called once the bytes are kept, or not
 *
 * Context: any.
 */
void glass_tcb_input(struct glass_tcb *tcb, const struct glass_segment *seg,
		     __u32 now, struct glass_tcb_result *result)
{
	result_init(result);
	switch (tcb->state) {
	case TCP_CLOSE:
		refuse_by_reset(seg, result);
		break;
	case TCP_SYN_SENT:
		input_syn_sent(tcb, seg, now, result);
		break;
	default:
		input_synchronized(tcb, seg, now, result);
	}
}

/**
 * glass_tcb_received - say how far the bytes are complete
 * @tcb: the block
 * @rcv_nxt: behind the last byte of those that follow each other
 * @result: of the segment that brought the last of them; a FIN that is due
 *	adds to its actions
 *
 * A FIN counts only when everything before it is there; one that came too
 * early comes again.
 *
 * Context: any.
 */
void glass_tcb_received(struct glass_tcb *tcb, __u32 rcv_nxt,
			struct glass_tcb_result *result)
{
	tcb->rcv_nxt = rcv_nxt;
	if (!result->has_fin || result->fin != rcv_nxt)
		goto out;

	tcb->rcv_nxt++;
	result->actions |= GLASS_TCB_FIN;
	switch (tcb->state) {
	case TCP_ESTABLISHED:
		tcb->state = TCP_CLOSE_WAIT;
		break;
	case TCP_FIN_WAIT1:
		tcb->state = TCP_CLOSING;
		break;
	case TCP_FIN_WAIT2:
		tcb->state = TCP_TIME_WAIT;
		result->actions |= GLASS_TCB_TIME_WAIT;
		break;
	}
out:
	tcb->rcv_edge = glass_seq_max(tcb->rcv_edge, tcb->rcv_nxt);
}

/* --- The user ----------------------------------------------------------- */

/**
 * glass_tcb_write - the user has written
 * @tcb: the block; shut down it is not
 * @len: bytes more to send
 *
 * Context: any.
 */
void glass_tcb_write(struct glass_tcb *tcb, __u32 len)
{
	tcb->snd_end += len;
}

/**
 * glass_tcb_shutdown - the user sends no more: a FIN follows the data
 * @tcb: the block; nothing happens without a connection, or twice
 *
 * Context: any.
 */
void glass_tcb_shutdown(struct glass_tcb *tcb)
{
	switch (tcb->state) {
	case TCP_SYN_RECV:
		/* The state changes when the SYN is acknowledged. */
		break;
	case TCP_ESTABLISHED:
		tcb->state = TCP_FIN_WAIT1;
		break;
	case TCP_CLOSE_WAIT:
		tcb->state = TCP_LAST_ACK;
		break;
	default:
		return;
	}
	tcb->fin_queued = 1;
}

/**
 * glass_tcb_abort - the connection ends here and now
 * @tcb: the block
 * @reset: what the peer is to be told
 *
 * Context: any.
 * Return: whether @reset is to be sent: if the peer knows of the connection.
 */
int glass_tcb_abort(struct glass_tcb *tcb, struct glass_segment *reset)
{
	int is_known = glass_tcb_is_synchronized(tcb) &&
		       tcb->state != TCP_TIME_WAIT;

	if (is_known)
		*reset = (struct glass_segment){
			.seq	 = tcb->snd_nxt,
			.ack	 = tcb->rcv_nxt,
			.ts_echo = tcb->ts_recent,
			.flags	 = GLASS_SEG_RST | GLASS_SEG_ACK,
		};
	tcb->state = TCP_CLOSE;
	return is_known;
}

/* --- Sending ------------------------------------------------------------ */

/**
 * glass_tcb_sent - something was sent, for the first time or again
 * @tcb: the block
 * @end: behind its last number; snd_end + 1 with the FIN
 *
 * Context: any.
 */
void glass_tcb_sent(struct glass_tcb *tcb, __u32 end)
{
	tcb->snd_nxt = glass_seq_max(tcb->snd_nxt, end);
}

/**
 * glass_tcb_delivered - what was sent was seen to arrive, up to here
 * @tcb: the block, synchronized
 * @end: behind the last number that the peer has, at most snd_nxt
 *
 * As an acknowledgment of it would: the window's edge stays where it is.
 *
 * Context: any.
 * Return: what is to be done: GLASS_TCB_TIME_WAIT, GLASS_TCB_CLOSED or 0.
 */
__u32 glass_tcb_delivered(struct glass_tcb *tcb, __u32 end)
{
	__u32 edge = tcb->snd_una + tcb->snd_wnd;

	tcb->snd_una = end;
	tcb->snd_wnd = glass_seq_after(edge, end) ? edge - end : 0;
	return glass_tcb_fin_is_acked(tcb) ? fin_acked(tcb) : 0;
}

/**
 * glass_tcb_usable_window - how much more the peer has room for
 * @tcb: the block
 *
 * Context: any.
 * Return: bytes from snd_nxt on; 0 also if the peer took back what it allowed.
 */
__u32 glass_tcb_usable_window(const struct glass_tcb *tcb)
{
	__s32 left = tcb->snd_una + tcb->snd_wnd - tcb->snd_nxt;

	return left > 0 ? left : 0;
}

/**
 * glass_tcb_open_window - let the peer send up to what there is room for
 * @tcb: the block
 * @room: bytes there is room for, from rcv_nxt on
 * @step: the least advance worth telling (RFC 1122, 4.2.3.3)
 *
 * The edge never moves back: what was once allowed may be on its way.
 *
 * Context: any.
 * Return: whether the edge has moved.
 */
int glass_tcb_open_window(struct glass_tcb *tcb, __u32 room, __u32 step)
{
	__u32 edge;

	if (room > GLASS_WINDOW_MAX)
		room = GLASS_WINDOW_MAX;
	edge = tcb->rcv_nxt + room;
	if (edge == tcb->rcv_edge ||
	    glass_seq_before(edge, tcb->rcv_edge + step))
		return 0;
	tcb->rcv_edge = edge;
	return 1;
}

/**
 * glass_tcb_fill - what every segment of the connection says
 * @tcb: the block
 * @seg: gets ack, window and time stamps, and the flag ACK if there is one;
 *	the caller fills in the rest
 * @now: our clock in microseconds
 *
 * Context: any.
 */
void glass_tcb_fill(struct glass_tcb *tcb, struct glass_segment *seg,
		    __u32 now)
{
	seg->ts = now;
	seg->window = tcb->rcv_edge - tcb->rcv_nxt;
	seg->ack = 0;
	seg->ts_echo = 0;
	if (tcb->state == TCP_SYN_SENT)
		return;
	seg->flags |= GLASS_SEG_ACK;
	seg->ack = tcb->rcv_nxt;
	seg->ts_echo = tcb->ts_recent;
	tcb->ack_sent = tcb->rcv_nxt;
}
