// SPDX-License-Identifier: GPL-2.0
#include "connected.h"

#include <linux/net_tstamp.h>
#include <linux/random.h>
#include <linux/sched/signal.h>
#include <linux/sockios.h>
#include <asm/ioctls.h>

#include "addr.h"
#include "glass.h"
#include "memory.h"
#include "pages.h"
#include "socket.h"
#include "stamp.h"
#include "transport.h"

/* SO_KEEPALIVE's times; as TCP has them. */
#define GLASS_KEEP_SECONDS_MAX	32767
#define GLASS_KEEP_COUNT_MAX	127

static bool is_connecting(const struct sock *sk)
{
	return sk->sk_state == TCP_SYN_SENT || sk->sk_state == TCP_SYN_RECV;
}

/* --- connect --------------------------------------------------------------- */

/**
 * glass_connected_prot_connect - proto.connect: begin a connection
 * @sk: the socket, in CLOSE
 * @uaddr: the peer's name
 * @len: bytes of it
 *
 * Context: process, may sleep; socket lock held.
 * Return: 0, as glass_addr_read_dest() or as glass_transport_connect().
 */
int glass_connected_prot_connect(struct sock *sk,
				 struct sockaddr_unsized *uaddr, int len)
{
	struct glass_addr peer;
	int err;

	err = glass_addr_read_dest(&peer, (struct sockaddr_glass *)uaddr, len);
	if (err)
		return err;
	return glass_transport_connect(sk, &peer);
}

static void wait_for_connection(struct sock *sk, long *timeo)
{
	DEFINE_WAIT_FUNC(wait, woken_wake_function);

	add_wait_queue(sk_sleep(sk), &wait);
	while (is_connecting(sk) && *timeo && !signal_pending(current)) {
		release_sock(sk);
		*timeo = wait_woken(&wait, TASK_INTERRUPTIBLE, *timeo);
		lock_sock(sk);
	}
	remove_wait_queue(sk_sleep(sk), &wait);
}

static int connect_locked(struct socket *sock, struct sockaddr_unsized *uaddr,
			  int len, int flags)
{
	struct sock *sk = sock->sk;
	int err = -EALREADY;
	long timeo;

	if (sk->sk_state == TCP_LISTEN)
		return -EINVAL;
	if (sock->state == SS_CONNECTED)
		return -EISCONN;
	/* It failed while nobody waited, and SO_ERROR has told so. */
	if (sock->state == SS_CONNECTING && sk->sk_state == TCP_CLOSE &&
	    !sk->sk_err && !glass_addr_is_set(&glass_sk(sk)->remote)) {
		sk->sk_prot->disconnect(sk, flags);
		sock->state = SS_UNCONNECTED;
	}
	if (sock->state == SS_UNCONNECTED) {
		err = sk->sk_prot->connect(sk, uaddr, len);
		if (err)
			return err;
		sock->state = SS_CONNECTING;
		err = -EINPROGRESS;
	}

	timeo = sock_sndtimeo(sk, flags & O_NONBLOCK);
	if (is_connecting(sk)) {
		wait_for_connection(sk, &timeo);
		if (is_connecting(sk))
			return timeo && signal_pending(current) ?
			       sock_intr_errno(timeo) : err;
	}
	if (sk->sk_state == TCP_CLOSE && !sock_flag(sk, SOCK_DONE)) {
		err = sock_error(sk);
		/* As new: it can be connected again. */
		sk->sk_prot->disconnect(sk, flags);
		sock->state = SS_UNCONNECTED;
		return err ? err : -ECONNABORTED;
	}
	sock->state = SS_CONNECTED;
	return 0;
}

/**
 * glass_connected_connect - connect(2); AF_UNSPEC disconnects
 * @sock: the socket
 * @uaddr: the peer's name
 * @len: bytes of it
 * @flags: of the file
 *
 * Context: process, may sleep.
 * Return: 0; -EINPROGRESS, -EALREADY, -EISCONN; -EINVAL for a listener;
 *	-ECONNREFUSED, -ETIMEDOUT; or as proto.connect.
 */
