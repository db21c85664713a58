// SPDX-License-Identifier: GPL-2.0
#include "socket.h"

#include <linux/export.h>
#include <linux/capability.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include <net/net_namespace.h>

#include "errqueue.h"
#include "glass.h"
#include "net.h"
#include "room.h"
#include "route.h"

/**
 * glass_sk_init - the part of a new socket that all types have
 * @sk: the socket, after sock_init_data()
 *
 * Context: any; nobody else knows the socket.
 */
void glass_sk_init(struct sock *sk)
{
	const struct glass_sysctl *settings = &glass_net(sock_net(sk))->sysctl;
	struct glass_sock *gs = glass_sk(sk);
	unsigned int rmem = READ_ONCE(settings->rmem_default);
	unsigned int wmem = READ_ONCE(settings->wmem_default);

	gs->local = GLASS_ADDR_NONE;
	gs->remote = GLASS_ADDR_NONE;
	if (rmem)
		WRITE_ONCE(sk->sk_rcvbuf, max_t(int, rmem, SOCK_MIN_RCVBUF));
	if (wmem)
		WRITE_ONCE(sk->sk_sndbuf, max_t(int, wmem, SOCK_MIN_SNDBUF));
	glass_room_init(sk);
}

/**
 * glass_sk_release - the last descriptor of a socket was closed
 * @sock: the socket
 *
 * Context: process, may sleep.
 * Return: 0.
 */
int glass_sk_release(struct socket *sock)
{
	struct sock *sk = sock->sk;
	long timeout = 0;

	if (!sk)
		return 0;
	/* A dying process does not wait. */
	if (sock_flag(sk, SOCK_LINGER) && !(current->flags & PF_EXITING))
		timeout = sk->sk_lingertime;
	sk->sk_prot->close(sk, timeout);
	sock->sk = NULL;
	return 0;
}
EXPORT_SYMBOL_GPL(glass_sk_release);

static int bind_check(const struct sock *sk, const struct glass_addr *addr)
{
	struct net *net = sock_net(sk);

	if (addr->port < GLASS_PORT_RESERVED &&
	    !ns_capable(net->user_ns, CAP_NET_BIND_SERVICE))
		return -EACCES;
	if (addr->node != GLASS_NODE_ANY &&
	    !glass_route_is_local(net, addr->node))
		return -EADDRNOTAVAIL;
	return 0;
}

/**
 * glass_sk_bind - bind(2)
 * @sock: the socket
 * @uaddr: its name to be; a wildcard port asks for a random one
 * @len: bytes of it
 *
 * Context: process, may sleep.
 * Return: 0, -EINVAL if it is bound already, -EACCES for a reserved port,
 *	-EADDRNOTAVAIL for a node that is not ours, as glass_addr_read(), or as
 *	proto.get_port.
 */
int glass_sk_bind(struct socket *sock, struct sockaddr_unsized *uaddr, int len)
{
	struct sock *sk = sock->sk;
	struct glass_sock *gs = glass_sk(sk);
	struct glass_addr addr;
	int err;

	err = glass_addr_read(&addr, (struct sockaddr_glass *)uaddr, len);
	if (err)
		return err;
	err = bind_check(sk, &addr);
	if (err)
		return err;

	lock_sock(sk);
	err = -EINVAL;
	if (glass_addr_is_set(&gs->local))
		goto release;
	glass_addr_set(&gs->local, addr);
	err = sk->sk_prot->get_port(sk, 0);
	if (err) {
		glass_addr_set(&gs->local, GLASS_ADDR_NONE);
		goto release;
	}
	sk->sk_userlocks |= SOCK_BINDPORT_LOCK;
	if (addr.node != GLASS_NODE_ANY)
		sk->sk_userlocks |= SOCK_BINDADDR_LOCK;
release:
	release_sock(sk);
	return err;
}
EXPORT_SYMBOL_GPL(glass_sk_bind);

