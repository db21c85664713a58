/* SPDX-License-Identifier: GPL-2.0 */
/* The generic netlink family "glass", as module/netlink/glass.yaml has it. */
#ifndef GLASS_NETLINK_H
#define GLASS_NETLINK_H

#include <linux/types.h>

struct genl_info;
struct sk_buff;

struct sk_buff *glass_nl_reply_new(struct genl_info *info, size_t size,
				   void **hdr);
int glass_nl_reply_send(struct sk_buff *reply, void *hdr,
			struct genl_info *info, int err);

int glass_netlink_init(void);
void glass_netlink_exit(void);

#endif /* GLASS_NETLINK_H */