int glass_connected_connect(struct socket *sock, struct sockaddr_unsized *uaddr,
			    int len, int flags)
{
	struct sock *sk = sock->sk;
	int err;

	if (len < (int)sizeof(uaddr->sa_family))
		return -EINVAL;

	lock_sock(sk);
	if (uaddr->sa_family == AF_UNSPEC) {
		err = sk->sk_prot->disconnect(sk, flags);
		sock->state = SS_UNCONNECTED;
	} else {
		err = connect_locked(sock, uaddr, len, flags);
	}
	release_sock(sk);
	return err;
}

static int pair_bind(struct sock *sk)
{
	int err;

	lock_sock(sk);
	err = glass_port_autobind(sk);
	release_sock(sk);
	return err;
}

static int pair_join(struct socket *sock, const struct sock *other, u32 iss,
		     u32 irs)
{
	int err;

	lock_sock(sock->sk);
	err = glass_transport_join_pair(sock->sk, other, iss, irs);
	if (!err)
		sock->state = SS_CONNECTED;
	release_sock(sock->sk);
	return err;
}

/**
 * glass_connected_socketpair - socketpair(2): joined without a handshake
 * @sock1: a new socket
 * @sock2: another one; nobody else knows them. If this fails, the caller
 *	releases both
 *
 * Context: process, may sleep.
 * Return: 0 or as glass_transport_join_pair().
 */
int glass_connected_socketpair(struct socket *sock1, struct socket *sock2)
{
	u32 iss1 = get_random_u32();
	u32 iss2 = get_random_u32();
	int err;

	err = pair_bind(sock1->sk);
	if (err)
		return err;
	err = pair_bind(sock2->sk);
	if (err)
		return err;
	err = pair_join(sock1, sock2->sk, iss1, iss2);
	if (err)
		return err;
	return pair_join(sock2, sock1->sk, iss2, iss1);
}

/* --- listen, accept ---------------------------------------------------------- */

/**
 * glass_connected_listen - listen(2)
 * @sock: the socket, bound
 * @backlog: how many connections may wait to be accepted; bounded by the core
 *
 * Context: process, may sleep.
 * Return: 0, or -EINVAL if it is unbound, connected or connecting.
 */
int glass_connected_listen(struct socket *sock, int backlog)
{
	struct sock *sk = sock->sk;
	int err = -EINVAL;

	lock_sock(sk);
	if (sock->state == SS_UNCONNECTED &&
	    (sk->sk_state == TCP_CLOSE || sk->sk_state == TCP_LISTEN) &&
	    glass_addr_is_set(&glass_sk(sk)->local))
		err = glass_listen_start(sk, backlog);
	release_sock(sk);
	return err;
}

/**
 * glass_connected_prot_accept - proto.accept: wait for a connection
 * @sk: the listener
 * @arg: flags, and where the error goes
 *
 * Context: process, may sleep; no lock held.
 * Return: the connection's socket, or NULL with arg->err: -EINVAL if it does
 *	not listen, -EAGAIN, or as interrupted.
 */
struct sock *glass_connected_prot_accept(struct sock *sk,
					 struct proto_accept_arg *arg)
{
	long timeo = sock_rcvtimeo(sk, arg->flags & O_NONBLOCK);
	struct sock *child = NULL;
	DEFINE_WAIT(wait);

	lock_sock(sk);
	for (;;) {
		/* One connection wakes one of those who wait. */
		prepare_to_wait_exclusive(sk_sleep(sk), &wait,
					  TASK_INTERRUPTIBLE);
		arg->err = -EINVAL;
		if (sk->sk_state != TCP_LISTEN)
			break;
		child = glass_listen_accept(sk);
		if (child) {
			arg->err = 0;
			break;
		}
		arg->err = -EAGAIN;
		if (!timeo)
			break;
		arg->err = sock_intr_errno(timeo);
		if (signal_pending(current))
			break;
		release_sock(sk);
		timeo = schedule_timeout(timeo);
		lock_sock(sk);
	}
	finish_wait(sk_sleep(sk), &wait);
	release_sock(sk);
	return child;
}

