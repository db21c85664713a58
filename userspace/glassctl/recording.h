/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * What the kernel did for a process, as it was recorded: raw, in the order of
 * time. Reading sense into it is the business of calls.h.
 */
#ifndef GLASSCTL_RECORDING_H
#define GLASSCTL_RECORDING_H

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "glassctl/process.h"
#include "lib/layer.h"
#include "lib/returns.h"

namespace glass::ctl {

/** A function begins or ends. Time in nanoseconds of CLOCK_MONOTONIC, as everywhere here. */
struct FunctionEvent {
	std::uint64_t time = 0;
	std::uint64_t address = 0;
	pid_t thread = 0;
	std::int16_t depth = 0;
	bool is_return = false;
	bool in_interrupt = false;
};

struct SyscallEnter {
	long number = 0;
	std::array<std::uint64_t, 6> arguments = {};
};
struct SyscallReturn {
	long number = 0;
	std::int64_t result = 0;
};
/** Pointers that the kernel followed. 0 for what this event does not know. */
struct SocketSeen {
	std::uint64_t socket = 0;
	std::uint64_t file = 0;
	std::uint64_t f_op = 0;
	std::uint64_t ops = 0;
	std::uint64_t sk = 0;
	std::uint64_t prot = 0;
	int family = 0;
	int type = 0;
};
struct Waking {
	pid_t thread = 0;
	std::string name;
};
/** A frame at its device. Length in bytes, as the device counts it. */
struct DeviceFrame {
	bool is_sent = false; /**< else received */
	std::uint64_t skb = 0;
	std::uint32_t length = 0;
	std::string device;
};
/** What Glass says about one of its frames. */
struct GlassFrame {
	enum class What { Sent, Received, Dropped } what = What::Sent;
	std::uint64_t skb = 0;
	std::string device;
	std::uint32_t length = 0; /**< of the payload */
	int protocol = 0;
	std::string source;	 /**< node:port */
	std::string destination; /**< node:port */
	std::string reason;	 /**< why it was dropped */
};

struct Event {
	std::uint64_t time = 0;
	pid_t thread = 0;
	int cpu = 0;
	bool in_softirq = false;
	bool in_interrupt = false;
	std::variant<SyscallEnter, SyscallReturn, SocketSeen, Waking, DeviceFrame, GlassFrame> what;
};

struct KnownFunction {
	std::string name;
	std::string module;
	Layer layer = Layer::SystemCall;
};

struct Recording {
	std::vector<FunctionEvent> functions;
	std::vector<Event> events;
	std::vector<ReturnedError> errors; /**< of all threads, if the plan asks for them */
	std::unordered_map<std::uint64_t, KnownFunction> known; /**< by their address */
	/** The names of the tables that pointers led to, by their address. */
	std::unordered_map<std::uint64_t, std::string> symbols;
	std::unordered_map<pid_t, std::string> threads;
	std::uint64_t lost = 0;	   /**< events for which there was no room */
	std::optional<int> status; /**< of the process, if it was our child and has ended */
};

/** What a recording is made of. */
struct RecordingPlan {
	std::string title; /**< of the process, for messages */
	/** Runs once all is set up; an error ends the recording at once. */
	std::function<Result<void>()> begin;
	bool with_functions = true;
	bool with_errors = false; /**< those that functions returned; needs them */
	/** Where functions stand. */
	const LayerMap *layers = nullptr;
};

/**
 * Records @p process until it ends, or until there is an interrupt.
 *
 * tracefs is left as it was, whatever happens. Throws Failure, under the name
 * of @p command, with what is missing in words.
 */
Recording record(Process &process, const Interrupts &interrupts, const RecordingPlan &plan,
		 const std::string &command);

} // namespace glass::ctl

#endif // GLASSCTL_RECORDING_H
