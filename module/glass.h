/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The Glass socket, and who may touch what.
 *
 * Glass locking
 * =============
 *
 * The locks, in the order in which they nest (an outer one is taken first):
 *
 * 1. RTNL: devices come and go, the route table is written. Never taken on
 *    the way of a byte.
 * 2. The socket lock (lock_sock() in process context, bh_lock_sock() for
 *    input): a socket's addresses, state and shutdown bits, and putting frames
 *    into its receive queue. Input that finds the lock owned by a process puts
 *    the frame on the backlog. Two sockets' locks are never held at once.
 * 3. glass_port_table.lock (BH): who is bound to what. Written under the
 *    binding socket's lock; look-ups take no lock but RCU.
 * 4. glass_port.room.lock (a wait queue's): who waits for room in a receiver.
 *    It is the receiver's, and taken by senders under their own socket lock.
 * 5. glass_tap_table.lock (BH), sk_receive_queue.lock, sk_callback_lock and
 *    the wait queue of a sender: leaves.
 *
 * Addresses are also read without the lock, by senders that look at a receiver
 * and by /proc, with READ_ONCE() against the WRITE_ONCE() of the owner. Such a
 * reader may see one half of a change: it decides nothing that input does not
 * decide again under the lock.
 *
 * Delivery runs in the sender's process, inside dev_queue_xmit(), whenever
 * that is safe (dev.c says when). So no caller of glass_output() holds a
 * spinlock of any socket.
 *
 * Lifetimes
 * =========
 *
 * A socket lives from create() to the last reference. Its slab is
 * SLAB_TYPESAFE_BY_RCU: memory found under RCU is some socket's, and
 * glass_port_lookup() takes a reference and then looks whether it is still the
 * right one's. No RCU callback of the module is needed to free anything, so
 * when the last descriptor is closed and no frame is under way, rmmod works at
 * once.
 *
 * A frame holds its sender (sk_wmem_alloc) until it is read or dropped, so a
 * closed socket's frames keep its memory, and with it the module, until then.
 */
#ifndef GLASS_H
#define GLASS_H

#include <linux/wait.h>
#include <net/sock.h>

#include "addr.h"
#include "compat.h"
#include "port.h"
#include "route.h"
#include "tap.h"

/**
 * struct glass_sock - a Glass socket
 * @sk: what the kernel knows of it; must be first
 * @local: own name. Socket lock; read locklessly
 * @remote: the peer it is connected to. Socket lock; read locklessly
 * @route: the way to @remote, once looked up. Socket lock
 * @port: the entry in the port table, or NULL if unbound. Socket lock to
 *	write, RCU to read
 * @tap: the entry in the tap table, or NULL; guarded by that table's lock
 * @wants_pktinfo: GLASS_PKTINFO is set. Socket lock to write; read locklessly
 * @has_header: GLASS_HDRINCL is set. Socket lock to write; read locklessly
 * @wants_errors: GLASS_RECVERR is set. Socket lock to write; read locklessly
 * @wants_cred: GLASS_SO_PASSCRED is set. Socket lock to write; read locklessly
 * @room_watch: this socket's place in the room of the receiver it found full;
 *	guarded by that room's lock
 * @room_watched: whose room that is, or NULL. Set under the socket lock and
 *	the room's lock, cleared under the room's lock
 *
 * Lifetime: see "Lifetimes" above.
 */
struct glass_sock {
	struct sock			sk;
	struct glass_addr		local;
	struct glass_addr		remote;
	struct glass_route_cache	route;
	struct glass_port __rcu		*port;
	struct glass_tap		*tap;
	bool				wants_pktinfo;
	bool				has_header;
	bool				wants_errors;
	bool				wants_cred;
	struct wait_queue_entry		room_watch;
	struct glass_port		*room_watched;
};

#define glass_sk(ptr) container_of_const(ptr, struct glass_sock, sk)

/* One end's address, read without its socket's lock. */
static inline struct glass_addr
glass_addr_peek(const struct glass_addr *addr)
{
	return (struct glass_addr){
		.node = READ_ONCE(addr->node),
		.port = READ_ONCE(addr->port),
	};
}

/* Set an end's address. The socket lock is held; lockless readers look on. */
static inline void glass_addr_set(struct glass_addr *addr,
				  struct glass_addr value)
{
	WRITE_ONCE(addr->node, value.node);
	WRITE_ONCE(addr->port, value.port);
}

#endif /* GLASS_H */
