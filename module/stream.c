// SPDX-License-Identifier: GPL-2.0
/* SOCK_STREAM: bytes, as they are written and read. */
#include "stream.h"

#include <linux/module.h>
#include <linux/splice.h>

#include "connected.h"
#include "cred.h"
#include "errqueue.h"
#include "memory.h"
#include "pages.h"
#include "protosw.h"
#include "socket.h"
#include "sockmap.h"
#include "stamp.h"
#include "transport.h"

/* So many full segments are copied in before the first one is sent. */
#define GLASS_STREAM_BATCH	2

/* proto.sendmsg. Process context, may sleep; no lock held. */
static int glass_stream_sendmsg(struct sock *sk, struct msghdr *msg, size_t len)
{
	struct glass_transport *tp = glass_tp(sk);
	struct ubuf_info *uarg = NULL;
	struct sockcm_cookie sockc;
	unsigned int how = 0;
	size_t copied = 0;
	long timeo;
	ssize_t n;
	int err;

	err = glass_connected_check_cmsg(sk, msg, &sockc);
	if (err)
		return err;

	lock_sock(sk);
	timeo = sock_sndtimeo(sk, msg->msg_flags & MSG_DONTWAIT);
	err = glass_connected_may_send(sk, msg, &timeo);
	if (err)
		goto out;
	err = -EISCONN;
	if (msg->msg_namelen)
		goto out;
	err = glass_connected_refer(sk, msg, len, &how, &uarg);
	if (err)
		goto out;
	tp->is_corked = msg->msg_flags & MSG_MORE;
	/* It may end what MSG_MORE held back. */
	if (!len)
		glass_tx_push(sk, false);
	while (copied < len) {
		n = glass_tx_append(sk, &msg->msg_iter,
				    min_t(size_t, len - copied,
					  GLASS_STREAM_BATCH * tp->mss), how,
				    uarg);
		if (n > 0) {
			copied += n;
			if (copied == len)
				glass_stamp_mark(sk, &sockc);
			glass_tx_push(sk, false);
			continue;
		}
		if (n < 0) {
			err = n;
			break;
		}
		glass_tx_push(sk, false);
		set_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
		err = sk_stream_wait_memory(sk, &timeo);
		/* After a part, an error is for the next call to tell. */
		if (err || (copied && sk->sk_err))
			break;
		err = glass_connected_may_send(sk, msg, &timeo);
		if (err)
			break;
	}
out:
	glass_zerocopy_end(uarg, copied);
	if (copied && copied < len)
		glass_stamp_mark(sk, &sockc);
	if (!copied)
		glass_sk_refused(sk, msg, err, 0);
	if (copied)
		err = copied;
	else if (err == -EPIPE)
		err = sock_error(sk) ?: -EPIPE;
	release_sock(sk);
	return err;
}

static bool stream_is_readable(struct sock *sk)
{
	return READ_ONCE(glass_tp(sk)->unread) >=
		       (u32)sock_rcvlowat(sk, 0, INT_MAX) ||
	       sk_is_readable(sk);
}

/**
 * struct stream_read - a call that reads
 * @peek_off: of the unread bytes, how many to pass over
 * @time: when the last byte that was taken came
 * @is_handed: some of them came by a sockmap
 */
struct stream_read {
	u32	peek_off;
	ktime_t	time;
	bool	is_handed;
};

/* Take up to @len bytes, or none. Returns how many, or -EFAULT. */
static int stream_take(struct sock *sk, struct msghdr *msg, size_t len,
		       int flags, struct stream_read *call)
{
	struct glass_transport *tp = glass_tp(sk);
	u32 offset = min(call->peek_off, tp->unread);
	u32 n = min_t(size_t, len, tp->unread - offset);
	int handed = glass_sockmap_take(sk, msg, len, flags);

	call->is_handed |= handed > 0;
	if (handed || !n)
		return handed;
	/* MSG_TRUNC throws bytes away, as TCP does. */
	if (!(flags & MSG_TRUNC) &&
	    glass_rx_copy(sk, offset, &msg->msg_iter, n))
		return -EFAULT;
	if (glass_stamp_is_wanted(sk))
		call->time = glass_rx_time(sk, offset + n - 1);
	if (flags & MSG_PEEK) {
		call->peek_off += n;
		sk_peek_offset_fwd(sk, n);
	} else {
		glass_rx_skip(sk, n);
		sk_peek_offset_bwd(sk, n);
	}
	return n;
}

/* proto.recvmsg. Process context, may sleep; no lock held. */
static int glass_stream_recvmsg(struct sock *sk, struct msghdr *msg, size_t len,
				int flags)
{
	struct stream_read call = {};
	size_t copied = 0;
	size_t target;
	long timeo;
	int err;

	if (flags & MSG_ERRQUEUE)
		return glass_errqueue_recv(sk, msg, len);

	lock_sock(sk);
	timeo = sock_rcvtimeo(sk, flags & MSG_DONTWAIT);
	target = sock_rcvlowat(sk, flags & MSG_WAITALL, len);
	if (flags & MSG_PEEK)
		call.peek_off = max(sk_peek_offset(sk, flags), 0);
	for (;;) {
		err = stream_take(sk, msg, len - copied, flags, &call);
		if (err < 0)
			break;
		copied += err;
		err = 0;
		/* After a part, an error is for the next call to tell. */
		if (copied >= target || copied == len || (copied && sk->sk_err) ||
		    (call.is_handed && flags & MSG_PEEK))
			break;
		err = glass_connected_may_receive(sk, flags);
		if (err)
			break;
		if (!(flags & MSG_PEEK))
			glass_connected_has_read(sk);
		err = glass_connected_wait_data(sk, flags, &timeo);
		if (err)
			break;
	}
	if (!(flags & MSG_PEEK))
		glass_connected_has_read(sk);
	if (copied || err > 0)
		err = copied;
	glass_connected_reader_leaves(sk);
	release_sock(sk);
	if (copied) {
		glass_stamp_tell(sk, msg, call.time);
		glass_cred_tell_peer(sk, msg);
	}
	return err;
}