/**
 * glass_sk_connect - connect(2); AF_UNSPEC disconnects
 * @sock: the socket
 * @uaddr: the peer's name
 * @len: bytes of it
 * @flags: of the file
 *
 * Context: process, may sleep.
 * Return: 0 or a negative errno.
 */
int glass_sk_connect(struct socket *sock, struct sockaddr_unsized *uaddr,
		     int len, int flags)
{
	struct sock *sk = sock->sk;
	int err;

	if (len < (int)sizeof(uaddr->sa_family))
		return -EINVAL;

	lock_sock(sk);
	if (uaddr->sa_family == AF_UNSPEC)
		err = sk->sk_prot->disconnect(sk, flags);
	else
		err = sk->sk_prot->connect(sk, uaddr, len);
	if (!err)
		sock->state = uaddr->sa_family == AF_UNSPEC ?
			      SS_UNCONNECTED : SS_CONNECTED;
	release_sock(sk);
	return err;
}
EXPORT_SYMBOL_GPL(glass_sk_connect);

/**
 * glass_sk_getname - getsockname(2) and getpeername(2)
 * @sock: the socket
 * @uaddr: struct sockaddr_glass is written here
 * @peer: whose name: 0 its own, else its peer's
 *
 * Context: process, may sleep.
 * Return: bytes written, or -ENOTCONN.
 */
int glass_sk_getname(struct socket *sock, struct sockaddr *uaddr, int peer)
{
	struct sock *sk = sock->sk;
	struct glass_sock *gs = glass_sk(sk);
	struct glass_addr addr;

	lock_sock(sk);
	addr = peer ? gs->remote : gs->local;
	/* This is how programs ask whether a connection has come about. */
	if (peer && (sk->sk_state == TCP_SYN_SENT ||
		     sk->sk_state == TCP_SYN_RECV))
		addr = GLASS_ADDR_NONE;
	release_sock(sk);

	if (peer && !glass_addr_is_set(&addr))
		return -ENOTCONN;
	glass_addr_write((struct sockaddr_glass *)uaddr, &addr);
	return sizeof(struct sockaddr_glass);
}
EXPORT_SYMBOL_GPL(glass_sk_getname);

/**
 * glass_sk_ioctl - ioctl(2)
 * @sock: the socket
 * @cmd: SIOCINQ, SIOCOUTQ
 * @arg: where the answer goes
 *
 * Context: process, may sleep.
 * Return: 0, -EFAULT, or -ENOIOCTLCMD: the core has more, the devices' first.
 */
int glass_sk_ioctl(struct socket *sock, unsigned int cmd, unsigned long arg)
{
	struct sock *sk = sock->sk;
	int karg = 0;
	int err;

	err = sk->sk_prot->ioctl(sk, cmd, &karg);
	if (err)
		return err;
	return put_user(karg, (int __user *)arg);
}
EXPORT_SYMBOL_GPL(glass_sk_ioctl);

/**
 * glass_sk_shutdown - shutdown(2)
 * @sock: the socket
 * @how: SHUT_RD, SHUT_WR, SHUT_RDWR
 *
 * Context: process, may sleep.
 * Return: 0 or -EINVAL.
 */
int glass_sk_shutdown(struct socket *sock, int how)
{
	struct sock *sk = sock->sk;

	if (how < SHUT_RD || how > SHUT_RDWR)
		return -EINVAL;

	lock_sock(sk);
	/* SHUT_RD, SHUT_WR, SHUT_RDWR to the bits RCV_ and SEND_SHUTDOWN. */
	WRITE_ONCE(sk->sk_shutdown, sk->sk_shutdown | (how + 1));
	sk->sk_prot->shutdown(sk, how + 1);
	sk->sk_state_change(sk);
	release_sock(sk);
	return 0;
}
EXPORT_SYMBOL_GPL(glass_sk_shutdown);

