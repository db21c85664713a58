// SPDX-License-Identifier: GPL-2.0
/*
 * Glass: a socket family over a loopback network device.
 *
 * Only the order in which the parts come and go; each part's file says what it
 * is. The doors open last and close first.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
#include <linux/module.h>
#include <linux/net.h>

#include "addr.h"
#include "control.h"
#include "dev.h"
#include "dgram.h"
#include "diag.h"
#include "family.h"
#include "input.h"
#include "memory.h"
#include "net.h"
#include "netlink.h"
#include "pages.h"
#include "proc.h"
#include "protosw.h"
#include "raw.h"
#include "seqpacket.h"
#include "stream.h"
#include "transport.h"

static int __init glass_init(void)
{
	int err;

	if (glass_family <= AF_UNSPEC || glass_family >= AF_MAX) {
		pr_err("family number %d is out of range; choose one from 1 to %d\n",
		       glass_family, AF_MAX - 1);
		return -EINVAL;
	}

	err = glass_net_init();
	if (err)
		return err;
	err = glass_pages_init();
	if (err)
		goto exit_net;
	err = glass_memory_init();
	if (err)
		goto exit_pages;
	err = glass_timewait_init();
	if (err)
		goto exit_memory;
	glass_protosw_init();
	err = glass_dgram_init();
	if (err)
		goto exit_timewait;
	err = glass_raw_init();
	if (err)
		goto exit_dgram;
	glass_rx_init();
	err = glass_stream_init();
	if (err)
		goto exit_raw;
	err = glass_seqpacket_init();
	if (err)
		goto exit_stream;
	glass_control_init();
	glass_input_init();
	err = glass_dev_init();
	if (err)
		goto exit_input;
	err = glass_proc_init();
	if (err)
		goto exit_dev;
	err = glass_netlink_init();
	if (err)
		goto exit_proc;
	err = glass_diag_init();
	if (err)
		goto exit_netlink;
	err = glass_family_init();
	if (err)
		goto exit_diag;

	pr_info("socket family %d\n", glass_family);
	return 0;

exit_diag:
	glass_diag_exit();
exit_netlink:
	glass_netlink_exit();
exit_proc:
	glass_proc_exit();
exit_dev:
	glass_dev_exit();
exit_input:
	glass_input_exit();
	glass_control_exit();
	glass_seqpacket_exit();
exit_stream:
	glass_stream_exit();
exit_raw:
	glass_rx_exit();
	glass_raw_exit();
exit_dgram:
	glass_dgram_exit();
exit_timewait:
	glass_timewait_exit();
exit_memory:
	glass_memory_exit();
exit_pages:
	glass_pages_exit();
exit_net:
	glass_net_exit();
	/* To modprobe, -EEXIST is a module that is loaded already: all is well. */
	return err == -EEXIST ? -EBUSY : err;
}

/* The module has no user: no socket is left, and no frame that one sent. */
static void __exit glass_exit(void)
{
	glass_family_exit();
	glass_diag_exit();
	glass_netlink_exit();
	glass_proc_exit();
	glass_dev_exit();
	glass_input_exit();
	glass_control_exit();
	glass_seqpacket_exit();
	glass_stream_exit();
	glass_rx_exit();
	glass_raw_exit();
	glass_dgram_exit();
	glass_timewait_exit();
	glass_memory_exit();
	glass_pages_exit();
	glass_net_exit();
}

module_init(glass_init);
module_exit(glass_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Glass socket family over a loopback network device");
MODULE_ALIAS_NETPROTO(GLASS_FAMILY_DEFAULT);
