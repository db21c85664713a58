// SPDX-License-Identifier: GPL-2.0
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
#include "family.h"

#include <linux/module.h>
#include <linux/net.h>

#include "addr.h"
#include "protosw.h"
#include "socket.h"

/*
 * net_proto_family.create: join a struct sock to the struct socket that sockfs
 * has made. sockfs holds the family's module meanwhile, the sock its own.
 */
static int glass_create(struct net *net, struct socket *sock, int protocol,
			int kern)
{
	const struct glass_protosw *sw;
	struct proto *prot;
	struct sock *sk;
	int err;

	if (protocol < 0 || protocol > GLASS_PROTO_MAX)
		return -EPROTONOSUPPORT;

	rcu_read_lock();
	sw = glass_protosw_find(sock->type, protocol, &err);
	if (!sw) {
		rcu_read_unlock();
		return err;
	}
	sock->ops = sw->ops;
	prot = sw->prot;
	protocol = sw->protocol;
	rcu_read_unlock();

	sock->state = SS_UNCONNECTED;
	sk = sk_alloc(net, glass_family, GFP_KERNEL, prot, kern);
	if (!sk)
		return -ENOBUFS;
	sock_init_data(sock, sk);
	sk->sk_protocol = protocol;
	sk->sk_backlog_rcv = prot->backlog_rcv;
	glass_sk_init(sk);

	err = sk->sk_prot->init(sk);
	if (err)
		sk_common_release(sk);
	return err;
}

static struct net_proto_family family __ro_after_init = {
	.create	= glass_create,
	.owner	= THIS_MODULE,
};

/**
 * glass_family_init - open the door
 *
 * The last step of loading: a socket can be made before it returns.
 *
 * Context: process, may sleep.
 * Return: 0; -EINVAL if the family parameter is out of range; -EEXIST if
 *	another family has that number.
 */
int __init glass_family_init(void)
{
	int err;

	family.family = glass_family;
	err = sock_register(&family);
	if (err == -EEXIST)
		pr_err("family number %d is taken; choose another by family=\n",
		       glass_family);
	return err;
}

/**
 * glass_family_exit - close the door
 *
 * Context: process, may sleep. No socket is being made any more on return.
 */
void glass_family_exit(void)
{
	sock_unregister(glass_family);
}
