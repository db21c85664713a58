// SPDX-License-Identifier: GPL-2.0
/*
 * SOCK_STREAM in a sockmap: a program of BPF sees what a socket receives, and
 * may hand it to another one, of any family. The core does that (skmsg.c,
 * sock_map.c), for a socket that shows its frames and reads what was handed to
 * it. As long as one is in a map, it has another struct proto.
 */
#include "sockmap.h"

#ifdef CONFIG_BPF_SYSCALL

#include <linux/skmsg.h>

#include "transport.h"

static struct proto glass_sockmap_prot __ro_after_init;

/**
 * glass_sockmap_take - read what was handed to a socket
 * @sk: the socket, in a map or not
 * @msg: where to
 * @len: room in bytes
 * @flags: MSG_PEEK counts
 *
 * Context: process, may sleep; socket lock held.
 * Return: bytes, or -EFAULT.
 */
int glass_sockmap_take(struct sock *sk, struct msghdr *msg, size_t len,
		       int flags)
{
	struct sk_psock *psock = sk_is_readable(sk) ? sk_psock_get(sk) : NULL;
	int n = 0;

	if (psock) {
		n = sk_msg_recvmsg(sk, psock, msg, len, flags);
		sk_psock_put(sk, psock);
	}
	return n;
}

/*
 * proto.disconnect of a socket in a map: what is between the map and the socket
 * belongs to this connection.
 */
static int glass_sockmap_disconnect(struct sock *sk, int flags)
{
	return -EBUSY;
}

/**
 * glass_sockmap_update_proto - proto.psock_update_sk_prot: into a map, out of it
 * @sk: the socket
 * @psock: what the map knows of it
 * @restore: whether it was in its last map
 *
 * Context: any; sk_callback_lock held, and the socket lock for the way in.
 * Return: 0, or -EOPNOTSUPP for one that is not connected, as of AF_UNIX.
 */
int glass_sockmap_update_proto(struct sock *sk, struct sk_psock *psock,
			       bool restore)
{
	if (restore) {
		WRITE_ONCE(sk->sk_write_space, psock->saved_write_space);
		sock_replace_proto(sk, psock->sk_proto);
		return 0;
	}
	if (sk->sk_state != TCP_ESTABLISHED)
		return -EOPNOTSUPP;
	sock_replace_proto(sk, &glass_sockmap_prot);
	return 0;
}

/**
 * glass_sockmap_read_skb - proto_ops.read_skb: show what has come to a program
 * @sk: the socket
 * @actor: runs the program; takes each frame over
 *
 * Context: socket lock held; called by sk_data_ready.
 * Return: how many bytes the program has had, or a negative errno if none.
 */
int glass_sockmap_read_skb(struct sock *sk, skb_read_actor_t actor)
{
	struct sk_buff *skb;
	int copied = 0;
	int n = 0;

	while ((skb = glass_rx_dequeue(sk))) {
		/* It holds the socket, and is charged to nobody until it is queued. */
		WARN_ON_ONCE(!skb_set_owner_sk_safe(skb, sk));
		n = actor(sk, skb);
		if (n < 0)
			break;
		copied += n;
	}
	if (copied)
		glass_rx_make_room(sk);
	return copied ?: n;
}

/**
 * glass_sockmap_init - streams may be in maps from now on
 * @base: their struct proto, registered
 *
 * Context: process.
 */
void __init glass_sockmap_init(const struct proto *base)
{
	glass_sockmap_prot = *base;
	glass_sockmap_prot.close = sock_map_close;
	glass_sockmap_prot.unhash = sock_map_unhash;
	glass_sockmap_prot.disconnect = glass_sockmap_disconnect;
	glass_sockmap_prot.sock_is_readable = sk_msg_is_readable;
}

#endif /* CONFIG_BPF_SYSCALL */