/**
 * glass_sk_sendmsg - every way of sending
 * @sock: the socket
 * @msg: what, whereto
 * @len: bytes
 *
 * Context: process, may sleep.
 * Return: bytes sent, or a negative errno; -EPIPE comes with SIGPIPE unless
 *	MSG_NOSIGNAL.
 */
int glass_sk_sendmsg(struct socket *sock, struct msghdr *msg, size_t len)
{
	struct sock *sk = sock->sk;
	int err;

	if (msg->msg_flags & MSG_OOB)
		return -EOPNOTSUPP;
	err = sk->sk_prot->sendmsg(sk, msg, len);
	if (err == -EPIPE && !(msg->msg_flags & MSG_NOSIGNAL))
		send_sig(SIGPIPE, current, 0);
	return err;
}
EXPORT_SYMBOL_GPL(glass_sk_sendmsg);

/**
 * glass_sk_recvmsg - every way of receiving
 * @sock: the socket
 * @msg: where to
 * @len: room in bytes
 * @flags: MSG_*
 *
 * Context: process, may sleep.
 * Return: bytes received, or a negative errno.
 */
int glass_sk_recvmsg(struct socket *sock, struct msghdr *msg, size_t len,
		     int flags)
{
	if (flags & MSG_OOB)
		return -EOPNOTSUPP;
	return glass_prot_recvmsg(sock->sk, msg, len, flags);
}
EXPORT_SYMBOL_GPL(glass_sk_recvmsg);

/**
 * glass_sk_refused - a send was refused: the error queue may want to know
 * @sk: the sender
 * @msg: the message
 * @err: why, a negative errno, or anything else: nothing happens
 * @info: of -EMSGSIZE: how many bytes would have been taken
 *
 * Only what the way or the receiver is the reason of is told. What is wrong with
 * the call itself, or may be right a moment later, is not.
 *
 * Context: process.
 */
void glass_sk_refused(struct sock *sk, const struct msghdr *msg, int err,
		      u32 info)
{
	struct sock_extended_err ee = {
		.ee_errno	= -err,
		.ee_origin	= SO_EE_ORIGIN_LOCAL,
	};
	struct glass_addr dst;

	switch (err) {
	case -EMSGSIZE:
		ee.ee_info = info;
		break;
	case -ECONNREFUSED:
	case -EHOSTUNREACH:
	case -ENETDOWN:
	case -EPERM:
		break;
	default:
		return;
	}
	if (!msg->msg_namelen ||
	    glass_addr_read(&dst, msg->msg_name, msg->msg_namelen))
		dst = glass_addr_peek(&glass_sk(sk)->remote);
	glass_errqueue_add(sk, &ee, &dst, NULL);
}

/**
 * glass_sk_cmsg_read - read what a sender's control messages ask for
 * @sk: the sender
 * @msg: the message
 * @info: filled in; asks for nothing if there is no GLASS_PKTINFO
 * @sockc: filled in; what the socket's own options say if nothing else is asked
 *
 * Those of SOL_SOCKET are the core's to judge.
 *
 * Context: process; no lock held.
 * Return: 0, or -EINVAL for a malformed or an unknown one.
 */
int glass_sk_cmsg_read(struct sock *sk, struct msghdr *msg,
		       struct glass_pktinfo *info,
		       struct sockcm_cookie *sockc)
{
	struct cmsghdr *cmsg;

	info->ifindex = 0;
	info->node = GLASS_NODE_ANY;
	sockcm_init(sockc, sk);
	sockc->mark = READ_ONCE(sk->sk_mark);
	if (!msg->msg_controllen)
		return 0;

	for_each_cmsghdr(cmsg, msg) {
		if (!CMSG_OK(msg, cmsg))
			return -EINVAL;
		if (cmsg->cmsg_level != SOL_GLASS)
			continue;
		if (cmsg->cmsg_type != GLASS_PKTINFO ||
		    cmsg->cmsg_len != CMSG_LEN(sizeof(*info)))
			return -EINVAL;
		memcpy(info, CMSG_DATA(cmsg), sizeof(*info));
	}
	return sock_cmsg_send(sk, msg, sockc);
}

