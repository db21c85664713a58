// SPDX-License-Identifier: GPL-2.0
#include "protosw.h"

#include <linux/rculist.h>
#include <linux/spinlock.h>

#include "addr.h"
#include "input.h"

/* By type, each list in the order of registration: the first is the default. */
static struct list_head switches[SOCK_MAX];
static DEFINE_SPINLOCK(switches_lock);	/* to change them; RCU to read */

/**
 * glass_protosw_init - make the switch, with no entry
 *
 * Context: process.
 */
void __init glass_protosw_init(void)
{
	int type;

	for (type = 0; type < SOCK_MAX; type++)
		INIT_LIST_HEAD(&switches[type]);
}

/**
 * glass_register_protosw - offer a type and protocol to socket(2)
 * @sw: what they lead to; filled in but for its list
 *
 * Context: process, may sleep.
 * Return: 0, -EINVAL for an impossible type or protocol, -EEXIST if the pair
 *	is taken, or what proto_register() says.
 */
int glass_register_protosw(struct glass_protosw *sw)
{
	struct glass_protosw *other;
	struct list_head *list;
	int err;

	if (sw->type >= SOCK_MAX || !sw->protocol ||
	    sw->protocol > GLASS_PROTO_MAX)
		return -EINVAL;

	sw->ops->family = glass_family;
	err = proto_register(sw->prot, 1);
	if (err)
		return err;

	spin_lock(&switches_lock);
	list = &switches[sw->type];
	list_for_each_entry(other, list, list) {
		if (other->protocol == sw->protocol) {
			err = -EEXIST;
			goto unlock;
		}
	}
	list_add_tail_rcu(&sw->list, list);
	glass_input_add_protocol(sw->protocol);
unlock:
	spin_unlock(&switches_lock);
	if (err)
		proto_unregister(sw->prot);
	return err;
}

/**
 * glass_unregister_protosw - take an offer back
 * @sw: as given to glass_register_protosw(); no socket of it is left
 *
 * Context: process, may sleep.
 */
void glass_unregister_protosw(struct glass_protosw *sw)
{
	glass_input_del_protocol(sw->protocol);
	spin_lock(&switches_lock);
	list_del_rcu(&sw->list);
	spin_unlock(&switches_lock);
	synchronize_net();
	proto_unregister(sw->prot);
}

/**
 * glass_protosw_find - what a type and protocol lead to
 * @type: SOCK_*, below SOCK_MAX
 * @protocol: GLASS_PROTO_*, or 0 for the type's default
 * @err: on failure -ESOCKTNOSUPPORT if nobody offers the type,
 *	-EPROTONOSUPPORT if nobody offers the protocol for it
 *
 * Context: RCU read section.
 * Return: the entry, valid in the section; or NULL.
 */
const struct glass_protosw *glass_protosw_find(int type, int protocol,
					       int *err)
{
	const struct glass_protosw *sw;

	*err = -ESOCKTNOSUPPORT;
	list_for_each_entry_rcu(sw, &switches[type], list) {
		if (!protocol || sw->protocol == protocol)
			return sw;
		*err = -EPROTONOSUPPORT;
	}
	return NULL;
}
