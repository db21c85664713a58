/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which device leads to which node, in one network namespace.
 *
 * Two kinds of route: a node of our own is "local", owned by one device; a
 * node beyond is a "link" route, at a link-layer address on the link of a
 * device that owns a node.
 */
#ifndef GLASS_ROUTE_H
#define GLASS_ROUTE_H

#include <linux/glass.h>
#include <linux/if_ether.h>
#include <linux/list.h>
#include <linux/netdevice.h>
#include <linux/rhashtable.h>
#include <linux/types.h>

struct net;
struct netlink_ext_ack;

/**
 * struct glass_route_table - the way to each node
 * @by_node: all routes. RTNL to write, RCU to read
 * @by_dev: local routes by ifindex. RTNL to write, RCU to read
 * @list: all routes, in the order in which they came. RTNL
 * @count: how many. RTNL to write
 * @generation: changes with every change, before what is gone is freed; never 0
 */
struct glass_route_table {
	struct rhashtable	by_node;
	struct rhashtable	by_dev;
	struct list_head	list;
	unsigned int		count;
	unsigned int		generation;
};

/**
 * struct glass_route - the way to one node
 * @node_link: in glass_route_table.by_node
 * @dev_link: in glass_route_table.by_dev, if local
 * @list: in glass_route_table.list
 * @node: the destination
 * @src_node: the node we are on @dev
 * @ifindex: of @dev
 * @is_local: @node is our own, and so the same as @src_node
 * @is_attached: local, and @dev is no Glass device: an administrator's doing
 * @lladdr: of the destination, unless local
 * @dev: the device. Holds no reference: the route goes when the device is
 *	unregistered, and that waits for readers
 * @rcu: frees it
 *
 * Lifetime: from add to delete, plus a grace period. All fields but the links
 * are const.
 */
struct glass_route {
	struct rhash_head	node_link;
	struct rhash_head	dev_link;
	struct list_head	list;
	u32			node;
	u32			src_node;
	u32			ifindex;
	bool			is_local;
	bool			is_attached;
	u8			lladdr[ETH_ALEN];
	struct net_device	*dev;
	struct rcu_head		rcu;
};

/**
 * struct glass_route_cache - a route that is looked up once
 * @route: the answer; may dangle, and is then never followed
 * @generation: of the table when it was given; 0: there is none
 *
 * A change of the table moves its generation before a grace period begins, so
 * who sees the generation unmoved inside an RCU read section may use the route
 * in that section.
 */
struct glass_route_cache {
	const struct glass_route	*route;
	unsigned int			generation;
};

/* What glass_route_notify() subscribers are told, with the route. RTNL held. */
#define GLASS_ROUTE_ADDED	1
#define GLASS_ROUTE_REMOVED	2

int glass_route_table_init(struct glass_route_table *table);
void glass_route_table_destroy(struct glass_route_table *table);

const struct glass_route *glass_route_lookup(struct net *net, u32 node);
const struct glass_route *
glass_route_lookup_cached(struct net *net, u32 node,
			  struct glass_route_cache *cache);
const struct glass_route *glass_route_of_dev(const struct net_device *dev);
bool glass_route_is_local(struct net *net, u32 node);

int glass_route_add_local(struct net_device *dev, u32 node, bool is_attached,
			  struct netlink_ext_ack *extack);
int glass_route_add_link(struct net_device *dev, u32 node, const u8 *lladdr,
			 struct netlink_ext_ack *extack);
void glass_route_del(struct net *net, struct glass_route *route);
void glass_route_del_dev(struct net_device *dev);
struct glass_route *glass_route_find(struct net *net, u32 node);

int glass_route_register_notifier(struct notifier_block *block);
void glass_route_unregister_notifier(struct notifier_block *block);

#endif /* GLASS_ROUTE_H */
