// SPDX-License-Identifier: GPL-2.0
#include "tap.h"

#include <linux/rculist.h>
#include <linux/slab.h>

#include "glass.h"
#include "net.h"

/**
 * glass_tap_table_init - make an empty table
 * @table: to be filled
 *
 * Context: any.
 */
void glass_tap_table_init(struct glass_tap_table *table)
{
	INIT_HLIST_HEAD(&table->list);
	spin_lock_init(&table->lock);
}

/**
 * glass_tap_add - let a socket listen in
 * @sk: the socket; not yet in the table
 *
 * struct proto's hash.
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int glass_tap_add(struct sock *sk)
{
	struct glass_tap_table *table = &glass_net(sock_net(sk))->taps;
	struct glass_tap *tap;

	tap = kzalloc(sizeof(*tap), GFP_KERNEL);
	if (!tap)
		return -ENOMEM;
	tap->sk = sk;
	spin_lock_bh(&table->lock);
	hlist_add_head_rcu(&tap->link, &table->list);
	glass_sk(sk)->tap = tap;
	spin_unlock_bh(&table->lock);
	return 0;
}

/**
 * glass_tap_del - let a socket listen in no more
 * @sk: the socket; nothing happens if it does not
 *
 * struct proto's unhash.
 *
 * Context: any but hard interrupt.
 */
void glass_tap_del(struct sock *sk)
{
	struct glass_tap_table *table = &glass_net(sock_net(sk))->taps;
	struct glass_tap *tap;

	spin_lock_bh(&table->lock);
	tap = glass_sk(sk)->tap;
	if (tap) {
		glass_sk(sk)->tap = NULL;
		WRITE_ONCE(tap->sk, NULL);
		hlist_del_rcu(&tap->link);
		kfree_rcu(tap, rcu);
	}
	spin_unlock_bh(&table->lock);
}
