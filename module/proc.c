// SPDX-License-Identifier: GPL-2.0
#include "proc.h"

#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/seq_file_net.h>
#include <net/tcp_states.h>

#include "net.h"
#include "view.h"

/* The place that a reader has come to, between start and stop. */
struct sockets_iter {
	struct seq_net_private		p;	/* first: seq_file_net() */
	struct glass_view_cursor	cursor;
};

static void *sockets_start(struct seq_file *seq, loff_t *pos)
	__acquires(RCU)
{
	struct sockets_iter *iter = seq->private;
	loff_t left;

	rcu_read_lock();
	if (!*pos)
		return SEQ_START_TOKEN;
	glass_view_first(&iter->cursor, seq_file_net(seq));
	for (left = *pos - 1; left && iter->cursor.node; left--)
		glass_view_next(&iter->cursor);
	return iter->cursor.node ? &iter->cursor : NULL;
}

static void *sockets_next(struct seq_file *seq, void *v, loff_t *pos)
{
	struct sockets_iter *iter = seq->private;

	++*pos;
	if (v == SEQ_START_TOKEN)
		glass_view_first(&iter->cursor, seq_file_net(seq));
	else
		glass_view_next(&iter->cursor);
	return iter->cursor.node ? &iter->cursor : NULL;
}

static void sockets_stop(struct seq_file *seq, void *v)
	__releases(RCU)
{
	rcu_read_unlock();
}

static void show_addr(struct seq_file *seq, struct glass_addr addr)
{
	if (addr.node == GLASS_NODE_ANY)
		seq_puts(seq, " *:");
	else
		seq_printf(seq, " %u:", addr.node);
	if (addr.port == GLASS_PORT_ANY)
		seq_puts(seq, "*");
	else
		seq_printf(seq, "%u", addr.port);
}

static const char *type_name(u8 type)
{
	static const char * const names[] = {
		[SOCK_STREAM]		= "STREAM",
		[SOCK_DGRAM]		= "DGRAM",
		[SOCK_RAW]		= "RAW",
		[SOCK_SEQPACKET]	= "SEQPACKET",
	};

	return type < ARRAY_SIZE(names) && names[type] ? names[type] : "?";
}

static const char *state_name(u8 state)
{
	static const char * const names[] = {
		[TCP_ESTABLISHED]	= "ESTABLISHED",
		[TCP_SYN_SENT]		= "SYN_SENT",
		[TCP_SYN_RECV]		= "SYN_RECV",
		[TCP_FIN_WAIT1]		= "FIN_WAIT1",
		[TCP_FIN_WAIT2]		= "FIN_WAIT2",
		[TCP_TIME_WAIT]		= "TIME_WAIT",
		[TCP_CLOSE]		= "CLOSE",
		[TCP_CLOSE_WAIT]	= "CLOSE_WAIT",
		[TCP_LAST_ACK]		= "LAST_ACK",
		[TCP_LISTEN]		= "LISTEN",
		[TCP_CLOSING]		= "CLOSING",
	};

	return state < ARRAY_SIZE(names) && names[state] ? names[state] : "?";
}

static int sockets_show(struct seq_file *seq, void *v)
{
	struct glass_view view;

	if (v == SEQ_START_TOKEN) {
		seq_puts(seq, "Type Proto Local Remote State RxQueue TxQueue Drops Uid Inode SndWnd RcvWnd Cwnd Rtt Rto Retrans\n");
		return 0;
	}
	if (!glass_view_read(v, &view))
		return SEQ_SKIP;
	seq_printf(seq, "%s %u", type_name(view.type), view.protocol);
	show_addr(seq, view.local);
	show_addr(seq, view.remote);
	seq_printf(seq, " %s %u %u %u %u %llu", state_name(view.state),
		   view.rx_queue, view.tx_queue, view.drops,
		   from_kuid_munged(seq_user_ns(seq), view.uid), view.inode);
	if (view.has_info)
		seq_printf(seq, " %u %u %u %u %u %u", view.info.snd_wnd,
			   view.info.rcv_wnd, view.info.cwnd, view.info.rtt,
			   view.info.rto, view.info.retransmits);
	seq_puts(seq, "\n");
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
			     sizeof(struct sockets_iter)))
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
