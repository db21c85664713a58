// SPDX-License-Identifier: GPL-2.0
/*
 * SOCK_SEQPACKET: messages. In the transport's stream of bytes, each has a
 * struct glass_record_hdr before it.
 */
#include "seqpacket.h"

#include <linux/module.h>

#include "connected.h"
#include "cred.h"
#include "errqueue.h"
#include "memory.h"
#include "pages.h"
#include "protosw.h"
#include "socket.h"
#include "stamp.h"
#include "transport.h"

/* --- Sending --------------------------------------------------------------- */

/*
 * Write the whole message or nothing of it: -EFAULT, or -ENOBUFS, and it can be
 * tried again. Socket lock held.
 */
static int record_append(struct sock *sk, struct msghdr *msg, size_t len,
			 unsigned int how, struct ubuf_info *uarg)
{
	u32 eor = msg->msg_flags & MSG_EOR ? GLASS_RECORD_EOR : 0;
	struct glass_record_hdr hdr = { .flags_len = cpu_to_be32(eor | len) };
	size_t left = iov_iter_count(&msg->msg_iter);
	u32 begin = glass_tp(sk)->tcb.snd_end;
	ssize_t n;

	n = glass_tx_append_head(sk, &hdr, sizeof(hdr), len);
	if (!n && len)
		n = glass_tx_append(sk, &msg->msg_iter, len, how, uarg);
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
	unsigned int how = GLASS_TX_ALL;
	struct ubuf_info *uarg = NULL;
	struct sockcm_cookie sockc;
	u32 max = 0;
	long timeo;
	int err;

	err = glass_connected_check_cmsg(sk, msg, &sockc);
	if (err)
		return err;

	lock_sock(sk);
	timeo = sock_sndtimeo(sk, msg->msg_flags & MSG_DONTWAIT);
	err = glass_connected_refer(sk, msg, len, &how, &uarg);
	if (err)
		goto out;
	for (;;) {
		err = glass_connected_may_send(sk, msg, &timeo);
		if (err)
			goto out;
		err = -EMSGSIZE;
		max = min_t(u32, READ_ONCE(sk->sk_sndbuf), tp->peer_max_record);
		if (len + sizeof(struct glass_record_hdr) > max)
			goto out;
		/* One message may go beyond the buffer, by its own size. */
		if (sk_stream_memory_free(sk)) {
			tp->is_corked = msg->msg_flags & MSG_MORE;
			err = record_append(sk, msg, len, how, uarg);
			if (err != -ENOBUFS)
				break;
		}
		glass_tx_push(sk, false);
		set_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
		err = sk_stream_wait_memory(sk, &timeo);
		if (err)
			goto out;
	}
	if (!err)
		glass_stamp_mark(sk, &sockc);
	glass_tx_push(sk, false);
	if (!err)
		err = len;
out:
	glass_zerocopy_end(uarg, err >= 0);
	if (err < 0)
		glass_sk_refused(sk, msg, err,
				 max - min_t(u32, max,
					     sizeof(struct glass_record_hdr)));
	if (err == -EPIPE)
		err = sock_error(sk) ?: -EPIPE;
	release_sock(sk);
	return err;
}

/* --- Receiving ------------------------------------------------------------- */

/*
 * Is the message that begins after @pos unread bytes there, all of it? If so,
 * its header is in @flags_len. A length that the peer was told not to send ends
 * the connection.
 */
static bool record_is_complete(struct sock *sk, u32 pos, u32 *flags_len)
{
	struct glass_transport *tp = glass_tp(sk);
	struct glass_record_hdr hdr;
	u32 len;

	if (tp->unread - pos < sizeof(hdr))
		return false;
	glass_rx_peek(sk, pos, &hdr, sizeof(hdr));
	*flags_len = be32_to_cpu(hdr.flags_len);
	len = *flags_len & GLASS_RECORD_LEN;
	if (len + sizeof(hdr) > tp->window_floor &&
	    sk->sk_state != TCP_CLOSE) {
		glass_rx_purge(sk);
		glass_transport_reset(sk, EPROTO);
		return false;
	}
	return tp->unread - pos - sizeof(hdr) >= len;
}

