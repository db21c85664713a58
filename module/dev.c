// SPDX-License-Identifier: GPL-2.0
#include "dev.h"

#include <linux/etherdevice.h>
#include <linux/ethtool.h>
#include <linux/module.h>
#include <linux/rtnetlink.h>
#include <net/sch_generic.h>

#include "compat.h"
#include "input.h"
#include "net.h"
#include "route.h"

/* A frame as large as one allocation of page fragments can be. */
#define GLASS_MTU_MAX	(512 * 1024)

/* How many frames are delivered in a row before softirq takes over. */
#define GLASS_DELIVERY_BUDGET	64

/**
 * struct glass_delivery - what one CPU is delivering
 * @depth: deliveries, over whichever device, and holds up the stack: the answer
 *	to a frame may go out by another device, under the same socket's lock
 * @is_running: a delivery up the stack will empty @deferred
 * @clear: the way over a device that was found clear, by who sends over it now;
 *	or NULL
 * @expected: the frame whose sender waits to see whether it arrives; or NULL
 * @peer: where that sender keeps what its frames' receiver was found by
 * @has_arrived: it has
 * @deferred: frames to be received once no lock is held up the stack
 *
 * Guarded by being this CPU's, with BH disabled.
 */
struct glass_delivery {
	int			depth;
	bool			is_running;
	const struct glass_route *clear;
	const struct sk_buff	*expected;
	struct glass_conn_cache	*peer;
	bool			has_arrived;
	struct sk_buff_head	deferred;
};

static DEFINE_PER_CPU(struct glass_delivery, deliveries);

/*
 * May a frame be received here and now, on the stack of whoever sends it?
 *
 * In a process it may: no socket's spinlock is held above glass_output(), and
 * a full per-CPU backlog cannot lose the frame then. Not from softirq, where a
 * socket's lock may be held further up; and not with interrupts off.
 */
static bool dev_is_in_process(void)
{
	return !in_serving_softirq() && !in_hardirq() && !irqs_disabled();
}

/**
 * glass_dev_delivery_hold - deliver nothing directly on this CPU for now
 *
 * For who holds a socket's spinlock in process context and sends: what it sends
 * is received a moment later.
 *
 * Context: BH disabled, until glass_dev_delivery_release(). May be nested.
 */
void glass_dev_delivery_hold(void)
{
	WARN_ON_ONCE(!in_softirq());
	this_cpu_inc(deliveries.depth);
}

/**
 * glass_dev_delivery_release - deliver directly again, where that is safe
 *
 * Context: as glass_dev_delivery_hold().
 */
void glass_dev_delivery_release(void)
{
	this_cpu_dec(deliveries.depth);
}

/**
 * glass_dev_expect - be told whether a frame that is sent now arrives at once
 * @skb: the frame. The caller has one reference more than it sends, and does
 *	not look at it until glass_dev_seen(); who keeps it longer than the
 *	delivery takes a clone
 * @peer: for glass_dev_expected_peer(); the caller has its lock
 *
 * Context: any but hard interrupt. If it returns true, BH are disabled, and no
 *	other frame may be sent, until glass_dev_seen().
 * Return: false if a frame sent here would not be received at once.
 */
bool glass_dev_expect(const struct sk_buff *skb, struct glass_conn_cache *peer)
{
	struct glass_delivery *delivery;

	if (!dev_is_in_process())
		return false;
	local_bh_disable();
	delivery = this_cpu_ptr(&deliveries);
	if (delivery->depth) {
		local_bh_enable();
		return false;
	}
	delivery->expected = skb;
	delivery->peer = peer;
	return true;
}

/**
 * glass_dev_seen - has the expected frame arrived?
 *
 * Context: as glass_dev_expect() left it; enables BH.
 * Return: whether its receiver has called glass_dev_arrived(), and has it now.
 *	If not, the frame is the caller's alone; its data may begin elsewhere.
 */
