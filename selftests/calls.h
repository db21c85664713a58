/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * Any call on any socket, with any argument, as a row of choices decides.
 *
 * The choices are bytes: of a generator for tests that race calls against each
 * other, of a fuzzer for one that looks for what no test thought of. The same bytes
 * make the same calls. No call waits for longer than Sockets::patience.
 */
#ifndef GLASS_SELFTESTS_CALLS_H
#define GLASS_SELFTESTS_CALLS_H

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "lib/fd.h"

namespace helper {

/** A row of bytes that answers questions; 0 to each once they are used up. */
class Choices
{
public:
	explicit Choices(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

	/** A number below @p limit, which is at least 1. */
	std::uint32_t below(std::uint32_t limit);
	/** Any number. */
	std::uint32_t number();
	/** True in one of @p times. */
	bool one_in(std::uint32_t times) { return below(times) == times - 1; }
	/** One of a list. */
	template <typename List> const auto &of(const List &list)
	{
		return *(std::begin(list) + below(static_cast<std::uint32_t>(std::size(list))));
	}
	bool is_over() const { return bytes_.empty(); }

private:
	std::span<const std::uint8_t> bytes_;
};

/** @p size bytes that follow from @p seed. */
std::vector<std::uint8_t> random_bytes(std::uint64_t seed, std::size_t size);

/**
 * The sockets on which calls are made, and what else calls need: memory, pipes, files.
 *
 * They have numbers that no other file gets by itself: when one thread closes a
 * socket, the next call of another one finds none, and not something else.
 */
class Sockets
{
public:
	static constexpr int count = 4;
	/** No call waits longer. */
	static constexpr std::chrono::milliseconds patience{10};
	/** Room for what is sent and received; behind it is no memory. */
	static constexpr std::size_t room = 1 << 17;

	Sockets();
	~Sockets();
	Sockets(const Sockets &) = delete;
	Sockets &operator=(const Sockets &) = delete;

	/** The number of a socket, open or not. */
	static int fd(std::uint32_t which) { return first + static_cast<int>(which % count); }
	/** Makes @p made, which is used up, the socket @p which; nothing if it is none. */
	static void put(std::uint32_t which, int made);
	/** Closes all of them. */
	static void close_all();
	/** Memory that can be read and written, up to which @p size are left. */
	std::byte *memory(std::size_t size) const { return memory_ + room - size; }

	glass::Fd pipe_from;
	glass::Fd pipe_to;
	glass::Fd file;
	glass::Fd way_from; /**< an AF_UNIX socket, for descriptors */
	glass::Fd way_to;
	glass::Fd epoll;

private:
	static constexpr int first = 500;
	std::byte *memory_ = nullptr;
};

/** A kind of call: makes one on the socket @p which. */
struct Call {
	const char *name;
	void (*make)(Choices &choices, Sockets &sockets, std::uint32_t which);
};

/** All kinds. */
std::span<const Call> calls();
/** One call on one of the sockets. */
void make_call(Choices &choices, Sockets &sockets);
/** Calls, one after the other, until the choices are used up. */
void make_calls(Choices &choices, Sockets &sockets);

/** Puts a socket of @p type into a state: new, bound, listening, connected, and others. */
void make_state(Choices &choices, Sockets &sockets, int type);

} // namespace helper

#endif // GLASS_SELFTESTS_CALLS_H
