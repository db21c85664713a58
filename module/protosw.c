// SPDX-License-Identifier: GPL-2.0
#include "protosw.h"

#include <linux/export.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "addr.h"
#include "input.h"

/*
 * By type. Permanent entries come first, in the order of registration, so the
 * first is the type's default; then the others, the newest first, so that it
 * overrides the older ones.
 */
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

static bool protosw_is_possible(const struct glass_protosw *sw)
{
	return sw->type < SOCK_MAX && sw->protocol <= GLASS_PROTO_MAX &&
	       sw->prot->slab_flags & SLAB_TYPESAFE_BY_RCU;
}

static int protosw_insert(struct glass_protosw *sw)
{
	struct list_head *after = &switches[sw->type];
	struct glass_protosw *other;

	lockdep_assert_held(&switches_lock);
	list_for_each_entry(other, &switches[sw->type], list) {
		if (!(other->flags & GLASS_PROTOSW_PERMANENT))
			break;
		if (other->protocol == sw->protocol)
			return -EPERM;
		after = &other->list;
	}
	list_add_rcu(&sw->list, after);
	return 0;
}

/**
 * glass_register_protosw - offer a type and protocol to socket(2)
 * @sw: what they lead to; filled in but for its list
 *
 * Context: process, may sleep.
 * Return: 0; -EINVAL for an impossible type or protocol, or a slab that is not
 *	SLAB_TYPESAFE_BY_RCU; -EPERM if the pair is permanently taken; or what
 *	proto_register() says.
 */
int glass_register_protosw(struct glass_protosw *sw)
{
	int err;

	if (!protosw_is_possible(sw))
		return -EINVAL;

	sw->ops->family = glass_family;
	err = proto_register(sw->prot, 1);
	if (err)
		return err;

	spin_lock(&switches_lock);
	err = protosw_insert(sw);
	if (!err && sw->protocol != GLASS_PROTO_ANY)
		glass_input_add_protocol(sw->protocol, glass_input_to_socket);
	spin_unlock(&switches_lock);
	if (err)
		proto_unregister(sw->prot);
	return err;
}
EXPORT_SYMBOL_GPL(glass_register_protosw);

static bool protocol_is_offered(unsigned short protocol)
{
	const struct glass_protosw *sw;
	int type;

	lockdep_assert_held(&switches_lock);
	for (type = 0; type < SOCK_MAX; type++)
		list_for_each_entry(sw, &switches[type], list)
			if (sw->protocol == protocol)
				return true;
	return false;
}

/**
 * glass_unregister_protosw - take an offer back
 * @sw: as given to glass_register_protosw(); no socket of it is left
 *
 * Context: process, may sleep. Nobody looks at @sw any more on return.
 */
void glass_unregister_protosw(struct glass_protosw *sw)
{
	spin_lock(&switches_lock);
	list_del_rcu(&sw->list);
	if (!protocol_is_offered(sw->protocol))
		glass_input_del_protocol(sw->protocol, glass_input_to_socket);
	spin_unlock(&switches_lock);
	synchronize_net();
	proto_unregister(sw->prot);
}
EXPORT_SYMBOL_GPL(glass_unregister_protosw);

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
	const struct glass_protosw *sw, *any = NULL;

	*err = -ESOCKTNOSUPPORT;
	list_for_each_entry_rcu(sw, &switches[type], list) {
		if (!protocol || sw->protocol == protocol)
			return sw;
		if (sw->protocol == GLASS_PROTO_ANY)
			any = sw;
		*err = -EPROTONOSUPPORT;
	}
	return any;
}