bool glass_dev_seen(void)
{
	struct glass_delivery *delivery = this_cpu_ptr(&deliveries);
	bool has_arrived = delivery->has_arrived;

	delivery->expected = NULL;
	delivery->has_arrived = false;
	local_bh_enable();
	return has_arrived;
}

/**
 * glass_dev_is_expected - does the frame's sender wait to see it arrive?
 * @skb: the frame, during its delivery
 *
 * Context: BH disabled.
 * Return: whether it does.
 */
bool glass_dev_is_expected(const struct sk_buff *skb)
{
	return this_cpu_read(deliveries.expected) == skb;
}

/**
 * glass_dev_expected_peer - which receiver did the frame's sender reach before?
 * @skb: the frame, during its delivery
 *
 * Only where nothing can have led the frame elsewhere, to another namespace.
 *
 * Context: BH disabled.
 * Return: the sender's cache, to be used during the delivery; or NULL.
 */
struct glass_conn_cache *glass_dev_expected_peer(const struct sk_buff *skb)
{
	const struct glass_route *clear = this_cpu_read(deliveries.clear);

	if (!glass_dev_is_expected(skb) || !clear || clear->dev != skb->dev)
		return NULL;
	return this_cpu_read(deliveries.peer);
}

/**
 * glass_dev_arrived - the receiver has what a frame brings
 * @skb: the frame, during its delivery; if there is payload, the receiver keeps
 *	it as it was sent. If it was expected, its sender's
 *	reference is dropped: the sender will not look at it again
 *
 * Context: BH disabled.
 */
void glass_dev_arrived(struct sk_buff *skb)
{
	if (!glass_dev_is_expected(skb))
		return;
	this_cpu_write(deliveries.has_arrived, true);
	this_cpu_write(deliveries.expected, NULL);
	consume_skb(skb);
}

/*
 * The frame comes in. Where nothing but Glass would look at it, Glass is asked
 * straight away.
 */
static void dev_receive(struct sk_buff *skb)
{
	const struct glass_route *clear = this_cpu_read(deliveries.clear);
	struct net_device *dev = skb->dev;

	dev_sw_netstats_rx_add(dev, skb->len + ETH_HLEN);
	if (clear && clear->dev == dev) {
		skb->skb_iif = dev->ifindex;
		glass_input_receive(skb, clear);
	} else {
		netif_receive_skb(skb);
	}
}

/*
 * Receive a frame, and those that this makes others send: they come here once
 * the locks under which they were sent are released. Process context, BH
 * disabled, no spinlock of any socket held.
 */
static void dev_deliver(struct glass_delivery *delivery, struct sk_buff *skb)
{
	int budget = GLASS_DELIVERY_BUDGET;

	delivery->depth++;
	delivery->is_running = true;
	do {
		if (budget-- > 0)
			dev_receive(skb);
		else
			__netif_rx(skb);
	} while ((skb = __skb_dequeue(&delivery->deferred)));
	delivery->is_running = false;
	delivery->depth--;
}

/* ndo_start_xmit: what goes out comes in. BH disabled, RCU read section. */
static netdev_tx_t glass_dev_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct glass_delivery *delivery = this_cpu_ptr(&deliveries);
	unsigned int len = skb->len;

	skb_tx_timestamp(skb);
	/* What follows is reception, by another clock perhaps. */
	skb_clear_tstamp(skb);

	/*
	 * The frame stays charged to its sender until somebody has read it.
	 * That is how a sender is slowed down.
	 */
	skb->protocol = eth_type_trans(skb, dev);
	dev_sw_netstats_tx_add(dev, 1, len);

	if (dev_is_in_process() && !delivery->depth)
		dev_deliver(delivery, skb);
	else if (delivery->is_running)
		__skb_queue_tail(&delivery->deferred, skb);
	else if (__netif_rx(skb) == NET_RX_SUCCESS)
		dev_sw_netstats_rx_add(dev, len);
	return NETDEV_TX_OK;
}

