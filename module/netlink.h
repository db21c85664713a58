/* SPDX-License-Identifier: GPL-2.0 */
/* The generic netlink family "glass", as module/netlink/glass.yaml has it. */
#ifndef GLASS_NETLINK_H
#define GLASS_NETLINK_H

int glass_netlink_init(void);
void glass_netlink_exit(void);

#endif /* GLASS_NETLINK_H */
