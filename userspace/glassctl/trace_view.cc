// SPDX-License-Identifier: GPL-2.0
#include "glassctl/trace_view.h"

#include <array>
#include <cstdio>

#include "glassctl/names.h"
#include "glassctl/syscalls.h"
#include "glassctl/view.h"
#include "lib/diag.h"

namespace glass::ctl {

namespace {

constexpr std::size_t layer_width = 11; /* "system call" */
constexpr std::size_t time_width = 9;
constexpr const char *reset = "\033[0m";
constexpr const char *bold = "\033[1m";
constexpr const char *dim = "\033[2m";

/* Of 256 colours, readable on black and on white. */
std::string colour_of(Layer layer)
{
	constexpr std::array<int, 10> colours = {244, 67, 37, 71, 136, 166, 160, 133, 98, 102};
	const auto number = static_cast<std::size_t>(layer);

	return number < colours.size() ? "\033[38;5;" + std::to_string(colours[number]) + 'm' : dim;
}

/* Nanoseconds, in microseconds. */
std::string time_text(std::uint64_t time)
{
	std::array<char, 32> text;

	std::snprintf(text.data(), text.size(), "%.1f", static_cast<double>(time) / 1000);
	return text.data();
}

std::string thread_text(pid_t thread, const std::string &name)
{
	return (name.empty() ? "?" : name) + '/' + std::to_string(thread);
}

std::string way_text(const Frame &frame)
{
	std::string text = frame.device;

	if (frame.length)
		text += ", " + std::to_string(frame.length) + " bytes";
	if (!frame.source.empty())
		text += ", " + frame.source + " → " + frame.destination + ", protocol " +
			std::to_string(frame.protocol) + ", " + std::to_string(frame.payload) +
			" of payload";
	return text;
}

std::string fate_text(const Frame &frame, pid_t sender)
{
	std::string text;

	if (frame.received) {
		text = "received after " + time_text(*frame.received - frame.sent) + " µs";
		if (frame.in_call)
			text += ", within this call";
		else if (frame.receiver != sender)
			text += " by " + thread_text(frame.receiver, frame.receiver_name);
		if (frame.in_softirq)
			text += ", in a softirq";
	}
	if (!frame.dropped.empty())
		text += (text.empty() ? "" : "; ") + ("dropped: " + frame.dropped);
	return text.empty() ? "not seen again" : text;
}

/** Writes calls for a terminal. */
class TextView
{
public:
	TextView(const Trace &trace, const TextStyle &style) : trace_(trace), style_(style) {}
	std::string print();
	std::string print_why();

private:
	std::string in(const std::string &colour, const std::string &text) const
	{
		return style_.is_coloured ? colour + text + reset : text;
	}
	void print_call(const Call &call);
	void print_heading(const Call &call);
	void print_way_of_error(const Call &call);
	void print_socket(const CallSocket &socket);
	void print_step(const Call &call, std::size_t number, int folded);
	void print_note(int depth, const std::string &text);

