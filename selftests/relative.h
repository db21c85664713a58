/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * A Glass socket and its relatives: the same calls on both, compared.
 *
 * AF_UNIX is the relative of STREAM, SEQPACKET and DGRAM, a raw socket of IPv4
 * that of RAW; TCP stands in where a test says so. They are needed as the kernel
 * has them, so nothing here knows what Glass does.
 */
#ifndef GLASS_SELFTESTS_RELATIVE_H
#define GLASS_SELFTESTS_RELATIVE_H

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <iosfwd>
#include <string>

#include "helper.h"
#include "lib/fd.h"

namespace helper {

/** A type of socket, as the parameter of a suite. */
struct SocketType {
	const char *name;
	int type;
};

inline constexpr std::array<SocketType, 4> socket_types = {{
	{"Stream", SOCK_STREAM},
	{"Seqpacket", SOCK_SEQPACKET},
	{"Dgram", SOCK_DGRAM},
	{"Raw", SOCK_RAW},
}};
/** How it stands in the names of cases: `/Stream`. */
std::string socket_type_name(const testing::TestParamInfo<SocketType> &info);
/** What GoogleTest calls. */
void PrintTo(const SocketType &type, std::ostream *out);

/** What a system call gave. */
struct Outcome {
	long result;
	Errno error;

	friend bool operator==(const Outcome &, const Outcome &) = default;
};
std::ostream &operator<<(std::ostream &out, const Outcome &outcome);
/** Of the call that returned @p result just now. */
Outcome outcome(long result);

/** Two sockets: what is written to the first is read from the second. */
struct Ends {
	glass::Fd writer;
	glass::Fd reader;
	std::size_t header = 0; /**< bytes in front of a message as it is read */
};
/** The protocol that raw sockets of Ends speak; nobody else does. */
inline constexpr int raw_protocol = 200;

Ends glass_ends(int type);
/** Of the relative: AF_UNIX, or raw IPv4 over lo, which must be up. */
Ends relative_ends(int type);
/** Of TCP over lo, which must be up. */
Ends tcp_ends();
/**
 * Waits until the reader has all that was written: small writes to a connection of
 * Glass wait for one another as long as the first is not acknowledged. Others have
 * it at once.
 */
void wait_until_arrived(const Ends &ends);

/** A new socket without any peer. */
glass::Fd glass_socket(int type);
glass::Fd relative_socket(int type);
glass::Fd tcp_socket();

/** The number of the file's inode. */
ino_t inode_of(int fd);

} // namespace helper

#endif // GLASS_SELFTESTS_RELATIVE_H
