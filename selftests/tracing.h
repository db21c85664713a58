/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * Tracepoints, in a tracefs instance of one's own: what others trace is neither
 * seen nor changed.
 */
#ifndef GLASS_SELFTESTS_TRACING_H
#define GLASS_SELFTESTS_TRACING_H

#include <iosfwd>
#include <map>
#include <string>
#include <vector>

#include "lib/fd.h"

namespace helper {

/** What a tracepoint told. */
struct TraceEvent {
	std::string name;
	/**
	 * `key=value` and `key: value` by key. What stands around `->` is "from"
	 * and "to". Empty for a key that was not told.
	 */
	std::map<std::string, std::string> fields;
	std::string text; /**< as it was printed */

	std::string operator[](const std::string &key) const;
};
std::ostream &operator<<(std::ostream &out, const TraceEvent &event);

/** An instance, in which nothing is traced at first; it goes with this object. */
class Tracing
{
public:
	/** Throws where there is no tracefs; see exists(). */
	Tracing();
	~Tracing();
	Tracing(const Tracing &) = delete;
	Tracing &operator=(const Tracing &) = delete;

	/** Is there a tracefs, and may this process use it? */
	static bool exists();

	/** @p event: "system/name". Only those that fit @p filter, if there is one. */
	void enable(const std::string &event, const std::string &filter = "");
	void disable(const std::string &event);
	/**
	 * Has each call of a function that fits @p functions told, as in
	 * set_ftrace_filter, that this thread makes: an event with the function's name. Before
	 * events().
	 */
	void trace_functions(const std::string &functions);
	/** What was told since the last call, in the order of time. */
	std::vector<TraceEvent> events();

	const std::string &folder() const { return folder_; }

private:
	void write(const std::string &file, const std::string &text) const;

	std::string folder_;
	glass::Fd pipe_;
};

} // namespace helper

#endif // GLASS_SELFTESTS_TRACING_H
