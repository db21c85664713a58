// SPDX-License-Identifier: GPL-2.0
#include "conn.h"

#include <linux/jhash.h>
#include <linux/rculist.h>

#include "net.h"

/*
 * As jhash2() of the key, in one round: of what a peer can choose at will, each
 * word counts in full.
 */
static u32 conn_hash(const void *data, u32 len, u32 seed)
{
	const struct glass_conn_key *key = data;

	return jhash_3words(key->remote.node, key->remote.port, key->local.port,
			    seed ^ key->local.node ^ key->protocol);
}

/*
 * As memcmp(), without the call: it is asked for each frame. How many there are
 * to compare is the table's chance, and no step that a trace should show.
 */
static notrace int conn_compare(struct rhashtable_compare_arg *arg,
				const void *obj)
{
	const struct glass_conn_key *key = &((const struct glass_conn *)obj)->key;
	const struct glass_conn_key *wanted = arg->key;

	return !(glass_addr_equal(&key->remote, &wanted->remote) &&
		 glass_addr_equal(&key->local, &wanted->local) &&
		 key->protocol == wanted->protocol);
}

static const struct rhashtable_params conn_params = {
	.hashfn			= conn_hash,
	.obj_cmpfn		= conn_compare,
	.key_len		= sizeof(struct glass_conn_key),
	.key_offset		= offsetof(struct glass_conn, key),
	.head_offset		= offsetof(struct glass_conn, link),
	.automatic_shrinking	= true,
};

/**
 * glass_conn_table_init - make an empty table
 * @table: to be filled
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int glass_conn_table_init(struct glass_conn_table *table)
{
	INIT_HLIST_HEAD(&table->all);
	spin_lock_init(&table->lock);
	return rhashtable_init(&table->hash, &conn_params);
}

/**
 * glass_conn_table_destroy - free a table
 * @table: must be empty
 *
 * Context: process, may sleep.
 */
void glass_conn_table_destroy(struct glass_conn_table *table)
{
	WARN_ON(!hlist_empty(&table->all));
	rhashtable_destroy(&table->hash);
}

/**
 * glass_conn_lookup - find a connection
 * @net: the namespace
 * @key: both ends
 *
 * Context: RCU read section; the answer is valid in it.
 * Return: the connection or NULL.
 */
struct glass_conn *glass_conn_lookup(struct net *net,
				     const struct glass_conn_key *key)
{
	return rhashtable_lookup(&glass_net(net)->conns.hash, key, conn_params);
}

/**
 * glass_conn_insert - enter a connection
 * @net: the namespace
 * @conn: filled in
 *
 * Context: any but hard interrupt.
 * Return: 0; -EADDRNOTAVAIL if there is one between the same ends; -ENOMEM.
 */
int glass_conn_insert(struct net *net, struct glass_conn *conn)
{
	struct glass_conn_table *table = &glass_net(net)->conns;
	int err;

	spin_lock_bh(&table->lock);
	err = rhashtable_lookup_insert_fast(&table->hash, &conn->link,
					    conn_params);
	if (!err)
		hlist_add_head_rcu(&conn->all, &table->all);
	spin_unlock_bh(&table->lock);
	if (err == -EEXIST)
		return -EADDRNOTAVAIL;
	/* -EBUSY, -E2BIG: the table could not grow at this moment. */
	return err ? -ENOMEM : 0;
}

/**
 * glass_conn_replace - put another entry of the same key in an entry's place
 * @net: the namespace
 * @old: the entry; it is freed after a grace period by the caller
 * @new: what stands there from now on; a look-up finds the one or the other
 *
 * Context: any but hard interrupt; what guards @old is held.
 * Return: 0, or -ENOENT if @old was not in the table.
 */
int glass_conn_replace(struct net *net, struct glass_conn *old,
		       struct glass_conn *new)
{
	struct glass_conn_table *table = &glass_net(net)->conns;
	int err;

	spin_lock_bh(&table->lock);
	err = rhashtable_replace_fast(&table->hash, &old->link, &new->link,
				      conn_params);
	if (!err)
		hlist_replace_rcu(&old->all, &new->all);
	spin_unlock_bh(&table->lock);
	if (!err)
		WRITE_ONCE(old->sk, NULL);
	return err;
}

/**
 * glass_conn_remove - take a connection out
 * @net: the namespace
 * @conn: the entry; it is freed after a grace period by the caller
 *
 * Context: any but hard interrupt; what guards @conn is held.
 */
void glass_conn_remove(struct net *net, struct glass_conn *conn)
{
	struct glass_conn_table *table = &glass_net(net)->conns;

	spin_lock_bh(&table->lock);
	rhashtable_remove_fast(&table->hash, &conn->link, conn_params);
	hlist_del_rcu(&conn->all);
	spin_unlock_bh(&table->lock);
	WRITE_ONCE(conn->sk, NULL);
}