/**
 * glass_connected_accept - accept(2)
 * @sock: the listener
 * @newsock: gets the connection
 * @arg: flags
 *
 * Context: process, may sleep.
 * Return: 0 or as proto.accept.
 */
int glass_connected_accept(struct socket *sock, struct socket *newsock,
			   struct proto_accept_arg *arg)
{
	struct sock *child = sock->sk->sk_prot->accept(sock->sk, arg);

	if (!child)
		return arg->err;
	lock_sock(child);
	sock_graft(child, newsock);
	set_bit(SOCK_CUSTOM_SOCKOPT, &newsock->flags);
	newsock->state = SS_CONNECTED;
	release_sock(child);
	return 0;
}

/* --- shutdown ---------------------------------------------------------------- */

/**
 * glass_connected_shutdown - shutdown(2)
 * @sock: the socket
 * @how: SHUT_RD, SHUT_WR, SHUT_RDWR
 *
 * A listener that is shut down for reading listens no more; a connection that
 * has not come about is given up.
 *
 * Context: process, may sleep.
 * Return: 0, -EINVAL, or -ENOTCONN.
 */
int glass_connected_shutdown(struct socket *sock, int how)
{
	struct sock *sk = sock->sk;
	int err = 0;

	if (how < SHUT_RD || how > SHUT_RDWR)
		return -EINVAL;
	/* SHUT_RD, SHUT_WR, SHUT_RDWR to the bits RCV_ and SEND_SHUTDOWN. */
	how++;

	lock_sock(sk);
	switch (sk->sk_state) {
	case TCP_CLOSE:
		if (!glass_addr_is_set(&glass_sk(sk)->remote))
			err = -ENOTCONN;
		break;
	case TCP_LISTEN:
		if (how & RCV_SHUTDOWN) {
			glass_listen_stop(sk);
			sk->sk_state_change(sk);
		}
		break;
	case TCP_SYN_SENT:
		sk->sk_prot->disconnect(sk, 0);
		sock->state = SS_UNCONNECTED;
		sk->sk_state_change(sk);
		break;
	default:
		WRITE_ONCE(sk->sk_shutdown, sk->sk_shutdown | how);
		sk->sk_prot->shutdown(sk, how);
		sk->sk_state_change(sk);
	}
	release_sock(sk);
	return err;
}

/* --- Readiness --------------------------------------------------------------- */

static bool is_writable(struct sock *sk)
{
	if (READ_ONCE(sk->sk_shutdown) & SEND_SHUTDOWN ||
	    READ_ONCE(glass_tp(sk)->peer_is_deaf) || sk_stream_is_writeable(sk))
		return true;
	sk_set_bit(SOCKWQ_ASYNC_NOSPACE, sk);
	set_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
	/*
	 * Room may have come between the look and the bit: look again. Paired
	 * with the barrier in glass_tx_write_space().
	 */
	smp_mb__after_atomic();
	return sk_stream_is_writeable(sk);
}

/*
 * Who looks and finds nothing waits: the peer may be waiting for this ACK. Returns
 * whether it was sent: what the peer held back may have come.
 */
static bool poll_finds_nothing(struct sock *sk)
{
	if (!READ_ONCE(glass_tp(sk)->ack_owed))
		return false;
	lock_sock(sk);
	glass_rx_reader_waits(sk);
	release_sock(sk);
	return true;
}

/**
 * glass_connected_poll - readiness of a connection or a listener
 * @file: its file
 * @sock: the socket
 * @wait: who asks
 * @is_readable: whether the type finds something to read
 *
 * Context: process, may sleep; no lock held.
 * Return: EPOLL*, as TCP gives them.
 */
