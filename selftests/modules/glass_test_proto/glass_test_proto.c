// SPDX-License-Identifier: GPL-2.0
/*
 * A protocol of Glass that comes in a module of its own: datagrams as those of
 * SOCK_DGRAM, with ports of their own, and without connect(). For the tests of
 * the protocol switch, and to show what such a module takes.
 */
#include <linux/module.h>

#include "dgram.h"
#include "glass.h"
#include "protosw.h"
#include "socket.h"

static unsigned short type = SOCK_DGRAM;
module_param(type, ushort, 0444);
MODULE_PARM_DESC(type, "socket type, SOCK_*");

static unsigned short protocol = 77;
module_param(protocol, ushort, 0444);
MODULE_PARM_DESC(protocol, "protocol number");

GLASS_SHIM_RECVMSG(glass_dgram_recvmsg);

static struct proto test_prot = {
	.name		= "GLASS-TEST",
	.owner		= THIS_MODULE,
	.obj_size	= sizeof(struct glass_sock),
	.slab_flags	= SLAB_TYPESAFE_BY_RCU,
	.init		= glass_dgram_sk_init,
	.destroy	= glass_dgram_sk_destroy,
	.close		= glass_dgram_close,
	.ioctl		= glass_dgram_ioctl,
	.setsockopt	= glass_sk_setsockopt,
	.getsockopt	= glass_sk_getsockopt,
	.sendmsg	= glass_dgram_sendmsg,
	.recvmsg	= glass_shim_recvmsg(glass_dgram_recvmsg),
	.backlog_rcv	= glass_dgram_backlog_rcv,
	.hash		= glass_port_hash,
	.unhash		= glass_port_unhash,
	.get_port	= glass_port_get,
};

static struct proto_ops test_ops __ro_after_init = {
	.owner		= THIS_MODULE,
	.release	= glass_sk_release,
	.bind		= glass_sk_bind,
	.connect	= sock_no_connect,
	.socketpair	= sock_no_socketpair,
	.accept		= sock_no_accept,
	.getname	= glass_sk_getname,
	.poll		= datagram_poll,
	.ioctl		= glass_sk_ioctl,
	.gettstamp	= sock_gettstamp,
	.listen		= sock_no_listen,
	.shutdown	= sock_no_shutdown,
	.setsockopt	= sock_common_setsockopt,
	.getsockopt	= sock_common_getsockopt,
	.sendmsg	= glass_sk_sendmsg,
	.recvmsg	= glass_sk_recvmsg,
	.mmap		= sock_no_mmap,
};

static struct glass_protosw test_protosw = {
	.prot	= &test_prot,
	.ops	= &test_ops,
};

static int __init glass_test_proto_init(void)
{
	test_protosw.type = type;
	test_protosw.protocol = protocol;
	return glass_register_protosw(&test_protosw);
}
module_init(glass_test_proto_init);

static void __exit glass_test_proto_exit(void)
{
	glass_unregister_protosw(&test_protosw);
}
module_exit(glass_test_proto_exit);

/* net-pf-<family>-proto-<protocol>-type-<type>: what socket(2) asks for. */
MODULE_ALIAS("net-pf-18-proto-77-type-2");
MODULE_DESCRIPTION("Glass: a protocol for tests");
MODULE_LICENSE("GPL");
