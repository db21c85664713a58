/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * Glass, a socket family over a loopback network device: what user space sees.
 */
#ifndef _UAPI_LINUX_GLASS_H
#define _UAPI_LINUX_GLASS_H

#include <linux/types.h>
#include <linux/socket.h>

/*
 * No family number is assigned to Glass. It borrows the slot of AF_ASH, which
 * Linux never implemented; the module parameter "family" picks another one.
 * The number in use is in GLASS_FAMILY_PATH, once the module is loaded.
 */
#define GLASS_FAMILY_DEFAULT	18
#define GLASS_FAMILY_PATH	"/sys/module/glass/parameters/family"

/* Socket option and control message level. */
#define SOL_GLASS		300

/* Wildcards and well-known values of an address, in host byte order. */
#define GLASS_PORT_ANY		0xffffffffU	/* bind: choose a port for me */
#define GLASS_NODE_ANY		0xffffffffU	/* bind: every node of mine */
#define GLASS_NODE_LOCAL	1U		/* this network namespace */

/* Ports below this one need CAP_NET_BIND_SERVICE. */
#define GLASS_PORT_RESERVED	1024U

/**
 * struct sockaddr_glass - the name of a Glass socket
 * @sgl_family: the family number in use
 * @sgl_reserved: must be zero
 * @sgl_port: port in host byte order, or GLASS_PORT_ANY
 * @sgl_node: node in host byte order, or GLASS_NODE_ANY
 * @sgl_zero: must be zero
 *
 * The layout is that of struct sockaddr_vm.
 */
struct sockaddr_glass {
	__kernel_sa_family_t	sgl_family;
	__u16			sgl_reserved;
	__u32			sgl_port;
	__u32			sgl_node;
	__u8			sgl_zero[4];
};

/*
 * Protocol numbers, as socket(2) takes them and as they stand in the frame.
 * A type's own protocol has the type's own number; 0 asks for the default.
 */
#define GLASS_PROTO_STREAM	1		/* SOCK_STREAM */
#define GLASS_PROTO_DGRAM	2		/* SOCK_DGRAM */
#define GLASS_PROTO_SEQPACKET	5		/* SOCK_SEQPACKET */
#define GLASS_PROTO_CONTROL	7		/* the module itself; SOCK_RAW */
#define GLASS_PROTO_MAX		255

/* The frame: an Ethernet header of this type (IEEE 802 local experimental 1). */
#define ETH_P_GLASS		0x88B5
#define GLASS_WIRE_VERSION	1

/**
 * struct glass_hdr - what follows the Ethernet header of every Glass frame
 * @version: GLASS_WIRE_VERSION
 * @hlen: length of this header and the protocol's own behind it, in 4-byte
 *	words
 * @protocol: GLASS_PROTO_*
 * @flags: GLASS_HDR_F_*; none is defined yet, all must be zero
 * @csum: Internet checksum (RFC 1071) over the Ethernet header (as a pseudo
 *	header), this header with @csum zero, and the payload; a result of 0 is
 *	sent as 0xffff, so 0 is never valid
 * @reserved: must be zero
 * @len: bytes of payload behind the header
 * @src_node: sender's node
 * @src_port: sender's port
 * @dst_node: receiver's node
 * @dst_port: receiver's port
 *
 * All fields are in network byte order. Bytes behind the payload are allowed
 * only where Ethernet's minimum frame length forces a sender to pad.
 */
struct glass_hdr {
	__u8	version;
	__u8	hlen;
	__u8	protocol;
	__u8	flags;
	__be16	csum;
	__be16	reserved;
	__be32	len;
	__be32	src_node;
	__be32	src_port;
	__be32	dst_node;
	__be32	dst_port;
};

/* What a frame of GLASS_PROTO_CONTROL is about. */
#define GLASS_CONTROL_ECHO		1	/* answered with the same data */
#define GLASS_CONTROL_ECHO_REPLY	2
#define GLASS_CONTROL_UNREACHABLE	3	/* data: header of a lost frame */

/**
 * struct glass_control_hdr - the payload of GLASS_PROTO_CONTROL begins with it
 * @type: GLASS_CONTROL_*
 * @code: of UNREACHABLE: the errno (see errno.h, Linux generic) that the
 *	sender of the lost frame is told; else 0
 * @reserved: must be zero
 * @sequence: of ECHO: any number; comes back in the reply
 *
 * The ports of an echo are the sender's own affair; the reply has them swapped.
 */
struct glass_control_hdr {
	__u8	type;
	__u8	code;
	__be16	reserved;
	__be32	sequence;
};

/*
 * Socket options of level SOL_GLASS; each is an int, a truth value.
 *
 * GLASS_HDRINCL: SOCK_RAW only. What is sent begins with struct glass_hdr. It
 *	goes out as it is, but for a csum of 0, which is filled in.
 * GLASS_PKTINFO: receiving gives a control message of this type, a struct
 *	glass_pktinfo. Sending takes one whether the option is set or not.
 */
#define GLASS_HDRINCL	1
#define GLASS_PKTINFO	2

/**
 * struct glass_pktinfo - by which device and as which node
 * @ifindex: the device; to send: the only one allowed, or 0
 * @node: received: where the frame was sent to; to send: which node of ours it
 *	comes from, or GLASS_NODE_ANY
 */
struct glass_pktinfo {
	__u32	ifindex;
	__u32	node;
};

/* Largest payload of one frame at the default MTU of glass0, in bytes. */
#define GLASS_PAYLOAD_DEFAULT	65536U
#define GLASS_MTU_DEFAULT	(GLASS_PAYLOAD_DEFAULT + sizeof(struct glass_hdr))

/* Attributes of a network device of kind "glass" (IFLA_INFO_DATA). */
enum {
	IFLA_GLASS_UNSPEC,
	IFLA_GLASS_NODE,	/* u32: the node that the device owns */
	__IFLA_GLASS_MAX,
};

#define IFLA_GLASS_MAX (__IFLA_GLASS_MAX - 1)

#endif /* _UAPI_LINUX_GLASS_H */
