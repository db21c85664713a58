/* SPDX-License-Identifier: GPL-2.0 */
/* The loopback network device that Glass frames cross. */
#ifndef GLASS_DEV_H
#define GLASS_DEV_H

#include <linux/types.h>

struct glass_conn_cache;
struct glass_route;
struct net_device;
struct sk_buff;

int glass_dev_init(void);
void glass_dev_exit(void);

void glass_dev_delivery_hold(void);
void glass_dev_delivery_release(void);
bool glass_dev_expect(const struct sk_buff *skb, struct glass_conn_cache *peer);
bool glass_dev_seen(void);
bool glass_dev_is_expected(const struct sk_buff *skb);
struct glass_conn_cache *glass_dev_expected_peer(const struct sk_buff *skb);
void glass_dev_arrived(struct sk_buff *skb);
void glass_dev_transmit(struct sk_buff *skb, const struct glass_route *route);
bool glass_dev_is_glass(const struct net_device *dev);
bool glass_dev_may_alter(const struct net_device *dev);
bool glass_dev_is_clear(struct net_device *dev);

#endif /* GLASS_DEV_H */