/*
 * proto_ops.splice_read: the pages go as they are, but for those of a sockmap.
 * Process context, may sleep; the pipe's lock held.
 */
static ssize_t glass_stream_splice_read(struct socket *sock, loff_t *ppos,
					struct pipe_inode_info *pipe,
					size_t len, unsigned int flags)
{
	struct sock *sk = sock->sk;
	int spliced;
	long timeo;
	int err;

	lock_sock(sk);
	timeo = sock_rcvtimeo(sk, sock->file->f_flags & O_NONBLOCK ||
			      flags & SPLICE_F_NONBLOCK);
	while (!(spliced = glass_rx_splice(sk, pipe, len, flags))) {
		if (sk_is_readable(sk)) {
			release_sock(sk);
			return copy_splice_read(sock->file, ppos, pipe, len,
						flags);
		}
		err = glass_connected_may_receive(sk, 0);
		if (!err)
			err = glass_connected_wait_data(sk, 0, &timeo);
		if (!err)
			continue;
		spliced = min(err, 0);
		break;
	}
	if (spliced > 0) {
		sk_peek_offset_bwd(sk, spliced);
		glass_connected_has_read(sk);
	}
	glass_connected_reader_leaves(sk);
	release_sock(sk);
	return spliced;
}

/* proto_ops.poll. */
static __poll_t glass_stream_poll(struct file *file, struct socket *sock,
				  struct poll_table_struct *wait)
{
	return glass_connected_poll(file, sock, wait, stream_is_readable);
}

static int stream_unread(struct sock *sk)
{
	return glass_tp(sk)->unread;
}

/* proto.ioctl. Process context; no lock held. */
static int glass_stream_ioctl(struct sock *sk, int cmd, int *karg)
{
	return glass_connected_ioctl(sk, cmd, karg, stream_unread);
}

GLASS_SHIM_RECVMSG(glass_stream_recvmsg);

static struct proto glass_stream_prot = {
	.name		= "GLASS-STREAM",
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
	.ioctl		= glass_stream_ioctl,
	.shutdown	= glass_transport_shutdown,
	.setsockopt	= glass_connected_setsockopt,
	.getsockopt	= glass_connected_getsockopt,
	.keepalive	= glass_transport_set_keepalive,
	.sendmsg	= glass_stream_sendmsg,
	.recvmsg	= glass_shim_recvmsg(glass_stream_recvmsg),
	.backlog_rcv	= glass_transport_backlog_rcv,
	.hash		= glass_port_hash,
	.unhash		= glass_transport_unhash,
	.get_port	= glass_port_get,
	GLASS_SOCKMAP_PROT,
};

static struct proto_ops glass_stream_ops __ro_after_init = {
	.owner		= THIS_MODULE,
	.release	= glass_sk_release,
	.bind		= glass_sk_bind,
	.connect	= glass_connected_connect,
	.socketpair	= glass_connected_socketpair,
	.accept		= glass_connected_accept,
	.getname	= glass_sk_getname,
	.poll		= glass_stream_poll,
	.ioctl		= glass_sk_ioctl,
	.gettstamp	= sock_gettstamp,
	.listen		= glass_connected_listen,
	.shutdown	= glass_connected_shutdown,
	.setsockopt	= glass_connected_sock_setsockopt,
	.getsockopt	= sock_common_getsockopt,
	.sendmsg	= glass_sk_sendmsg,
	.recvmsg	= glass_sk_recvmsg,
	.mmap		= sock_no_mmap,
	.splice_read	= glass_stream_splice_read,
	.splice_eof	= glass_connected_splice_eof,
	.set_peek_off	= sk_set_peek_off,
	.set_rcvlowat	= glass_connected_set_rcvlowat,
	.read_skb	= glass_sockmap_read_skb,
};

static struct glass_protosw glass_stream_protosw = {
	.type		= SOCK_STREAM,
	.protocol	= GLASS_PROTO_STREAM,
	.flags		= GLASS_PROTOSW_PERMANENT,
	.prot		= &glass_stream_prot,
	.ops		= &glass_stream_ops,
};

/**
 * glass_stream_init - offer SOCK_STREAM
 *
 * Context: process, may sleep.
 * Return: as glass_register_protosw().
 */
int __init glass_stream_init(void)
{
	int err = glass_register_protosw(&glass_stream_protosw);

	if (!err)
		glass_sockmap_init(&glass_stream_prot);
	return err;
}

/**
 * glass_stream_exit - offer SOCK_STREAM no more
 *
 * Context: process, may sleep.
 */
void glass_stream_exit(void)
{
	glass_unregister_protosw(&glass_stream_protosw);
}
