// SPDX-License-Identifier: GPL-2.0
#include "net.h"

#include <linux/random.h>
#include <linux/ratelimit.h>

unsigned int glass_net_id __read_mostly;

static int __net_init net_create(struct net *net)
{
	struct glass_net *gn = glass_net(net);
	int err;

	gn->stats = alloc_percpu(struct glass_mibs);
	if (!gn->stats)
		return -ENOMEM;

	glass_tap_table_init(&gn->taps);
	ratelimit_state_init(&gn->errors_limit, HZ, 0);
	/* Be silent about what is suppressed. */
	ratelimit_set_flags(&gn->errors_limit, RATELIMIT_MSG_ON_RELEASE);

	err = glass_port_table_init(&gn->ports);
	if (err)
		goto free_stats;
	err = glass_conn_table_init(&gn->conns);
	if (err)
		goto destroy_ports;
	get_random_bytes(&gn->iss_key, sizeof(gn->iss_key));
	err = glass_route_table_init(&gn->routes);
	if (err)
		goto destroy_conns;
	err = glass_sysctl_create(net, &gn->sysctl);
	if (err)
		goto destroy_routes;
	return 0;

destroy_routes:
	glass_route_table_destroy(&gn->routes);
destroy_conns:
	glass_conn_table_destroy(&gn->conns);
destroy_ports:
	glass_port_table_destroy(&gn->ports);
free_stats:
	free_percpu(gn->stats);
	return err;
}

/*
 * The devices of the namespace have gone (their pernet exit comes first) and
 * with them every frame; user sockets hold the namespace, so none is left.
 */
static void __net_exit net_destroy(struct net *net)
{
	struct glass_net *gn = glass_net(net);

	glass_sysctl_destroy(&gn->sysctl);
	glass_route_table_destroy(&gn->routes);
	glass_conn_table_destroy(&gn->conns);
	glass_port_table_destroy(&gn->ports);
	free_percpu(gn->stats);
}

static struct pernet_operations net_ops = {
	.init	= net_create,
	.exit	= net_destroy,
	.id	= &glass_net_id,
	.size	= sizeof(struct glass_net),
};

/**
 * glass_net_init - start keeping state in every network namespace
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int __init glass_net_init(void)
{
	return register_pernet_subsys(&net_ops);
}

/**
 * glass_net_exit - drop the state of every network namespace
 *
 * Context: process, may sleep.
 */
void glass_net_exit(void)
{
	unregister_pernet_subsys(&net_ops);
}
