/* SPDX-License-Identifier: GPL-2.0 */
/* SO_TIMESTAMPING of connections: when bytes went, were acknowledged, and came. */
#ifndef GLASS_STAMP_H
#define GLASS_STAMP_H

#include <linux/ktime.h>
#include <net/sock.h>

void glass_stamp_reset_key(struct sock *sk);
void glass_stamp_mark(struct sock *sk, const struct sockcm_cookie *sockc);
void glass_stamp_split(struct sk_buff *skb, struct sk_buff *rest);
void glass_stamp_sent(struct sock *sk, struct sk_buff *skb);
void glass_stamp_acked(struct sock *sk, struct sk_buff *skb);
bool glass_stamp_is_wanted(const struct sock *sk);
void glass_stamp_tell(struct sock *sk, struct msghdr *msg, ktime_t time);

#endif /* GLASS_STAMP_H */
