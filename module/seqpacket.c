// SPDX-License-Identifier: GPL-2.0
/*
 * SOCK_SEQPACKET: messages. In the transport's stream of bytes, each has a
 * struct glass_record_hdr before it.
 */
#include "seqpacket.h"

#include <linux/module.h>

#include "connected.h"
#include "memory.h"
#include "protosw.h"
#include "socket.h"
#include "transport.h"

/* --- Sending --------------------------------------------------------------- */

/*
 * Write the whole message or nothing of it: -EFAULT, or -ENOBUFS, and it can be
 * tried again. Socket lock held.
 */
static int record_append(struct sock *sk, struct msghdr *msg, size_t len)
{
	u32 eor = msg->msg_flags & MSG_EOR ? GLASS_RECORD_EOR : 0;
	struct glass_record_hdr hdr = { .flags_len = cpu_to_be32(eor | len) };
	struct kvec kvec = { .iov_base = &hdr, .iov_len = sizeof(hdr) };
	size_t left = iov_iter_count(&msg->msg_iter);
	u32 begin = glass_tp(sk)->tcb.snd_end;
	struct iov_iter iter;
	ssize_t n;

	iov_iter_kvec(&iter, ITER_SOURCE, &kvec, 1, sizeof(hdr));
	n = glass_tx_append(sk, &iter, sizeof(hdr), true);
	if (n == sizeof(hdr) && len)
		n = glass_tx_append(sk, &msg->msg_iter, len, true);
	else if (n == sizeof(hdr))
		n = 0;
	if (n == (ssize_t)len)
		return 0;
	glass_tx_truncate(sk, begin);
	iov_iter_revert(&msg->msg_iter, left - iov_iter_count(&msg->msg_iter));
	return n < 0 ? n : -EFAULT;
}

/* proto.sendmsg. Process context, may sleep; no lock held. */
static int glass_seqpacket_sendmsg(struct sock *sk, struct msghdr *msg,
				   size_t len)
{
	struct glass_transport *tp = glass_tp(sk);
	long timeo;
	int err;

	err = glass_connected_check_cmsg(sk, msg);
	if (err)
		return err;

	lock_sock(sk);
	timeo = sock_sndtimeo(sk, msg->msg_flags & MSG_DONTWAIT);
	for (;;) {
		err = glass_connected_may_send(sk, msg, &timeo);
		if (err)
			goto out;
		err = -EMSGSIZE;
		if (len + sizeof(struct glass_record_hdr) >
		    min_t(u32, READ_ONCE(sk->sk_sndbuf), tp->peer_max_record))
			goto out;
		/* One message may go beyond the buffer, by its own size. */
		if (sk_stream_memory_free(sk)) {
			tp->is_corked = msg->msg_flags & MSG_MORE;
			err = record_append(sk, msg, len);
			if (err != -ENOBUFS)
				break;
		}
		glass_tx_push(sk, false);
		set_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
		err = sk_stream_wait_memory(sk, &timeo);
		if (err)
			goto out;
	}
	glass_tx_push(sk, false);
	if (!err)
		err = len;
out:
	if (err == -EPIPE)
		err = sock_error(sk) ?: -EPIPE;
	release_sock(sk);
	return err;
}

/* --- Receiving ------------------------------------------------------------- */

/*
 * Is the first message there, all of it? If so, its header is in @flags_len. A
 * length that the peer was told not to send ends the connection.
 */
static bool record_is_complete(struct sock *sk, u32 *flags_len)
{
	struct glass_transport *tp = glass_tp(sk);
	struct glass_record_hdr hdr;
	struct kvec kvec = { .iov_base = &hdr, .iov_len = sizeof(hdr) };
	struct iov_iter iter;
	u32 len;

	if (tp->unread < sizeof(hdr))
		return false;
	iov_iter_kvec(&iter, ITER_DEST, &kvec, 1, sizeof(hdr));
	glass_rx_copy(sk, 0, &iter, sizeof(hdr));
	*flags_len = be32_to_cpu(hdr.flags_len);
	len = *flags_len & GLASS_RECORD_LEN;
	if (len + sizeof(hdr) > tp->window_floor &&
	    sk->sk_state != TCP_CLOSE) {
		glass_rx_purge(sk);
		glass_transport_reset(sk, EPROTO);
		return false;
	}
	return tp->unread - sizeof(hdr) >= len;
}

/* Read the first message, which is complete. Socket lock held. */
static int record_take(struct sock *sk, struct msghdr *msg, size_t len,
		       int flags, u32 flags_len)
{
	u32 record_len = flags_len & GLASS_RECORD_LEN;
	u32 copied = min_t(size_t, len, record_len);
	int err;

	err = glass_rx_copy(sk, sizeof(struct glass_record_hdr), &msg->msg_iter,
			    copied);
	/* A bad buffer costs the message, as with all that have boundaries. */
	if (!(flags & MSG_PEEK)) {
		glass_rx_skip(sk, sizeof(struct glass_record_hdr) + record_len);
		glass_connected_has_read(sk);
	}
	if (err)
		return err;
	if (copied < record_len)
		msg->msg_flags |= MSG_TRUNC;
	if (flags_len & GLASS_RECORD_EOR)
		msg->msg_flags |= MSG_EOR;
	return flags & MSG_TRUNC ? record_len : copied;
}

