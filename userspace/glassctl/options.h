/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * The command line of glassctl.
 */
#ifndef GLASSCTL_OPTIONS_H
#define GLASSCTL_OPTIONS_H

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "lib/anatomy.h"
#include "lib/control.h"

namespace glass::ctl {

enum class Command {
	Info,
	Stats,
	RouteShow,
	RouteAdd,
	RouteDelete,
	RouteMonitor,
	DeviceShow,
	DeviceAdd,
	DeviceDelete,
	DeviceAttach,
	DeviceDetach,
	Sockets,
	Anatomy,
	Ops,
	Trace,
	Watch,
	Why,
};

/** Which sockets are shown; empty values stand for all. */
struct SocketFilter {
	std::uint32_t states = 0; /**< a bit mask of 1 << TCP_* */
	std::optional<int> type;
	std::optional<std::uint32_t> port; /**< of either end */
	bool with_users = false;	   /**< say which processes have them */
};

/** What is recorded, and where that goes. */
struct TraceOptions {
	std::optional<pid_t> pid;	  /**< whom to watch, instead of running a command */
	std::vector<std::string> command; /**< and its arguments */
	std::vector<std::string> beside;  /**< instead: kinds of socket, to be compared */
	std::string call;		  /**< only calls of this name; empty stands for all */
	std::string html_file;		  /**< empty for none, `-` for standard output */
	std::string json_file;		  /**< the same */
	bool unfold = false;		  /**< show locks, RCU, accounting … too */
};

/** How the sockets are watched. */
struct WatchOptions {
	std::chrono::duration<double> interval{1}; /**< between two samples */
	std::optional<std::uint64_t> batch;	   /**< so many samples, printed; else a screen */
	std::string sort;			   /**< the column by which a screen is sorted */
};

/** What was asked for; what a command does not take keeps its default. */
struct Options {
	Command command = Command::Info;
	std::string text; /**< the command as in `route add 12`, for messages */
	bool json = false;
	bool all = false;	 /**< counters that are zero too */
	std::uint64_t count = 0; /**< of events to wait for; 0 is no limit */
	std::optional<std::uint32_t> node;
	std::string device; /**< a name; empty when none was given */
	LinkAddress address;
	SocketFilter sockets;
	std::vector<std::string> descriptors; /**< of sockets; of Ops, names of kinds too */
	OpsTable table = OpsTable::ProtoOps;
	TraceOptions trace;
	WatchOptions watch;
};

/**
 * Reads the command line, and answers --help and --version.
 *
 * Returns the options, or the exit status with which to leave: 0, or 2 for
 * wrong usage, which was told on standard error.
 */
std::variant<Options, int> parse_options(int argc, char **argv);

} // namespace glass::ctl

#endif // GLASSCTL_OPTIONS_H
