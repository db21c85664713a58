/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * What is compared: the types of Glass, and the relatives that they compete with.
 */
#ifndef GLASS_BENCH_KIND_H
#define GLASS_BENCH_KIND_H

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <system_error>

#include "lib/fd.h"

namespace glass::bench {

/** What stands for a family; the number of Glass is known at run time only. */
enum class Family { Glass, Unix, Inet, Vsock, Pipe };

/** One way to move bytes between two processes. */
struct Kind {
	std::string_view name; /**< as in the tables: "glass-stream" */
	Family family;
	int type; /**< SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM; a pipe is a stream */

	/** Has connections, which are listened for and accepted. */
	bool connects() const noexcept { return family != Family::Pipe && type != SOCK_DGRAM; }
	/** Keeps no message boundaries. */
	bool bytes() const noexcept { return type == SOCK_STREAM; }
};

/** All of them, in the order of the tables. */
std::span<const Kind> kinds();

/** One end of a pair: the same socket twice, or the ends of two pipes. */
struct End {
	Fd in;	/**< to read from */
	Fd out; /**< to write to; none if #in does both */

	int reader() const noexcept { return in.get(); }
	int writer() const noexcept { return out ? out.get() : in.get(); }
};

/** Two ends that are joined. */
struct Pair {
	End left;
	End right;
};

/** The name of a socket of any kind. */
struct Name {
	sockaddr_storage raw{};
	socklen_t size = 0;

	const sockaddr *get() const noexcept { return reinterpret_cast<const sockaddr *>(&raw); }
};

/** Throws std::system_error with errno and the name of the call if @p result is negative. */
template <typename T> T check(T result, const char *call)
{
	if (result < 0)
		throw std::system_error(errno, std::generic_category(), call);
	return result;
}

/** A socket of @p kind. */
Fd open_socket(const Kind &kind);

/**
 * A name that the kernel chooses itself when a socket is bound to it.
 *
 * For AF_INET, of 127.0.0.1, and for AF_UNIX in the abstract space.
 */
Name any_name(const Kind &kind);

/** The @p index-th name from 0; below 60,000 all are valid and different. */
Name numbered_name(const Kind &kind, std::uint32_t index);

/** What others reach @p socket by, which is bound. */
Name name_of(const Kind &kind, const Fd &socket);

/** A socket of a kind that connects, listening at a name of the kernel's choice. */
Fd open_listener(const Kind &kind);

/**
 * Two joined ends: by connecting to a listener that is gone afterwards, if the kind can.
 *
 * With buffers for a message of @p size bytes, where that is more than the
 * default allows; that needs CAP_NET_ADMIN.
 */
Pair open_pair(const Kind &kind, std::size_t size = 0);

} // namespace glass::bench

#endif // GLASS_BENCH_KIND_H
