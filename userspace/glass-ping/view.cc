// SPDX-License-Identifier: GPL-2.0
#include "glass-ping/view.h"

#include <linux/glass.h>

#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <iostream>

namespace glass::ping {

namespace {

/* To standard output, seen at once. */
[[gnu::format(printf, 1, 2)]] void say(const char *format, ...)
{
	std::va_list arguments;

	va_start(arguments, format);
	std::vprintf(format, arguments);
	va_end(arguments);
	std::fflush(stdout);
}

/* To the microsecond, as ping prints times. */
double rounded(double milliseconds)
{
	return std::round(milliseconds * 1000) / 1000;
}

/* Three digits that matter, but none below the microsecond: as ping has it. */
int decimals(double milliseconds)
{
	return milliseconds >= 100 ? 0 : milliseconds >= 10 ? 1 : milliseconds >= 1 ? 2 : 3;
}

} // namespace

void View::begin() const
{
	if (!options_.json)
		say("PING node %u %zu(%zu) bytes of data.\n", options_.node, options_.size,
		    options_.size + sizeof(glass_control_hdr) + sizeof(glass_hdr));
}

void View::sent() const
{
	if (options_.flood && !options_.quiet && !options_.json)
		say(".");
}

void View::send_failed(std::error_code error) const
{
	std::cerr << "glass-ping: send to node " << options_.node << ": " << error.message()
		  << std::endl;
}

void View::reply(const Reply &reply)
{
	if (options_.quiet)
		return;
	if (options_.json) {
		nlohmann::ordered_json row = {{"node", reply.node},
					      {"seq", reply.sequence},
					      {"bytes", reply.bytes},
					      {"time_ms", rounded(milliseconds(reply.time))}};

		if (reply.is_duplicate)
			row["duplicate"] = true;
		if (reply.is_damaged)
			row["damaged"] = true;
		replies_.push_back(std::move(row));
	} else if (options_.flood) {
		say("\b \b");
	} else {
		const double time = milliseconds(reply.time);

		say("%zu bytes from node %u: seq=%u time=%.*f ms%s%s\n", reply.bytes, reply.node,
		    reply.sequence, decimals(time), time, reply.is_duplicate ? " (DUP!)" : "",
		    reply.is_damaged ? " (wrong data!)" : "");
	}
}

void View::end(const Statistics &statistics) const
{
	if (options_.json)
		end_json(statistics);
	else
		end_text(statistics);
}

void View::end_text(const Statistics &statistics) const
{
	const auto more = [](const char *what, std::uint64_t count) {
		if (count)
			say(", +%ju %s", static_cast<std::uintmax_t>(count), what);
	};
	const RoundTrips &times = statistics.round_trips;

	say("\n--- node %u ping statistics ---\n", options_.node);
	say("%ju packets transmitted, %ju received",
	    static_cast<std::uintmax_t>(statistics.transmitted),
	    static_cast<std::uintmax_t>(statistics.received));
	more("duplicates", statistics.duplicates);
	more("corrupted", statistics.damaged);
	more("errors", statistics.errors);
	if (statistics.transmitted)
		say(", %g%% packet loss, time %.0fms", statistics.loss(),
		    milliseconds(statistics.elapsed));
	say("\n");
	if (statistics.received)
		say("rtt min/avg/max/mdev = %.3f/%.3f/%.3f/%.3f ms\n", times.min(), times.average(),
		    times.max(), times.deviation());
}

void View::end_json(const Statistics &statistics) const
{
	const RoundTrips &times = statistics.round_trips;
	nlohmann::ordered_json object = {{"node", options_.node},
					 {"size", options_.size},
					 {"transmitted", statistics.transmitted},
					 {"received", statistics.received},
					 {"duplicates", statistics.duplicates},
					 {"corrupted", statistics.damaged},
					 {"errors", statistics.errors},
					 {"loss_percent", statistics.loss()},
					 {"time_ms", rounded(milliseconds(statistics.elapsed))}};

	if (statistics.received)
		object["rtt_ms"] = {{"min", rounded(times.min())},
				    {"avg", rounded(times.average())},
				    {"max", rounded(times.max())},
				    {"mdev", rounded(times.deviation())}};
	if (!options_.quiet)
		object["replies"] = replies_;
	say("%s\n", object.dump(2).c_str());
}

} // namespace glass::ping
