// SPDX-License-Identifier: GPL-2.0
#include "view.h"

#include <linux/rculist.h>
#include <linux/sock_diag.h>
#include <net/sock.h>

#include "net.h"
#include "transport.h"

static struct hlist_node *first_of(struct net *net, enum glass_view_table table)
{
	struct glass_net *gn = glass_net(net);

	switch (table) {
	case GLASS_VIEW_PORTS:
		return rcu_dereference(hlist_first_rcu(&gn->ports.all));
	case GLASS_VIEW_CONNS:
		return rcu_dereference(hlist_first_rcu(&gn->conns.all));
	case GLASS_VIEW_TAPS:
		return rcu_dereference(hlist_first_rcu(&gn->taps.list));
	}
	return NULL;
}

/* From the end of a table on, the next one that is not empty. */
static void cursor_set(struct glass_view_cursor *cursor,
		       struct hlist_node *node)
{
	while (!node && cursor->table < GLASS_VIEW_TAPS)
		node = first_of(cursor->net, ++cursor->table);
	cursor->node = node;
}

/**
 * glass_view_first - go to a namespace's first socket
 * @cursor: the place
 * @net: the namespace
 *
 * Context: RCU read section, which the cursor must not leave.
 */
void glass_view_first(struct glass_view_cursor *cursor, struct net *net)
{
	cursor->net = net;
	cursor->table = GLASS_VIEW_PORTS;
	cursor_set(cursor, first_of(net, GLASS_VIEW_PORTS));
}

/**
 * glass_view_next - go on
 * @cursor: the place; not behind the last
 *
 * Context: RCU read section.
 */
void glass_view_next(struct glass_view_cursor *cursor)
{
	cursor_set(cursor, rcu_dereference(hlist_next_rcu(cursor->node)));
}

/**
 * glass_view_socket - look at one socket
 * @sk: the socket; a reference is held
 * @view: filled in, but for what it does not have: zero before
 *
 * Context: any but hard interrupt.
 */
void glass_view_socket(struct sock *sk, struct glass_view *view)
{
	struct glass_sock *gs = glass_sk(sk);
	u32 cookie[2];

	sock_diag_save_cookie(sk, cookie);
	view->cookie = (u64)cookie[1] << 32 | cookie[0];
	view->local = glass_addr_peek(&gs->local);
	view->remote = glass_addr_peek(&gs->remote);
	view->type = sk->sk_type;
	view->protocol = sk->sk_protocol;
	view->state = READ_ONCE(sk->sk_state);
	view->drops = atomic_read(&sk->sk_drops);
	view->uid = sk_uid(sk);
	view->inode = sock_i_ino(sk);
	view->has_info = glass_is_transport(sk) && view->state != TCP_LISTEN &&
			 glass_addr_is_set(&view->remote);
	if (view->state == TCP_LISTEN) {
		view->rx_queue = READ_ONCE(sk->sk_ack_backlog);
		view->tx_queue = READ_ONCE(sk->sk_max_ack_backlog);
	} else if (view->has_info) {
		glass_transport_info(sk, &view->info);
		view->rx_queue = view->info.unread;
		view->tx_queue = view->info.unsent + view->info.unacked;
	} else {
		view->rx_queue = sk_rmem_alloc_get(sk);
		view->tx_queue = sk_wmem_alloc_get(sk);
	}
}

/* @slot: where a port or a tap names its socket. */
static bool view_slot(struct sock * const *slot, struct glass_view *view)
{
	struct sock *sk = glass_sk_get_rcu(slot);

	if (!sk)
		return false;
	glass_view_socket(sk, view);
	sock_put(sk);
	return true;
}

static bool view_conn(const struct glass_conn *conn, struct glass_view *view)
{
	bool is_shown;
	struct sock *sk;

	if (conn->kind == GLASS_CONN_SOCKET) {
		sk = glass_sk_get_rcu(&conn->sk);
		if (!sk)
			return false;
		/* Who has a port was shown with that. */
		is_shown = !rcu_access_pointer(glass_sk(sk)->port);
		if (is_shown)
			glass_view_socket(sk, view);
		sock_put(sk);
		return is_shown;
	}
	view->local = conn->key.local;
	view->remote = conn->key.remote;
	/* A type's own protocol has its number. */
	view->type = conn->key.protocol;
	view->protocol = conn->key.protocol;
	view->uid = GLOBAL_ROOT_UID;
	view->state = conn->kind == GLASS_CONN_REQUEST ?
		      TCP_SYN_RECV : glass_timewait_state(conn);
	return true;
}

/**
 * glass_view_read - look at the socket at a place
 * @cursor: the place
 * @view: filled in; of a socket that changes meanwhile, with values of slightly
 *	different moments
 *
 * Context: RCU read section; any but hard interrupt.
 * Return: whether there is one to be shown.
 */
bool glass_view_read(const struct glass_view_cursor *cursor,
		     struct glass_view *view)
{
	memset(view, 0, sizeof(*view));
	switch (cursor->table) {
	case GLASS_VIEW_PORTS:
		return view_slot(&hlist_entry(cursor->node, struct glass_port,
					      all)->sk, view);
	case GLASS_VIEW_CONNS:
		return view_conn(hlist_entry(cursor->node, struct glass_conn,
					     all), view);
	case GLASS_VIEW_TAPS:
		return view_slot(&hlist_entry(cursor->node, struct glass_tap,
					      link)->sk, view);
	}
	return false;
}
