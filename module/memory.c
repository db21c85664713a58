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
 * glass_memory_uncharge - memory of a connection was freed
 * @sk: the socket that it was charged to, by sk_mem_charge()
 * @size: bytes
 *
 * As sk_mem_uncharge(), but a socket keeps up to a page for what it will charge
 * next: who sends and receives one message at a time would ask all connections'
 * account for the same page, and give it back, with each. When the socket ends,
 * sk_mem_reclaim_final() gives it back.
 *
 * Context: socket lock held, or nobody else knows the socket.
 */
void glass_memory_uncharge(struct sock *sk, int size)
{
	sk_forward_alloc_add(sk, size);
	if (sk->sk_forward_alloc >= 2 * (int)PAGE_SIZE)
		__sk_mem_reclaim(sk, sk->sk_forward_alloc - PAGE_SIZE);
}

/* As sock_rfree(). */
static void memory_free_received(struct sk_buff *skb)
{
	struct sock *sk = skb->sk;

	atomic_sub(skb->truesize, &sk->sk_rmem_alloc);
	glass_memory_uncharge(sk, skb->truesize);
}

/**
 * glass_memory_set_owner_r - charge a received frame to its connection
 * @skb: the frame
 * @sk: the socket; sk_rmem_schedule() was asked
 *
 * As skb_set_owner_r(), with glass_memory_uncharge() when it is freed.
 *
 * Context: as glass_memory_uncharge().
 */
void glass_memory_set_owner_r(struct sk_buff *skb, struct sock *sk)
{
	skb_set_owner_r(skb, sk);
	skb->destructor = memory_free_received;
}

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
