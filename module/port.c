// SPDX-License-Identifier: GPL-2.0
#include "port.h"

#include <linux/export.h>
#include <linux/jhash.h>
#include <linux/random.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <net/netns/hash.h>
#include <net/sock_reuseport.h>

#include "glass.h"
#include "net.h"

/*
 * How often to draw an automatic port. The space is so large that at 60,000
 * bound ports one draw in 70,000 fails, and five in a row never do.
 */
#define GLASS_PORT_DRAWS	16

/* As jhash2() of the key, without the calls; and, as below, no step. */
static notrace u32 port_hash(const void *data, u32 len, u32 seed)
{
	const struct glass_port_key *key = data;

	return jhash_2words(key->port, key->protocol, seed);
}

/*
 * As memcmp(), without the call: it is asked for each frame. How many there are
 * to compare is the table's chance, and no step that a trace should show.
 */
static notrace int port_compare(struct rhashtable_compare_arg *arg,
				const void *obj)
{
	const struct glass_port_key *key = &((const struct glass_port *)obj)->key;
	const struct glass_port_key *wanted = arg->key;

	return key->port != wanted->port || key->protocol != wanted->protocol;
}

static const struct rhashtable_params port_params = {
	.hashfn			= port_hash,
	.obj_cmpfn		= port_compare,
	.key_len		= sizeof(struct glass_port_key),
	.key_offset		= offsetof(struct glass_port, key),
	.head_offset		= offsetof(struct glass_port, link),
	.automatic_shrinking	= true,
};

/**
 * glass_port_table_init - make an empty table
 * @table: to be filled
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int glass_port_table_init(struct glass_port_table *table)
{
	INIT_HLIST_HEAD(&table->all);
	spin_lock_init(&table->lock);
	return rhltable_init(&table->hash, &port_params);
}

/**
 * glass_port_count - number of bound sockets
 * @table: the table
 *
 * Context: any.
 * Return: how many there are at this moment.
 */
unsigned int glass_port_count(const struct glass_port_table *table)
{
	return atomic_read(&table->hash.ht.nelems);
}

/**
 * glass_port_table_destroy - free a table
 * @table: must be empty
 *
 * Context: process, may sleep.
 */
void glass_port_table_destroy(struct glass_port_table *table)
{
	WARN_ON(glass_port_count(table));
	rhltable_destroy(&table->hash);
}

static struct glass_port_table *sk_table(const struct sock *sk)
{
	return &glass_net(sock_net(sk))->ports;
}

/* Would a socket bound to @addr receive what one bound to @other receives? */
static bool node_overlaps(u32 node, u32 other)
{
	return node == other || node == GLASS_NODE_ANY ||
	       other == GLASS_NODE_ANY;
}

/* SO_REUSEPORT: both want it, and belong to the same user. */
static bool in_same_group(const struct sock *sk, const struct sock *other)
{
	return sk && sk->sk_reuseport && other->sk_reuseport &&
	       uid_eq(sk_uid(sk), sk_uid(other));
}

/* @sharer: who wants it, if it may be one of a group. */
static bool port_in_use(struct glass_port_table *table,
			const struct glass_port_key *key, u32 node,
			bool may_share, const struct sock *sharer)
{
	struct rhlist_head *list, *pos;
	struct glass_port *port;
	bool in_use = false;

	lockdep_assert_held(&table->lock);
	rcu_read_lock();
	list = rhltable_lookup(&table->hash, key, port_params);
	rhl_for_each_entry_rcu(port, pos, list, link) {
		struct sock *sk = READ_ONCE(port->sk);

		/* The owner cannot leave: it would need table->lock. */
		if (sk && !(may_share && sk->sk_reuse) &&
		    !in_same_group(sharer, sk) &&
		    node_overlaps(node, READ_ONCE(glass_sk(sk)->local.node))) {
			in_use = true;
			break;
		}
	}
	rcu_read_unlock();
	return in_use;
}

