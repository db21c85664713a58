/* SPDX-License-Identifier: GPL-2.0 */
/* Addresses: a node and a port, and the way to and from struct sockaddr. */
#ifndef GLASS_ADDR_H
#define GLASS_ADDR_H

#include <linux/glass.h>

#include "compat.h"

/* The family number in use. Set before the module's init runs, then constant. */
extern int glass_family;

/**
 * struct glass_addr - one end of a conversation
 * @node: node, or GLASS_NODE_ANY
 * @port: port, or GLASS_PORT_ANY: there is no such end
 */
struct glass_addr {
	u32	node;
	u32	port;
};

#define GLASS_ADDR_NONE						\
	((struct glass_addr){ .node = GLASS_NODE_ANY, .port = GLASS_PORT_ANY })

static inline bool glass_addr_is_set(const struct glass_addr *addr)
{
	return addr->port != GLASS_PORT_ANY;
}

static inline bool glass_addr_equal(const struct glass_addr *a,
				    const struct glass_addr *b)
{
	return a->node == b->node && a->port == b->port;
}

int glass_addr_read(struct glass_addr *addr, const struct sockaddr_glass *sgl,
		    int len);
int glass_addr_read_dest(struct glass_addr *addr,
			 const struct sockaddr_glass *sgl, int len);
void glass_addr_write(struct sockaddr_glass *sgl,
		      const struct glass_addr *addr);

#endif /* GLASS_ADDR_H */