/**
 * glass_dev_transmit - send a frame over a device that is clear
 * @skb: the frame, from the Ethernet header on; taken over
 * @route: its way. The device is glass_dev_is_clear(), in the same RCU read
 *	section
 *
 * dev_queue_xmit() and netif_receive_skb() would find nobody else to show the
 * frame to, and are not asked.
 *
 * Context: as glass_output(), and BH disabled.
 */
void glass_dev_transmit(struct sk_buff *skb, const struct glass_route *route)
{
	const struct glass_route *clear;

	lockdep_assert_in_softirq();
	/* A delivery may be under way, and goes on with what is sent now. */
	clear = this_cpu_read(deliveries.clear);
	this_cpu_write(deliveries.clear, route);
	glass_dev_xmit(skb, route->dev);
	this_cpu_write(deliveries.clear, clear);
}

static int glass_dev_ndo_init(struct net_device *dev)
{
	netdev_lockdep_set_classes(dev);
	return 0;
}

static const struct net_device_ops glass_dev_ops = {
	.ndo_init	= glass_dev_ndo_init,
	.ndo_start_xmit	= glass_dev_xmit,
};

static const struct ethtool_ops glass_dev_ethtool_ops = {
	.get_link	= ethtool_op_get_link,
	.get_ts_info	= ethtool_op_get_ts_info,
};

/*
 * The flags keep everybody else quiet: a device with IFF_LOOPBACK is given
 * 127.0.0.1, one of type ARPHRD_LOOPBACK ::1, a multicast one is sent
 * membership reports, and any other Ethernet one fe80:: and solicitations.
 */
static void glass_dev_setup(struct net_device *dev)
{
	ether_setup(dev);
	dev->flags = IFF_NOARP;
	dev->priv_flags &= ~IFF_TX_SKB_SHARING;
	/* Without a queue: the default qdisc would drop frames. */
	dev->priv_flags |= IFF_NO_QUEUE | IFF_NO_ADDRCONF;
	dev->lltx = true;
	glass_netdev_set_immutable(dev);

	dev->mtu = GLASS_MTU_DEFAULT;
	dev->min_mtu = ETH_MIN_MTU;
	dev->max_mtu = GLASS_MTU_MAX;

	dev->features = NETIF_F_SG | NETIF_F_FRAGLIST | NETIF_F_HW_CSUM |
			NETIF_F_RXCSUM | NETIF_F_HIGHDMA |
			NETIF_F_VLAN_CHALLENGED;
	dev->hw_features = dev->features;

	dev->netdev_ops = &glass_dev_ops;
	dev->ethtool_ops = &glass_dev_ethtool_ops;
	dev->pcpu_stat_type = NETDEV_PCPU_STAT_TSTATS;
	dev->needs_free_netdev = true;
}

/* The address of the device that owns a node: locally administered. */
static void dev_set_address(struct net_device *dev, u32 node)
{
	u8 addr[ETH_ALEN] = { 0x02, 0x67 };

	put_unaligned_be32(node, addr + 2);
	eth_hw_addr_set(dev, addr);
}

static const struct nla_policy link_policy[IFLA_GLASS_MAX + 1] = {
	[IFLA_GLASS_NODE]	= { .type = NLA_U32 },
};

/* rtnl_link_ops.newlink: ip link add NAME type glass node NODE. RTNL held. */
static int glass_dev_newlink(struct net_device *dev,
			     struct rtnl_newlink_params *params,
			     struct netlink_ext_ack *extack)
{
	struct nlattr **data = params->data;
	u32 node;
	int err;

	if (!data || !data[IFLA_GLASS_NODE]) {
		NL_SET_ERR_MSG(extack, "Which node shall the device own?");
		return -EINVAL;
	}
	node = nla_get_u32(data[IFLA_GLASS_NODE]);
	if (!params->tb[IFLA_ADDRESS])
		dev_set_address(dev, node);