/**
 * struct record_read - a message that is read
 * @pos: of the unread bytes, how many are before its header
 * @peek_off: of its own bytes, how many to pass over (SO_PEEK_OFF)
 * @flags_len: its header
 * @time: when its last byte came
 */
struct record_read {
	u32	pos;
	u32	peek_off;
	u32	flags_len;
	ktime_t	time;
};

/*
 * Find the message to read: the first one, or the one that SO_PEEK_OFF has come
 * to, as AF_UNIX counts. Returns whether it is complete. Socket lock held.
 */
static bool record_find(struct sock *sk, int flags, struct record_read *call)
{
	u32 len;

	call->pos = 0;
	call->peek_off = 0;
	if (flags & MSG_PEEK)
		call->peek_off = max(sk_peek_offset(sk, flags), 0);
	while (record_is_complete(sk, call->pos, &call->flags_len)) {
		len = call->flags_len & GLASS_RECORD_LEN;
		if (!call->peek_off || call->peek_off < len)
			return true;
		call->peek_off -= len;
		call->pos += sizeof(struct glass_record_hdr) + len;
	}
	return false;
}

/* Read the message that was found. Socket lock held. */
static int record_take(struct sock *sk, struct msghdr *msg, size_t len,
		       int flags, struct record_read *call)
{
	u32 begin = call->pos + sizeof(struct glass_record_hdr);
	u32 record_len = call->flags_len & GLASS_RECORD_LEN;
	u32 left = record_len - call->peek_off;
	u32 copied = min_t(size_t, len, left);
	int err;

	err = glass_rx_copy(sk, begin + call->peek_off, &msg->msg_iter, copied);
	if (glass_stamp_is_wanted(sk))
		call->time = glass_rx_time(sk, begin + record_len - 1);
	/* A bad buffer costs the message, as with all that have boundaries. */
	if (!(flags & MSG_PEEK)) {
		sk_peek_offset_bwd(sk, record_len);
		glass_rx_skip(sk, sizeof(struct glass_record_hdr) + record_len);
		glass_connected_has_read(sk);
	}
	if (err)
		return err;
	if (flags & MSG_PEEK)
		sk_peek_offset_fwd(sk, copied);
	if (copied < left)
		msg->msg_flags |= MSG_TRUNC;
	if (call->flags_len & GLASS_RECORD_EOR)
		msg->msg_flags |= MSG_EOR;
	return flags & MSG_TRUNC ? left : copied;
}

/* proto.recvmsg. Process context, may sleep; no lock held. */
static int glass_seqpacket_recvmsg(struct sock *sk, struct msghdr *msg,
				   size_t len, int flags)
{
	struct record_read call = {};
	bool is_read = false;
	long timeo;
	int err;

	if (flags & MSG_ERRQUEUE)
		return glass_errqueue_recv(sk, msg, len);

	lock_sock(sk);
	timeo = sock_rcvtimeo(sk, flags & MSG_DONTWAIT);
	for (;;) {
		if (record_find(sk, flags, &call)) {
			err = record_take(sk, msg, len, flags, &call);
			is_read = err >= 0;
			break;
		}
		err = glass_connected_may_receive(sk, flags);
		if (err > 0 || (!err && !len)) {
			err = 0;
			break;
		}
		if (err)
			break;
		err = glass_connected_wait_data(sk, flags, &timeo);
		if (err)
			break;
	}
	glass_connected_reader_leaves(sk);
	release_sock(sk);
	if (is_read) {
		glass_stamp_tell(sk, msg, call.time);
		glass_cred_tell_peer(sk, msg);
	}
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
	is_complete = record_is_complete(sk, 0, &flags_len);
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

	return record_is_complete(sk, 0, &flags_len) ?
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
	.set_peek_off	= sk_set_peek_off,
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
