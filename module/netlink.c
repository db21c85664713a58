// SPDX-License-Identifier: GPL-2.0
#include "netlink.h"

#include <linux/if_arp.h>
#include <linux/module.h>
#include <linux/rtnetlink.h>
#include <net/genetlink.h>

#include "addr.h"
#include "net.h"
#include "netlink_gen.h"

/**
 * struct dump_ctx - where a dump goes on, in netlink_callback.ctx
 * @next: how many entries were sent
 */
struct dump_ctx {
	unsigned int	next;
};

static struct dump_ctx *dump_ctx(struct netlink_callback *cb)
{
	BUILD_BUG_ON(sizeof(struct dump_ctx) > sizeof(cb->ctx));
	return (struct dump_ctx *)cb->ctx;
}

/**
 * glass_nl_pre_admin - may the caller change this namespace?
 * @ops: the operation
 * @skb: the request
 * @info: the request, parsed
 *
 * Return: 0 or -EPERM.
 */
int glass_nl_pre_admin(const struct genl_split_ops *ops, struct sk_buff *skb,
		       struct genl_info *info)
{
	if (netlink_ns_capable(skb, genl_info_net(info)->user_ns,
			       CAP_NET_ADMIN))
		return 0;
	NL_SET_ERR_MSG(info->extack, "CAP_NET_ADMIN is needed");
	return -EPERM;
}

/**
 * glass_nl_reply_new - begin the answer to a doit
 * @info: the request, parsed
 * @size: room for attributes in bytes
 * @hdr: set to the answer's header
 *
 * Context: process, may sleep.
 * Return: the answer, or NULL for want of memory.
 */
struct sk_buff *glass_nl_reply_new(struct genl_info *info, size_t size,
				   void **hdr)
{
	struct sk_buff *reply;

	reply = genlmsg_new(size, GFP_KERNEL);
	if (!reply)
		return NULL;
	*hdr = genlmsg_iput(reply, info);
	if (*hdr)
		return reply;
	nlmsg_free(reply);
	return NULL;
}

/**
 * glass_nl_reply_send - end the answer: send it, or drop it
 * @reply: the answer
 * @hdr: its header
 * @info: the request, parsed
 * @err: if not 0, the answer is not whole
 *
 * Context: process, may sleep.
 * Return: 0, @err, or what sending said.
 */
int glass_nl_reply_send(struct sk_buff *reply, void *hdr,
			struct genl_info *info, int err)
{
	if (err) {
		nlmsg_free(reply);
		return err;
	}
	genlmsg_end(reply, hdr);
	return genlmsg_reply(reply, info);
}

/* --- What there is ----------------------------------------------------- */

/**
 * glass_nl_info_get_doit - GLASS_CMD_INFO_GET
 * @skb: the request
 * @info: the request, parsed
 *
 * Return: 0 or a negative errno.
 */
int glass_nl_info_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct glass_net *gn = glass_net(genl_info_net(info));
	struct sk_buff *reply;
	int err = 0;
	void *hdr;

	reply = glass_nl_reply_new(info, GENLMSG_DEFAULT_SIZE, &hdr);
	if (!reply)
		return -ENOMEM;
	if (nla_put_u32(reply, GLASS_A_INFO_FAMILY, glass_family) ||
	    nla_put_u32(reply, GLASS_A_INFO_WIRE_VERSION,
			GLASS_WIRE_VERSION) ||
	    nla_put_u32(reply, GLASS_A_INFO_PORTS,
			glass_port_count(&gn->ports)) ||
	    nla_put_u32(reply, GLASS_A_INFO_ROUTES,
			READ_ONCE(gn->routes.count)) ||
	    nla_put_u32(reply, GLASS_A_INFO_ROUTE_GENERATION,
			READ_ONCE(gn->routes.generation)))
		err = -EMSGSIZE;
	return glass_nl_reply_send(reply, hdr, info, err);
}

