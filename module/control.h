/* SPDX-License-Identifier: GPL-2.0 */
/* GLASS_PROTO_CONTROL: what nodes tell each other, as IP hosts do by ICMP. */
#ifndef GLASS_CONTROL_H
#define GLASS_CONTROL_H

struct glass_wire;
struct net;
struct sk_buff;

void glass_control_init(void);
void glass_control_exit(void);
void glass_control_refuse(struct net *net, const struct sk_buff *skb,
			  const struct glass_wire *wire);

#endif /* GLASS_CONTROL_H */
