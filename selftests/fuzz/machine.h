/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * What outlives the fuzzer: where it writes down what it does, and what the kernel
 * says to that.
 */
#ifndef GLASS_SELFTESTS_FUZZ_MACHINE_H
#define GLASS_SELFTESTS_FUZZ_MACHINE_H

#include <cstddef>
#include <optional>
#include <regex>
#include <span>
#include <string>
#include <string_view>

#include "lib/fd.h"

namespace fuzz {

/**
 * The lines of a round, in memory that is a file of the host (the second BAR of QEMU's
 * ivshmem-plain): each is there before its input is used, however the guest ends.
 * Behind them are zeros.
 */
class Journal
{
public:
	/** Without such a device, nothing is written down. std::system_error. */
	Journal();
	/** On memory of another kind. */
	explicit Journal(std::span<char> room) : room_(room) { clear(); }
	~Journal();
	Journal(const Journal &) = delete;
	Journal &operator=(const Journal &) = delete;

	void clear();
	/** Is there room for a line of @p size bytes, or nothing to write to? */
	bool has_room(std::size_t size) const;
	void add(std::string_view line);

private:
	std::span<char> room_;
	std::size_t used_ = 0;
	bool is_mapped_ = false;
};

/** What the kernel says from now on. */
class KernelLog
{
public:
	/** @p complaint is what a message has in it that tells of a fault. std::system_error. */
	explicit KernelLog(const std::string &complaint);

	/** The first complaint since the last call. */
	std::optional<std::string> complaint();

private:
	glass::Fd fd_;
	std::regex complaint_;
};

} // namespace fuzz

#endif // GLASS_SELFTESTS_FUZZ_MACHINE_H
