// SPDX-License-Identifier: GPL-2.0
/*
 * A user of Glass inside the kernel: a thread that sends back what comes, one
 * connection or message after the other. It speaks through what the core offers
 * to the kernel's own users of any family (kernel_bind() and its like).
 */
#include <linux/glass.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/net.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <net/net_namespace.h>
#include <net/sock.h>

#include "compat.h"

#define ECHO_SIZE	SZ_64K

static ushort family;
module_param(family, ushort, 0444);
MODULE_PARM_DESC(family, "that Glass has");

static ushort type = SOCK_STREAM;
module_param(type, ushort, 0444);
MODULE_PARM_DESC(type, "socket type, SOCK_*");

static ushort protocol;
module_param(protocol, ushort, 0444);
MODULE_PARM_DESC(protocol, "0: the type's own; a raw socket must name one");

static uint port = GLASS_PORT_ANY;
module_param(port, uint, 0444);
MODULE_PARM_DESC(port, "to bind; reads back as what was bound");

static struct socket *echo_socket;
static struct task_struct *echo_task;
static void *echo_buffer;

/* Has it connections? If not, each message comes with its sender's name. */
static bool has_connections(void)
{
	return type == SOCK_STREAM || type == SOCK_SEQPACKET;
}

/* Sends back what comes until nothing does. For a datagram, that is one. */
static int echo(struct socket *sock, void *buffer)
{
	/* A raw socket receives a message with its header, and sends it without. */
	int header = type == SOCK_RAW ? sizeof(struct glass_hdr) : 0;
	struct sockaddr_glass peer;
	int len;

	do {
		struct msghdr in = { .msg_name = &peer };
		struct msghdr out = { .msg_flags = MSG_NOSIGNAL };
		struct kvec data = { .iov_base = buffer, .iov_len = ECHO_SIZE };

		len = kernel_recvmsg(sock, &in, &data, 1, ECHO_SIZE, 0);
		if (len < header || (!len && has_connections()))
			return len;
		if (!has_connections()) {
			out.msg_name = &peer;
			out.msg_namelen = in.msg_namelen;
		}
		len -= header;
		data = (struct kvec){ .iov_base = buffer + header, .iov_len = len };
		len = kernel_sendmsg(sock, &out, &data, 1, len);
	} while (len > 0 && has_connections());
	return len;
}

static int echo_once(void *buffer)
{
	struct socket *conn;
	int err;

	if (!has_connections())
		return echo(echo_socket, buffer);
	err = kernel_accept(echo_socket, &conn, 0);
	if (err)
		return err;
	echo(conn, buffer);
	kernel_sock_shutdown(conn, SHUT_RDWR);
	sock_release(conn);
	return 0;
}

/* A signal is what wakes it from whatever it waits for: see echo_exit(). */
static int echo_thread(void *buffer)
{
	allow_signal(SIGTERM);
	while (!kthread_should_stop() && !signal_pending(current))
		echo_once(buffer);
	for (;;) {
		set_current_state(TASK_UNINTERRUPTIBLE);
		if (kthread_should_stop())
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
	return 0;
}

static int __init echo_listen(void)
{
	struct sockaddr_glass addr = {
		.sgl_family	= family,
		.sgl_node	= GLASS_NODE_ANY,
		.sgl_port	= port,
	};
	int err;

	err = kernel_bind(echo_socket, (struct sockaddr_unsized *)&addr,
			  sizeof(addr));
	if (err)
		return err;
	err = kernel_getsockname(echo_socket, (struct sockaddr *)&addr);
	if (err < 0)
		return err;
	port = addr.sgl_port;
	return has_connections() ? kernel_listen(echo_socket, 5) : 0;
}

static int __init echo_init(void)
{
	int err;

	err = sock_create_kern(&init_net, family, type, protocol, &echo_socket);
	if (err)
		return err;
	err = echo_listen();
	if (err)
		goto release_socket;
	err = -ENOMEM;
	echo_buffer = kvmalloc(ECHO_SIZE, GFP_KERNEL);
	if (!echo_buffer)
		goto release_socket;
	echo_task = kthread_run(echo_thread, echo_buffer, "glass_test_echo");
	err = PTR_ERR_OR_ZERO(echo_task);
	if (err)
		goto free_buffer;
	return 0;

free_buffer:
	kvfree(echo_buffer);
release_socket:
	sock_release(echo_socket);
	return err;
}
module_init(echo_init);

static void __exit echo_exit(void)
{
	send_sig(SIGTERM, echo_task, 1);
	kthread_stop(echo_task);
	/* Not for the thread to do, which may be stopped before it ever ran. */
	kvfree(echo_buffer);
	sock_release(echo_socket);
}
module_exit(echo_exit);

MODULE_DESCRIPTION("Glass: an echo server in the kernel, for tests");
MODULE_LICENSE("GPL");
