/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * The kernel's tracing, as far as it can be used without anybody noticing:
 * buffers of one's own (an instance), events of one's own (probes), and what
 * they recorded. What is global in tracefs is left alone.
 */
#ifndef GLASS_LIB_TRACEFS_H
#define GLASS_LIB_TRACEFS_H

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "lib/result.h"

struct tep_event;
struct tep_handle;
struct tep_record;

namespace glass {

/** A function that the tracers can follow. */
struct TraceableFunction {
	std::uint64_t address = 0; /**< as the tracers tell it */
	std::string name;
	std::string module; /**< empty for the kernel itself */
};

/** In the kernel's order: a function's place, from 1, is its number for set_ftrace_filter. */
Result<std::vector<TraceableFunction>> traceable_functions();

/** Errors: ENOENT without tracefs; EACCES. */
Result<std::vector<std::string>> available_tracers();

/** Buffers and settings of one's own, which go with the object. */
class TraceInstance
{
public:
	/** The name gets this process's number behind it: `NAME-PID`. Error: EEXIST, EACCES. */
	static Result<TraceInstance> create(const std::string &name);
	/** Removes those with such names whose process is no more. */
	static void remove_stale(const std::string &name);

	~TraceInstance();
	TraceInstance(TraceInstance &&other) noexcept : folder_(std::exchange(other.folder_, {})) {}
	TraceInstance &operator=(TraceInstance &&) = delete;

	/** Writes @p text to the instance's @p file, as the shell's `>` or `>>` do. */
	Result<void> write(const std::string &file, std::string_view text);
	Result<void> append(const std::string &file, std::string_view text);
	/** Of @p event, as "net/netif_rx", those that fit @p filter, if there is one. */
	Result<void> enable(const std::string &event, const std::string &filter = "");
	/** Nothing more is recorded; what is there can be read. */
	Result<void> stop();
	/** Events that found no room, or that were overwritten. */
	std::uint64_t lost() const;

	const std::string &folder() const { return folder_; }

private:
	explicit TraceInstance(std::string folder) : folder_(std::move(folder)) {}

	std::string folder_; /* empty once it was moved from */
};

/** Probe events of one's own, which go with the object. They record in instances that ask. */
class ProbeGroup
{
public:
	/** The events' system is called `NAME_PID`. */
	explicit ProbeGroup(const std::string &name);
	~ProbeGroup();
	ProbeGroup(const ProbeGroup &) = delete;
	ProbeGroup &operator=(const ProbeGroup &) = delete;
	/** As TraceInstance::remove_stale(). */
	static void remove_stale(const std::string &name);

	/** `p:GROUP/EVENT FUNCTION FIELDS`. Errors: ENOENT, EINVAL: this kernel has it not. */
	Result<void> add(const std::string &event, const std::string &function,
			 const std::string &fields);
	const std::string &name() const { return name_; }
	const std::vector<std::string> &events() const { return events_; }

private:
	std::string name_;
	std::vector<std::string> events_;
};

/** One event that was recorded; valid during a call of a TraceReader's handler. */
class TraceRecord
{
public:
	TraceRecord(::tep_event *event, ::tep_record *record) : event_(event), record_(record) {}

	std::string_view name() const;
	std::string_view system() const;
	int event_id() const;
	std::uint64_t time() const; /**< nanoseconds of the instance's clock */
	int cpu() const;
	pid_t thread() const;
	/** In an interrupt, or a softirq, that happened to run in this thread? */
	bool in_hardirq() const;
	bool in_softirq() const;
	/** 0 for a field that this event has not. */
	std::uint64_t number(const char *field) const;
	std::int64_t signed_number(const char *field) const;
	std::uint64_t element(const char *field, std::size_t index) const; /**< of longs */
	std::string text(const char *field) const;
	/** As the kernel prints it: `key=value` and other words. */
	std::string printed() const;

private:
	::tep_event *event_;
	::tep_record *record_;
};

/** Knows the events of some systems, and reads what instances have of them. */
class TraceReader
{
public:
	/** Error: ENOENT when the kernel does not describe them. */
	static Result<TraceReader> open(const std::vector<std::string> &systems);

	using Handler = std::function<void(const TraceRecord &)>;
	/** What is there, once; not waiting for more. Each processor's in the order of time. */
	Result<void> read(const TraceInstance &instance, const Handler &handler);

private:
	struct Free {
		void operator()(::tep_handle *handle) const;
	};
	explicit TraceReader(::tep_handle *handle) : handle_(handle) {}
	Result<void> learn(const std::string &system);
	void read_page(std::vector<char> &page, int cpu, const Handler &handler);

	std::unique_ptr<::tep_handle, Free> handle_;
};

/** What threads were called when the kernel last saw them, as saved_cmdlines tells it. */
std::unordered_map<pid_t, std::string> thread_names();

} // namespace glass

#endif // GLASS_LIB_TRACEFS_H
