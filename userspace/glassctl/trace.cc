// SPDX-License-Identifier: GPL-2.0
#include "glassctl/trace.h"

#include <unistd.h>

#include <fstream>
#include <iostream>

#include "glassctl/beside.h"
#include "glassctl/calls.h"
#include "glassctl/commands.h"
#include "glassctl/process.h"
#include "glassctl/recording.h"
#include "glassctl/scenario.h"
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

/* As the options ask for it, and where to; @p json, @p html and @p text make it. Files may be
 * several: what was recorded does not come again. */
template <typename Html, typename Json, typename Text>
void write_as_wanted(const Options &options, Html html, Json json, Text text)
{
	const TraceOptions &wanted = options.trace;
	const bool is_coloured = ::isatty(STDOUT_FILENO) == 1;
	const std::string json_file =
		wanted.json_file.empty() && options.json ? "-" : wanted.json_file;

	if (!wanted.html_file.empty())
		write_to(options, wanted.html_file, html());
	if (!json_file.empty())
		write_to(options, json_file, json());
	if (wanted.html_file.empty() && json_file.empty())
		write_to(options, "-", text(TextStyle{is_coloured, wanted.unfold}));
}

/* Lets @process run, and finds sense in what the kernel did for it. */
Trace follow(const Options &options, Process &process, const Interrupts &interrupts,
	     const std::string &title, bool with_errors, std::optional<int> *status = nullptr)
{
	const TraceOptions &wanted = options.trace;
	LayerMap layers;
	const OpsTables tables = read_tables(layers);
	RecordingPlan plan;

	plan.title = title;
	plan.layers = &layers;
	plan.with_errors = with_errors;
	plan.begin = [&process] { return process.let_go(); };
	const Recording recording = record(process, interrupts, plan, options.text);
	Trace trace = find_calls(recording, tables, wanted.call);
	trace.title = plan.title;
	if (status)
		*status = recording.status;
	if (trace.lost)
		std::cerr << "glassctl: " << options.text << ": " << trace.lost
			  << " events were lost: there was no room for them\n";
	return trace;
}

Trace follow(const Options &options, bool with_errors)
{
	const Interrupts interrupts;
	Process process = find_process(options, interrupts);

	return follow(options, process, interrupts, title_of(options.trace), with_errors);
}

Trace follow_scenario(const Options &options, const SocketKind &kind)
{
	const Interrupts interrupts;
	std::optional<int> status;

	if (!kind.is_there())
		throw Failure(std::make_error_code(std::errc::address_family_not_supported),
			      options.text, kind.name);
	auto process = Process::spawn([&kind] { return run_scenario(kind); }, interrupts);
	if (!process)
		throw Failure(process.error(), options.text, kind.name);
	Trace trace = follow(options, *process, interrupts, kind.name, false, &status);
	if (status.value_or(0))
		throw Failure({*status, std::system_category()}, options.text,
			      std::string("the scenario of ") + kind.name);
	return trace;
}

void show_beside(const Options &options)
{
	std::vector<Side> sides;

	for (const std::string &name : options.trace.beside)
		sides.push_back({name, follow_scenario(options, *find_kind(name))});
	write_as_wanted(
		options, [&] { return beside_html(sides); }, [&] { return beside_json(sides); },
		[&](const TextStyle &style) { return beside_text(sides, style); });
}

} // namespace

void show_trace(const Options &options)
{
	if (!options.trace.beside.empty())
		return show_beside(options);
	const Trace trace = follow(options, false);

	write_as_wanted(
		options, [&] { return trace_html(trace); }, [&] { return trace_json(trace); },
		[&](const TextStyle &style) { return trace_text(trace, style); });
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
