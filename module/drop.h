/* SPDX-License-Identifier: GPL-2.0 */
/* Why a frame was dropped. Pure: also compiled into the host's unit tests. */
#ifndef GLASS_DROP_H
#define GLASS_DROP_H

/**
 * enum glass_drop - reasons, in the order in which input asks the questions
 * @GLASS_DROP_NONE: not dropped
 * @GLASS_DROP_DEVICE: the device owns no node here
 * @GLASS_DROP_NOT_HOST: addressed to another station
 * @GLASS_DROP_SHORT: less than a header
 * @GLASS_DROP_VERSION: not GLASS_WIRE_VERSION
 * @GLASS_DROP_HLEN: no length that the header can have
 * @GLASS_DROP_FLAGS: undefined flags are set
 * @GLASS_DROP_RESERVED: the reserved field is not zero
 * @GLASS_DROP_LENGTH: frame and header disagree on the payload's length
 * @GLASS_DROP_CHECKSUM: the sum is wrong
 * @GLASS_DROP_SOURCE: a wildcard as the sender
 * @GLASS_DROP_NODE: for a node that is not the device's
 * @GLASS_DROP_PROTOCOL: nobody speaks the protocol
 * @GLASS_DROP_PORT: nobody has the port
 * @GLASS_DROP_FILTER: refused by SO_ATTACH_FILTER or a security module
 * @GLASS_DROP_SHUTDOWN: the receiver reads no more
 * @GLASS_DROP_PEER: the receiver is connected to somebody else
 * @GLASS_DROP_RCVBUF: the receiver is full, and the sender does not pay
 * @GLASS_DROP_SEGMENT: a segment whose flags or options contradict each other
 * @GLASS_DROP_CONNECTION: a segment of no connection
 * @GLASS_DROP_OLD: a segment older than one that came before it (PAWS)
 * @GLASS_DROP_WINDOW: a segment that is outside the window, or a duplicate
 * @GLASS_DROP_ACK: a segment that acknowledges what was never sent
 * @GLASS_DROP_BACKLOG: the listener has no place for another connection
 * @GLASS_DROP_CONTROL: a control frame that says nothing known
 * @GLASS_DROP_MEMORY: the kernel is out of memory
 * @GLASS_DROP_MAX: number of values
 *
 * Their counters' names are in stats.c.
 */
enum glass_drop {
	GLASS_DROP_NONE,
	GLASS_DROP_DEVICE,
	GLASS_DROP_NOT_HOST,
	GLASS_DROP_SHORT,
	GLASS_DROP_VERSION,
	GLASS_DROP_HLEN,
	GLASS_DROP_FLAGS,
	GLASS_DROP_RESERVED,
	GLASS_DROP_LENGTH,
	GLASS_DROP_CHECKSUM,
	GLASS_DROP_SOURCE,
	GLASS_DROP_NODE,
	GLASS_DROP_PROTOCOL,
	GLASS_DROP_PORT,
	GLASS_DROP_FILTER,
	GLASS_DROP_SHUTDOWN,
	GLASS_DROP_PEER,
	GLASS_DROP_RCVBUF,
	GLASS_DROP_SEGMENT,
	GLASS_DROP_CONNECTION,
	GLASS_DROP_OLD,
	GLASS_DROP_WINDOW,
	GLASS_DROP_ACK,
	GLASS_DROP_BACKLOG,
	GLASS_DROP_CONTROL,
	GLASS_DROP_MEMORY,
	GLASS_DROP_MAX,
};

#endif /* GLASS_DROP_H */
