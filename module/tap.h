/* SPDX-License-Identifier: GPL-2.0 */
/* Sockets that want a copy of every valid frame of a protocol. */
#ifndef GLASS_TAP_H
#define GLASS_TAP_H

#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <net/sock.h>

/**
 * struct glass_tap_table - the taps of a namespace
 * @list: struct glass_tap. RCU to read, @lock to write
 * @lock: BH
 */
struct glass_tap_table {
	struct hlist_head	list;
	spinlock_t		lock;	/* see above */
};

/**
 * struct glass_tap - one socket that listens in
 * @link: in glass_tap_table.list
 * @sk: the socket; cleared, under RCU readers' eyes, before it lets go
 * @rcu: frees it
 *
 * Lifetime: from add to delete, plus a grace period. Holds no reference.
 */
struct glass_tap {
	struct hlist_node	link;
	struct sock		*sk;
	struct rcu_head		rcu;
};

void glass_tap_table_init(struct glass_tap_table *table);
int glass_tap_add(struct sock *sk);
void glass_tap_del(struct sock *sk);

#endif /* GLASS_TAP_H */
