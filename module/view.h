/* SPDX-License-Identifier: GPL-2.0 */
/* All sockets of a namespace, one after the other, as the views show them. */
#ifndef GLASS_VIEW_H
#define GLASS_VIEW_H

#include <linux/glass.h>
#include <linux/uidgid.h>

#include "addr.h"

struct hlist_node;
struct net;
struct sock;

/**
 * struct glass_view - what is shown of a socket, or of a connection without one
 * @local: own name
 * @remote: the peer's
 * @type: SOCK_*
 * @protocol: GLASS_PROTO_*
 * @state: TCP_*
 * @has_info: it is a connection, and @info is filled in
 * @rx_queue: bytes not read; of a listener: connections not accepted
 * @tx_queue: bytes not acknowledged; of a listener: its backlog
 * @drops: frames refused for want of room
 * @uid: of its owner
 * @inode: of its file, or 0
 * @cookie: as SO_COOKIE gives it, or 0
 * @info: see uapi
 */
struct glass_view {
	struct glass_addr	local;
	struct glass_addr	remote;
	u8			type;
	u8			protocol;
	u8			state;
	bool			has_info;
	u32			rx_queue;
	u32			tx_queue;
	u32			drops;
	kuid_t			uid;
	u64			inode;
	u64			cookie;
	struct glass_info	info;
};

/**
 * enum glass_view_table - where sockets are found, in this order
 * @GLASS_VIEW_PORTS: who has a port: struct glass_port
 * @GLASS_VIEW_CONNS: connections: struct glass_conn
 * @GLASS_VIEW_TAPS: who listens in: struct glass_tap
 */
enum glass_view_table {
	GLASS_VIEW_PORTS,
	GLASS_VIEW_CONNS,
	GLASS_VIEW_TAPS,
};

/**
 * struct glass_view_cursor - a place among a namespace's sockets
 * @net: the namespace
 * @node: the entry, or NULL behind the last
 * @table: whose entry it is
 */
struct glass_view_cursor {
	struct net		*net;
	struct hlist_node	*node;
	enum glass_view_table	table;
};

void glass_view_socket(struct sock *sk, struct glass_view *view);

void glass_view_first(struct glass_view_cursor *cursor, struct net *net);
void glass_view_next(struct glass_view_cursor *cursor);
bool glass_view_read(const struct glass_view_cursor *cursor,
		     struct glass_view *view);

#endif /* GLASS_VIEW_H */
