// SPDX-License-Identifier: GPL-2.0
/*
 * The smallest correct address family: datagrams from port to port within one
 * network namespace. Copy it, rename it, let it grow.
 *
 * A message stays charged to its sender until it is read: so blocking, EAGAIN
 * and POLLOUT are the core's work, and SO_RCVBUF has no meaning. minimal_lock
 * guards the table of bound sockets and their ports, and a message is queued
 * under it: who has left the table gets none. Only process context takes it.
 *
 * The file, the table and each unread message hold a sock; a sock holds the
 * module and its user's namespace. So none is left when the module's exit runs.
 */
#include <linux/filter.h>
#include <linux/module.h>
#include <net/sock.h>

struct sockaddr_minimal {		/* the address, as user space sees it */
	__u16 family, zero;
	__u32 port;			/* any number but 0 */
};

struct minimal_sock {
	struct sock sk;			/* must be the first */
	u32 port;			/* 0 before bind(), which sets it once */
};

#define minimal_sk(ptr)		container_of(ptr, struct minimal_sock, sk)
#define minimal_source(skb)	(*(u32 *)(skb)->cb)	/* the sender's port */

static ushort family = 22;		/* that of AF_SNA, which Linux does not have */
module_param(family, ushort, 0444);
MODULE_PARM_DESC(family, "number of the address family, one that is free");
static HLIST_HEAD(minimal_table);
static DEFINE_SPINLOCK(minimal_lock);

/* The one place that looks at what user space gives as an address. */
static int minimal_check(const struct sockaddr_minimal *addr, int len)
{
	if (len < (int)sizeof(*addr) || addr->zero || !addr->port)
		return -EINVAL;
	return addr->family == family ? 0 : -EAFNOSUPPORT;
}

static int minimal_name(void *to, u32 port)
{
	*(struct sockaddr_minimal *)to = (struct sockaddr_minimal){ family, 0, port };
	return sizeof(struct sockaddr_minimal);
}

/* Who has a port of this namespace, as long as the lock is held; or NULL. */
static struct sock *minimal_find(const struct net *net, u32 port)
{
	struct sock *sk;

	lockdep_assert_held(&minimal_lock);
	sk_for_each(sk, &minimal_table)
		if (net_eq(sock_net(sk), net) && minimal_sk(sk)->port == port)
			return sk;
	return NULL;
}

static int minimal_release(struct socket *sock)
{
	struct sock *sk = sock->sk;

	if (!sk)			/* minimal_create() failed */
		return 0;
	spin_lock(&minimal_lock);
	sk_del_node_init(sk);
	spin_unlock(&minimal_lock);
	sock_orphan(sk);
	sock->sk = NULL;
	skb_queue_purge(&sk->sk_receive_queue);
	sock_put(sk);			/* freed when all that it sent is read */
	return 0;
}

static int minimal_bind(struct socket *sock, struct sockaddr_unsized *name, int len)
{
	const struct sockaddr_minimal *addr = (void *)name;
	int err = minimal_check(addr, len);

	spin_lock(&minimal_lock);
	if (!err && minimal_sk(sock->sk)->port)
		err = -EINVAL;
	if (!err && minimal_find(sock_net(sock->sk), addr->port))
		err = -EADDRINUSE;
	if (!err) {
		WRITE_ONCE(minimal_sk(sock->sk)->port, addr->port);
		sk_add_node(sock->sk, &minimal_table);
	}
	spin_unlock(&minimal_lock);
	return err;
}

static int minimal_getname(struct socket *sock, struct sockaddr *name, int peer)
{
	return peer ? -ENOTCONN : minimal_name(name, READ_ONCE(minimal_sk(sock->sk)->port));
}

