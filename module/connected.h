/* SPDX-License-Identifier: GPL-2.0 */
/* What the sockets of STREAM and SEQPACKET share: the calls for connections. */
#ifndef GLASS_CONNECTED_H
#define GLASS_CONNECTED_H

#include <linux/net.h>
#include <linux/poll.h>
#include <net/sock.h>

#include "compat.h"

/* for their sendmsg and recvmsg */
int glass_connected_refer(struct sock *sk, const struct msghdr *msg, size_t len,
			  unsigned int *how, struct ubuf_info **uarg);
int glass_connected_check_cmsg(struct sock *sk, struct msghdr *msg,
			       struct sockcm_cookie *sockc);
int glass_connected_may_send(struct sock *sk, const struct msghdr *msg,
			     long *timeo);
int glass_connected_may_receive(struct sock *sk, int flags);
int glass_connected_wait_data(struct sock *sk, int flags, long *timeo);
void glass_connected_reader_leaves(struct sock *sk);
void glass_connected_has_read(struct sock *sk);

/* struct proto_ops */
int glass_connected_connect(struct socket *sock, struct sockaddr_unsized *uaddr,
			    int len, int flags);
int glass_connected_socketpair(struct socket *sock1, struct socket *sock2);
int glass_connected_accept(struct socket *sock, struct socket *newsock,
			   struct proto_accept_arg *arg);
int glass_connected_listen(struct socket *sock, int backlog);
int glass_connected_shutdown(struct socket *sock, int how);
__poll_t glass_connected_poll(struct file *file, struct socket *sock,
			      struct poll_table_struct *wait,
			      bool (*is_readable)(struct sock *sk));
int glass_connected_sock_setsockopt(struct socket *sock, int level,
				    int optname, sockptr_t optval,
				    unsigned int optlen);
void glass_connected_splice_eof(struct socket *sock);
int glass_connected_set_rcvlowat(struct sock *sk, int value);

/* struct proto */
int glass_connected_prot_connect(struct sock *sk,
				 struct sockaddr_unsized *uaddr, int len);
struct sock *glass_connected_prot_accept(struct sock *sk,
					 struct proto_accept_arg *arg);
int glass_connected_ioctl(struct sock *sk, int cmd, int *karg,
			  int (*count_unread)(struct sock *sk));
int glass_connected_setsockopt(struct sock *sk, int level, int optname,
			       sockptr_t optval, unsigned int optlen);
int glass_connected_getsockopt(struct sock *sk, int level, int optname,
			       char __user *optval, int __user *optlen);

#endif /* GLASS_CONNECTED_H */
