/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/* Do not edit directly, auto-generated from: */
/*	netlink/glass.yaml */
/* YNL-GEN uapi header */

#ifndef _UAPI_LINUX_GLASS_NETLINK_H
#define _UAPI_LINUX_GLASS_NETLINK_H

#define GLASS_FAMILY_NAME	"glass"
#define GLASS_FAMILY_VERSION	1

/**
 * enum glass_route_type - How a node is reached.
 * @GLASS_ROUTE_TYPE_LOCAL: The node is this namespace's own; the device owns
 *   it.
 * @GLASS_ROUTE_TYPE_LINK: The node is at a link-layer address on the device's
 *   link.
 */
enum glass_route_type {
	GLASS_ROUTE_TYPE_LOCAL,
	GLASS_ROUTE_TYPE_LINK,
};

enum {
	GLASS_A_INFO_FAMILY = 1,
	GLASS_A_INFO_WIRE_VERSION,
	GLASS_A_INFO_PORTS,
	GLASS_A_INFO_ROUTES,
	GLASS_A_INFO_ROUTE_GENERATION,

	__GLASS_A_INFO_MAX,
	GLASS_A_INFO_MAX = (__GLASS_A_INFO_MAX - 1)
};

enum {
	GLASS_A_STAT_NAME = 1,
	GLASS_A_STAT_VALUE,

	__GLASS_A_STAT_MAX,
	GLASS_A_STAT_MAX = (__GLASS_A_STAT_MAX - 1)
};

enum {
	GLASS_A_ROUTE_NODE = 1,
	GLASS_A_ROUTE_TYPE,
	GLASS_A_ROUTE_IFINDEX,
	GLASS_A_ROUTE_LLADDR,
	GLASS_A_ROUTE_SRC_NODE,

	__GLASS_A_ROUTE_MAX,
	GLASS_A_ROUTE_MAX = (__GLASS_A_ROUTE_MAX - 1)
};

enum {
	GLASS_A_DEV_IFINDEX = 1,
	GLASS_A_DEV_NODE,
	GLASS_A_DEV_ATTACHED,
	GLASS_A_DEV_MTU,

	__GLASS_A_DEV_MAX,
	GLASS_A_DEV_MAX = (__GLASS_A_DEV_MAX - 1)
};

enum {
	GLASS_CMD_INFO_GET = 1,
	GLASS_CMD_STAT_GET,
	GLASS_CMD_ROUTE_GET,
	GLASS_CMD_ROUTE_NEW,
	GLASS_CMD_ROUTE_DEL,
	GLASS_CMD_ROUTE_NEW_NTF,
	GLASS_CMD_ROUTE_DEL_NTF,
	GLASS_CMD_DEV_GET,
	GLASS_CMD_DEV_ATTACH,
	GLASS_CMD_DEV_DETACH,

	__GLASS_CMD_MAX,
	GLASS_CMD_MAX = (__GLASS_CMD_MAX - 1)
};

#define GLASS_MCGRP_ROUTE	"route"

#endif /* _UAPI_LINUX_GLASS_NETLINK_H */
