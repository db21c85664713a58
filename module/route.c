// SPDX-License-Identifier: GPL-2.0
#include "route.h"

#include <linux/etherdevice.h>
#include <linux/notifier.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>

#include "net.h"

/*
 * As memcmp(), without the call: they are asked for each frame. How many there are
 * to compare is the table's chance, and no step that a trace should show.
 */
static notrace int by_node_compare(struct rhashtable_compare_arg *arg,
				   const void *obj)
{
	return ((const struct glass_route *)obj)->node !=
	       *(const u32 *)arg->key;
}

static notrace int by_dev_compare(struct rhashtable_compare_arg *arg,
				  const void *obj)
{
	return ((const struct glass_route *)obj)->ifindex !=
	       *(const u32 *)arg->key;
}

static const struct rhashtable_params by_node_params = {
	.obj_cmpfn		= by_node_compare,
	.key_len		= sizeof_field(struct glass_route, node),
	.key_offset		= offsetof(struct glass_route, node),
	.head_offset		= offsetof(struct glass_route, node_link),
	.automatic_shrinking	= true,
};

static const struct rhashtable_params by_dev_params = {
	.obj_cmpfn		= by_dev_compare,
	.key_len		= sizeof_field(struct glass_route, ifindex),
	.key_offset		= offsetof(struct glass_route, ifindex),
	.head_offset		= offsetof(struct glass_route, dev_link),
	.automatic_shrinking	= true,
};

/* Who wants to hear of changes: the views. RTNL. */
static RAW_NOTIFIER_HEAD(route_chain);

/**
 * glass_route_table_init - make an empty table
 * @table: to be filled
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int glass_route_table_init(struct glass_route_table *table)
{
	int err;

	INIT_LIST_HEAD(&table->list);
	table->count = 0;
	table->generation = 1;
	err = rhashtable_init(&table->by_node, &by_node_params);
	if (err)
		return err;
	err = rhashtable_init(&table->by_dev, &by_dev_params);
	if (err)
		rhashtable_destroy(&table->by_node);
	return err;
}

/**
 * glass_route_table_destroy - free a table
 * @table: must be empty
 *
 * Context: process, may sleep.
 */
void glass_route_table_destroy(struct glass_route_table *table)
{
	WARN_ON(!list_empty(&table->list));
	rhashtable_destroy(&table->by_dev);
	rhashtable_destroy(&table->by_node);
}

static struct glass_route_table *net_table(struct net *net)
{
	return &glass_net(net)->routes;
}

/* Is the device of this route up? */
static const struct glass_route *route_if_up(const struct glass_route *route)
{
	if (!(READ_ONCE(route->dev->flags) & IFF_UP))
		return ERR_PTR(-ENETDOWN);
	return route;
}

/**
 * glass_route_lookup - find the way to a node
 * @net: the namespace of the sender
 * @node: the destination
 *
 * Context: RCU read section; the answer is valid in it.
 * Return: the route; or an ERR_PTR: -EHOSTUNREACH if no device leads there,
 *	-ENETDOWN if it is down.
 */
const struct glass_route *glass_route_lookup(struct net *net, u32 node)
{
	const struct glass_route *route;

	glass_stats_inc(net, GLASS_MIB_ROUTE_LOOKUPS);
	route = rhashtable_lookup(&net_table(net)->by_node, &node,
				  by_node_params);
	return route ? route_if_up(route) : ERR_PTR(-EHOSTUNREACH);
}

/**
 * glass_route_lookup_cached - find the way to a node that was asked for before
 * @net: the namespace of the sender
 * @node: the destination
 * @cache: what the caller keeps; nobody else uses it meanwhile
 *
 * Context: RCU read section; the answer is valid in it.
 * Return: as glass_route_lookup().
 */
const struct glass_route *
glass_route_lookup_cached(struct net *net, u32 node,
			  struct glass_route_cache *cache)
{
	unsigned int generation;
	const struct glass_route *route;

	/*
	 * Paired with table_changed(). If the table changes after this, what
	 * is kept below is not used again.
	 */
	generation = smp_load_acquire(&net_table(net)->generation);
	if (cache->generation == generation && cache->route->node == node)
		return route_if_up(cache->route);

	route = glass_route_lookup(net, node);
	if (!IS_ERR(route)) {
		cache->route = route;
		cache->generation = generation;
	}
	return route;
}

/**
 * glass_route_of_dev - the local route of a device
 * @dev: a device
 *
 * Context: RCU read section, or RTNL held.
 * Return: the route to the node that the device owns, or NULL.
 */
const struct glass_route *glass_route_of_dev(const struct net_device *dev)
{
	struct glass_route_table *table = net_table(dev_net(dev));
	u32 ifindex = dev->ifindex;

	return rhashtable_lookup_fast(&table->by_dev, &ifindex, by_dev_params);
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
	const struct glass_route *route;
	bool is_local;

	rcu_read_lock();
	route = rhashtable_lookup(&net_table(net)->by_node, &node,
				  by_node_params);
	is_local = route && route->is_local;
	rcu_read_unlock();
	return is_local;
}

/**
 * glass_route_find - find a route to look at it, or to delete it
 * @net: the namespace
 * @node: the destination
 *
 * Context: RTNL held.
 * Return: the route, whether its device is up or not; or NULL.
 */
struct glass_route *glass_route_find(struct net *net, u32 node)
{
	ASSERT_RTNL();
	return rhashtable_lookup_fast(&net_table(net)->by_node, &node,
				      by_node_params);
}

/*
 * The table has changed. What was removed is freed by RCU from here on, so a
 * read section that begins too late to hold it up sees the new generation.
 */
