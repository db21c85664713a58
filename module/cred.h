/* SPDX-License-Identifier: GPL-2.0 */
/* SO_PEERCRED: who is at the other end of a connection inside this namespace. */
#ifndef GLASS_CRED_H
#define GLASS_CRED_H

#include <linux/skbuff.h>
#include <linux/socket.h>
#include <linux/uidgid.h>
#include <linux/spinlock.h>
#include <net/sock.h>

/**
 * struct glass_cred - who connected, or listens, with a socket
 * @lock: guards the others. BH; nothing is taken inside
 * @pid: the process, or NULL while nobody did
 * @cred: its credentials then
 *
 * Lifetime: part of struct glass_transport.
 */
struct glass_cred {
	spinlock_t		lock;	/* see above */
	struct pid		*pid;
	const struct cred	*cred;
};

/**
 * struct glass_cred_cb - skb->cb of a message in a receive queue
 * @pid: who sent it, or NULL. The queue's lock; a reference is held
 * @uid: its effective user
 * @gid: its effective group
 */
struct glass_cred_cb {
	struct pid	*pid;
	kuid_t		uid;
	kgid_t		gid;
};

void glass_cred_attach(struct sk_buff *skb, bool is_mine);
void glass_cred_detach(struct sock *sk, struct sk_buff *skb);
void glass_cred_tell_sender(struct sock *sk, struct msghdr *msg,
			    struct sk_buff *skb);
void glass_cred_tell_peer(struct sock *sk, struct msghdr *msg);
void glass_cred_init(struct glass_cred *own);
void glass_cred_set(struct glass_cred *own);
void glass_cred_clear(struct glass_cred *own);
void glass_cred_set_peer(struct sock *sk);
void glass_cred_forget_peer(struct sock *sk);
void glass_cred_learn_peer(struct sock *sk, const struct sk_buff *skb);

#endif /* GLASS_CRED_H */
