// SPDX-License-Identifier: GPL-2.0
#include "errqueue.h"

#include "glass.h"

/**
 * struct errqueue_names - behind the headers of a queued error, pulled
 * @dst: where the refused message was to go
 * @offender: who refused it; not set: this machine
 */
struct errqueue_names {
	struct glass_addr	dst;
	struct glass_addr	offender;
};

/* What the control message carries, as IP_RECVERR's does. */
struct errqueue_cmsg {
	struct sock_extended_err	ee;
	struct sockaddr_glass		offender;
};

/* Has an entry names? Time stamps, and what else the core queues, have none. */
static bool has_names(const struct sock_extended_err *ee)
{
	return ee->ee_origin == SO_EE_ORIGIN_LOCAL ||
	       ee->ee_origin == GLASS_EE_ORIGIN_CONTROL;
}

/**
 * glass_errqueue_add - queue an error, if the socket wants them (GLASS_RECVERR)
 * @sk: the socket
 * @ee: what has happened; its origin is SO_EE_ORIGIN_LOCAL or
 *	GLASS_EE_ORIGIN_CONTROL
 * @dst: where the refused message was to go
 * @offender: who refused it, or NULL: this machine
 *
 * One for which there is no room in the receive buffer is lost, and counted
 * (SO_RXQ_OVFL); who sent has been told by the call itself, or by SO_ERROR.
 *
 * Context: any but hard interrupt.
 */
void glass_errqueue_add(struct sock *sk, const struct sock_extended_err *ee,
			const struct glass_addr *dst,
			const struct glass_addr *offender)
{
	struct errqueue_names names = {
		.dst		= *dst,
		.offender	= offender ? *offender : GLASS_ADDR_NONE,
	};
	struct sk_buff *skb;

	if (!READ_ONCE(glass_sk(sk)->wants_errors))
		return;
	skb = alloc_skb(sizeof(names), GFP_ATOMIC);
	if (!skb) {
		sk_drops_inc(sk);
		return;
	}
	skb_put_data(skb, &names, sizeof(names));
	skb_reset_network_header(skb);
	__skb_pull(skb, sizeof(names));
	memset(SKB_EXT_ERR(skb), 0, sizeof(*SKB_EXT_ERR(skb)));
	SKB_EXT_ERR(skb)->ee = *ee;
	if (sock_queue_err_skb(sk, skb)) {
		sk_drops_inc(sk);
		kfree_skb(skb);
	}
}

/**
 * glass_errqueue_recv - recvmsg(2) with MSG_ERRQUEUE
 * @sk: the socket
 * @msg: where to; gets where the refused message was to go as a name, and a
 *	control message SOL_GLASS, GLASS_RECVERR
 * @len: room in bytes for what the entry is about
 *
 * Context: process; the socket lock is not needed.
 * Return: bytes, -EAGAIN if there is no entry, or -EFAULT.
 */
int glass_errqueue_recv(struct sock *sk, struct msghdr *msg, size_t len)
{
	struct errqueue_cmsg cmsg = {};
	struct errqueue_names *names;
	struct sk_buff *skb;
	size_t copied;
	int err;

	skb = sock_dequeue_err_skb(sk);
	if (!skb)
		return -EAGAIN;
	copied = min_t(size_t, len, skb->len);
	if (copied < skb->len)
		msg->msg_flags |= MSG_TRUNC;
	err = skb_copy_datagram_msg(skb, 0, msg, copied);
	if (err)
		goto free_skb;
	sock_recv_timestamp(msg, sk, skb);

	cmsg.ee = SKB_EXT_ERR(skb)->ee;
	if (has_names(&cmsg.ee)) {
		names = (struct errqueue_names *)skb_network_header(skb);
		if (glass_addr_is_set(&names->offender))
			glass_addr_write(&cmsg.offender, &names->offender);
		if (msg->msg_name && glass_addr_is_set(&names->dst)) {
			glass_addr_write(msg->msg_name, &names->dst);
			msg->msg_namelen = sizeof(struct sockaddr_glass);
		}
	}
	put_cmsg(msg, SOL_GLASS, GLASS_RECVERR, sizeof(cmsg), &cmsg);
	msg->msg_flags |= MSG_ERRQUEUE;
	err = copied;
free_skb:
	kfree_skb(skb);
	return err;
}