static void table_changed(struct glass_route_table *table)
{
	unsigned int generation = table->generation + 1;

	ASSERT_RTNL();
	/* Paired with glass_route_lookup_cached(). */
	smp_store_release(&table->generation, generation ? generation : 1);
}

static int route_insert(struct net *net, struct glass_route *route)
{
	struct glass_route_table *table = net_table(net);
	int err;

	err = rhashtable_lookup_insert_fast(&table->by_node, &route->node_link,
					    by_node_params);
	if (err)
		return err;
	if (route->is_local) {
		err = rhashtable_lookup_insert_fast(&table->by_dev,
						    &route->dev_link,
						    by_dev_params);
		if (err) {
			rhashtable_remove_fast(&table->by_node,
					       &route->node_link,
					       by_node_params);
			return err;
		}
	}
	list_add_tail(&route->list, &table->list);
	table->count++;
	table_changed(table);
	raw_notifier_call_chain(&route_chain, GLASS_ROUTE_ADDED, route);
	return 0;
}

static int route_add(struct glass_route *route, struct net_device *dev,
		     struct netlink_ext_ack *extack)
{
	int err;

	ASSERT_RTNL();
	if (!route)
		return -ENOMEM;
	route->dev = dev;
	route->ifindex = dev->ifindex;
	err = -EINVAL;
	if (route->node == GLASS_NODE_ANY) {
		NL_SET_ERR_MSG(extack, "The wildcard is no node");
		goto free_route;
	}
	err = route_insert(dev_net(dev), route);
	if (err == -EEXIST)
		NL_SET_ERR_MSG(extack, "The node has a route, or the device owns a node");
	if (err)
		goto free_route;
	return 0;

free_route:
	/* It may have been in a table for a moment. */
	kfree_rcu(route, rcu);
	return err;
}

/**
 * glass_route_add_local - let a device own a node
 * @dev: the device, registered
 * @node: the node
 * @is_attached: the device is no Glass device
 * @extack: told why not; may be NULL
 *
 * Context: process, RTNL held.
 * Return: 0, -EINVAL for a wildcard, -EEXIST if the node has a route or the
 *	device owns a node, or -ENOMEM.
 */
int glass_route_add_local(struct net_device *dev, u32 node, bool is_attached,
			  struct netlink_ext_ack *extack)
{
	struct glass_route *route = kzalloc(sizeof(*route), GFP_KERNEL);

	if (route) {
		route->node = node;
		route->src_node = node;
		route->is_local = true;
		route->is_attached = is_attached;
	}
	return route_add(route, dev, extack);
}

/**
 * glass_route_add_link - add a route to a node on a device's link
 * @dev: the device; must own a node, and be no Glass device
 * @node: the destination
 * @lladdr: its link-layer address, ETH_ALEN bytes
 * @extack: told why not; may be NULL
 *
 * Context: process, RTNL held.
 * Return: 0, -EINVAL for a device or an address that will not do, or as
 *	glass_route_add_local().
 */
int glass_route_add_link(struct net_device *dev, u32 node, const u8 *lladdr,
			 struct netlink_ext_ack *extack)
{
	const struct glass_route *own;
	struct glass_route *route;

	ASSERT_RTNL();
	own = glass_route_of_dev(dev);
	if (!own || !own->is_attached) {
		NL_SET_ERR_MSG(extack, "The device is not attached");
		return -EINVAL;
	}
	if (!is_valid_ether_addr(lladdr)) {
		NL_SET_ERR_MSG(extack, "The address is not one station's");
		return -EINVAL;
	}

	route = kzalloc(sizeof(*route), GFP_KERNEL);
	if (route) {
		route->node = node;
		route->src_node = own->node;
		ether_addr_copy(route->lladdr, lladdr);
	}
	return route_add(route, dev, extack);
}

/**
 * glass_route_del - remove a route
 * @net: the namespace
 * @route: a route of it
 *
 * Senders that have it in hand end their RCU read section before it is freed,
 * and before the device goes: unregistering waits for them too.
 *
 * Context: process, RTNL held.
 */
void glass_route_del(struct net *net, struct glass_route *route)
{
	struct glass_route_table *table = net_table(net);

	ASSERT_RTNL();
	rhashtable_remove_fast(&table->by_node, &route->node_link,
			       by_node_params);
	if (route->is_local)
		rhashtable_remove_fast(&table->by_dev, &route->dev_link,
				       by_dev_params);
	list_del(&route->list);
	table->count--;
	table_changed(table);
	raw_notifier_call_chain(&route_chain, GLASS_ROUTE_REMOVED, route);
	kfree_rcu(route, rcu);
}

/**
 * glass_route_del_dev - remove all routes that use a device
 * @dev: the device; it need not have any
 *
 * Context: process, RTNL held.
 */
void glass_route_del_dev(struct net_device *dev)
{
	struct net *net = dev_net(dev);
	struct glass_route *route, *next;

	ASSERT_RTNL();
	list_for_each_entry_safe(route, next, &net_table(net)->list, list)
		if (route->dev == dev)
			glass_route_del(net, route);
}

/**
 * glass_route_register_notifier - hear of every change of a route
 * @block: called under RTNL with GLASS_ROUTE_ADDED or _REMOVED and the route
 *
 * Context: process, may sleep.
 * Return: 0.
 */
int glass_route_register_notifier(struct notifier_block *block)
{
	int err;

	rtnl_lock();
	err = raw_notifier_chain_register(&route_chain, block);
	rtnl_unlock();
	return err;
}

/**
 * glass_route_unregister_notifier - hear no more
 * @block: as registered
 *
 * Context: process, may sleep.
 */
void glass_route_unregister_notifier(struct notifier_block *block)
{
	rtnl_lock();
	raw_notifier_chain_unregister(&route_chain, block);
	rtnl_unlock();
}