/* proto.recvmsg. Process context, may sleep; no lock held. */
static int glass_seqpacket_recvmsg(struct sock *sk, struct msghdr *msg,
				   size_t len, int flags)
{
	u32 flags_len;
	long timeo;
	int err;

	if (flags & MSG_ERRQUEUE)
		return sock_recv_errqueue(sk, msg, len, SOL_GLASS, 0);

	lock_sock(sk);
	timeo = sock_rcvtimeo(sk, flags & MSG_DONTWAIT);
	for (;;) {
		if (record_is_complete(sk, &flags_len)) {
			err = record_take(sk, msg, len, flags, flags_len);
			break;
		}
		err = glass_connected_may_receive(sk, flags);
		if (err > 0 || (!err && !len)) {
			err = 0;
			break;
		}
		if (err)
			break;
		err = glass_connected_wait_data(sk, &timeo);
		if (err)
			break;
	}
	release_sock(sk);
	return err;
}

static bool seqpacket_is_readable(struct sock *sk)
{
	bool is_complete;
	u32 flags_len;

	/* Usually there is nothing at all. */
	if (!READ_ONCE(glass_tp(sk)->unread))
		return false;
	lock_sock(sk);
	is_complete = record_is_complete(sk, &flags_len);
	release_sock(sk);
	return is_complete;
}

/* proto_ops.poll. */
static __poll_t glass_seqpacket_poll(struct file *file, struct socket *sock,
				     struct poll_table_struct *wait)
{
	return glass_connected_poll(file, sock, wait, seqpacket_is_readable);
}

/* Of the next message only. */
static int seqpacket_unread(struct sock *sk)
{
	u32 flags_len;

	return record_is_complete(sk, &flags_len) ?
	       flags_len & GLASS_RECORD_LEN : 0;
}

/* proto.ioctl. Process context; no lock held. */
static int glass_seqpacket_ioctl(struct sock *sk, int cmd, int *karg)
{
	return glass_connected_ioctl(sk, cmd, karg, seqpacket_unread);
}

GLASS_SHIM_RECVMSG(glass_seqpacket_recvmsg);

static struct proto glass_seqpacket_prot = {
	.name		= "GLASS-SEQPACKET",
	.owner		= THIS_MODULE,
	.obj_size	= sizeof(struct glass_transport),
	.slab_flags	= SLAB_TYPESAFE_BY_RCU,
	GLASS_MEMORY_PROT,
	.init		= glass_transport_sk_init,
	.destroy	= glass_transport_sk_destroy,
	.close		= glass_transport_close,
	.connect	= glass_connected_prot_connect,
	.disconnect	= glass_transport_disconnect,
	.accept		= glass_connected_prot_accept,
	.ioctl		= glass_seqpacket_ioctl,
	.shutdown	= glass_transport_shutdown,
	.setsockopt	= glass_connected_setsockopt,
	.getsockopt	= glass_connected_getsockopt,
	.keepalive	= glass_transport_set_keepalive,
	.sendmsg	= glass_seqpacket_sendmsg,
	.recvmsg	= glass_shim_recvmsg(glass_seqpacket_recvmsg),
	.backlog_rcv	= glass_transport_backlog_rcv,
	.hash		= glass_port_hash,
	.unhash		= glass_transport_unhash,
	.get_port	= glass_port_get,
};

static struct proto_ops glass_seqpacket_ops __ro_after_init = {
	.owner		= THIS_MODULE,
	.release	= glass_sk_release,
	.bind		= glass_sk_bind,
	.connect	= glass_connected_connect,
	.socketpair	= glass_connected_socketpair,
	.accept		= glass_connected_accept,
	.getname	= glass_sk_getname,
	.poll		= glass_seqpacket_poll,
	.ioctl		= glass_sk_ioctl,
	.gettstamp	= sock_gettstamp,
	.listen		= glass_connected_listen,
	.shutdown	= glass_connected_shutdown,
	.setsockopt	= glass_connected_sock_setsockopt,
	.getsockopt	= sock_common_getsockopt,
	.sendmsg	= glass_sk_sendmsg,
	.recvmsg	= glass_sk_recvmsg,
	.mmap		= sock_no_mmap,
	.splice_eof	= glass_connected_splice_eof,
};

static struct glass_protosw glass_seqpacket_protosw = {
	.type		= SOCK_SEQPACKET,
	.protocol	= GLASS_PROTO_SEQPACKET,
	.flags		= GLASS_PROTOSW_PERMANENT,
	.prot		= &glass_seqpacket_prot,
	.ops		= &glass_seqpacket_ops,
};

/**
 * glass_seqpacket_init - offer SOCK_SEQPACKET
 *
 * Context: process, may sleep.
 * Return: as glass_register_protosw().
 */
int __init glass_seqpacket_init(void)
{
	return glass_register_protosw(&glass_seqpacket_protosw);
}

/**
 * glass_seqpacket_exit - offer SOCK_SEQPACKET no more
 *
 * Context: process, may sleep.
 */
void glass_seqpacket_exit(void)
{
	glass_unregister_protosw(&glass_seqpacket_protosw);
}
