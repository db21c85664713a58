// SPDX-License-Identifier: GPL-2.0
#include "sysctl.h"

#include <linux/array_size.h>
#include <linux/limits.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>
#include <linux/sysctl.h>
#include <net/net_namespace.h>

/* A table of 60,000 ports takes some 10 MiB; this is an order above. */
#define GLASS_PORTS_MAX_DEFAULT	(1024 * 1024)
/* As many as ICMP sends by default (net.ipv4.icmp_msgs_per_sec). */
#define GLASS_ERRORS_DEFAULT	1000
/* A frame lives a second at most: the link is short. */
#define GLASS_TIME_WAIT_MS_DEFAULT	2000
/* Some 20 MiB. */
#define GLASS_TIME_WAIT_MAX_DEFAULT	65536
/* RFC 9293, 3.8.3, wants 100 seconds at least. */
#define GLASS_USER_TIMEOUT_MS_DEFAULT	120000

static const unsigned int int_max = INT_MAX;

static bool fast_path = true;
module_param(fast_path, bool, 0444);
MODULE_PARM_DESC(fast_path, "net.glass.fast_path of new network namespaces");

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
		}, {
			.procname	= "time_wait_ms",
			.data		= &sysctl->time_wait_ms,
		}, {
			.procname	= "time_wait_max",
			.data		= &sysctl->time_wait_max,
		}, {
			.procname	= "user_timeout_ms",
			.data		= &sysctl->user_timeout_ms,
		}, {
			.procname	= "initial_sequence",
			.data		= &sysctl->initial_sequence,
		}, {
			.procname	= "fast_path",
			.data		= &sysctl->fast_path,
		},
	};
	int i;

	sysctl->rmem_default = 0;
	sysctl->wmem_default = 0;
	sysctl->ports_max = GLASS_PORTS_MAX_DEFAULT;
	sysctl->errors_per_second = GLASS_ERRORS_DEFAULT;
	sysctl->time_wait_ms = GLASS_TIME_WAIT_MS_DEFAULT;
	sysctl->time_wait_max = GLASS_TIME_WAIT_MAX_DEFAULT;
	sysctl->user_timeout_ms = GLASS_USER_TIMEOUT_MS_DEFAULT;
	sysctl->initial_sequence = 0;
	sysctl->fast_path = fast_path;

	sysctl->table = kmemdup(table, sizeof(table), GFP_KERNEL);
	if (!sysctl->table)
		return -ENOMEM;
	for (i = 0; i < ARRAY_SIZE(table); i++) {
		sysctl->table[i].maxlen = sizeof(unsigned int);
		sysctl->table[i].mode = 0644;
		sysctl->table[i].proc_handler = proc_douintvec_minmax;
		/* Buffers, times and ratelimit_state count in int. */
		if (sysctl->table[i].data != &sysctl->initial_sequence)
			sysctl->table[i].extra2 = (void *)&int_max;
		if (sysctl->table[i].data == &sysctl->fast_path)
			sysctl->table[i].extra2 = SYSCTL_ONE;
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