/**
 * glass_option_read - the number that setsockopt(2) was given
 * @value: filled in
 * @optval: an int
 * @optlen: bytes of it; more than an int is accepted
 *
 * Context: process, may sleep.
 * Return: 0, -EINVAL or -EFAULT.
 */
int glass_option_read(int *value, sockptr_t optval, unsigned int optlen)
{
	if (optlen < sizeof(*value))
		return -EINVAL;
	if (copy_from_sockptr(value, optval, sizeof(*value)))
		return -EFAULT;
	return 0;
}

/**
 * glass_option_write - answer getsockopt(2)
 * @value: the option's value
 * @size: bytes of it
 * @optval: it goes here, or as much of it as there is room for
 * @optlen: room in bytes; set to what was written
 *
 * Context: process, may sleep.
 * Return: 0, -EINVAL or -EFAULT.
 */
int glass_option_write(const void *value, int size, char __user *optval,
		       int __user *optlen)
{
	int len;

	if (get_user(len, optlen))
		return -EFAULT;
	if (len < 0)
		return -EINVAL;
	len = min(len, size);
	if (put_user(len, optlen) || copy_to_user(optval, value, len))
		return -EFAULT;
	return 0;
}

/**
 * glass_sk_set_flag - setsockopt(2) of a truth value
 * @sk: the socket
 * @flag: where it is kept
 * @optval: as for glass_option_read()
 * @optlen: likewise
 *
 * Context: process, may sleep; no lock held.
 * Return: as glass_option_read().
 */
int glass_sk_set_flag(struct sock *sk, bool *flag, sockptr_t optval,
		      unsigned int optlen)
{
	int value;
	int err;

	err = glass_option_read(&value, optval, optlen);
	if (err)
		return err;
	lock_sock(sk);
	WRITE_ONCE(*flag, !!value);
	release_sock(sk);
	return 0;
}

/**
 * glass_sk_get_flag - getsockopt(2) of a truth value
 * @flag: the value
 * @optval: as for glass_option_write()
 * @optlen: likewise
 *
 * Context: process, may sleep.
 * Return: as glass_option_write().
 */
int glass_sk_get_flag(bool flag, char __user *optval, int __user *optlen)
{
	int value = flag;

	return glass_option_write(&value, sizeof(value), optval, optlen);
}

/* Where the truth values are kept that sockets of all types have, or NULL. */
static bool *sk_common_flag(struct sock *sk, int level, int optname)
{
	if (level != SOL_GLASS)
		return NULL;
	switch (optname) {
	case GLASS_RECVERR:
		return &glass_sk(sk)->wants_errors;
	case GLASS_SO_PASSCRED:
		return &glass_sk(sk)->wants_cred;
	default:
		return NULL;
	}
}

/**
 * glass_sk_set_common - setsockopt(2) of what all types have
 * @sk: the socket
 * @level: SOL_GLASS; no other level has any option
 * @optname: GLASS_RECVERR, GLASS_SO_PASSCRED
 * @optval: its value
 * @optlen: bytes of it
 *
 * Context: process, may sleep; no lock held.
 * Return: 0, -ENOPROTOOPT, or as glass_sk_set_flag().
 */
int glass_sk_set_common(struct sock *sk, int level, int optname,
			sockptr_t optval, unsigned int optlen)
{
	bool *flag = sk_common_flag(sk, level, optname);

	return flag ? glass_sk_set_flag(sk, flag, optval, optlen) :
		      -ENOPROTOOPT;
}

/**
 * glass_sk_get_common - getsockopt(2) of what all types have
 * @sk: the socket
 * @level: as for glass_sk_set_common()
 * @optname: likewise
 * @optval: where its value goes
 * @optlen: where its size goes
 *
 * Context: process, may sleep; no lock held.
 * Return: 0, -ENOPROTOOPT, or as glass_sk_get_flag().
 */
