// SPDX-License-Identifier: GPL-2.0
#include "memory.h"

#include <linux/mm.h>
#include <linux/swap.h>
#include <linux/sysctl.h>
#include <net/net_namespace.h>

#include "net.h"

/* Pages in use, and what each CPU has taken of them in advance. */
atomic_long_t glass_memory_allocated;
DEFINE_PER_CPU(int, glass_memory_per_cpu_fw_alloc);
/* 0, or jiffies since when there is too little memory. */
unsigned long glass_memory_pressure;
struct percpu_counter glass_memory_sockets;

/* Pages: no pressure below the first, pressure above the second, no more. */
long glass_memory_limits[3];

/* Bytes that each socket may have even under pressure. */
int glass_memory_send_min = PAGE_SIZE;
int glass_memory_receive_min = PAGE_SIZE;

/* As net.ipv4.tcp_mem: of all namespaces together, so only the first one sets it. */
static struct ctl_table memory_sysctl[] = {
	{
		.procname	= "mem",
		.data		= glass_memory_limits,
		.maxlen		= sizeof(glass_memory_limits),
		.mode		= 0644,
		.proc_handler	= proc_doulongvec_minmax,
	},
};

static struct ctl_table_header *memory_sysctl_header;

/**
 * glass_memory_enter_pressure - proto.enter_memory_pressure
 * @sk: the socket that noticed
 *
 * Context: any.
 */
void glass_memory_enter_pressure(struct sock *sk)
{
	if (READ_ONCE(glass_memory_pressure))
		return;
	if (!cmpxchg(&glass_memory_pressure, 0, jiffies ?: 1))
		glass_stats_inc(sock_net(sk), GLASS_MIB_MEMORY_PRESSURES);
}

/**
 * glass_memory_leave_pressure - proto.leave_memory_pressure
 * @sk: the socket that noticed
 *
 * Context: any.
 */
void glass_memory_leave_pressure(struct sock *sk)
{
	if (READ_ONCE(glass_memory_pressure))
		WRITE_ONCE(glass_memory_pressure, 0);
}

/**
 * glass_memory_init - set the limits, and let the administrator set them
 *
 * An eighth of the memory that buffers can have, and less before there is
 * pressure, as TCP does.
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int __init glass_memory_init(void)
{
	long limit = max(nr_free_buffer_pages() / 16, 128UL);
	int err;

	glass_memory_limits[0] = limit / 4 * 3;
	glass_memory_limits[1] = limit;
	glass_memory_limits[2] = glass_memory_limits[0] * 2;
	err = percpu_counter_init(&glass_memory_sockets, 0, GFP_KERNEL);
	if (err)
		return err;
	memory_sysctl_header = register_net_sysctl_sz(&init_net, "net/glass",
						      memory_sysctl,
						      ARRAY_SIZE(memory_sysctl));
	if (!memory_sysctl_header) {
		percpu_counter_destroy(&glass_memory_sockets);
		return -ENOMEM;
	}
	return 0;
}

/**
 * glass_memory_exit - nobody accounts any more
 *
 * Context: process.
 */
void glass_memory_exit(void)
{
	unregister_net_sysctl_table(memory_sysctl_header);
	percpu_counter_destroy(&glass_memory_sockets);
}
