/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * What the command line of glass-ping asks for.
 */
#ifndef GLASS_PING_OPTIONS_H
#define GLASS_PING_OPTIONS_H

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

namespace glass::ping {

/** The exit status after a failure, as ping's; 1 says that nothing came back. */
constexpr int exit_error = 2;

using Duration = std::chrono::nanoseconds;

/** A checked command line. */
struct Options {
	std::uint32_t node = 0;
	std::size_t size = 56;		    /**< bytes of data in each echo */
	std::optional<std::uint64_t> count; /**< echoes to send; else until told to stop */
	Duration interval = std::chrono::seconds(1);
	Duration timeout = std::chrono::seconds(1); /**< how long the last is waited for */
	std::optional<Duration> deadline;	    /**< of the whole run */
	std::string device;			    /**< SO_BINDTODEVICE, unless empty */
	bool quiet = false;			    /**< no line for each reply */
	bool flood = false;			    /**< the next one as soon as one is answered */
	bool json = false;
};

/** The options, or the status to exit with: what there is to say is already said. */
std::variant<Options, int> parse_options(int argc, char **argv);

} // namespace glass::ping

#endif // GLASS_PING_OPTIONS_H