int glass_sk_get_common(struct sock *sk, int level, int optname,
			char __user *optval, int __user *optlen)
{
	const bool *flag = sk_common_flag(sk, level, optname);

	return flag ? glass_sk_get_flag(READ_ONCE(*flag), optval, optlen) :
		      -ENOPROTOOPT;
}

/* SO_REUSEPORT: the core gives it to INET sockets only. */
static int set_reuseport(struct sock *sk, sockptr_t optval, unsigned int optlen)
{
	int value;
	int err;

	err = glass_option_read(&value, optval, optlen);
	if (err)
		return err;
	lock_sock(sk);
	sk->sk_reuseport = !!value;
	release_sock(sk);
	return 0;
}

/* SO_ZEROCOPY: the same. */
static int set_zerocopy(struct sock *sk, sockptr_t optval, unsigned int optlen)
{
	int value;
	int err;

	err = glass_option_read(&value, optval, optlen);
	if (err)
		return err;
	if (value < 0 || value > 1)
		return -EINVAL;
	lock_sock(sk);
	sock_valbool_flag(sk, SOCK_ZEROCOPY, value);
	release_sock(sk);
	return 0;
}

/**
 * glass_sk_sock_setsockopt - proto_ops.setsockopt of all but raw sockets
 * @sock: the socket; SOCK_CUSTOM_SOCKOPT brings SOL_SOCKET here, too
 * @level: SOL_SOCKET, or one that the transport knows
 * @optname: the option
 * @optval: its value
 * @optlen: bytes of it
 *
 * Context: process, may sleep.
 * Return: 0 or a negative errno.
 */
int glass_sk_sock_setsockopt(struct socket *sock, int level, int optname,
			     sockptr_t optval, unsigned int optlen)
{
	if (level != SOL_SOCKET)
		return sock_common_setsockopt(sock, level, optname, optval,
					      optlen);
	if (optname == SO_REUSEPORT)
		return set_reuseport(sock->sk, optval, optlen);
	if (optname == SO_ZEROCOPY)
		return set_zerocopy(sock->sk, optval, optlen);
	return sock_setsockopt(sock, level, optname, optval, optlen);
}

/**
 * glass_sk_setsockopt - setsockopt(2) above SOL_SOCKET
 * @sk: the socket
 * @level: SOL_GLASS; no other level has any option
 * @optname: GLASS_PKTINFO, or as for glass_sk_set_common()
 * @optval: its value
 * @optlen: bytes of it
 *
 * Context: process, may sleep; no lock held.
 * Return: 0, -ENOPROTOOPT, or as glass_sk_set_flag().
 */
int glass_sk_setsockopt(struct sock *sk, int level, int optname,
			sockptr_t optval, unsigned int optlen)
{
	if (level == SOL_GLASS && optname == GLASS_PKTINFO)
		return glass_sk_set_flag(sk, &glass_sk(sk)->wants_pktinfo,
					 optval, optlen);
	return glass_sk_set_common(sk, level, optname, optval, optlen);
}
EXPORT_SYMBOL_GPL(glass_sk_setsockopt);

/**
 * glass_sk_getsockopt - getsockopt(2) above SOL_SOCKET
 * @sk: the socket
 * @level: SOL_GLASS; no other level has any option
 * @optname: GLASS_PKTINFO, or as for glass_sk_set_common()
 * @optval: where its value goes
 * @optlen: where its size goes
 *
 * Context: process, may sleep; no lock held.
 * Return: 0, -ENOPROTOOPT, or as glass_sk_get_flag().
 */
int glass_sk_getsockopt(struct sock *sk, int level, int optname,
			char __user *optval, int __user *optlen)
{
	if (level == SOL_GLASS && optname == GLASS_PKTINFO)
		return glass_sk_get_flag(glass_sk(sk)->wants_pktinfo, optval,
					 optlen);
	return glass_sk_get_common(sk, level, optname, optval, optlen);
}
EXPORT_SYMBOL_GPL(glass_sk_getsockopt);