__poll_t glass_connected_poll(struct file *file, struct socket *sock,
			      struct poll_table_struct *wait,
			      bool (*is_readable)(struct sock *sk))
{
	struct sock *sk = sock->sk;
	__poll_t mask = 0;
	u8 shutdown, state;

	sock_poll_wait(file, sock, wait);
	/* Before all else that belongs to it. */
	state = smp_load_acquire(&sk->sk_state);
	if (state == TCP_LISTEN)
		return READ_ONCE(sk->sk_ack_backlog) ? EPOLLIN | EPOLLRDNORM :
						       0;

	shutdown = READ_ONCE(sk->sk_shutdown);
	if (shutdown == SHUTDOWN_MASK || state == TCP_CLOSE)
		mask |= EPOLLHUP;
	if (shutdown & RCV_SHUTDOWN)
		mask |= EPOLLIN | EPOLLRDNORM | EPOLLRDHUP;
	if (state != TCP_SYN_SENT && state != TCP_SYN_RECV) {
		if (is_readable(sk) ||
		    (!(mask & EPOLLIN) && poll_finds_nothing(sk) && is_readable(sk)))
			mask |= EPOLLIN | EPOLLRDNORM;
		if (is_writable(sk))
			mask |= EPOLLOUT | EPOLLWRNORM;
	}
	/* After the state: paired with the barrier in glass_transport_end(). */
	smp_rmb();
	if (READ_ONCE(sk->sk_err) ||
	    !skb_queue_empty_lockless(&sk->sk_error_queue))
		mask |= EPOLLERR;
	return mask;
}

/**
 * glass_connected_set_rcvlowat - proto_ops.set_rcvlowat
 * @sk: the socket
 * @value: bytes; at most half of the receive buffer counts
 *
 * Context: process; socket lock held.
 * Return: 0.
 */
int glass_connected_set_rcvlowat(struct sock *sk, int value)
{
	/* More than fits in would never come together; as TCP. */
	value = min(value, READ_ONCE(sk->sk_rcvbuf) / 2);
	WRITE_ONCE(sk->sk_rcvlowat, value ? value : 1);
	/* Who waits for more may have enough now. */
	sk->sk_data_ready(sk);
	return 0;
}

/* --- Sending and receiving ----------------------------------------------------- */

/**
 * glass_connected_check_cmsg - look at the control messages of a send
 * @sk: the sender
 * @msg: the message
 * @sockc: filled in; only the time stamps that it asks for count
 *
 * A connection has its way and its mark already, so what else they ask for
 * changes nothing, as with TCP; but what is malformed is refused.
 *
 * Context: process; no lock held.
 * Return: as glass_sk_cmsg_read().
 */
int glass_connected_check_cmsg(struct sock *sk, struct msghdr *msg,
			       struct sockcm_cookie *sockc)
{
	struct glass_pktinfo info;

	return glass_sk_cmsg_read(sk, msg, &info, sockc);
}

/**
 * glass_connected_refer - may what is sent be referred to, instead of copied?
 * @sk: the sender
 * @msg: its message: MSG_SPLICE_PAGES, MSG_ZEROCOPY
 * @len: bytes of it
 * @how: for glass_tx_append(); gets GLASS_TX_REFER if so
 * @uarg: as for glass_zerocopy_begin()
 *
 * Context: process, may sleep; socket lock held.
 * Return: 0 or as glass_zerocopy_begin().
 */
int glass_connected_refer(struct sock *sk, const struct msghdr *msg, size_t len,
			  unsigned int *how, struct ubuf_info **uarg)
{
	int err;

	if (msg->msg_flags & MSG_SPLICE_PAGES) {
		*how |= GLASS_TX_REFER;
		return 0;
	}
	err = glass_zerocopy_begin(sk, msg, len, uarg);
	if (!*uarg)
		return err;
	*how |= GLASS_TX_REFER;
	if (len <= GLASS_TX_LINEAR)
		glass_zerocopy_copied(*uarg);
	return 0;
}

