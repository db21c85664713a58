// SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause)
/* Do not edit directly, auto-generated from: */
/*	netlink/glass.yaml */
/* YNL-GEN kernel source */

#include <net/netlink.h>
#include <net/genetlink.h>

#include "netlink_gen.h"

#include <uapi/linux/glass_netlink.h>

/* GLASS_CMD_ROUTE_GET - do */
static const struct nla_policy glass_route_get_nl_policy[GLASS_A_ROUTE_NODE + 1] = {
	[GLASS_A_ROUTE_NODE] = { .type = NLA_U32, },
};

/* GLASS_CMD_ROUTE_NEW - do */
static const struct nla_policy glass_route_new_nl_policy[GLASS_A_ROUTE_LLADDR + 1] = {
	[GLASS_A_ROUTE_NODE] = { .type = NLA_U32, },
	[GLASS_A_ROUTE_IFINDEX] = NLA_POLICY_MIN(NLA_U32, 1),
	[GLASS_A_ROUTE_LLADDR] = NLA_POLICY_EXACT_LEN(6),
};

/* GLASS_CMD_ROUTE_DEL - do */
static const struct nla_policy glass_route_del_nl_policy[GLASS_A_ROUTE_NODE + 1] = {
	[GLASS_A_ROUTE_NODE] = { .type = NLA_U32, },
};

/* GLASS_CMD_DEV_GET - do */
static const struct nla_policy glass_dev_get_nl_policy[GLASS_A_DEV_IFINDEX + 1] = {
	[GLASS_A_DEV_IFINDEX] = NLA_POLICY_MIN(NLA_U32, 1),
};

/* GLASS_CMD_DEV_ATTACH - do */
static const struct nla_policy glass_dev_attach_nl_policy[GLASS_A_DEV_NODE + 1] = {
	[GLASS_A_DEV_IFINDEX] = NLA_POLICY_MIN(NLA_U32, 1),
	[GLASS_A_DEV_NODE] = { .type = NLA_U32, },
};

/* GLASS_CMD_DEV_DETACH - do */
static const struct nla_policy glass_dev_detach_nl_policy[GLASS_A_DEV_IFINDEX + 1] = {
	[GLASS_A_DEV_IFINDEX] = NLA_POLICY_MIN(NLA_U32, 1),
};

/* GLASS_CMD_ANATOMY_GET - do */
static const struct nla_policy glass_anatomy_get_nl_policy[GLASS_A_ANATOMY_FD + 1] = {
	[GLASS_A_ANATOMY_FD] = { .type = NLA_U32, },
};

/* GLASS_CMD_OPS_GET - do */
static const struct nla_policy glass_ops_get_nl_policy[GLASS_A_OPS_TABLE + 1] = {
	[GLASS_A_OPS_FD] = { .type = NLA_U32, },
	[GLASS_A_OPS_TABLE] = NLA_POLICY_MAX(NLA_U32, 1),
};

/* Ops table for glass */
static const struct genl_split_ops glass_nl_ops[] = {
	{
		.cmd	= GLASS_CMD_INFO_GET,
		.doit	= glass_nl_info_get_doit,
		.flags	= GENL_CMD_CAP_DO,
	},
	{
		.cmd	= GLASS_CMD_STAT_GET,
		.dumpit	= glass_nl_stat_get_dumpit,
		.flags	= GENL_CMD_CAP_DUMP,
	},
	{
		.cmd		= GLASS_CMD_ROUTE_GET,
		.doit		= glass_nl_route_get_doit,
		.policy		= glass_route_get_nl_policy,
		.maxattr	= GLASS_A_ROUTE_NODE,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd	= GLASS_CMD_ROUTE_GET,
		.dumpit	= glass_nl_route_get_dumpit,
		.flags	= GENL_CMD_CAP_DUMP,
	},
	{
		.cmd		= GLASS_CMD_ROUTE_NEW,
		.pre_doit	= glass_nl_pre_admin,
		.doit		= glass_nl_route_new_doit,
		.policy		= glass_route_new_nl_policy,
		.maxattr	= GLASS_A_ROUTE_LLADDR,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd		= GLASS_CMD_ROUTE_DEL,
		.pre_doit	= glass_nl_pre_admin,
		.doit		= glass_nl_route_del_doit,
		.policy		= glass_route_del_nl_policy,
		.maxattr	= GLASS_A_ROUTE_NODE,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd		= GLASS_CMD_DEV_GET,
		.doit		= glass_nl_dev_get_doit,
		.policy		= glass_dev_get_nl_policy,
		.maxattr	= GLASS_A_DEV_IFINDEX,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd	= GLASS_CMD_DEV_GET,
		.dumpit	= glass_nl_dev_get_dumpit,
		.flags	= GENL_CMD_CAP_DUMP,
	},
	{
		.cmd		= GLASS_CMD_DEV_ATTACH,
		.pre_doit	= glass_nl_pre_admin,
		.doit		= glass_nl_dev_attach_doit,
		.policy		= glass_dev_attach_nl_policy,
		.maxattr	= GLASS_A_DEV_NODE,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd		= GLASS_CMD_DEV_DETACH,
		.pre_doit	= glass_nl_pre_admin,
		.doit		= glass_nl_dev_detach_doit,
		.policy		= glass_dev_detach_nl_policy,
		.maxattr	= GLASS_A_DEV_IFINDEX,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd		= GLASS_CMD_ANATOMY_GET,
		.doit		= glass_nl_anatomy_get_doit,
		.policy		= glass_anatomy_get_nl_policy,
		.maxattr	= GLASS_A_ANATOMY_FD,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd		= GLASS_CMD_OPS_GET,
		.doit		= glass_nl_ops_get_doit,
		.policy		= glass_ops_get_nl_policy,
		.maxattr	= GLASS_A_OPS_TABLE,
		.flags		= GENL_CMD_CAP_DO,
	},
};

static const struct genl_multicast_group glass_nl_mcgrps[] = {
	[GLASS_NLGRP_ROUTE] = { "route", },
};

struct genl_family glass_nl_family __ro_after_init = {
	.name		= GLASS_FAMILY_NAME,
	.version	= GLASS_FAMILY_VERSION,
	.netnsok	= true,
	.parallel_ops	= true,
	.module		= THIS_MODULE,
	.split_ops	= glass_nl_ops,
	.n_split_ops	= ARRAY_SIZE(glass_nl_ops),
	.mcgrps		= glass_nl_mcgrps,
	.n_mcgrps	= ARRAY_SIZE(glass_nl_mcgrps),
};
