/* SPDX-License-Identifier: GPL-2.0 */
/* SOCK_DGRAM: messages, one in a frame. */
#ifndef GLASS_DGRAM_H
#define GLASS_DGRAM_H

#include <linux/types.h>

#include "output.h"

struct msghdr;
struct sk_buff;
struct sock;

/**
 * struct glass_dgram_way - how a message gets to its receiver
 * @flow: from where to where; the source's port may be GLASS_PORT_ANY still
 * @headroom: bytes in front of the payload
 * @max_payload: bytes of the longest message
 * @ifindex: the device
 * @is_local: the receiver is in this namespace: it can be asked
 * @sockc: what the message asks for; only sending needs it
 */
struct glass_dgram_way {
	struct glass_flow	flow;
	u32			headroom;
	u32			max_payload;
	int			ifindex;
	bool			is_local;
	struct sockcm_cookie	sockc;
};

/* dgram_io.c */
int glass_dgram_find_way(struct sock *sk, const struct glass_addr *dst,
			 const struct glass_pktinfo *info,
			 struct glass_dgram_way *way);
void glass_dgram_label(struct sk_buff *skb, const struct glass_dgram_way *way);
struct sk_buff *glass_dgram_alloc(struct sock *sk, struct msghdr *msg,
				  size_t len, u32 headroom, bool noblock);
int glass_dgram_sendmsg(struct sock *sk, struct msghdr *msg, size_t len);
int glass_dgram_recvmsg(struct sock *sk, struct msghdr *msg, size_t len,
			int flags);
int glass_dgram_backlog_rcv(struct sock *sk, struct sk_buff *skb);
void glass_dgram_purge(struct sock *sk);
int glass_dgram_may_send(const struct sock *receiver,
			 const struct glass_addr *src);
int glass_dgram_check_receiver(struct sock *sk,
			       const struct glass_dgram_way *way);

/* dgram.c */
int glass_dgram_ioctl(struct sock *sk, int cmd, int *karg);
int glass_dgram_sk_init(struct sock *sk);
void glass_dgram_sk_destroy(struct sock *sk);
void glass_dgram_close(struct sock *sk, long timeout);
int glass_dgram_init(void);
void glass_dgram_exit(void);

#endif /* GLASS_DGRAM_H */
