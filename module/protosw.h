/* SPDX-License-Identifier: GPL-2.0 */
/* The protocol switch: what socket(2)'s type and protocol lead to. */
#ifndef GLASS_PROTOSW_H
#define GLASS_PROTOSW_H

#include <linux/list.h>
#include <linux/net.h>
#include <net/sock.h>

/**
 * struct glass_protosw - one socket type, as inetsw[] has it for IPv4
 * @list: among those of the same type
 * @type: SOCK_*
 * @protocol: GLASS_PROTO_*
 * @prot: the transport; its slab is SLAB_TYPESAFE_BY_RCU
 * @ops: the socket calls; the switch sets its family. All slots but the
 *	optional ones of struct proto_ops are filled
 *
 * Lifetime: static in the module that brings it, from register to unregister.
 * Locking: const while registered; @list under the switch's lock, RCU to read.
 */
struct glass_protosw {
	struct list_head	list;
	unsigned short		type;
	unsigned short		protocol;
	struct proto		*prot;
	struct proto_ops	*ops;
};

void glass_protosw_init(void);
int glass_register_protosw(struct glass_protosw *sw);
void glass_unregister_protosw(struct glass_protosw *sw);
const struct glass_protosw *glass_protosw_find(int type, int protocol,
					       int *err);

#endif /* GLASS_PROTOSW_H */