	err = register_netdevice(dev);
	if (err)
		return err;
	err = glass_route_add_local(dev, node, false, extack);
	if (err)
		unregister_netdevice(dev);
	return err;
}

static size_t glass_dev_get_size(const struct net_device *dev)
{
	return nla_total_size(sizeof(u32));
}

static int glass_dev_fill_info(struct sk_buff *skb,
			       const struct net_device *dev)
{
	const struct glass_route *route = glass_route_of_dev(dev);

	/* It has none while it comes and goes. */
	return route ? nla_put_u32(skb, IFLA_GLASS_NODE, route->node) : 0;
}

static void glass_dev_dellink(struct net_device *dev, struct list_head *head)
{
	unregister_netdevice_queue(dev, head);
}

GLASS_SHIM_NEWLINK(glass_dev_newlink);

static struct rtnl_link_ops glass_dev_link_ops __read_mostly = {
	.kind		= "glass",
	.setup		= glass_dev_setup,
	.maxtype	= IFLA_GLASS_MAX,
	.policy		= link_policy,
	.newlink	= glass_shim_newlink(glass_dev_newlink),
	.dellink	= glass_dev_dellink,
	.get_size	= glass_dev_get_size,
	.fill_info	= glass_dev_fill_info,
};

/* glass0 is of the same kind, but has no dellink: what every namespace has stays. */
static struct rtnl_link_ops glass_dev_local_ops __read_mostly = {
	.kind		= "glass",
	.get_size	= glass_dev_get_size,
	.fill_info	= glass_dev_fill_info,
};

/**
 * glass_dev_is_glass - is a device one of ours?
 * @dev: the device
 *
 * Context: any.
 * Return: whether it is.
 */
bool glass_dev_is_glass(const struct net_device *dev)
{
	return dev->netdev_ops == &glass_dev_ops;
}

/* The device of any kind goes: its routes go first. RTNL held. */
static int dev_event(struct notifier_block *block, unsigned long event,
		     void *ptr)
{
	if (event == NETDEV_UNREGISTER)
		glass_route_del_dev(netdev_notifier_info_to_dev(ptr));
	return NOTIFY_DONE;
}

static struct notifier_block dev_notifier = {
	.notifier_call	= dev_event,
};

static int __net_init dev_net_init(struct net *net)
{
	struct net_device *dev;
	int err;

	dev = alloc_netdev(0, "glass0",
			   NET_NAME_PREDICTABLE, glass_dev_setup);
	if (!dev)
		return -ENOMEM;
	dev_net_set(dev, net);
	dev->rtnl_link_ops = &glass_dev_local_ops;
	dev_set_address(dev, GLASS_NODE_LOCAL);

	rtnl_lock();
	err = register_netdevice(dev);
	if (err)
		goto free_dev;
	err = glass_route_add_local(dev, GLASS_NODE_LOCAL, false, NULL);
	if (err)
		goto unregister;
	/* Who autoloads the family by socket() may not set a device up. */
	err = dev_open(dev, NULL);
	if (err)
		goto unregister;
	rtnl_unlock();
	return 0;

unregister:
	unregister_netdevice(dev);
	rtnl_unlock();
	return err;

free_dev:
	rtnl_unlock();
	free_netdev(dev);
	return err;
}

/*
 * Namespaces go, or the module. Taking the devices away flushes every frame
 * that is still on one of them. Attached devices stay, but their routes go.
 */
static void __net_exit dev_net_exit_batch(struct list_head *nets)
{
	LIST_HEAD(devices);
	struct net_device *dev;
	struct net *net;

	rtnl_lock();
	list_for_each_entry(net, nets, exit_list) {
		for_each_netdev(net, dev) {
			if (dev->rtnl_link_ops == &glass_dev_local_ops)
				unregister_netdevice_queue(dev, &devices);
			else if (!glass_dev_is_glass(dev))
				glass_route_del_dev(dev);
		}
	}
	unregister_netdevice_many(&devices);
	rtnl_unlock();
}

