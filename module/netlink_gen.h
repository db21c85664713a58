/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/* Do not edit directly, auto-generated from: */
/*	netlink/glass.yaml */
/* YNL-GEN kernel header */

#ifndef _LINUX_GLASS_GEN_H
#define _LINUX_GLASS_GEN_H

#include <net/netlink.h>
#include <net/genetlink.h>

#include <uapi/linux/glass_netlink.h>

int glass_nl_pre_admin(const struct genl_split_ops *ops, struct sk_buff *skb,
		       struct genl_info *info);

int glass_nl_info_get_doit(struct sk_buff *skb, struct genl_info *info);
int glass_nl_stat_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int glass_nl_route_get_doit(struct sk_buff *skb, struct genl_info *info);
int glass_nl_route_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int glass_nl_route_new_doit(struct sk_buff *skb, struct genl_info *info);
int glass_nl_route_del_doit(struct sk_buff *skb, struct genl_info *info);
int glass_nl_dev_get_doit(struct sk_buff *skb, struct genl_info *info);
int glass_nl_dev_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int glass_nl_dev_attach_doit(struct sk_buff *skb, struct genl_info *info);
int glass_nl_dev_detach_doit(struct sk_buff *skb, struct genl_info *info);
int glass_nl_anatomy_get_doit(struct sk_buff *skb, struct genl_info *info);
int glass_nl_ops_get_doit(struct sk_buff *skb, struct genl_info *info);

enum {
	GLASS_NLGRP_ROUTE,
};

extern struct genl_family glass_nl_family;

#endif /* _LINUX_GLASS_GEN_H */