static int port_choose(struct glass_port_table *table,
		       struct glass_port_key *key, struct glass_addr *addr,
		       const struct sock *sk)
{
	int draws;

	if (addr->port != GLASS_PORT_ANY) {
		key->port = addr->port;
		return port_in_use(table, key, addr->node, sk->sk_reuse, sk) ?
		       -EADDRINUSE : 0;
	}
	for (draws = 0; draws < GLASS_PORT_DRAWS; draws++) {
		key->port = get_random_u32_inclusive(GLASS_PORT_RESERVED,
						     GLASS_PORT_ANY - 1);
		if (!port_in_use(table, key, addr->node, false, NULL)) {
			addr->port = key->port;
			return 0;
		}
	}
	return -EADDRINUSE;
}

/**
 * glass_port_get - take the port that a socket's own address names
 * @sk: the socket, unbound; its local address is what it asks for, with
 *	GLASS_PORT_ANY for a random free port. Sockets that all have
 *	SO_REUSEADDR may share a name, as UDP's: the last one bound receives
 * @unused: struct proto's port is too narrow for ours
 *
 * struct proto's get_port. On success the socket is in the table by its
 * proto's hash() and its local address is what it got.
 *
 * Context: process, socket lock held.
 * Return: 0, -EADDRINUSE, -ENOBUFS above net.glass.ports_max, or -ENOMEM.
 */
int glass_port_get(struct sock *sk, unsigned short unused)
{
	struct glass_port_table *table = sk_table(sk);
	struct glass_sock *gs = glass_sk(sk);
	const struct glass_addr asked = gs->local;
	struct glass_addr addr = asked;
	struct glass_port *port;
	int err;

	sock_owned_by_me(sk);
	port = kzalloc(sizeof(*port), GFP_KERNEL);
	if (!port)
		return -ENOMEM;
	init_waitqueue_head(&port->room);
	port->key.protocol = sk->sk_protocol;
	port->sk = sk;

	spin_lock_bh(&table->lock);
	err = -ENOBUFS;
	if (glass_port_count(table) >=
	    READ_ONCE(glass_net(sock_net(sk))->sysctl.ports_max))
		goto unlock;
	err = port_choose(table, &port->key, &addr, sk);
	if (err)
		goto unlock;

	glass_addr_set(&gs->local, addr);
	rcu_assign_pointer(gs->port, port);
	err = sk->sk_prot->hash(sk);
	if (err) {
		RCU_INIT_POINTER(gs->port, NULL);
		glass_addr_set(&gs->local, asked);
	}
unlock:
	spin_unlock_bh(&table->lock);
	if (err)
		kfree_rcu(port, rcu);
	return err;
}
EXPORT_SYMBOL_GPL(glass_port_get);

/**
 * glass_port_autobind - give an unbound socket a random port
 * @sk: the socket; nothing happens if it is bound
 *
 * Context: process, socket lock held.
 * Return: as proto.get_port.
 */
int glass_port_autobind(struct sock *sk)
{
	sock_owned_by_me(sk);
	if (glass_addr_is_set(&glass_sk(sk)->local))
		return 0;
	return sk->sk_prot->get_port(sk, 0);
}

/**
 * glass_port_hash - enter a socket into the table
 * @sk: the socket; its port was chosen by glass_port_get()
 *
 * Context: socket lock and table lock held.
 * Return: 0 or -ENOMEM.
 */
int glass_port_hash(struct sock *sk)
{
	struct glass_port_table *table = sk_table(sk);
	struct glass_port *port;
	int err;

	port = rcu_dereference_protected(glass_sk(sk)->port,
					 lockdep_is_held(&table->lock));
	err = rhltable_insert(&table->hash, &port->link, port_params);
	/* -EBUSY, -E2BIG: the table could not grow at this moment. */
	if (err)
		return -ENOMEM;
	hlist_add_head_rcu(&port->all, &table->all);
	return 0;
}
EXPORT_SYMBOL_GPL(glass_port_hash);

/**
 * glass_port_unhash - give a socket's port back
 * @sk: the socket; nothing happens if it is unbound
 *
 * Afterwards no look-up finds the socket, and every sender that waited for
 * room in it is awake. Who found it before has a reference and asks the
 * socket itself.
 *
 * Context: process, socket lock held or nobody else knows the socket.
 */
