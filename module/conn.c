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

/* As memcmp(), without the call: it is asked for each frame. */
static bool conn_has_key(const struct glass_conn *conn,
			 const struct glass_conn_key *key)
{
	return glass_addr_equal(&conn->key.remote, &key->remote) &&
	       glass_addr_equal(&conn->key.local, &key->local) &&
	       conn->key.protocol == key->protocol;
}

/*
 * How many there are to compare is the table's chance, and no step that a trace
 * should show.
 */
static notrace int conn_compare(struct rhashtable_compare_arg *arg,
				const void *obj)
{
	return !conn_has_key(obj, arg->key);
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
	table->generation = 1;
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
 * glass_conn_lookup_cached - find a connection that may have been found before
 * @net: the namespace, that of @cache's owner
 * @key: both ends; another one than before only if a connection has left since,
 *	as that of @cache's owner does when it gets another peer
 * @cache: what was found before; updated. Or NULL
 *
 * Context: RCU read section; the answer is valid in it. @cache's lock held.
 * Return: the connection or NULL.
 */
struct glass_conn *glass_conn_lookup_cached(struct net *net,
					    const struct glass_conn_key *key,
					    struct glass_conn_cache *cache)
{
	struct glass_conn_table *table = &glass_net(net)->conns;
	unsigned long generation;
	struct glass_conn *conn;

	if (!cache)
		return glass_conn_lookup(net, key);
	/* Before the look-up: pairs with conn_left(). */
	generation = smp_load_acquire(&table->generation);
	if (cache->generation == generation) {
		DEBUG_NET_WARN_ON_ONCE(!conn_has_key(cache->conn, key));
		return cache->conn;
	}
	conn = glass_conn_lookup(net, key);
	cache->conn = conn;
	cache->generation = conn ? generation : 0;
	return conn;
}

/*
 * A connection is in the table no more: who found it before must not follow it.
 * Who sees the new generation does not find it again; while there is one who does
 * not see it, the grace period after which it is freed is not over.
 */
static void conn_left(struct glass_conn_table *table)
{
	unsigned long next = table->generation + 1;

	lockdep_assert_held(&table->lock);
	/* Once it is out: pairs with glass_conn_lookup_cached(). */
	smp_store_release(&table->generation, next ? next : 1);
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
	if (!err) {
		hlist_replace_rcu(&old->all, &new->all);
		conn_left(table);
	}
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
	conn_left(table);
	spin_unlock_bh(&table->lock);
	WRITE_ONCE(conn->sk, NULL);
}
