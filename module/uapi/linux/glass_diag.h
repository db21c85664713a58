/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * Glass sockets through sock_diag(7): a dump of SOCK_DIAG_BY_FAMILY, with
 * struct glass_diag_req as the request, gives a struct glass_diag_msg with
 * attributes for each socket, half-open connection and connection in TIME_WAIT.
 */
#ifndef _UAPI_LINUX_GLASS_DIAG_H
#define _UAPI_LINUX_GLASS_DIAG_H

#include <linux/types.h>

/**
 * struct glass_diag_req - which sockets
 * @sdiag_family: the family number in use
 * @sdiag_protocol: GLASS_PROTO_*, or 0 for all
 * @pad: must be zero
 * @states: bit mask, 1 << TCP_*; 0 for all
 */
struct glass_diag_req {
	__u8	sdiag_family;
	__u8	sdiag_protocol;
	__u16	pad;
	__u32	states;
};

/**
 * struct glass_diag_msg - a socket at this moment
 * @family: the family number in use
 * @type: SOCK_*
 * @protocol: GLASS_PROTO_*
 * @state: TCP_*
 * @local_node: own name
 * @local_port: own name
 * @remote_node: the peer's, or GLASS_NODE_ANY
 * @remote_port: the peer's, or GLASS_PORT_ANY
 * @rx_queue: bytes not read; of a listener: connections not accepted
 * @tx_queue: bytes not acknowledged, or not sent; of a listener: its backlog
 * @drops: frames refused for want of room
 * @uid: of its owner, in the asker's user namespace
 * @pad: zero
 * @inode: of its file, 0 if it has none
 * @cookie: identifies it for as long as it lives; 0 without a socket
 */
struct glass_diag_msg {
	__u8	family;
	__u8	type;
	__u8	protocol;
	__u8	state;
	__u32	local_node;
	__u32	local_port;
	__u32	remote_node;
	__u32	remote_port;
	__u32	rx_queue;
	__u32	tx_queue;
	__u32	drops;
	__u32	uid;
	__u32	pad;
	__u64	inode;
	__u64	cookie;
};

/* Attributes of a struct glass_diag_msg. */
enum {
	GLASS_DIAG_NONE,
	GLASS_DIAG_INFO,	/* struct glass_info: of a connection */
	__GLASS_DIAG_MAX,
};

#define GLASS_DIAG_MAX (__GLASS_DIAG_MAX - 1)

#endif /* _UAPI_LINUX_GLASS_DIAG_H */
