// SPDX-License-Identifier: GPL-2.0
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
#include "family.h"

#include <linux/capability.h>
#include <linux/kmod.h>
#include <linux/module.h>
#include <linux/net.h>

#include "addr.h"
#include "protosw.h"
#include "socket.h"

static int protosw_copy(int type, int protocol, struct glass_protosw *copy)
{
	const struct glass_protosw *sw;
	int err;

	rcu_read_lock();
	sw = glass_protosw_find(type, protocol, &err);
	if (sw && !try_module_get(sw->prot->owner))
		sw = NULL;
	if (sw)
		*copy = *sw;
	rcu_read_unlock();
	return sw ? 0 : err;
}

/*
 * What a type and protocol lead to; if nobody offers them, a module that does
 * is loaded. On success that module is held, so that it is there until the sock
 * holds it.
 */
static int protosw_get(int type, int protocol, struct glass_protosw *copy)
{
	if (!protosw_copy(type, protocol, copy))
		return 0;
	request_module("net-pf-%d-proto-%d-type-%d", glass_family, protocol,
		       type);
	return protosw_copy(type, protocol, copy);
}

/*
 * net_proto_family.create: join a struct sock to the struct socket that sockfs
 * has made. sockfs holds the family's module meanwhile, the sock its own.
 */
static int glass_create(struct net *net, struct socket *sock, int protocol,
			int kern)
{
	struct glass_protosw sw;
	struct sock *sk;
	int err;

	if (protocol < 0 || protocol > GLASS_PROTO_MAX)
		return -EPROTONOSUPPORT;
	err = protosw_get(sock->type, protocol, &sw);
	if (err)
		return err;
	err = -EPERM;
	if (sw.flags & GLASS_PROTOSW_NET_RAW && !kern &&
	    !ns_capable(net->user_ns, CAP_NET_RAW))
		goto put_module;

	sock->state = SS_UNCONNECTED;
	sock->ops = sw.ops;
	sk = sk_alloc(net, glass_family, GFP_KERNEL, sw.prot, kern);
	err = -ENOBUFS;
	if (!sk)
		goto put_module;
	sock_init_data(sock, sk);
	sk->sk_protocol = sw.protocol == GLASS_PROTO_ANY ? protocol :
							   sw.protocol;
	sk->sk_backlog_rcv = sw.prot->backlog_rcv;
	glass_sk_init(sk);

	err = sk->sk_prot->init(sk);
	if (err) {
		sk_common_release(sk);
		/* The core goes on with the socket for a moment. */
		sock->sk = NULL;
	}
put_module:
	module_put(sw.prot->owner);
	return err;
}

static struct net_proto_family family __ro_after_init = {
	.create	= glass_create,
	.owner	= THIS_MODULE,
};

/**
 * glass_family_is_taken - say that another family has our number
 *
 * Context: process.
 * Return: -EEXIST.
 */
int __init glass_family_is_taken(void)
{
	pr_err("family number %d is taken; choose another by family=\n",
	       glass_family);
	return -EEXIST;
}

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
	return err == -EEXIST ? glass_family_is_taken() : err;
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