static int minimal_sendmsg(struct socket *sock, struct msghdr *msg, size_t len)
{
	const struct sockaddr_minimal *addr = msg->msg_name;
	int err = addr ? minimal_check(addr, msg->msg_namelen) : -EDESTADDRREQ;
	struct sk_buff *skb;
	struct sock *to;

	if (!err && len > SKB_MAX_ALLOC)	/* in one piece, so that it stays simple */
		err = -EMSGSIZE;
	if (err)
		return err;
	skb = sock_alloc_send_skb(sock->sk, len, msg->msg_flags & MSG_DONTWAIT, &err);
	if (!skb)
		return err;
	minimal_source(skb) = READ_ONCE(minimal_sk(sock->sk)->port);
	err = memcpy_from_msg(skb_put(skb, len), msg, len);
	spin_lock(&minimal_lock);
	to = minimal_find(sock_net(sock->sk), addr->port);
	if (!err && to && !sk_filter(to, skb)) {
		skb_queue_tail(&to->sk_receive_queue, skb);
		to->sk_data_ready(to);
		skb = NULL;
	}
	spin_unlock(&minimal_lock);
	kfree_skb(skb);			/* filtered: as if it were lost */
	return err ?: to ? (int)len : -ECONNREFUSED;
}

static int minimal_recvmsg(struct socket *sock, struct msghdr *msg, size_t len, int flags)
{
	int err;
	struct sk_buff *skb = skb_recv_datagram(sock->sk, flags, &err);

	if (!skb)
		return err;
	if (skb->len > len)
		msg->msg_flags |= MSG_TRUNC;
	len = min_t(size_t, len, skb->len);
	err = skb_copy_datagram_msg(skb, 0, msg, len);
	if (msg->msg_name)
		msg->msg_namelen = minimal_name(msg->msg_name, minimal_source(skb));
	sock_recv_cmsgs(msg, sock->sk, skb);
	if (!err)
		err = flags & MSG_TRUNC ? skb->len : len;
	skb_free_datagram(sock->sk, skb);	/* wakes its sender */
	return err;
}

static struct proto minimal_proto = { .name = "MINIMAL", .owner = THIS_MODULE,
	.obj_size = sizeof(struct minimal_sock) };

static struct proto_ops minimal_ops = {	/* sockfs calls most unasked: leave none out */
	.owner = THIS_MODULE, .release = minimal_release, .bind = minimal_bind,
	.getname = minimal_getname, .sendmsg = minimal_sendmsg, .recvmsg = minimal_recvmsg,
	.poll = datagram_poll, .connect = sock_no_connect, .socketpair = sock_no_socketpair,
	.accept = sock_no_accept, .listen = sock_no_listen, .shutdown = sock_no_shutdown,
	.ioctl = sock_no_ioctl, .mmap = sock_no_mmap,
};

static int minimal_create(struct net *net, struct socket *sock, int protocol, int kern)
{
	struct sock *sk;

	if (sock->type != SOCK_DGRAM || protocol)
		return protocol ? -EPROTONOSUPPORT : -ESOCKTNOSUPPORT;
	sk = sk_alloc(net, family, GFP_KERNEL, &minimal_proto, kern);
	if (!sk)
		return -ENOMEM;
	sock->ops = &minimal_ops;
	sock_init_data(sock, sk);
	return 0;
}

static struct net_proto_family minimal_family = { .create = minimal_create, .owner = THIS_MODULE };

static int __init minimal_init(void)
{
	int err = proto_register(&minimal_proto, 0);

	if (err)
		return err;
	minimal_family.family = family;
	minimal_ops.family = family;
	err = sock_register(&minimal_family);	/* from here on we are called */
	if (err)
		proto_unregister(&minimal_proto);
	/* To modprobe, -EEXIST is a module that is loaded already: all is well. */
	return err == -EEXIST ? -EBUSY : err;
}

static void __exit minimal_exit(void)
{
	sock_unregister(family);
	proto_unregister(&minimal_proto);
}
module_init(minimal_init);
module_exit(minimal_exit);
MODULE_DESCRIPTION("The smallest correct address family");
MODULE_LICENSE("GPL");
MODULE_ALIAS_NETPROTO(22);
