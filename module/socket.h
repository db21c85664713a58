/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the sockets of all types share: the calls that check arguments and
 * state, take the socket lock, and reach the transport through sk->sk_prot.
 */
#ifndef GLASS_SOCKET_H
#define GLASS_SOCKET_H

#include <linux/net.h>
#include <net/sock.h>

#include <linux/glass.h>

#include "compat.h"

void glass_sk_init(struct sock *sk);
int glass_option_read(int *value, sockptr_t optval, unsigned int optlen);
int glass_option_write(const void *value, int size, char __user *optval,
		       int __user *optlen);
int glass_sk_set_flag(struct sock *sk, bool *flag, sockptr_t optval,
		      unsigned int optlen);
int glass_sk_get_flag(bool flag, char __user *optval, int __user *optlen);
int glass_sk_set_common(struct sock *sk, int level, int optname,
			sockptr_t optval, unsigned int optlen);
int glass_sk_get_common(struct sock *sk, int level, int optname,
			char __user *optval, int __user *optlen);
void glass_sk_refused(struct sock *sk, const struct msghdr *msg, int err,
		      u32 info);
int glass_sk_cmsg_read(struct sock *sk, struct msghdr *msg,
		       struct glass_pktinfo *info,
		       struct sockcm_cookie *sockc);

/* struct proto_ops */
int glass_sk_release(struct socket *sock);
int glass_sk_bind(struct socket *sock, struct sockaddr_unsized *uaddr,
		  int len);
int glass_sk_connect(struct socket *sock, struct sockaddr_unsized *uaddr,
		     int len, int flags);
int glass_sk_getname(struct socket *sock, struct sockaddr *uaddr, int peer);
int glass_sk_ioctl(struct socket *sock, unsigned int cmd, unsigned long arg);
int glass_sk_shutdown(struct socket *sock, int how);
int glass_sk_sock_setsockopt(struct socket *sock, int level, int optname,
			     sockptr_t optval, unsigned int optlen);
int glass_sk_sendmsg(struct socket *sock, struct msghdr *msg, size_t len);
int glass_sk_recvmsg(struct socket *sock, struct msghdr *msg, size_t len,
		     int flags);

/* struct proto */
int glass_sk_setsockopt(struct sock *sk, int level, int optname,
			sockptr_t optval, unsigned int optlen);
int glass_sk_getsockopt(struct sock *sk, int level, int optname,
			char __user *optval, int __user *optlen);

#endif /* GLASS_SOCKET_H */