static int stat_put(struct sk_buff *skb, struct netlink_callback *cb,
		    const struct snmp_mib *item)
{
	unsigned long value = glass_stats_fold(sock_net(cb->skb->sk),
					       item->entry);
	void *hdr;

	hdr = genlmsg_iput(skb, genl_info_dump(cb));
	if (!hdr)
		return -EMSGSIZE;
	if (nla_put_string(skb, GLASS_A_STAT_NAME, item->name) ||
	    nla_put_u64_64bit(skb, GLASS_A_STAT_VALUE, value, 0)) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

/**
 * glass_nl_stat_get_dumpit - GLASS_CMD_STAT_GET
 * @skb: the answer
 * @cb: the dump
 *
 * Return: 0 at the end, else bytes in @skb or a negative errno.
 */
int glass_nl_stat_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct dump_ctx *ctx = dump_ctx(cb);
	int err;

	for (; ctx->next < GLASS_STATS_COUNT; ctx->next++) {
		err = stat_put(skb, cb, &glass_stats_list[ctx->next]);
		if (err)
			return skb->len ? skb->len : err;
	}
	return skb->len;
}

/* --- Routes ------------------------------------------------------------ */

static int route_put(struct sk_buff *skb, const struct glass_route *route)
{
	u32 type = route->is_local ? GLASS_ROUTE_TYPE_LOCAL :
				     GLASS_ROUTE_TYPE_LINK;

	if (nla_put_u32(skb, GLASS_A_ROUTE_NODE, route->node) ||
	    nla_put_u32(skb, GLASS_A_ROUTE_TYPE, type) ||
	    nla_put_u32(skb, GLASS_A_ROUTE_IFINDEX, route->ifindex) ||
	    nla_put_u32(skb, GLASS_A_ROUTE_SRC_NODE, route->src_node))
		return -EMSGSIZE;
	if (!route->is_local &&
	    nla_put(skb, GLASS_A_ROUTE_LLADDR, ETH_ALEN, route->lladdr))
		return -EMSGSIZE;
	return 0;
}

/**
 * glass_nl_route_get_doit - GLASS_CMD_ROUTE_GET for one node
 * @skb: the request
 * @info: the request, parsed
 *
 * Return: 0, -ENOENT if there is no such route, or another negative errno.
 */
int glass_nl_route_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	const struct glass_route *route;
	struct sk_buff *reply;
	void *hdr;
	int err;

	if (GENL_REQ_ATTR_CHECK(info, GLASS_A_ROUTE_NODE))
		return -EINVAL;
	reply = glass_nl_reply_new(info, GENLMSG_DEFAULT_SIZE, &hdr);
	if (!reply)
		return -ENOMEM;

	rtnl_lock();
	route = glass_route_find(genl_info_net(info),
				 nla_get_u32(info->attrs[GLASS_A_ROUTE_NODE]));
	err = route ? route_put(reply, route) : -ENOENT;
	rtnl_unlock();
	return glass_nl_reply_send(reply, hdr, info, err);
}

typedef int (*route_fill)(struct sk_buff *skb, const struct glass_route *route);

/* Dump all routes, or those of devices only, each in a message of its own. */
static int routes_dump(struct sk_buff *skb, struct netlink_callback *cb,
		       bool local_only, route_fill fill)
{
	struct glass_route_table *table =
		&glass_net(sock_net(cb->skb->sk))->routes;
	struct dump_ctx *ctx = dump_ctx(cb);
	const struct glass_route *route;
	unsigned int index = 0;
	void *hdr;

	rtnl_lock();
	cb->seq = table->generation;
	list_for_each_entry(route, &table->list, list) {
		if (index++ < ctx->next || (local_only && !route->is_local))
			continue;
		hdr = genlmsg_iput(skb, genl_info_dump(cb));
		if (!hdr)
			break;
		if (fill(skb, route)) {
			genlmsg_cancel(skb, hdr);
			break;
		}
		nl_dump_check_consistent(cb, genlmsg_nlhdr(hdr));
		genlmsg_end(skb, hdr);
		ctx->next = index;
	}
	rtnl_unlock();
	return skb->len;
}

/**
 * glass_nl_route_get_dumpit - GLASS_CMD_ROUTE_GET for all
 * @skb: the answer
 * @cb: the dump
 *
 * Return: 0 at the end, else bytes in @skb.
 */
int glass_nl_route_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	return routes_dump(skb, cb, false, route_put);
}

/* The device that an attribute names, in the caller's namespace. RTNL held. */
static struct net_device *dev_of(struct genl_info *info, int attr)
{
	struct net_device *dev;

	dev = __dev_get_by_index(genl_info_net(info),
				 nla_get_u32(info->attrs[attr]));
	if (!dev)
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[attr],
				    "There is no such device");
	return dev;
}

