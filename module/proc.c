// SPDX-License-Identifier: GPL-2.0
#include "proc.h"

#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/seq_file_net.h>
#include <net/tcp_states.h>

#include "glass.h"
#include "net.h"

static void *sockets_start(struct seq_file *seq, loff_t *pos)
	__acquires(RCU)
{
	rcu_read_lock();
	return seq_hlist_start_head_rcu(&glass_net(seq_file_net(seq))->ports.all,
					*pos);
}

static void *sockets_next(struct seq_file *seq, void *v, loff_t *pos)
{
	return seq_hlist_next_rcu(v, &glass_net(seq_file_net(seq))->ports.all,
				  pos);
}

static void sockets_stop(struct seq_file *seq, void *v)
	__releases(RCU)
{
	rcu_read_unlock();
}

static void show_addr(struct seq_file *seq, const struct glass_addr *peek)
{
	struct glass_addr addr = glass_addr_peek(peek);

	if (addr.node == GLASS_NODE_ANY)
		seq_puts(seq, " *:");
	else
		seq_printf(seq, " %u:", addr.node);
	if (addr.port == GLASS_PORT_ANY)
		seq_puts(seq, "*");
	else
		seq_printf(seq, "%u", addr.port);
}

static const char *type_name(const struct sock *sk)
{
	static const char * const names[] = {
		[SOCK_STREAM]		= "STREAM",
		[SOCK_DGRAM]		= "DGRAM",
		[SOCK_RAW]		= "RAW",
		[SOCK_SEQPACKET]	= "SEQPACKET",
	};

	return sk->sk_type < ARRAY_SIZE(names) && names[sk->sk_type] ?
	       names[sk->sk_type] : "?";
}

static const char *state_name(const struct sock *sk)
{
	static const char * const names[] = {
		[TCP_ESTABLISHED]	= "ESTABLISHED",
		[TCP_CLOSE]		= "CLOSE",
		[TCP_LISTEN]		= "LISTEN",
	};
	unsigned int state = READ_ONCE(sk->sk_state);

	return state < ARRAY_SIZE(names) && names[state] ? names[state] : "?";
}

static void show_socket(struct seq_file *seq, struct sock *sk)
{
	struct glass_sock *gs = glass_sk(sk);

	seq_printf(seq, "%s %u", type_name(sk), sk->sk_protocol);
	show_addr(seq, &gs->local);
	show_addr(seq, &gs->remote);
	seq_printf(seq, " %s %d %d %d %u %llu\n", state_name(sk),
		   sk_rmem_alloc_get(sk), sk_wmem_alloc_get(sk),
		   atomic_read(&sk->sk_drops),
		   from_kuid_munged(seq_user_ns(seq), sk_uid(sk)),
		   (unsigned long long)sock_i_ino(sk));
}

static int sockets_show(struct seq_file *seq, void *v)
{
	const struct glass_port *port;
	struct sock *sk;

	if (v == SEQ_START_TOKEN) {
		seq_puts(seq, "Type Proto Local Remote State RxQueue TxQueue Drops Uid Inode\n");
		return 0;
	}
	port = hlist_entry(v, struct glass_port, all);
	sk = glass_sk_get_rcu(&port->sk);
	if (!sk)
		return SEQ_SKIP;
	show_socket(seq, sk);
	sock_put(sk);
	return 0;
}

static const struct seq_operations sockets_seq_ops = {
	.start	= sockets_start,
	.next	= sockets_next,
	.stop	= sockets_stop,
	.show	= sockets_show,
};

static int stats_show(struct seq_file *seq, void *v)
{
	struct net *net = seq->private;
	const struct snmp_mib *item = glass_stats_list;
	unsigned int left;

	for (left = GLASS_STATS_COUNT; left; left--, item++)
		seq_printf(seq, "%-24s%lu\n", item->name,
			   glass_stats_fold(net, item->entry));
	return 0;
}

static int __net_init proc_net_init(struct net *net)
{
	if (!proc_create_net("glass", 0444, net->proc_net, &sockets_seq_ops,
			     sizeof(struct seq_net_private)))
		return -ENOMEM;
	if (!proc_create_net_single("glass_stat", 0444, net->proc_net,
				    stats_show, NULL)) {
		remove_proc_entry("glass", net->proc_net);
		return -ENOMEM;
	}
	return 0;
}

static void __net_exit proc_net_exit(struct net *net)
{
	remove_proc_entry("glass_stat", net->proc_net);
	remove_proc_entry("glass", net->proc_net);
}

static struct pernet_operations proc_net_ops = {
	.init	= proc_net_init,
	.exit	= proc_net_exit,
};

/**
 * glass_proc_init - show Glass in every namespace's /proc/net
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int __init glass_proc_init(void)
{
	return register_pernet_subsys(&proc_net_ops);
}

/**
 * glass_proc_exit - show it no more
 *
 * Context: process, may sleep.
 */
void glass_proc_exit(void)
{
	unregister_pernet_subsys(&proc_net_ops);
}
