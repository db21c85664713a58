// SPDX-License-Identifier: GPL-2.0
#include "sysctl.h"

#include <linux/array_size.h>
#include <linux/limits.h>
#include <linux/slab.h>
#include <linux/sysctl.h>
#include <net/net_namespace.h>

/* A table of 60,000 ports takes some 10 MiB; this is an order above. */
#define GLASS_PORTS_MAX_DEFAULT	(1024 * 1024)
/* As many as ICMP sends by default (net.ipv4.icmp_msgs_per_sec). */
#define GLASS_ERRORS_DEFAULT	1000

static const unsigned int int_max = INT_MAX;

/**
 * glass_sysctl_create - register the settings of a namespace
 * @net: the namespace
 * @sysctl: gets the defaults
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int glass_sysctl_create(struct net *net, struct glass_sysctl *sysctl)
{
	const struct ctl_table table[] = {
		{
			.procname	= "rmem_default",
			.data		= &sysctl->rmem_default,
		}, {
			.procname	= "wmem_default",
			.data		= &sysctl->wmem_default,
		}, {
			.procname	= "ports_max",
			.data		= &sysctl->ports_max,
		}, {
			.procname	= "errors_per_second",
			.data		= &sysctl->errors_per_second,
		},
	};
	int i;

	sysctl->rmem_default = 0;
	sysctl->wmem_default = 0;
	sysctl->ports_max = GLASS_PORTS_MAX_DEFAULT;
	sysctl->errors_per_second = GLASS_ERRORS_DEFAULT;

	sysctl->table = kmemdup(table, sizeof(table), GFP_KERNEL);
	if (!sysctl->table)
		return -ENOMEM;
	for (i = 0; i < ARRAY_SIZE(table); i++) {
		sysctl->table[i].maxlen = sizeof(unsigned int);
		sysctl->table[i].mode = 0644;
		sysctl->table[i].proc_handler = proc_douintvec_minmax;
		/* Buffers and ratelimit_state count in int. */
		sysctl->table[i].extra2 = (void *)&int_max;
	}
	sysctl->header = register_net_sysctl_sz(net, "net/glass", sysctl->table,
						ARRAY_SIZE(table));
	if (!sysctl->header) {
		kfree(sysctl->table);
		return -ENOMEM;
	}
	return 0;
}

/**
 * glass_sysctl_destroy - take the settings of a namespace away
 * @sysctl: as created
 *
 * Context: process, may sleep.
 */
void glass_sysctl_destroy(struct glass_sysctl *sysctl)
{
	unregister_net_sysctl_table(sysctl->header);
	kfree(sysctl->table);
}
