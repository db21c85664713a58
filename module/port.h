/* SPDX-License-Identifier: GPL-2.0 */
/* The port table: which socket is bound to which port of which protocol. */
#ifndef GLASS_PORT_H
#define GLASS_PORT_H

#include <linux/rhashtable.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <net/sock.h>

#include "addr.h"

/**
 * struct glass_port_table - all bound sockets of a namespace
 * @hash: struct glass_port by protocol and port. RCU to read, @lock to write
 * @all: the same in an order that growing does not change, the last one bound
 *	first. RCU to read, @lock to write
 * @lock: makes "is it free? then take it" one step. BH
 */
struct glass_port_table {
	struct rhltable		hash;
	struct hlist_head	all;
	spinlock_t		lock;	/* see above */
};

/**
 * struct glass_port_key - what ports are looked up by
 * @port: the number
 * @protocol: GLASS_PROTO_*; each has its own space
 */
struct glass_port_key {
	u32	port;
	u32	protocol;
};

/**
 * struct glass_port - one bound socket
 * @link: in glass_port_table.hash
 * @all: in glass_port_table.all
 * @key: const while linked
 * @sk: the socket; cleared, under RCU readers' eyes, before it lets go
 * @room: senders that wait until @sk has read something; its lock also guards
 *	their glass_sock.room_watched
 * @rcu: frees it
 *
 * Lifetime: from bind to unbind, plus a grace period. The table holds no
 * reference to the socket: a socket unbinds before it goes. Unbinding empties
 * @room, so whoever found the port under RCU and waits is woken and off it.
 */
struct glass_port {
	struct rhlist_head	link;
	struct hlist_node	all;
	struct glass_port_key	key;
	struct sock		*sk;
	wait_queue_head_t	room;
	struct rcu_head		rcu;
};

int glass_port_table_init(struct glass_port_table *table);
void glass_port_table_destroy(struct glass_port_table *table);
unsigned int glass_port_count(const struct glass_port_table *table);

int glass_port_get(struct sock *sk, unsigned short unused);
int glass_port_join_group(struct sock *sk);
int glass_port_autobind(struct sock *sk);
int glass_port_hash(struct sock *sk);
void glass_port_unhash(struct sock *sk);
struct sock *glass_port_lookup(struct net *net, u8 protocol,
			       const struct glass_addr *addr, int ifindex);
struct sock *glass_port_lookup_for(struct net *net, u8 protocol,
				   const struct glass_addr *addr,
				   const struct glass_addr *src, int ifindex);
struct sock *glass_port_lookup_listener(struct net *net, u8 protocol,
					const struct glass_addr *addr,
					int ifindex);
struct sock *glass_port_select(struct sock *sk, u32 hash);
struct sock *glass_sk_get_rcu(struct sock * const *slot);

#endif /* GLASS_PORT_H */
