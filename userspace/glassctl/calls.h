/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * A recording, understood: the socket calls of a process, the way that each
 * took through the kernel, and the frames that it caused.
 */
#ifndef GLASSCTL_CALLS_H
#define GLASSCTL_CALLS_H

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "glassctl/recording.h"
#include "glassctl/tables.h"
#include "lib/layer.h"

namespace glass::ctl {

/** A function that ran. Times in nanoseconds since the call began. */
struct Step {
	std::string function;
	std::string module; /**< empty for the kernel itself */
	Layer layer = Layer::SystemCall;
	int depth = 0; /**< 0 for those that the kernel's entry code called */
	std::uint64_t begin = 0;
	std::uint64_t duration = 0;
	int error = 0; /**< that it returned, as errno has it, if the recording tells */
	/** It, and all that it called, is noise: the reader need not see it. */
	bool is_noise = false;
	/** The pointer that was followed to get here: `socket->ops->sendmsg`; empty for a plain call. */
	std::string pointer;
	std::string table; /**< where the pointer stands: `glass_stream_ops` */
};

/** The socket that a call was about. Tables go by symbol, empty where they are not known. */
struct CallSocket {
	std::uint64_t socket = 0; /**< where struct socket is; 0 when it was not seen */
	std::uint64_t sk = 0;
	int family = 0;
	int type = 0;
	std::string f_op;
	std::string ops;
	std::string prot;
};

/** A frame that a call put on a device. Times in nanoseconds since the recording began. */
struct Frame {
	int number = 0; /**< from 1, in the order of sending */
	std::uint64_t sent = 0;
	std::string device;
	std::uint32_t length = 0; /**< bytes at the device; 0 if Glass handed it over by itself */
	int step = -1;		  /**< the innermost step of the call that was in progress */
	// Of Glass.
	std::string source;
	std::string destination;
	int protocol = 0;
	std::uint32_t payload = 0;
	bool from_softirq =
		false; /**< sent by input that ran in the middle of the call: an answer */
	// What became of it.
	std::optional<std::uint64_t> received;
	pid_t receiver = 0; /**< the thread that happened to take it from the device */
	std::string receiver_name;
	bool in_softirq = false;
	bool in_call = false; /**< received while the very call was in progress, by its thread */
	std::string dropped;  /**< the reason, if it was */
};

/** Somebody whom a call woke. */
struct Wakeup {
	std::uint64_t time = 0; /**< since the call began */
	pid_t thread = 0;
	std::string name;
	int step = -1; /**< as of a frame */
};

struct Call {
	int number = 0; /**< from 1 */
	std::string name;
	std::string arguments;
	std::string result; /**< empty when it did not return */
	std::int64_t value = 0;
	pid_t thread = 0;
	std::string command;
	std::uint64_t begin = 0; /**< since the recording began */
	std::uint64_t duration = 0;
	CallSocket socket;
	std::vector<Step> steps; /**< each before those that it called */
	std::vector<Frame> frames;
	std::vector<Wakeup> wakeups;

	/**
	 * Where the error that the call failed with came from, and the way back:
	 * the steps that returned it, from the innermost to the outermost.
	 * Empty for a call that succeeded, or if the recording does not tell.
	 */
	std::vector<const Step *> way_of_error() const;
};

struct Trace {
	std::string title; /**< what was traced, in words */
	std::vector<Call> calls;
	std::uint64_t lost = 0; /**< events for which there was no room: something is missing */
};

/**
 * The socket calls in @p recording, in the order in which they began; with
 * @p name, only calls of this name. Numbers count all of them. @p tables tell which function stands
 * where.
 */
Trace find_calls(const Recording &recording, const OpsTables &tables, const std::string &name);

} // namespace glass::ctl

#endif // GLASSCTL_CALLS_H