void glass_port_unhash(struct sock *sk)
{
	struct glass_port_table *table = sk_table(sk);
	struct glass_sock *gs = glass_sk(sk);
	struct glass_port *port;

	spin_lock_bh(&table->lock);
	port = rcu_dereference_protected(gs->port,
					 lockdep_is_held(&table->lock));
	if (port) {
		RCU_INIT_POINTER(gs->port, NULL);
		WRITE_ONCE(port->sk, NULL);
		hlist_del_rcu(&port->all);
		rhltable_remove(&table->hash, &port->link, port_params);
	}
	spin_unlock_bh(&table->lock);
	if (!port)
		return;
	if (rcu_access_pointer(sk->sk_reuseport_cb))
		reuseport_detach_sock(sk);

	/* Paired with the look at port->sk under room.lock in room.c. */
	wake_up_all(&port->room);
	kfree_rcu(port, rcu);
}
EXPORT_SYMBOL_GPL(glass_port_unhash);

/**
 * glass_sk_get_rcu - take a reference on a socket found under RCU
 * @slot: where the socket stands in a table; cleared before it lets go
 *
 * The socket's memory may have been freed and be another socket's by now (the
 * slab is SLAB_TYPESAFE_BY_RCU): hold first, then see whether the table still
 * names it. If it does, it had not let go when we took hold.
 *
 * Context: RCU read section.
 * Return: the socket with a reference, or NULL if it is going.
 */
struct sock *glass_sk_get_rcu(struct sock * const *slot)
{
	struct sock *sk = READ_ONCE(*slot);

	if (!sk || unlikely(!refcount_inc_not_zero(&sk->sk_refcnt)))
		return NULL;
	/* Orders the reference before the second look. */
	smp_mb__after_atomic();
	if (likely(READ_ONCE(*slot) == sk))
		return sk;
	sock_put(sk);
	return NULL;
}

/**
 * glass_port_join_group - SO_REUSEPORT: share what comes with others
 * @sk: the socket, bound; nothing happens without the option
 *
 * Context: process, socket lock held.
 * Return: 0 or -ENOMEM.
 */
int glass_port_join_group(struct sock *sk)
{
	struct glass_port_table *table = sk_table(sk);
	u32 node = glass_sk(sk)->local.node;
	struct sock *other, *member = NULL;
	struct glass_port *own, *port;
	struct rhlist_head *list, *pos;
	int err;

	if (!sk->sk_reuseport || rcu_access_pointer(sk->sk_reuseport_cb))
		return 0;
	spin_lock_bh(&table->lock);
	rcu_read_lock();
	own = rcu_dereference(glass_sk(sk)->port);
	list = rhltable_lookup(&table->hash, &own->key, port_params);
	rhl_for_each_entry_rcu(port, pos, list, link) {
		/* The owner cannot leave: it would need table->lock. */
		other = READ_ONCE(port->sk);
		if (other && other != sk && in_same_group(sk, other) &&
		    node == READ_ONCE(glass_sk(other)->local.node) &&
		    rcu_access_pointer(other->sk_reuseport_cb))
			member = other;
	}
	rcu_read_unlock();
	err = member ? reuseport_add_sock(sk, member, false) :
		       reuseport_alloc(sk, false);
	spin_unlock_bh(&table->lock);
	return err;
}

/**
 * glass_port_select - choose one of a group
 * @sk: a member, with a reference, which is taken over
 * @hash: of what has come; the same goes to the same member
 *
 * Context: RCU read section.
 * Return: the one chosen, with a reference.
 */
struct sock *glass_port_select(struct sock *sk, u32 hash)
{
	struct glass_sock *gs = glass_sk(sk);
	struct sock *chosen;