/**
 * glass_nl_route_new_doit - GLASS_CMD_ROUTE_NEW
 * @skb: the request
 * @info: the request, parsed
 *
 * Return: 0, -ENODEV, or as glass_route_add_link().
 */
int glass_nl_route_new_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr **attrs = info->attrs;
	struct net_device *dev;
	int err = -ENODEV;

	if (GENL_REQ_ATTR_CHECK(info, GLASS_A_ROUTE_NODE) ||
	    GENL_REQ_ATTR_CHECK(info, GLASS_A_ROUTE_IFINDEX) ||
	    GENL_REQ_ATTR_CHECK(info, GLASS_A_ROUTE_LLADDR))
		return -EINVAL;

	rtnl_lock();
	dev = dev_of(info, GLASS_A_ROUTE_IFINDEX);
	if (dev)
		err = glass_route_add_link(dev,
					   nla_get_u32(attrs[GLASS_A_ROUTE_NODE]),
					   nla_data(attrs[GLASS_A_ROUTE_LLADDR]),
					   info->extack);
	rtnl_unlock();
	return err;
}

/**
 * glass_nl_route_del_doit - GLASS_CMD_ROUTE_DEL
 * @skb: the request
 * @info: the request, parsed
 *
 * Return: 0, -ENOENT, or -EBUSY for a node that a device owns.
 */
int glass_nl_route_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct net *net = genl_info_net(info);
	struct glass_route *route;
	int err = -ENOENT;

	if (GENL_REQ_ATTR_CHECK(info, GLASS_A_ROUTE_NODE))
		return -EINVAL;

	rtnl_lock();
	route = glass_route_find(net,
				 nla_get_u32(info->attrs[GLASS_A_ROUTE_NODE]));
	if (route && route->is_local) {
		NL_SET_ERR_MSG(info->extack, "A device owns that node; delete or detach it");
		err = -EBUSY;
	} else if (route) {
		glass_route_del(net, route);
		err = 0;
	}
	rtnl_unlock();
	return err;
}

/* --- Devices ----------------------------------------------------------- */

static int dev_put_attrs(struct sk_buff *skb, const struct glass_route *route)
{
	if (nla_put_u32(skb, GLASS_A_DEV_IFINDEX, route->ifindex) ||
	    nla_put_u32(skb, GLASS_A_DEV_NODE, route->node) ||
	    nla_put_u32(skb, GLASS_A_DEV_ATTACHED, route->is_attached) ||
	    nla_put_u32(skb, GLASS_A_DEV_MTU, route->dev->mtu))
		return -EMSGSIZE;
	return 0;
}

/**
 * glass_nl_dev_get_doit - GLASS_CMD_DEV_GET for one device
 * @skb: the request
 * @info: the request, parsed
 *
 * Return: 0, -ENODEV if there is no such device or it owns no node, or another
 *	negative errno.
 */
int glass_nl_dev_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	const struct glass_route *route;
	struct net_device *dev;
	struct sk_buff *reply;
	int err = -ENODEV;
	void *hdr;

	if (GENL_REQ_ATTR_CHECK(info, GLASS_A_DEV_IFINDEX))
		return -EINVAL;
	reply = glass_nl_reply_new(info, GENLMSG_DEFAULT_SIZE, &hdr);
	if (!reply)
		return -ENOMEM;

	rtnl_lock();
	dev = dev_of(info, GLASS_A_DEV_IFINDEX);
	route = dev ? glass_route_of_dev(dev) : NULL;
	if (route)
		err = dev_put_attrs(reply, route);
	rtnl_unlock();
	return glass_nl_reply_send(reply, hdr, info, err);
}

/**
 * glass_nl_dev_get_dumpit - GLASS_CMD_DEV_GET for all
 * @skb: the answer
 * @cb: the dump
 *
 * Return: 0 at the end, else bytes in @skb.
 */
int glass_nl_dev_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	return routes_dump(skb, cb, true, dev_put_attrs);
}

static int dev_attach(struct net_device *dev, u32 node,
		      struct netlink_ext_ack *extack)
{
	if (dev->type != ARPHRD_ETHER || dev->addr_len != ETH_ALEN) {
		NL_SET_ERR_MSG(extack, "Only an Ethernet device carries Glass frames");
		return -EINVAL;
	}
	return glass_route_add_local(dev, node, true, extack);
}

