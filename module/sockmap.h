/* SPDX-License-Identifier: GPL-2.0 */
/* SOCK_STREAM in a sockmap of BPF. */
#ifndef GLASS_SOCKMAP_H
#define GLASS_SOCKMAP_H

#include <linux/init.h>
#include <net/sock.h>

struct sk_psock;

#ifdef CONFIG_BPF_SYSCALL
void glass_sockmap_init(const struct proto *base);
int glass_sockmap_take(struct sock *sk, struct msghdr *msg, size_t len,
		       int flags);
int glass_sockmap_update_proto(struct sock *sk, struct sk_psock *psock,
			       bool restore);
int glass_sockmap_read_skb(struct sock *sk, skb_read_actor_t actor);

#define GLASS_SOCKMAP_PROT	.psock_update_sk_prot = glass_sockmap_update_proto
#else
static inline void glass_sockmap_init(const struct proto *base)
{
}

static inline int glass_sockmap_take(struct sock *sk, struct msghdr *msg,
				     size_t len, int flags)
{
	return 0;
}

#define glass_sockmap_read_skb	NULL
/* There is no member for it, and nothing is handed to anybody. */
#define GLASS_SOCKMAP_PROT	.sock_is_readable = NULL
#endif

#endif /* GLASS_SOCKMAP_H */
