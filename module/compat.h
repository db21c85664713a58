/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Makes Linux 6.12 look like the newest kernel. The only file that knows
 * versions; Kbuild probes the headers where distributions back-port
 * (GLASS_HAVE_*). A block is deletable when the floor rises above its kernel.
 */
#ifndef GLASS_COMPAT_H
#define GLASS_COMPAT_H

#include <linux/net.h>
#include <linux/netdevice.h>
#include <linux/version.h>
#include <net/rtnetlink.h>
#include <net/sock.h>

/* netdev_lockdep_set_classes() moved to a header of its own. */
#ifdef GLASS_HAVE_NETDEV_LOCK
#include <net/netdev_lock.h>
#endif

/* What TCP keeps in a buffer became part of asking for its stamps. */
#ifdef GLASS_HAVE_TX_TIMESTAMP_ASKED
#include <net/tcp.h>
#endif

#if KERNEL_VERSION(6, 12, 0) > LINUX_VERSION_CODE
#error "Glass needs Linux 6.12 or newer"
#endif

/*
 * For what is written before it is read, on the way of each frame: kernels clear
 * everything on the stack first (CONFIG_INIT_STACK_ALL_ZERO). GCC 12, clang.
 */
#if __has_attribute(uninitialized)
#define glass_uncleared __attribute__((uninitialized))
#else
#define glass_uncleared
#endif

/* bind() and connect() take an address of unknown size by its own tag. */
#ifndef GLASS_HAVE_SOCKADDR_UNSIZED
#define sockaddr_unsized sockaddr
#endif

/*
 * proto.recvmsg() lost its addr_len: the callee sets msg->msg_namelen. A table
 * names glass_shim_recvmsg(fn), after GLASS_SHIM_RECVMSG(fn).
 */
#ifdef GLASS_HAVE_RECVMSG_ADDR_LEN
#define GLASS_SHIM_RECVMSG(fn)						\
static int fn##_shim(struct sock *sk, struct msghdr *msg, size_t len,	\
		     int flags, int *addr_len)				\
{									\
	return fn(sk, msg, len, flags);					\
}

#define glass_shim_recvmsg(fn) fn##_shim
#else
#define GLASS_SHIM_RECVMSG(fn) \
	static_assert(__same_type(&(fn), ((struct proto *)NULL)->recvmsg))
#define glass_shim_recvmsg(fn) (fn)
#endif

/**
 * glass_prot_recvmsg - call a socket's transport
 * @sk: the socket
 * @msg: where to
 * @len: room in bytes
 * @flags: MSG_*
 *
 * Return: as proto.recvmsg.
 */
static inline int glass_prot_recvmsg(struct sock *sk, struct msghdr *msg,
				     size_t len, int flags)
{
#ifdef GLASS_HAVE_RECVMSG_ADDR_LEN
	int addr_len = 0;

	return sk->sk_prot->recvmsg(sk, msg, len, flags, &addr_len);
#else
	return sk->sk_prot->recvmsg(sk, msg, len, flags);
#endif
}

/*
 * rtnl_link_ops.newlink() takes its parameters in a structure. A table names
 * glass_shim_newlink(fn), after GLASS_SHIM_NEWLINK(fn).
 */
#ifndef GLASS_HAVE_NEWLINK_PARAMS
struct rtnl_newlink_params {
	struct net	*src_net;
	struct nlattr	**tb;
	struct nlattr	**data;
};

#define GLASS_SHIM_NEWLINK(fn)						\
static int fn##_shim(struct net *src_net, struct net_device *dev,	\
		     struct nlattr *tb[], struct nlattr *data[],	\
		     struct netlink_ext_ack *extack)			\
{									\
	struct rtnl_newlink_params params = {				\
		.src_net = src_net, .tb = tb, .data = data,		\
	};								\
									\
	return fn(dev, &params, extack);				\
}

#define glass_shim_newlink(fn) fn##_shim
#else
#define GLASS_SHIM_NEWLINK(fn) \
	static_assert(__same_type(&(fn), ((struct rtnl_link_ops *)NULL)->newlink))
#define glass_shim_newlink(fn) (fn)
#endif

/* sk_drops is counted by a helper. */
#ifndef GLASS_HAVE_SK_DROPS_INC
static inline void sk_drops_inc(struct sock *sk)
{
	atomic_inc(&sk->sk_drops);
}
#endif

/* skb_splice_from_iter() asks for no memory of a kind any more. */
static inline ssize_t glass_splice_from_iter(struct sk_buff *skb,
					     struct iov_iter *from, size_t len,
					     gfp_t gfp)
{
#ifdef GLASS_HAVE_SPLICE_GFP
	return skb_splice_from_iter(skb, from, len, gfp);
#else
	return skb_splice_from_iter(skb, from, len);
#endif
}

/* msg_zerocopy_realloc() asks whether the memory is a device's. */
static inline struct ubuf_info *glass_zerocopy_alloc(struct sock *sk,
						     size_t size)
{
#ifdef GLASS_HAVE_ZEROCOPY_DEVMEM
	return msg_zerocopy_realloc(sk, size, NULL, false);
#else
	return msg_zerocopy_realloc(sk, size, NULL);
#endif
}

/* A frame's time stamps are asked for by all that its message asks for. */
static inline void glass_tx_timestamp(struct sk_buff *skb,
				      const struct sockcm_cookie *sockc)
{
#ifdef GLASS_HAVE_TX_TIMESTAMP_COOKIE
	skb_setup_tx_timestamp(skb, sockc);
#else
	skb_setup_tx_timestamp(skb, sockc->tsflags);
#endif
}

/*
 * __skb_tstamp_tx() looks whether the buffer asks for that stamp: for when it was
 * acknowledged, where TCP writes it in the control block.
 */
static inline void glass_tstamp_tx(struct sk_buff *copy, struct sock *sk,
				   int what)
{
#ifdef GLASS_HAVE_TX_TIMESTAMP_ASKED
	TCP_SKB_CB(copy)->txstamp_ack = TSTAMP_ACK_SK;
#endif
	skb_shinfo(copy)->tx_flags |= SKBTX_SCHED_TSTAMP | SKBTX_SW_TSTAMP;
	__skb_tstamp_tx(copy, NULL, NULL, sk, what);
}

/* sock_i_uid() became sk_uid(). */
#ifndef GLASS_HAVE_SK_UID
static inline kuid_t sk_uid(const struct sock *sk)
{
	return READ_ONCE(sk->sk_uid);
}
#endif

/* from_timer() became timer_container_of(). */
#ifndef timer_container_of
#define timer_container_of(var, callback_timer, timer_fieldname) \
	from_timer(var, callback_timer, timer_fieldname)
#endif

/*
 * Does a socket ask for a device's frames of @type? Those that ask for them of all
 * devices hang in a list of the namespace now; before, beside our own handler. (Who
 * asks for another type of just this device counts, too. RCU read section.)
 */
static inline bool glass_dev_has_handlers(const struct net_device *dev,
					  __be16 type)
{
#ifdef GLASS_HAVE_NET_PTYPE
	const struct packet_type *handler;

	list_for_each_entry_rcu(handler, &dev_net(dev)->ptype_specific, list)
		if (handler->type == type)
			return true;
#endif
	return !list_empty(&dev->ptype_specific);
}

/* netns_local became netns_immutable. */
static inline void glass_netdev_set_immutable(struct net_device *dev)
{
#ifdef GLASS_HAVE_NETNS_IMMUTABLE
	dev->netns_immutable = true;
#else
	dev->netns_local = true;
#endif
}

#endif /* GLASS_COMPAT_H */
