/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What all connections together may keep in memory, as net.ipv4.tcp_mem bounds
 * TCP. The only state that is not a namespace's: the core's accounting, with
 * its limits and its pressure, is per protocol.
 */
#ifndef GLASS_MEMORY_H
#define GLASS_MEMORY_H

#include <linux/percpu.h>
#include <linux/percpu_counter.h>
#include <net/sock.h>

extern atomic_long_t glass_memory_allocated;
DECLARE_PER_CPU(int, glass_memory_per_cpu_fw_alloc);
extern unsigned long glass_memory_pressure;
extern struct percpu_counter glass_memory_sockets;
extern long glass_memory_limits[3];
extern int glass_memory_send_min;
extern int glass_memory_receive_min;

/* What a struct proto that accounts for its memory says of it. */
#define GLASS_MEMORY_PROT						\
	.memory_allocated	= &glass_memory_allocated,		\
	.per_cpu_fw_alloc	= &glass_memory_per_cpu_fw_alloc,	\
	.memory_pressure	= &glass_memory_pressure,		\
	.enter_memory_pressure	= glass_memory_enter_pressure,		\
	.leave_memory_pressure	= glass_memory_leave_pressure,		\
	.sockets_allocated	= &glass_memory_sockets,		\
	.sysctl_mem		= glass_memory_limits,			\
	.sysctl_wmem		= &glass_memory_send_min,		\
	.sysctl_rmem		= &glass_memory_receive_min

void glass_memory_uncharge(struct sock *sk, int size);
void glass_memory_set_owner_r(struct sk_buff *skb, struct sock *sk);

void glass_memory_enter_pressure(struct sock *sk);
void glass_memory_leave_pressure(struct sock *sk);

int glass_memory_init(void);
void glass_memory_exit(void);

#endif /* GLASS_MEMORY_H */