/**
 * glass_connected_may_send - can bytes be written?
 * @sk: the socket; one that is connecting is waited for
 * @msg: flags
 * @timeo: jiffies to wait; what is left of it
 *
 * Context: process, may sleep; socket lock held.
 * Return: 0, -ENOTCONN, -EPIPE, the socket's error, -EAGAIN or as interrupted
 *	while it connects, or what is wrong with the way to the peer.
 */
int glass_connected_may_send(struct sock *sk, const struct msghdr *msg,
			     long *timeo)
{
	struct glass_transport *tp = glass_tp(sk);
	u32 mss;
	int err;

	err = sock_error(sk);
	if (err)
		return err;
	if (sk->sk_shutdown & SEND_SHUTDOWN || tp->peer_is_deaf)
		return -EPIPE;
	if (is_connecting(sk)) {
		err = sk_stream_wait_connect(sk, timeo);
		if (err)
			return err;
	}
	if (sk->sk_state != TCP_ESTABLISHED && sk->sk_state != TCP_CLOSE_WAIT)
		return -ENOTCONN;

	/* Memory pressure takes from the buffer, see sk_stream_moderate_sndbuf(). */
	if (unlikely(sk->sk_sndbuf < tp->sndbuf) &&
	    !(sk->sk_userlocks & SOCK_SNDBUF_LOCK) &&
	    !READ_ONCE(glass_memory_pressure))
		WRITE_ONCE(sk->sk_sndbuf, tp->sndbuf);
	mss = glass_tx_mss(sk, &err);
	/* A device may have been given a smaller MTU. */
	tp->mss = min(tp->mss, mss);
	return err;
}

/**
 * glass_connected_may_receive - why is there nothing to read?
 * @sk: the socket, with nothing to read
 * @flags: MSG_*
 *
 * Context: process; socket lock held.
 * Return: 0 if something may come, 1 at the end of what the peer sends, or a
 *	negative errno: the socket's error, -ENOTCONN.
 */
int glass_connected_may_receive(struct sock *sk, int flags)
{
	int err;

	/* The end was read before the error came; as TCP. */
	if (sock_flag(sk, SOCK_DONE))
		return 1;
	err = sock_error(sk);
	if (err)
		return err;
	if (sk->sk_shutdown & RCV_SHUTDOWN)
		return 1;
	if (sk->sk_state == TCP_CLOSE || sk->sk_state == TCP_LISTEN)
		return -ENOTCONN;
	return 0;
}

/* Room for who writes is no news to who reads. */
static int reader_wake_function(struct wait_queue_entry *wait,
				unsigned int mode, int sync, void *key)
{
	if (key && !(key_to_poll(key) & (EPOLLIN | EPOLLERR)))
		return 0;
	return woken_wake_function(wait, mode, sync, key);
}

/**
 * glass_connected_wait_data - wait until something arrives
 * @sk: the socket
 * @flags: MSG_*
 * @timeo: jiffies to wait; what is left of it
 *
 * What arrives wakes one of those who read, and whoever only peeks: that takes
 * nothing from the others. Who leaves something calls
 * glass_connected_reader_leaves().
 *
 * Context: process, may sleep; socket lock held, and let go meanwhile.
 * Return: 0: look again; -EAGAIN or as interrupted.
 */
int glass_connected_wait_data(struct sock *sk, int flags, long *timeo)
{
	DEFINE_WAIT_FUNC(wait, reader_wake_function);
	struct glass_transport *tp = glass_tp(sk);
	u32 unread = tp->unread;

	glass_rx_reader_waits(sk);
	/* What a peer in this machine held back has come meanwhile. */
	if (!*timeo)
		return sk_flush_backlog(sk) && tp->unread != unread ? 0 : -EAGAIN;
	if (signal_pending(current))
		return sock_intr_errno(*timeo);

	if (flags & MSG_PEEK)
		add_wait_queue(sk_sleep(sk), &wait);
	else
		add_wait_queue_exclusive(sk_sleep(sk), &wait);
	tp->readers++;
	sk_set_bit(SOCKWQ_ASYNC_WAITDATA, sk);
	sk_wait_event(sk, timeo, tp->unread != unread || sk->sk_err ||
		      sk->sk_shutdown & RCV_SHUTDOWN || sk_is_readable(sk) ||
		      sk->sk_state == TCP_CLOSE, &wait);
	sk_clear_bit(SOCKWQ_ASYNC_WAITDATA, sk);
	tp->readers--;
	remove_wait_queue(sk_sleep(sk), &wait);
	return 0;
}

