// SPDX-License-Identifier: GPL-2.0
/*
 * SO_PEERCRED: who is at the other end of a connection inside this namespace;
 * GLASS_SO_PASSCRED: who sent a message.
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

/* --- Messages: GLASS_SO_PASSCRED -------------------------------------------- */

static struct glass_cred_cb *cred_cb(struct sk_buff *skb)
{
	BUILD_BUG_ON(sizeof(struct glass_cred_cb) > SOCK_SKB_CB_OFFSET);
	return (struct glass_cred_cb *)skb->cb;
}

/**
 * glass_cred_attach - note who sends a message
 * @skb: a frame on its way to one socket
 * @is_mine: the calling process does, and the socket wants to know
 *
 * Whoever drops or reads the frame calls glass_cred_detach().
 *
 * Context: BH, on the way in.
 */
void glass_cred_attach(struct sk_buff *skb, bool is_mine)
{
	struct glass_cred_cb *cb = cred_cb(skb);

	cb->pid = NULL;
	if (!is_mine)
		return;
	cb->pid = get_pid(task_tgid(current));
	cb->uid = current_euid();
	cb->gid = current_egid();
}

/**
 * glass_cred_detach - nobody will ask any more who sent a message
 * @sk: the receiver
 * @skb: the frame, not in a queue; somebody may be peeking at it
 *
 * Context: any but hard interrupt.
 */
void glass_cred_detach(struct sock *sk, struct sk_buff *skb)
{
	struct glass_cred_cb *cb = cred_cb(skb);
	struct pid *pid;

	if (!READ_ONCE(cb->pid))
		return;
	spin_lock_bh(&sk->sk_receive_queue.lock);
	pid = cb->pid;
	WRITE_ONCE(cb->pid, NULL);
	spin_unlock_bh(&sk->sk_receive_queue.lock);
	put_pid(pid);
}

static void cred_tell(struct msghdr *msg, struct pid *pid, kuid_t uid,
		      kgid_t gid)
{
	struct glass_ucred cred = {
		.pid = pid_vnr(pid),
		.uid = from_kuid_munged(current_user_ns(), uid),
		.gid = from_kgid_munged(current_user_ns(), gid),
	};

	put_cmsg(msg, SOL_GLASS, GLASS_CMSG_CRED, sizeof(cred), &cred);
}

/**
 * glass_cred_tell_sender - tell the reader of a message who sent it
 * @sk: the receiver
 * @msg: gets a control message, if the reader wants one and it is known
 * @skb: the frame
 *
 * Context: process.
 */
void glass_cred_tell_sender(struct sock *sk, struct msghdr *msg,
			    struct sk_buff *skb)
{
	struct glass_cred_cb cb;

	if (!READ_ONCE(glass_sk(sk)->wants_cred) ||
	    !READ_ONCE(cred_cb(skb)->pid))
		return;
	spin_lock_bh(&sk->sk_receive_queue.lock);
	cb = *cred_cb(skb);
	get_pid(cb.pid);
	spin_unlock_bh(&sk->sk_receive_queue.lock);
	if (!cb.pid)
		return;
	cred_tell(msg, cb.pid, cb.uid, cb.gid);
	put_pid(cb.pid);
}

/**
 * glass_cred_tell_peer - tell the reader of a connection who is at its other end
 * @sk: the socket
 * @msg: gets a control message, if the reader wants one and it is known
 *
 * Context: process.
 */
void glass_cred_tell_peer(struct sock *sk, struct msghdr *msg)
{
	const struct cred *cred;
	struct pid *pid;

	if (!READ_ONCE(glass_sk(sk)->wants_cred))
		return;
	spin_lock(&sk->sk_peer_lock);
	pid = get_pid(sk->sk_peer_pid);
	cred = get_cred(sk->sk_peer_cred);
	spin_unlock(&sk->sk_peer_lock);
	if (pid && cred)
		cred_tell(msg, pid, cred->euid, cred->egid);
	put_pid(pid);
	put_cred(cred);
}
