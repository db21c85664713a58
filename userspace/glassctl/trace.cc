// SPDX-License-Identifier: GPL-2.0
#include "glassctl/trace.h"

#include <unistd.h>

#include <fstream>
#include <iostream>

#include "glassctl/calls.h"
#include "glassctl/commands.h"
#include "glassctl/process.h"
#include "glassctl/recording.h"
#include "glassctl/tables.h"
#include "glassctl/trace_view.h"

namespace glass::ctl {

namespace {

std::string title_of(const TraceOptions &options)
{
	std::string title;

	if (options.pid)
		return "process " + std::to_string(*options.pid);
	for (const auto &word : options.command)
		title += (title.empty() ? "" : " ") + word;
	return title;
}

Process find_process(const Options &options, const Interrupts &interrupts)
{
	const TraceOptions &wanted = options.trace;
	auto process = wanted.pid ? Process::attach(*wanted.pid)
				  : Process::spawn(wanted.command, interrupts);

	if (!process)
		throw Failure(process.error(), options.text, title_of(wanted));
	return std::move(*process);
}

/* To @p path, or to standard output for "-". */
void write_to(const Options &options, const std::string &path, const std::string &text)
{
	if (path == "-") {
		std::cout << text << std::flush;
		return;
	}
	std::ofstream file(path);
	file << text << std::flush;
	if (!file)
		throw Failure(last_error(), options.text, path);
}

/* Runs what was asked for, and finds sense in what the kernel did for it. */
Trace follow(const Options &options, bool with_errors)
{
	const TraceOptions &wanted = options.trace;
	const Interrupts interrupts;
	LayerMap layers;
	const OpsTables tables = read_tables(layers);
	Process process = find_process(options, interrupts);
	RecordingPlan plan;

	plan.title = title_of(wanted);
	plan.layers = &layers;
	plan.with_errors = with_errors;
	plan.begin = [&process] { return process.let_go(); };
	const Recording recording = record(process, interrupts, plan, options.text);
	Trace trace = find_calls(recording, tables, wanted.call);
	trace.title = plan.title;
	if (trace.lost)
		std::cerr << "glassctl: " << options.text << ": " << trace.lost
			  << " events were lost: there was no room for them\n";
	return trace;
}

} // namespace

void show_trace(const Options &options)
{
	const TraceOptions &wanted = options.trace;
	const Trace trace = follow(options, false);

	if (!wanted.html_file.empty())
		return write_to(options, wanted.html_file, trace_html(trace));
	if (!wanted.json_file.empty())
		return write_to(options, wanted.json_file, trace_json(trace));
	if (options.json)
		return write_to(options, "-", trace_json(trace));
	write_to(options, "-", trace_text(trace, {::isatty(STDOUT_FILENO) == 1, wanted.unfold}));
}

void show_why(const Options &options)
{
	Trace trace = follow(options, true);

	std::erase_if(trace.calls, [](const Call &call) { return call.value >= 0; });
	write_to(options, "-",
		 options.json ? why_json(trace)
			      : why_text(trace, {::isatty(STDOUT_FILENO) == 1, false}));
}

} // namespace glass::ctl