	if (!rcu_access_pointer(sk->sk_reuseport_cb))
		return sk;
	chosen = reuseport_select_sock(sk, hash, NULL, 0);
	if (!chosen || chosen == sk ||
	    !refcount_inc_not_zero(&chosen->sk_refcnt))
		return sk;
	/* Its memory may be another socket's by now. */
	smp_mb__after_atomic();
	if (rcu_access_pointer(chosen->sk_reuseport_cb) !=
		    rcu_access_pointer(sk->sk_reuseport_cb) ||
	    READ_ONCE(glass_sk(chosen)->local.port) != gs->local.port) {
		sock_put(chosen);
		return sk;
	}
	sock_put(sk);
	return chosen;
}

static bool sk_is_on_dev(const struct sock *sk, int ifindex)
{
	int bound_dev_if = READ_ONCE(sk->sk_bound_dev_if);

	return !bound_dev_if || bound_dev_if == ifindex;
}

/*
 * The socket that @addr names, with a reference. One bound to exactly this node
 * is preferred to one bound to every node.
 */
static struct sock *port_lookup(struct net *net, u8 protocol,
				const struct glass_addr *addr, int ifindex,
				bool must_listen)
{
	struct glass_port_key key = {
		.port = addr->port,
		.protocol = protocol,
	};
	struct rhlist_head *list, *pos;
	struct sock *sk, *found = NULL;
	struct glass_port *port;
	u32 node;

	rcu_read_lock();
	list = rhltable_lookup(&glass_net(net)->ports.hash, &key, port_params);
	rhl_for_each_entry_rcu(port, pos, list, link) {
		sk = glass_sk_get_rcu(&port->sk);
		if (!sk)
			continue;
		node = READ_ONCE(glass_sk(sk)->local.node);
		if ((node != addr->node && (node != GLASS_NODE_ANY || found)) ||
		    !sk_is_on_dev(sk, ifindex) ||
		    (must_listen && READ_ONCE(sk->sk_state) != TCP_LISTEN)) {
			sock_put(sk);
			continue;
		}
		if (found)
			sock_put(found);
		found = sk;
		if (node == addr->node)
			break;
	}
	rcu_read_unlock();
	return found;
}

/**
 * glass_port_lookup - find the socket that an address names
 * @net: the namespace
 * @protocol: GLASS_PROTO_*
 * @addr: destination; a socket bound to exactly this node is preferred to one
 *	bound to every node
 * @ifindex: the device that the frame comes by: a socket bound to another one
 *	(SO_BINDTODEVICE) is not found
 *
 * Context: any but hard interrupt.
 * Return: the socket with a reference, or NULL.
 */
struct sock *glass_port_lookup(struct net *net, u8 protocol,
			       const struct glass_addr *addr, int ifindex)
{
	return port_lookup(net, protocol, addr, ifindex, false);
}

/**
 * glass_port_lookup_for - find who gets a message; of a group, one of it
 * @net: as for glass_port_lookup()
 * @protocol: likewise
 * @addr: likewise
 * @src: who sends it: the same sender's go to the same member of a group
 * @ifindex: likewise
 *
 * Who asks before a message is sent and who asks when it comes are told the
 * same, as long as nobody joins or leaves the group.
 *
 * Context: any but hard interrupt.
 * Return: the socket with a reference, or NULL.
 */
struct sock *glass_port_lookup_for(struct net *net, u8 protocol,
				   const struct glass_addr *addr,
				   const struct glass_addr *src, int ifindex)
{
	struct sock *sk;

	rcu_read_lock();
	sk = port_lookup(net, protocol, addr, ifindex, false);
	if (sk && rcu_access_pointer(sk->sk_reuseport_cb))
		sk = glass_port_select(sk, jhash_3words(src->node, src->port,
							addr->port,
							net_hash_mix(net)));
	rcu_read_unlock();
	return sk;
}

/**
 * glass_port_lookup_listener - find who takes connections to an address
 * @net: as for glass_port_lookup(), of the sockets that listen
 * @protocol: likewise
 * @addr: likewise
 * @ifindex: likewise
 *
 * Context: any but hard interrupt.
 * Return: the socket with a reference, or NULL.
 */
struct sock *glass_port_lookup_listener(struct net *net, u8 protocol,
					const struct glass_addr *addr,
					int ifindex)
{
	return port_lookup(net, protocol, addr, ifindex, true);
}
