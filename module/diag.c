// SPDX-License-Identifier: GPL-2.0
#include "diag.h"

#include <linux/glass_diag.h>
#include <linux/module.h>
#include <linux/sock_diag.h>
#include <net/netlink.h>

#include "addr.h"
#include "family.h"
#include "view.h"

static int diag_put(struct sk_buff *skb, struct netlink_callback *cb,
		    const struct glass_view *view)
{
	struct glass_diag_msg *msg;
	struct nlmsghdr *nlh;

	nlh = nlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
			SOCK_DIAG_BY_FAMILY, sizeof(*msg), NLM_F_MULTI);
	if (!nlh)
		return -EMSGSIZE;
	msg = nlmsg_data(nlh);
	*msg = (struct glass_diag_msg){
		.family		= glass_family,
		.type		= view->type,
		.protocol	= view->protocol,
		.state		= view->state,
		.local_node	= view->local.node,
		.local_port	= view->local.port,
		.remote_node	= view->remote.node,
		.remote_port	= view->remote.port,
		.rx_queue	= view->rx_queue,
		.tx_queue	= view->tx_queue,
		.drops		= view->drops,
		.uid		= from_kuid_munged(sk_user_ns(NETLINK_CB(cb->skb).sk),
						   view->uid),
		.inode		= view->inode,
		.cookie		= view->cookie,
	};
	if (view->has_info && nla_put(skb, GLASS_DIAG_INFO, sizeof(view->info),
				      &view->info)) {
		nlmsg_cancel(skb, nlh);
		return -EMSGSIZE;
	}
	nlmsg_end(skb, nlh);
	return 0;
}

static bool diag_is_asked_for(const struct glass_diag_req *req,
			      const struct glass_view *view)
{
	if (req->sdiag_protocol && req->sdiag_protocol != view->protocol)
		return false;
	return !req->states || req->states & (1U << view->state);
}

/* netlink_callback.args[0] is how many entries were shown. */
static int diag_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	const struct glass_diag_req *req = nlmsg_data(cb->nlh);
	struct glass_view_cursor cursor;
	struct glass_view view;
	long place = 0;

	rcu_read_lock();
	for (glass_view_first(&cursor, sock_net(skb->sk)); cursor.node;
	     glass_view_next(&cursor), place++) {
		if (place < cb->args[0] || !glass_view_read(&cursor, &view) ||
		    !diag_is_asked_for(req, &view))
			continue;
		if (diag_put(skb, cb, &view))
			break;
	}
	rcu_read_unlock();
	cb->args[0] = place;
	return skb->len;
}

static int diag_handle(struct sk_buff *skb, struct nlmsghdr *nlh)
{
	struct netlink_dump_control control = {
		.dump	= diag_dump,
		.module	= THIS_MODULE,
	};

	if (nlmsg_len(nlh) < (int)sizeof(struct glass_diag_req))
		return -EINVAL;
	if (!(nlh->nlmsg_flags & NLM_F_DUMP))
		return -EOPNOTSUPP;
	return netlink_dump_start(sock_net(skb->sk)->diag_nlsk, skb, nlh,
				  &control);
}

static struct sock_diag_handler diag_handler = {
	.owner	= THIS_MODULE,
	.dump	= diag_handle,
};

/**
 * glass_diag_init - answer sock_diag requests
 *
 * Context: process, may sleep.
 * Return: 0; -EEXIST if somebody else answers for this family.
 */
int __init glass_diag_init(void)
{
	int err;

	diag_handler.family = glass_family;
	err = sock_diag_register(&diag_handler);
	return err == -EBUSY ? glass_family_is_taken() : err;
}

/**
 * glass_diag_exit - answer no more
 *
 * Context: process, may sleep.
 */
void glass_diag_exit(void)
{
	sock_diag_unregister(&diag_handler);
}

/* So that asking for the sockets of the family loads it. */
MODULE_ALIAS_NET_PF_PROTO_TYPE(PF_NETLINK, NETLINK_SOCK_DIAG, 18);