/**
 * glass_connected_reader_leaves - a call that reads is over
 * @sk: the socket
 *
 * What came wakes one reader, however many it is enough for; what that leaves
 * is for the next one.
 *
 * Context: process; socket lock held.
 */
void glass_connected_reader_leaves(struct sock *sk)
{
	const struct glass_transport *tp = glass_tp(sk);

	if (tp->readers && (tp->unread || sk_is_readable(sk)))
		wake_up_interruptible_poll(sk_sleep(sk),
					   EPOLLIN | EPOLLRDNORM);
}

/**
 * glass_connected_splice_eof - proto_ops.splice_eof: no more comes from a file
 * @sock: the socket; what was spliced to it may be held back by MSG_MORE
 *
 * Context: process, may sleep.
 */
void glass_connected_splice_eof(struct socket *sock)
{
	struct sock *sk = sock->sk;

	lock_sock(sk);
	glass_tp(sk)->is_corked = false;
	if (sk->sk_state == TCP_ESTABLISHED || sk->sk_state == TCP_CLOSE_WAIT)
		glass_tx_push(sk, false);
	release_sock(sk);
}

/**
 * glass_connected_has_read - the reader has taken something
 * @sk: the socket
 *
 * Context: process; socket lock held.
 */
void glass_connected_has_read(struct sock *sk)
{
	glass_rx_make_room(sk);
}

/**
 * glass_connected_ioctl - for proto.ioctl
 * @sk: the socket
 * @cmd: the request
 * @karg: its answer
 * @count_unread: what SIOCINQ tells of this type; the socket lock is held
 *
 * Context: process, may sleep; no lock held.
 * Return: 0, -EINVAL for a listener, or -ENOIOCTLCMD.
 */
int glass_connected_ioctl(struct sock *sk, int cmd, int *karg,
			  int (*count_unread)(struct sock *sk))
{
	int err = 0;

	lock_sock(sk);
	switch (cmd) {
	case SIOCINQ:
		*karg = count_unread(sk);
		break;
	case SIOCOUTQ:
		*karg = glass_transport_unacked(sk);
		break;
	default:
		err = -ENOIOCTLCMD;
	}
	if (sk->sk_state == TCP_LISTEN && !err)
		err = -EINVAL;
	release_sock(sk);
	return err;
}

/* --- Options ------------------------------------------------------------------- */

static int set_number(struct sock *sk, u32 *where, u32 min, u32 max,
		      sockptr_t optval, unsigned int optlen)
{
	int value;
	int err;

	err = glass_option_read(&value, optval, optlen);
	if (err)
		return err;
	if (value < (int)min || value > (int)max)
		return -EINVAL;
	lock_sock(sk);
	*where = value;
	if (sock_flag(sk, SOCK_KEEPOPEN))
		glass_transport_set_keepalive(sk, 1);
	release_sock(sk);
	return 0;
}

/*
 * SO_TIMESTAMPING: the core counts the bytes of TCP only, so it does not know
 * where to begin.
 */
static int set_timestamping(struct socket *sock, int optname, sockptr_t optval,
			    unsigned int optlen)
{
	struct sock *sk = sock->sk;
	u32 before = READ_ONCE(sk->sk_tsflags);
	int err;

	err = sock_setsockopt(sock, SOL_SOCKET, optname, optval, optlen);
	if (err)
		return err;
	lock_sock(sk);
	if (!(before & SOF_TIMESTAMPING_OPT_ID))
		glass_stamp_reset_key(sk);
	release_sock(sk);
	return 0;
}

