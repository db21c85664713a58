// SPDX-License-Identifier: GPL-2.0
/*
 * SO_PEERCRED: who is at the other end of a connection inside this namespace.
 *
 * As with AF_UNIX: the client learns who called listen(), the server who called
 * connect(), and what either becomes later changes nothing. Frames carry no
 * credentials. The one that completes a handshake came by a device of Glass, so
 * it was sent in this namespace, and the connection table has the other end.
 */
#include "cred.h"

#include <linux/cred.h>
#include <linux/netdevice.h>
#include <linux/pid.h>

#include "conn.h"
#include "dev.h"
#include "transport.h"

/**
 * glass_cred_init - nobody yet
 * @own: of a new socket, or of one just cloned
 *
 * Context: any; nobody else knows the socket.
 */
void glass_cred_init(struct glass_cred *own)
{
	spin_lock_init(&own->lock);
	own->pid = NULL;
	own->cred = NULL;
}

static void cred_replace(struct glass_cred *own, struct pid *pid,
			 const struct cred *cred)
{
	spin_lock_bh(&own->lock);
	swap(own->pid, pid);
	swap(own->cred, cred);
	spin_unlock_bh(&own->lock);
	put_pid(pid);
	put_cred(cred);
}

/**
 * glass_cred_set - the calling process connects, or listens
 * @own: of its socket
 *
 * Context: process.
 */
void glass_cred_set(struct glass_cred *own)
{
	cred_replace(own, get_pid(task_tgid(current)), get_current_cred());
}

/**
 * glass_cred_clear - drop what glass_cred_set() has kept
 * @own: of a socket that is destroyed
 *
 * Context: any but hard interrupt.
 */
void glass_cred_clear(struct glass_cred *own)
{
	cred_replace(own, NULL, NULL);
}

static void peer_replace(struct sock *sk, struct pid *pid,
			 const struct cred *cred)
{
	spin_lock(&sk->sk_peer_lock);
	swap(sk->sk_peer_pid, pid);
	swap(sk->sk_peer_cred, cred);
	spin_unlock(&sk->sk_peer_lock);
	put_pid(pid);
	put_cred(cred);
}

/**
 * glass_cred_set_peer - the calling process is at the other end: socketpair()
 * @sk: the socket
 *
 * Context: process.
 */
void glass_cred_set_peer(struct sock *sk)
{
	peer_replace(sk, get_pid(task_tgid(current)), get_current_cred());
}

/**
 * glass_cred_forget_peer - there is no other end any more
 * @sk: the socket
 *
 * Context: process.
 */
void glass_cred_forget_peer(struct sock *sk)
{
	peer_replace(sk, NULL, NULL);
}

/* Did a frame that input has let in come from this namespace? RCU. */
static bool is_from_here(const struct sock *sk, const struct sk_buff *skb)
{
	const struct net_device *dev;

	dev = dev_get_by_index_rcu(sock_net(sk), skb->skb_iif);
	return dev && glass_dev_is_glass(dev);
}

/**
 * glass_cred_learn_peer - the handshake is over: keep who the peer is
 * @sk: the socket, which knows no peer yet
 * @skb: the segment that ended the handshake
 *
 * To a client, the other end is a listener's half-open connection still.
 *
 * sk_peer_lock is not for BH, so it is not taken. The first to have it see
 * nobody, or half of it, or the peer; nothing of it is freed before
 * glass_cred_forget_peer().
 *
 * Context: socket lock held.
 */
void glass_cred_learn_peer(struct sock *sk, const struct sk_buff *skb)
{
	struct glass_conn_key key;
	struct glass_conn *conn;
	struct sock *peer = NULL;
	struct glass_cred *from;

	glass_transport_key(sk, &key);
	swap(key.local, key.remote);
	rcu_read_lock();
	if (is_from_here(sk, skb)) {
		conn = glass_conn_lookup(sock_net(sk), &key);
		if (conn && conn->kind != GLASS_CONN_TIMEWAIT)
			peer = glass_sk_get_rcu(&conn->sk);
	}
	rcu_read_unlock();
	if (!peer)
		return;

	from = &glass_tp(peer)->own;
	spin_lock_bh(&from->lock);
	if (from->cred && !WARN_ON_ONCE(sk->sk_peer_cred)) {
		WRITE_ONCE(sk->sk_peer_pid, get_pid(from->pid));
		WRITE_ONCE(sk->sk_peer_cred, get_cred(from->cred));
	}
	spin_unlock_bh(&from->lock);
	sock_put(peer);
}