static struct pernet_operations dev_net_ops = {
	.init		= dev_net_init,
	.exit_batch	= dev_net_exit_batch,
};

/**
 * glass_dev_init - give every network namespace its glass0
 *
 * Context: process, may sleep.
 * Return: 0 or a negative errno; -EEXIST if there is a glass0 of another kind.
 */
int __init glass_dev_init(void)
{
	int err, cpu;

	for_each_possible_cpu(cpu)
		__skb_queue_head_init(&per_cpu(deliveries, cpu).deferred);
	err = register_netdevice_notifier(&dev_notifier);
	if (err)
		return err;
	err = register_pernet_device(&dev_net_ops);
	if (err)
		goto unregister_notifier;
	err = rtnl_link_register(&glass_dev_link_ops);
	if (err)
		goto unregister_pernet;
	return 0;

unregister_pernet:
	unregister_pernet_device(&dev_net_ops);
unregister_notifier:
	unregister_netdevice_notifier(&dev_notifier);
	return err;
}

/**
 * glass_dev_exit - take every device away
 *
 * Context: process, may sleep. No frame is on any of them on return.
 */
void glass_dev_exit(void)
{
	rtnl_link_unregister(&glass_dev_link_ops);
	unregister_pernet_device(&dev_net_ops);
	unregister_netdevice_notifier(&dev_notifier);
}

/**
 * glass_dev_may_alter - can something alter a frame on its way over a device?
 * @dev: the device
 *
 * A queueing discipline (netem), a traffic control or netfilter program on
 * either side, or XDP. What is attached between this answer and the frame's
 * passing misses that one frame.
 *
 * Context: RCU read section.
 * Return: whether the frame's checksum must be real before it is sent.
 */
bool glass_dev_may_alter(const struct net_device *dev)
{
	/* What another device does, and what is behind it, is not known. */
	if (!glass_dev_is_glass(dev))
		return true;
	if (rcu_dereference(netdev_get_tx_queue(dev, 0)->qdisc)->enqueue)
		return true;
#ifdef CONFIG_NET_XGRESS
	if (rcu_access_pointer(dev->tcx_egress) ||
	    rcu_access_pointer(dev->tcx_ingress))
		return true;
#endif
#ifdef CONFIG_NETFILTER_EGRESS
	if (rcu_access_pointer(dev->nf_hooks_egress))
		return true;
#endif
#ifdef CONFIG_NETFILTER_INGRESS
	if (rcu_access_pointer(dev->nf_hooks_ingress))
		return true;
#endif
	return rcu_access_pointer(dev->xdp_prog);
}

/**
 * glass_dev_is_clear - does nobody but Glass look at frames on a device?
 * @dev: the device
 *
 * Nothing may alter them, nobody captures them, and the administrator has not
 * turned the fast path off (net.glass.fast_path).
 *
 * Context: RCU read section; the answer holds for a frame that is sent in it.
 * Return: whether frames may go by glass_dev_transmit().
 */
bool glass_dev_is_clear(struct net_device *dev)
{
	return !glass_dev_may_alter(dev) &&
	       READ_ONCE(dev->flags) & IFF_UP && netif_carrier_ok(dev) &&
	       READ_ONCE(glass_net(dev_net(dev))->sysctl.fast_path) &&
	       !rcu_access_pointer(dev->rx_handler) &&
	       !dev_nit_active(dev) &&
	       !glass_dev_has_handlers(dev, cpu_to_be16(ETH_P_GLASS)) &&
	       glass_input_is_alone();
}

/* So that "ip link add type glass" loads the module. */
MODULE_ALIAS_RTNL_LINK("glass");
