/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Why a frame was dropped. Pure: also compiled into the host's unit tests.
 *
 * One list, in the order in which input asks the questions. It makes the
 * enumeration here, the counters of stats.h and their names.
 */
#ifndef GLASS_DROP_H
#define GLASS_DROP_H

#define GLASS_DROP_REASONS(X)						\
	X(DEVICE, "GlassDropDevice")	/* the device owns no node */	\
	X(NOT_HOST, "GlassDropNotHost")	/* another station's frame */	\
	X(SHORT, "GlassDropShort")	/* less than a header */	\
	X(VERSION, "GlassDropVersion")	/* not GLASS_WIRE_VERSION */	\
	X(HLEN, "GlassDropHeaderLength")	/* impossible length */	\
	X(FLAGS, "GlassDropFlags")	/* undefined bits are set */	\
	X(RESERVED, "GlassDropReserved")	/* must be zero */	\
	X(LENGTH, "GlassDropLength")	/* frame and header disagree */	\
	X(CHECKSUM, "GlassDropChecksum")	/* the sum is wrong */	\
	X(SOURCE, "GlassDropSource")	/* a wildcard as sender */	\
	X(NODE, "GlassDropNode")	/* not this device's node */	\
	X(PROTOCOL, "GlassDropProtocol")	/* nobody speaks it */	\
	X(PORT, "GlassDropPort")	/* nobody has that port */	\
	X(FILTER, "GlassDropFilter")	/* SO_ATTACH_FILTER or LSM */	\
	X(SHUTDOWN, "GlassDropShutdown")	/* receiver reads no more */ \
	X(PEER, "GlassDropPeer")	/* receiver has another peer */	\
	X(RCVBUF, "GlassDropRcvbuf")	/* receiver is full */		\
	X(MEMORY, "GlassDropMemory")	/* the kernel is out of it */

/**
 * enum glass_drop - reasons for which a frame is dropped
 * @GLASS_DROP_NONE: not dropped; all others as commented in the list above
 * @GLASS_DROP_MAX: number of values
 */
enum glass_drop {
	GLASS_DROP_NONE,
#define GLASS_DROP_ENUM(id, name) GLASS_DROP_##id,
	GLASS_DROP_REASONS(GLASS_DROP_ENUM)
#undef GLASS_DROP_ENUM
	GLASS_DROP_MAX,
};

#endif /* GLASS_DROP_H */