/**
 * glass_nl_dev_attach_doit - GLASS_CMD_DEV_ATTACH
 * @skb: the request
 * @info: the request, parsed
 *
 * Return: 0, -ENODEV, -EINVAL if it is no Ethernet device, or as
 *	glass_route_add_local().
 */
int glass_nl_dev_attach_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct net_device *dev;
	int err = -ENODEV;

	if (GENL_REQ_ATTR_CHECK(info, GLASS_A_DEV_IFINDEX) ||
	    GENL_REQ_ATTR_CHECK(info, GLASS_A_DEV_NODE))
		return -EINVAL;

	rtnl_lock();
	dev = dev_of(info, GLASS_A_DEV_IFINDEX);
	if (dev)
		err = dev_attach(dev, nla_get_u32(info->attrs[GLASS_A_DEV_NODE]),
				 info->extack);
	rtnl_unlock();
	return err;
}

/**
 * glass_nl_dev_detach_doit - GLASS_CMD_DEV_DETACH
 * @skb: the request
 * @info: the request, parsed
 *
 * Return: 0, -ENODEV, or -EINVAL if nobody attached it.
 */
int glass_nl_dev_detach_doit(struct sk_buff *skb, struct genl_info *info)
{
	const struct glass_route *route;
	struct net_device *dev;
	int err = -ENODEV;

	if (GENL_REQ_ATTR_CHECK(info, GLASS_A_DEV_IFINDEX))
		return -EINVAL;

	rtnl_lock();
	dev = dev_of(info, GLASS_A_DEV_IFINDEX);
	if (!dev)
		goto unlock;
	route = glass_route_of_dev(dev);
	err = -EINVAL;
	if (!route || !route->is_attached) {
		NL_SET_ERR_MSG(info->extack, "The device is not attached");
		goto unlock;
	}
	glass_route_del_dev(dev);
	err = 0;
unlock:
	rtnl_unlock();
	return err;
}

/* --- Notifications ----------------------------------------------------- */

/* RTNL held: so the order of messages is that of the changes. */
static int route_event(struct notifier_block *block, unsigned long event,
		       void *ptr)
{
	const struct glass_route *route = ptr;
	struct net *net = dev_net(route->dev);
	struct sk_buff *skb;
	void *hdr;

	if (!genl_has_listeners(&glass_nl_family, net, GLASS_NLGRP_ROUTE))
		return NOTIFY_DONE;
	skb = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!skb)
		goto lost;
	hdr = genlmsg_put(skb, 0, 0, &glass_nl_family, 0,
			  event == GLASS_ROUTE_ADDED ? GLASS_CMD_ROUTE_NEW_NTF :
						       GLASS_CMD_ROUTE_DEL_NTF);
	if (!hdr || route_put(skb, route)) {
		nlmsg_free(skb);
		goto lost;
	}
	genlmsg_end(skb, hdr);
	genlmsg_multicast_netns(&glass_nl_family, net, skb, 0,
				GLASS_NLGRP_ROUTE, GFP_KERNEL);
	return NOTIFY_DONE;

lost:
	/* Tell the listeners that they missed something (ENOBUFS). */
	genl_set_err(&glass_nl_family, net, 0, GLASS_NLGRP_ROUTE, -ENOBUFS);
	return NOTIFY_DONE;
}

static struct notifier_block route_notifier = {
	.notifier_call	= route_event,
};

/**
 * glass_netlink_init - open the generic netlink family
 *
 * Context: process, may sleep.
 * Return: 0 or a negative errno.
 */
int __init glass_netlink_init(void)
{
	int err;

	err = genl_register_family(&glass_nl_family);
	if (err)
		return err;
	err = glass_route_register_notifier(&route_notifier);
	if (err)
		genl_unregister_family(&glass_nl_family);
	return err;
}

/**
 * glass_netlink_exit - close it
 *
 * Context: process, may sleep. No request is being served on return.
 */
void glass_netlink_exit(void)
{
	glass_route_unregister_notifier(&route_notifier);
	genl_unregister_family(&glass_nl_family);
}

/* So that a request for the family loads the module. */
MODULE_ALIAS_GENL_FAMILY(GLASS_FAMILY_NAME);
