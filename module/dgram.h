/* SPDX-License-Identifier: GPL-2.0 */
/* SOCK_DGRAM: messages, one in a frame. */
#ifndef GLASS_DGRAM_H
#define GLASS_DGRAM_H

#include <linux/types.h>

struct glass_flow;
struct msghdr;
struct sk_buff;
struct sock;

/* dgram_io.c */
int glass_dgram_sendmsg(struct sock *sk, struct msghdr *msg, size_t len);
int glass_dgram_recvmsg(struct sock *sk, struct msghdr *msg, size_t len,
			int flags);
int glass_dgram_backlog_rcv(struct sock *sk, struct sk_buff *skb);
void glass_dgram_purge(struct sock *sk);
int glass_dgram_check_receiver(struct sock *sk, const struct glass_flow *flow);

/* dgram.c */
int glass_dgram_init(void);
void glass_dgram_exit(void);

#endif /* GLASS_DGRAM_H */
