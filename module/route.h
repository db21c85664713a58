/* SPDX-License-Identifier: GPL-2.0 */
/* Which device leads to which node, in one network namespace. */
#ifndef GLASS_ROUTE_H
#define GLASS_ROUTE_H

#include <linux/netdevice.h>
#include <linux/types.h>

struct net;

/**
 * struct glass_route_table - the way to each node
 * @local: the device that owns GLASS_NODE_LOCAL. Guarded by RTNL to write, RCU
 *	to read. Holds no reference: the device leaves the table before it goes,
 *	and unregister_netdevice() waits for readers.
 */
struct glass_route_table {
	struct net_device __rcu	*local;
};

/**
 * struct glass_route - the answer to a look-up
 * @dev: the device to send through; valid in the RCU read section of the
 *	look-up
 * @src_node: the node we are on that device
 * @is_local: the destination is one of this namespace's own nodes
 */
struct glass_route {
	struct net_device	*dev;
	u32			src_node;
	bool			is_local;
};

int glass_route_lookup(struct glass_route *route, struct net *net, u32 node);
bool glass_route_is_local(struct net *net, u32 node);
bool glass_route_dev_node(const struct net_device *dev, u32 *node);
struct net_device *glass_route_local(struct net *net);
void glass_route_add_local(struct net *net, struct net_device *dev);
void glass_route_del_local(struct net *net, struct net_device *dev);

#endif /* GLASS_ROUTE_H */
