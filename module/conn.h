/* SPDX-License-Identifier: GPL-2.0 */
/* The connection table: who is connected to whom. */
#ifndef GLASS_CONN_H
#define GLASS_CONN_H

#include <linux/rhashtable.h>
#include <linux/spinlock.h>
#include <net/sock.h>

#include "addr.h"

/**
 * struct glass_conn_table - all connections of a namespace
 * @hash: struct glass_conn by its key. RCU to read; written by its own locks
 * @all: the same, the newest first. RCU to read, @lock to write
 * @lock: BH
 * @generation: changes whenever a connection leaves, never 0. Read at any time,
 *	@lock to write
 */
struct glass_conn_table {
	struct rhashtable	hash;
	struct hlist_head	all;
	spinlock_t		lock;	/* see above */
	unsigned long		generation;
};

/**
 * struct glass_conn_key - both ends, as seen from this one
 * @local: this end
 * @remote: the other one
 * @protocol: GLASS_PROTO_*
 */
struct glass_conn_key {
	struct glass_addr	local;
	struct glass_addr	remote;
	u32			protocol;
};

/**
 * enum glass_conn_kind - what stands behind an entry
 * @GLASS_CONN_SOCKET: a connected socket
 * @GLASS_CONN_REQUEST: a struct glass_request: a listener's, half open
 * @GLASS_CONN_TIMEWAIT: a struct glass_timewait: no socket any more
 */
enum glass_conn_kind {
	GLASS_CONN_SOCKET,
	GLASS_CONN_REQUEST,
	GLASS_CONN_TIMEWAIT,
};

/**
 * struct glass_conn - one connection
 * @link: in glass_conn_table.hash
 * @all: in glass_conn_table.all
 * @key: const while linked
 * @kind: what it is the beginning of; const
 * @sk: the socket whose lock guards the connection: its own, or the listener.
 *	Holds no reference; cleared, under RCU readers' eyes, before it lets go
 * @rcu: frees it
 *
 * Lifetime: from insert to remove or replace, plus a grace period.
 */
struct glass_conn {
	struct rhash_head	link;
	struct hlist_node	all;
	struct glass_conn_key	key;
	enum glass_conn_kind	kind;
	struct sock		*sk;
	struct rcu_head		rcu;
};

/**
 * struct glass_conn_cache - a connection that was found before
 * @conn: it; may be followed in an RCU read section that sees @generation
 * @generation: of the table when it was found; 0: there is none
 *
 * Of one namespace; guarded by its owner's lock.
 */
struct glass_conn_cache {
	struct glass_conn	*conn;
	unsigned long		generation;
};

int glass_conn_table_init(struct glass_conn_table *table);
void glass_conn_table_destroy(struct glass_conn_table *table);

struct glass_conn *glass_conn_lookup(struct net *net,
				     const struct glass_conn_key *key);
struct glass_conn *glass_conn_lookup_cached(struct net *net,
					    const struct glass_conn_key *key,
					    struct glass_conn_cache *cache);
int glass_conn_insert(struct net *net, struct glass_conn *conn);
int glass_conn_replace(struct net *net, struct glass_conn *old,
		       struct glass_conn *new);
void glass_conn_remove(struct net *net, struct glass_conn *conn);

#endif /* GLASS_CONN_H */
