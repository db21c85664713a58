/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * What can be fuzzed: each reads an input as a row of choices (calls.h), so that
 * every input means something and a small change of it changes little.
 */
#ifndef GLASS_SELFTESTS_FUZZ_TARGET_H
#define GLASS_SELFTESTS_FUZZ_TARGET_H

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz/input.h"

namespace fuzz {

/** Takes inputs, in rounds. What an input leaves behind, the next of its round may meet. */
class Target
{
public:
	virtual ~Target() = default;
	/** Begins anew, with nothing left of what was before; here, in another namespace. */
	virtual void begin_round();
	/** Takes an input, and closes all that it has opened. */
	virtual void execute(std::span<const std::uint8_t> input) = 0;
	/** Bytes that mean something to it; here, numbers at the edge of something. */
	virtual std::vector<Input> words() const;
};

/** A target by its name, `calls`, `frames` or `netlink`; none by another. */
std::unique_ptr<Target> make_target(std::string_view name);

/** Calls and options of sockets. */
std::unique_ptr<Target> make_calls_target();
/** Frames that come in, by a TAP device and by glass0. */
std::unique_ptr<Target> make_frames_target();
/** Messages of the generic netlink family, rtnetlink and sock_diag. */
std::unique_ptr<Target> make_netlink_target();

} // namespace fuzz

#endif // GLASS_SELFTESTS_FUZZ_TARGET_H