	const Trace &trace_;
	const TextStyle style_;
	std::string out_;
};

void TextView::print_socket(const CallSocket &socket)
{
	if (socket.ops.empty())
		return;
	out_ += "  " + family_name(socket.family) + ' ' + type_text(socket.type);
	out_ += ": f_op = " + (socket.f_op.empty() ? "?" : socket.f_op);
	out_ += ", ops = " + socket.ops + ", sk_prot = " + socket.prot + '\n';
}

/* Below a step, where its function's name begins. */
void TextView::print_note(int depth, const std::string &text)
{
	out_ += std::string(static_cast<std::size_t>(2 * time_width + layer_width + 6 + 2 * depth),
			    ' ') +
		text + '\n';
}

/* @folded: the steps of noise that it called, and that are not shown. */
void TextView::print_step(const Call &call, std::size_t number, int folded)
{
	const Step &step = call.steps[number];
	const std::string colour = step.is_noise ? dim : colour_of(step.layer);
	const std::string indent(static_cast<std::size_t>(2 * step.depth), ' ');

	out_ += in(dim, padded(time_text(step.begin), time_width, true) +
				padded(time_text(step.duration), time_width, true));
	out_ += "  " + in(colour, padded(std::string(layer_title(step.layer)), layer_width));
	out_ += "  " + indent + in(colour, step.function);
	if (!step.pointer.empty())
		out_ += "  " + in(bold, step.pointer) + " of " + step.table;
	if (folded)
		out_ += in(dim, "  (" + std::to_string(folded) + " folded)");
	out_ += '\n';
	for (const Frame &frame : call.frames)
		if (frame.step == static_cast<int>(number))
			print_note(step.depth, in(bold, "▶ frame " + std::to_string(frame.number)) +
						       ": " + way_text(frame) + "; " +
						       fate_text(frame, call.thread));
	for (const Wakeup &wakeup : call.wakeups)
		if (wakeup.step == static_cast<int>(number))
			print_note(step.depth, in(bold, "→ wakes") + ' ' +
						       thread_text(wakeup.thread, wakeup.name));
}

void TextView::print_heading(const Call &call)
{
	out_ += in(bold, '#' + std::to_string(call.number) + ' ' + call.name + '(' +
				 call.arguments + ')');
	out_ += call.result.empty() ? " did not return" : " = " + call.result;
	out_ += "  " + time_text(call.duration) + " µs, " + thread_text(call.thread, call.command) +
		'\n';
	print_socket(call.socket);
}

void TextView::print_call(const Call &call)
{
	print_heading(call);
	for (std::size_t i = 0; i < call.steps.size(); i++) {
		int folded = 0;

		if (call.steps[i].is_noise && !style_.with_noise)
			continue;
		// Those that follow, before the next that is shown.
		if (!style_.with_noise)
			for (std::size_t next = i + 1;
			     next < call.steps.size() && call.steps[next].is_noise; next++)
				folded++;
		print_step(call, i, folded);
	}
	out_ += '\n';
}

std::string TextView::print()
{
	for (const Call &call : trace_.calls)
		print_call(call);
	if (trace_.calls.empty())
		out_ += "No socket calls were seen.\n";
	return std::move(out_);
}

void TextView::print_way_of_error(const Call &call)
{
	const auto way = call.way_of_error();

	print_heading(call);
	for (const Step *step : way) {
		const std::string colour = colour_of(step->layer);
		const bool is_first = step == way.front();

		out_ += is_first ? "  from  " : "  via   ";
		out_ += in(colour, padded(std::string(layer_title(step->layer)), layer_width)) +
			"  " + in(is_first ? bold : colour, step->function);
		if (!step->module.empty())
			out_ += " [" + step->module + ']';
		if (!step->pointer.empty())
			out_ += "  " + in(bold, step->pointer) + " of " + step->table;
		out_ += '\n';
	}
	if (way.empty())
		out_ += "  no function that can be followed returned this\n";
	out_ += '\n';
}

std::string TextView::print_why()
{
	for (const Call &call : trace_.calls)
		print_way_of_error(call);
	if (trace_.calls.empty())
		out_ += "No socket call failed.\n";
	return std::move(out_);
}

/* --- JSON --------------------------------------------------------------------------- */

Row row_of(const Call &call);

Row row_of(const Step &step)
{
	Row row;

	row["function"] = step.function;
	row["module"] = step.module;
	row["layer"] = layer_key(step.layer);
	row["depth"] = step.depth;
	row["begin"] = step.begin;
	row["duration"] = step.duration;
	row["noise"] = step.is_noise;
	if (!step.pointer.empty()) {
		row["pointer"] = step.pointer;
		row["table"] = step.table;
	}
	return row;
}

Row row_of(const Frame &frame)
{
	Row row;

	row["number"] = frame.number;
	row["sent"] = frame.sent;
	row["device"] = frame.device;
	row["length"] = frame.length ? Row(frame.length) : Row();
	row["step"] = frame.step;
	row["answer"] = frame.from_softirq;
	if (!frame.source.empty()) {
		row["source"] = frame.source;
		row["destination"] = frame.destination;
		row["protocol"] = frame.protocol;
		row["payload"] = frame.payload;
	}
	if (frame.received) {
		row["received"] = *frame.received;
		row["receiver"] = frame.receiver;
		row["in_softirq"] = frame.in_softirq;
		row["in_call"] = frame.in_call;
	}
	if (!frame.dropped.empty())
		row["dropped"] = frame.dropped;
	return row;
}

Row row_of(const Wakeup &wakeup)
{
	Row row;

	row["time"] = wakeup.time;
	row["thread"] = wakeup.thread;
	row["command"] = wakeup.name;
	row["step"] = wakeup.step;
	return row;
}

template <typename T> Row rows_of(const std::vector<T> &values)
{
	Row rows = Row::array();

	for (const T &value : values)
		rows.push_back(row_of(value));
	return rows;
}

Row row_of(const CallSocket &socket)
{
	Row row;

	if (socket.ops.empty())
		return row; // null: it was not seen
	row["family"] = family_name(socket.family);
	row["type"] = type_text(socket.type);
	row["f_op"] = socket.f_op;
	row["ops"] = socket.ops;
	row["sk_prot"] = socket.prot;
	return row;
}

Row row_of(const Call &call)
{
	Row row;

	row["number"] = call.number;
	row["name"] = call.name;
	row["arguments"] = call.arguments;
	row["result"] = call.result.empty() ? Row() : Row(call.value);
	row["result_text"] = call.result;
	row["thread"] = call.thread;
	row["command"] = call.command;
	row["begin"] = call.begin;
	row["duration"] = call.duration;
	row["socket"] = row_of(call.socket);
	row["steps"] = rows_of(call.steps);
	row["frames"] = rows_of(call.frames);
	row["wakeups"] = rows_of(call.wakeups);
	return row;
}

} // namespace

std::string trace_text(const Trace &trace, const TextStyle &style)
{
	return TextView(trace, style).print();
}

std::string why_text(const Trace &trace, const TextStyle &style)
{
	return TextView(trace, style).print_why();
}

std::string why_json(const Trace &trace)
{
	Row rows = Row::array();

	for (const Call &call : trace.calls) {
		Row row;

		row["number"] = call.number;
		row["name"] = call.name;
		row["arguments"] = call.arguments;
		row["errno"] = -call.value;
		row["error"] = error_name(static_cast<int>(-call.value));
		row["thread"] = call.thread;
		row["command"] = call.command;
		row["socket"] = row_of(call.socket);
		row["way"] = Row::array();
		for (const Step *step : call.way_of_error()) {
			Row function;

			function["function"] = step->function;
			function["module"] = step->module;
			function["layer"] = layer_key(step->layer);
			if (!step->pointer.empty()) {
				function["pointer"] = step->pointer;
				function["table"] = step->table;
			}
			row["way"].push_back(std::move(function));
		}
		rows.push_back(std::move(row));
	}
	return rows.dump(-1, ' ', false, Row::error_handler_t::replace) + '\n';
}

std::string trace_json(const Trace &trace)
{
	Row row;

	row["title"] = trace.title;
	row["lost"] = trace.lost;
	row["calls"] = rows_of(trace.calls);
	// A program may call itself by anything.
	return row.dump(-1, ' ', false, Row::error_handler_t::replace) + '\n';
}

} // namespace glass::ctl
