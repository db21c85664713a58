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

/*
 * The frame has no checksum: its csum is 0, and whatever happens to it on the
 * way is not seen. Of SO_NO_CHECK. STREAM and SEQPACKET never have it.
 */
#define GLASS_HDR_F_NO_CSUM	0x01
#define GLASS_HDR_FLAGS		GLASS_HDR_F_NO_CSUM

/**
 * struct glass_hdr - what follows the Ethernet header of every Glass frame
 * @version: GLASS_WIRE_VERSION
 * @hlen: length of this header and the protocol's own behind it, in 4-byte
 *	words
 * @protocol: GLASS_PROTO_*
 * @flags: GLASS_HDR_F_*; those that are not defined must be zero
 * @csum: Internet checksum (RFC 1071) over the Ethernet header (as a pseudo
 *	header), this header with @csum zero, and the payload; a result of 0 is
 *	sent as 0xffff, so 0 is valid with GLASS_HDR_F_NO_CSUM only, and nothing
 *	else is with that
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

/* What a segment says; the names and meanings are those of RFC 9293. */
#define GLASS_SEG_SYN	0x01	/* seq is the initial sequence number */
#define GLASS_SEG_ACK	0x02	/* ack is valid */
#define GLASS_SEG_FIN	0x04	/* no data follows this segment's */
#define GLASS_SEG_RST	0x08	/* the connection is gone */
#define GLASS_SEG_DEAF	0x10	/* its sender reads no more, and said so */
#define GLASS_SEG_FLAGS	0x1f

/* Most ranges that one acknowledgment can report. */
#define GLASS_SEG_SACKS	4

/**
 * struct glass_seg_hdr - behind struct glass_hdr of STREAM and SEQPACKET
 * @seq: sequence number of the first byte of payload; SYN and FIN count as a
 *	byte each, SYN before the payload, FIN behind it
 * @ack: the next byte that the sender of the segment expects
 * @window: bytes behind @ack that it has room for
 * @ts: the sender's clock in microseconds, modulo 2^32
 * @ts_echo: the newest @ts that came with data in order from the other side;
 *	valid with ACK
 * @flags: GLASS_SEG_*
 * @sacks: how many struct glass_seg_sack follow; none with SYN
 * @reserved: must be zero
 *
 * A segment with SYN has a struct glass_seg_syn behind this.
 */
struct glass_seg_hdr {
	__be32	seq;
	__be32	ack;
	__be32	window;
	__be32	ts;
	__be32	ts_echo;
	__u8	flags;
	__u8	sacks;
	__be16	reserved;
};

/**
 * struct glass_seg_sack - bytes that arrived ahead of what is missing
 * @start: the first of them
 * @end: behind the last of them
 */
struct glass_seg_sack {
	__be32	start;
	__be32	end;
};

/**
 * struct glass_seg_syn - what both sides tell each other at the beginning
 * @max_payload: bytes of payload of the largest segment it receives
 * @max_record: SEQPACKET: bytes of the largest message it receives; else 0
 */
struct glass_seg_syn {
	__be32	max_payload;
	__be32	max_record;
};

/* SEQPACKET: in struct glass_record_hdr.flags. */
#define GLASS_RECORD_EOR	0x80000000U	/* sent with MSG_EOR */
#define GLASS_RECORD_LEN	0x7fffffffU	/* mask of the length, in bytes */

/**
 * struct glass_record_hdr - SEQPACKET: in the byte stream, before each message
 * @flags_len: GLASS_RECORD_EOR, and the message's length
 */
struct glass_record_hdr {
	__be32	flags_len;
};