/**
 * glass_connected_sock_setsockopt - proto_ops.setsockopt
 * @sock: the socket; SOCK_CUSTOM_SOCKOPT brings SOL_SOCKET here, too
 * @level: SOL_SOCKET, or one that the transport knows
 * @optname: the option
 * @optval: its value
 * @optlen: bytes of it
 *
 * Context: process, may sleep.
 * Return: 0 or a negative errno.
 */
int glass_connected_sock_setsockopt(struct socket *sock, int level,
				    int optname, sockptr_t optval,
				    unsigned int optlen)
{
	if (level == SOL_SOCKET && (optname == SO_TIMESTAMPING_OLD ||
				    optname == SO_TIMESTAMPING_NEW))
		return set_timestamping(sock, optname, optval, optlen);
	return glass_sk_sock_setsockopt(sock, level, optname, optval, optlen);
}

/**
 * glass_connected_setsockopt - proto.setsockopt
 * @sk: the socket
 * @level: SOL_GLASS; no other level has any option
 * @optname: GLASS_USER_TIMEOUT, GLASS_KEEPIDLE, GLASS_KEEPINTVL, GLASS_KEEPCNT
 * @optval: its value
 * @optlen: bytes of it
 *
 * Context: process, may sleep; no lock held.
 * Return: 0, -ENOPROTOOPT, -EINVAL or -EFAULT.
 */
int glass_connected_setsockopt(struct sock *sk, int level, int optname,
			       sockptr_t optval, unsigned int optlen)
{
	struct glass_transport *tp = glass_tp(sk);

	if (level != SOL_GLASS)
		return -ENOPROTOOPT;
	switch (optname) {
	case GLASS_USER_TIMEOUT:
		return set_number(sk, &tp->user_timeout, 0, INT_MAX, optval,
				  optlen);
	case GLASS_KEEPIDLE:
		return set_number(sk, &tp->keep_idle, 1, GLASS_KEEP_SECONDS_MAX,
				  optval, optlen);
	case GLASS_KEEPINTVL:
		return set_number(sk, &tp->keep_interval, 1,
				  GLASS_KEEP_SECONDS_MAX, optval, optlen);
	case GLASS_KEEPCNT:
		return set_number(sk, &tp->keep_count, 1, GLASS_KEEP_COUNT_MAX,
				  optval, optlen);
	default:
		return glass_sk_set_common(sk, level, optname, optval, optlen);
	}
}

/**
 * glass_connected_getsockopt - proto.getsockopt
 * @sk: the socket
 * @level: SOL_GLASS; no other level has any option
 * @optname: as for glass_connected_setsockopt(), and GLASS_INFO
 * @optval: where its value goes
 * @optlen: where its size goes
 *
 * Context: process, may sleep; no lock held.
 * Return: 0, -ENOPROTOOPT, -EINVAL or -EFAULT.
 */
int glass_connected_getsockopt(struct sock *sk, int level, int optname,
			       char __user *optval, int __user *optlen)
{
	const struct glass_transport *tp = glass_tp(sk);
	struct glass_info info;
	u32 value;

	if (level != SOL_GLASS)
		return -ENOPROTOOPT;
	switch (optname) {
	case GLASS_USER_TIMEOUT:
		value = tp->user_timeout;
		break;
	case GLASS_KEEPIDLE:
		value = tp->keep_idle;
		break;
	case GLASS_KEEPINTVL:
		value = tp->keep_interval;
		break;
	case GLASS_KEEPCNT:
		value = tp->keep_count;
		break;
	case GLASS_INFO:
		lock_sock(sk);
		glass_transport_info(sk, &info);
		release_sock(sk);
		return glass_option_write(&info, sizeof(info), optval, optlen);
	default:
		return glass_sk_get_common(sk, level, optname, optval, optlen);
	}
	return glass_option_write(&value, sizeof(value), optval, optlen);
}
