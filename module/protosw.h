/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The protocol switch: what socket(2)'s type and protocol lead to. Open to
 * other modules.
 */
#ifndef GLASS_PROTOSW_H
#define GLASS_PROTOSW_H

#include <linux/bits.h>
#include <linux/list.h>
#include <linux/net.h>
#include <net/sock.h>

/* As glass_protosw.protocol: any that socket(2) is asked for. */
#define GLASS_PROTO_ANY		0

/* This type and protocol cannot be given to somebody else. */
#define GLASS_PROTOSW_PERMANENT	BIT(0)
/* A socket of it needs CAP_NET_RAW in its namespace. */
#define GLASS_PROTOSW_NET_RAW	BIT(1)

/**
 * struct glass_protosw - one socket type, as inetsw[] has it for IPv4
 * @list: among those of the same type
 * @type: SOCK_*
 * @protocol: GLASS_PROTO_*, or GLASS_PROTO_ANY
 * @flags: GLASS_PROTOSW_*
 * @prot: the transport; its slab is SLAB_TYPESAFE_BY_RCU
 * @ops: the socket calls; the switch sets its family. All slots but the
 *	optional ones of struct proto_ops are filled
 *
 * Lifetime: static in the module that brings it, from register to unregister.
 * Open sockets pin that module by the owners of @prot and @ops.
 * Locking: const while registered; @list under the switch's lock, RCU to read.
 */
struct glass_protosw {
	struct list_head	list;
	unsigned short		type;
	unsigned short		protocol;
	unsigned int		flags;
	struct proto		*prot;
	struct proto_ops	*ops;
};

void glass_protosw_init(void);
int glass_register_protosw(struct glass_protosw *sw);
void glass_unregister_protosw(struct glass_protosw *sw);
const struct glass_protosw *glass_protosw_find(int type, int protocol,
					       int *err);

#endif /* GLASS_PROTOSW_H */