/*
 * Socket options of level SOL_GLASS; each is an int, most a truth value.
 *
 * GLASS_HDRINCL: SOCK_RAW only. What is sent begins with struct glass_hdr. It
 *	goes out as it is, but for a csum of 0, which is filled in unless the
 *	header has GLASS_HDR_F_NO_CSUM.
 * GLASS_PKTINFO: receiving gives a control message of this type, a struct
 *	glass_pktinfo. Sending takes one whether the option is set or not.
 * GLASS_USER_TIMEOUT: STREAM and SEQPACKET: how long what the peer does not
 *	acknowledge is sent again, in milliseconds; then the connection ends with
 *	ETIMEDOUT. 0: as net.glass.user_timeout_ms says
 * GLASS_KEEPIDLE, GLASS_KEEPINTVL, GLASS_KEEPCNT: with SO_KEEPALIVE: seconds of
 *	silence before the first probe, seconds between two, and how many without
 *	an answer end the connection
 * GLASS_INFO: STREAM and SEQPACKET, to read: a struct glass_info
 * GLASS_RECVERR: as IP_RECVERR: a send that is refused for the sake of its way
 *	or its receiver (EMSGSIZE, ECONNREFUSED, EHOSTUNREACH, ENETDOWN, EPERM),
 *	and a datagram that another node refuses, leave an entry in the error
 *	queue. recvmsg() with MSG_ERRQUEUE gives it: its name is where the
 *	message was to go, and a control message of this type is a struct
 *	sock_extended_err with a struct sockaddr_glass behind it, the node that
 *	refused (SO_EE_OFFENDER; AF_UNSPEC: this one). ee_info of EMSGSIZE is
 *	how many bytes would have been taken. Every entry of the error queue
 *	comes with this control message, whether the option is set or not
 * GLASS_SO_PASSCRED: receiving gives a control message GLASS_CMSG_CRED, a struct
 *	glass_ucred: which process of this namespace sent the message; of a
 *	connection, who connected or listens (as SO_PEERCRED). None comes with
 *	what another node sent, or what a queueing discipline held back
 */
#define GLASS_HDRINCL		1
#define GLASS_PKTINFO		2
#define GLASS_USER_TIMEOUT	3
#define GLASS_KEEPIDLE		4
#define GLASS_KEEPINTVL		5
#define GLASS_KEEPCNT		6
#define GLASS_INFO		7
#define GLASS_RECVERR		8
#define GLASS_SO_PASSCRED	9

/* Control messages that are no option's. */
#define GLASS_CMSG_CRED		32

/*
 * sock_extended_err.ee_origin: another node's GLASS_PROTO_CONTROL frame said so.
 * ee_type and ee_code are the frame's.
 */
#define GLASS_EE_ORIGIN_CONTROL	64

/**
 * struct glass_ucred - who has sent something
 * @pid: process, as the reader's namespace numbers it; 0: it does not
 * @uid: effective user, in the reader's user namespace
 * @gid: effective group, likewise
 */
struct glass_ucred {
	__s32	pid;
	__u32	uid;
	__u32	gid;
};

/**
 * struct glass_info - a connection at this moment
 * @state: a TCP_* number
 * @backoff: how often in a row the retransmission timer has fired in vain
 * @reserved: zero
 * @rtt: smoothed round-trip time, microseconds; 0: not measured yet
 * @rttvar: its variation, microseconds
 * @min_rtt: the shortest, microseconds
 * @rto: retransmission time, microseconds
 * @mss: payload of a full segment, bytes
 * @cwnd: congestion window, bytes
 * @ssthresh: where slow start ends, bytes
 * @in_flight: bytes believed to be on their way
 * @snd_wnd: bytes that the peer has room for
 * @rcv_wnd: bytes that it was told there is room for
 * @unsent: bytes that were written and never sent
 * @unacked: bytes that were sent and not acknowledged
 * @unread: bytes that nobody has read
 * @retransmits: segments with data sent again
 *
 * It may grow at its end: getsockopt(2) gives as much as there is room for.
 */
struct glass_info {
	__u8	state;
	__u8	backoff;
	__u16	reserved;
	__u32	rtt;
	__u32	rttvar;
	__u32	min_rtt;
	__u32	rto;
	__u32	mss;
	__u32	cwnd;
	__u32	ssthresh;
	__u32	in_flight;
	__u32	snd_wnd;
	__u32	rcv_wnd;
	__u32	unsent;
	__u32	unacked;
	__u32	unread;
	__u32	retransmits;
};

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
