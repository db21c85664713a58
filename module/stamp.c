// SPDX-License-Identifier: GPL-2.0
/*
 * The core stamps a frame for the socket that it is charged to. The segments of
 * a connection are charged to nobody, and are not what was written either: a
 * write's stamp is that of the segment with its last byte, as with TCP.
 */
#include "stamp.h"

#include <linux/net_tstamp.h>
#include <linux/errqueue.h>

#include "compat.h"
#include "transport.h"

/* What a connection can tell of what it sends. */
#define GLASS_STAMP_TX (SOF_TIMESTAMPING_TX_SOFTWARE | \
			SOF_TIMESTAMPING_TX_SCHED | SOF_TIMESTAMPING_TX_ACK)

/**
 * glass_stamp_reset_key - bytes are counted from here (SOF_TIMESTAMPING_OPT_ID)
 * @sk: the socket
 *
 * Context: socket lock held.
 */
void glass_stamp_reset_key(struct sock *sk)
{
	glass_tp(sk)->stamp_base = glass_tp(sk)->tcb.snd_end;
}

/**
 * glass_stamp_mark - the write that ends here wants to know when it went
 * @sk: the socket; what was written last is in the send queue
 * @sockc: what the write asks for
 *
 * The key of a stream is the number of the write's last byte, the key of
 * messages is the message's number. Later writes get a segment of their own, so
 * that each write has its stamp.
 *
 * Context: socket lock held.
 */
void glass_stamp_mark(struct sock *sk, const struct sockcm_cookie *sockc)
{
	struct sk_buff *skb = skb_peek_tail(&sk->sk_write_queue);
	struct glass_transport *tp = glass_tp(sk);
	struct glass_tx_cb *cb;

	if (!(sockc->tsflags & GLASS_STAMP_TX) || !skb)
		return;
	cb = glass_tx_cb(skb);
	cb->stamps = sockc->tsflags & GLASS_STAMP_TX;
	cb->stamp_end = tp->tcb.snd_end;
	cb->is_full = true;
	cb->stamp_key = sk->sk_type == SOCK_STREAM ?
			cb->stamp_end - 1 - tp->stamp_base :
			atomic_inc_return(&sk->sk_tskey) - 1;
	/* It was faster than we are. */
	if (cb->state != GLASS_TX_UNSENT)
		glass_stamp_sent(sk, skb);
}

/**
 * glass_stamp_split - a segment of the send queue was cut in two
 * @skb: the first part
 * @rest: the other one; its cb is a copy
 *
 * Context: socket lock held.
 */
void glass_stamp_split(struct sk_buff *skb, struct sk_buff *rest)
{
	if (glass_seq_after(glass_tx_cb(skb)->stamp_end, glass_tx_cb(rest)->seq))
		glass_tx_cb(skb)->stamps = 0;
	else
		glass_tx_cb(rest)->stamps = 0;
}

/*
 * Queue a stamp. Not of a clone: the send queue takes a segment that has a clone
 * for one that is still on its way.
 */
static void stamp_queue(struct sock *sk, struct sk_buff *skb, int what)
{
	struct sk_buff *copy;

	if (READ_ONCE(sk->sk_tsflags) & SOF_TIMESTAMPING_OPT_TSONLY)
		copy = alloc_skb(0, GFP_ATOMIC);
	else
		copy = pskb_copy(skb, GFP_ATOMIC);
	if (!copy) {
		sk_drops_inc(sk);
		return;
	}
	skb_shinfo(copy)->tskey = glass_tx_cb(skb)->stamp_key;
	glass_tstamp_tx(copy, sk, what);
	consume_skb(copy);
}

/**
 * glass_stamp_sent - a segment goes for the first time
 * @sk: the socket
 * @skb: the segment, in the send queue
 *
 * Context: socket lock held.
 */
void glass_stamp_sent(struct sock *sk, struct sk_buff *skb)
{
	struct glass_tx_cb *cb = glass_tx_cb(skb);

	if (cb->stamps & SOF_TIMESTAMPING_TX_SCHED)
		stamp_queue(sk, skb, SCM_TSTAMP_SCHED);
	if (cb->stamps & SOF_TIMESTAMPING_TX_SOFTWARE)
		stamp_queue(sk, skb, SCM_TSTAMP_SND);
	cb->stamps &= SOF_TIMESTAMPING_TX_ACK;
}

/**
 * glass_stamp_acked - the peer has all of a segment
 * @sk: the socket
 * @skb: the segment, in the send queue
 *
 * Context: socket lock held.
 */
void glass_stamp_acked(struct sock *sk, struct sk_buff *skb)
{
	if (glass_tx_cb(skb)->stamps & SOF_TIMESTAMPING_TX_ACK)
		stamp_queue(sk, skb, SCM_TSTAMP_ACK);
}

/**
 * glass_stamp_is_wanted - does the reader ask when something came?
 * @sk: the socket
 *
 * Context: any.
 * Return: whether it does.
 */
bool glass_stamp_is_wanted(const struct sock *sk)
{
	return sock_flag(sk, SOCK_RCVTSTAMP) ||
	       READ_ONCE(sk->sk_tsflags) & SOF_TIMESTAMPING_SOFTWARE;
}

/**
 * glass_stamp_tell - write the control messages of a time
 * @sk: the socket; if it does not ask for any, nothing is written
 * @msg: where to
 * @time: when the last byte that was read came; 0 if that is not known
 *
 * Context: process, may sleep.
 */
void glass_stamp_tell(struct sock *sk, struct msghdr *msg, ktime_t time)
{
	struct sk_buff *skb;

	if (!glass_stamp_is_wanted(sk))
		return;
	/* The core reads the time out of a buffer; the bytes' own may be gone. */
	skb = alloc_skb(0, sk->sk_allocation);
	if (!skb) {
		msg->msg_flags |= MSG_CTRUNC;
		return;
	}
	skb->tstamp = time;
	__sock_recv_timestamp(msg, sk, skb);
	consume_skb(skb);
}
