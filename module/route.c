// SPDX-License-Identifier: GPL-2.0
#include "route.h"

#include <linux/rtnetlink.h>

#include "net.h"

/**
 * glass_route_lookup - find the way to a node
 * @route: filled in on success
 * @net: the namespace of the sender
 * @node: the destination
 *
 * Context: RCU read section; the answer is valid in it.
 * Return: 0, -EHOSTUNREACH if no device leads there, -ENETDOWN if it is down.
 */
int glass_route_lookup(struct glass_route *route, struct net *net, u32 node)
{
	struct net_device *dev;

	if (node != GLASS_NODE_LOCAL)
		return -EHOSTUNREACH;
	dev = rcu_dereference(glass_net(net)->routes.local);
	if (!dev)
		return -EHOSTUNREACH;
	if (!(READ_ONCE(dev->flags) & IFF_UP))
		return -ENETDOWN;

	route->dev = dev;
	route->src_node = node;
	route->is_local = true;
	return 0;
}

/**
 * glass_route_is_local - is a node one of this namespace's own?
 * @net: the namespace
 * @node: the node
 *
 * Unlike glass_route_lookup() it does not ask whether the device is up: a
 * socket can be bound while it is down.
 *
 * Context: any.
 * Return: whether it is.
 */
bool glass_route_is_local(struct net *net, u32 node)
{
	return node == GLASS_NODE_LOCAL &&
	       rcu_access_pointer(glass_net(net)->routes.local);
}

/**
 * glass_route_dev_node - the node that a device owns
 * @dev: a device on which a frame arrived
 * @node: filled in on success
 *
 * Context: any, while @dev is held or in the RCU section of the receive path.
 * Return: whether the device owns a node.
 */
bool glass_route_dev_node(const struct net_device *dev, u32 *node)
{
	if (rcu_access_pointer(glass_net(dev_net(dev))->routes.local) != dev)
		return false;
	*node = GLASS_NODE_LOCAL;
	return true;
}

/**
 * glass_route_local - the device that owns GLASS_NODE_LOCAL
 * @net: the namespace
 *
 * Context: process, RTNL held.
 * Return: the device, or NULL.
 */
struct net_device *glass_route_local(struct net *net)
{
	return rtnl_dereference(glass_net(net)->routes.local);
}

/**
 * glass_route_add_local - let a device own GLASS_NODE_LOCAL
 * @net: the namespace
 * @dev: the device, registered
 *
 * Context: process, RTNL held.
 */
void glass_route_add_local(struct net *net, struct net_device *dev)
{
	ASSERT_RTNL();
	rcu_assign_pointer(glass_net(net)->routes.local, dev);
}

/**
 * glass_route_del_local - take a device out of the table
 * @net: the namespace
 * @dev: the device, about to be unregistered
 *
 * Readers may still use it until a grace period has passed, for which
 * unregister_netdevice() waits.
 *
 * Context: process, RTNL held.
 */
void glass_route_del_local(struct net *net, struct net_device *dev)
{
	struct glass_route_table *routes = &glass_net(net)->routes;

	ASSERT_RTNL();
	if (rtnl_dereference(routes->local) == dev)
		RCU_INIT_POINTER(routes->local, NULL);
}
