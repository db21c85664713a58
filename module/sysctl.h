/* SPDX-License-Identifier: GPL-2.0 */
/* net.glass.*: what an administrator of a namespace can set. */
#ifndef GLASS_SYSCTL_H
#define GLASS_SYSCTL_H

#include <linux/types.h>

struct ctl_table;
struct ctl_table_header;
struct net;

/**
 * struct glass_sysctl - the settings of one namespace
 * @header: their registration; const after init
 * @table: their description; const after init
 * @rmem_default: receive buffer of a new socket in bytes; 0: net.core's
 * @wmem_default: send buffer of a new socket in bytes; 0: net.core's
 * @ports_max: bound ports at most
 * @time_wait_ms: how long a connection is remembered after its end: twice the
 *	time that a frame can live (2 MSL)
 * @time_wait_max: connections remembered at most
 * @user_timeout_ms: how long unacknowledged data is sent again
 * @initial_sequence: for tests: every connection begins with this number; 0:
 *	numbers that nobody can guess (RFC 6528)
 * @fast_path: frames cross a Glass device that nobody else looks at without a
 *	detour through the core: 0 or 1
 * @errors_per_second: errors told to other nodes at most; see control.c
 *
 * Written by sysctl at any time; read once, with READ_ONCE().
 */
struct glass_sysctl {
	struct ctl_table_header	*header;
	struct ctl_table	*table;
	unsigned int		rmem_default;
	unsigned int		wmem_default;
	unsigned int		ports_max;
	unsigned int		errors_per_second;
	unsigned int		time_wait_ms;
	unsigned int		time_wait_max;
	unsigned int		user_timeout_ms;
	unsigned int		initial_sequence;
	unsigned int		fast_path;
};

int glass_sysctl_create(struct net *net, struct glass_sysctl *sysctl);
void glass_sysctl_destroy(struct glass_sysctl *sysctl);

#endif /* GLASS_SYSCTL_H */
