// SPDX-License-Identifier: GPL-2.0
/*
 * A trace as one HTML file. There is no script in it: folding is the
 * browser's own (details, which the keyboard opens), noise hangs on a
 * checkbox, and colours follow the reader's choice of light and dark.
 */
#include <array>
#include <cstdio>

#include "glassctl/names.h"
#include "glassctl/trace_view.h"
#include "lib/diag.h"

namespace glass::ctl {

namespace {

constexpr const char *head = R"(<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
)";

constexpr const char *style = R"(<style>
:root { color-scheme: light dark; --page: #fff; --text: #1b1f24; --faint: #59636e; --line: #d1d9e0;
	--shade: #f3f5f8; --strong: #0a3069; }
@media (prefers-color-scheme: dark) { :root { --page: #0d1117; --text: #e6edf3; --faint: #9198a1;
	--line: #30363d; --shade: #161b22; --strong: #a5d6ff; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 100rem; padding: 1rem 1.5rem; background: var(--page);
	color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.4rem; margin: .3rem 0; }
h2 { font-size: 1.05rem; margin: 1.2rem 0 .4rem; }
code, .step, .call > summary, .note { font-family: ui-monospace, monospace; font-size: 13px; }
summary { cursor: pointer; border-radius: 4px; }
summary:hover { background: var(--shade); }
:focus-visible { outline: 2px solid var(--strong); outline-offset: 1px; }
.layers { display: flex; flex-wrap: wrap; gap: .4rem; list-style: none; padding: 0; }
.layer { display: inline-block; min-width: 7.4em; padding: 0 .5em; border-radius: 3px; color: #fff;
	background: var(--of, #59636e); font: 12px/1.5 ui-monospace, monospace; text-align: center; }
.call { border: 1px solid var(--line); border-radius: 6px; margin: .5rem 0; padding: .4rem .7rem; }
.call > summary { font-weight: 600; }
.call > summary .time { float: right; font-weight: 400; color: var(--faint); }
.failed > summary .result { color: #c93c37; }
.socket { margin: .3rem 0 .5rem 1.1rem; color: var(--faint); }
.steps { overflow-x: auto; }
.step { white-space: nowrap; }
.step > summary, .leaf { display: grid; grid-template-columns: 5.5em 5.5em 8.6em auto;
	column-gap: .6em; align-items: baseline; justify-content: start; }
.step > summary { list-style: none; }
.step > summary::-webkit-details-marker { display: none; }
.number { text-align: right; color: var(--faint); font-variant-numeric: tabular-nums; }
.name { padding-left: calc(var(--depth) * 1.1em + 1.2em); position: relative; }
.step > summary .name::before { content: "▸"; position: absolute;
	left: calc(var(--depth) * 1.1em); color: var(--faint); }
.step[open] > summary .name::before { content: "▾"; }
.module { color: var(--faint); }
.pointer { color: var(--strong); font-weight: 600; }
.note { margin-left: calc(21.4em + var(--depth) * 1.1em + 1.2em); white-space: nowrap; }
.frame { border-left: 3px solid #cf222e; padding-left: .5em; }
.wakeup { border-left: 3px solid #8250df; padding-left: .5em; }
.noise { opacity: .75; }
body:not(:has(#noise:checked)) .noise { display: none; }
table { border-collapse: collapse; }
td, th { text-align: left; padding: .15rem .8rem .15rem 0; border-bottom: 1px solid var(--line); }
a { color: var(--strong); }
@media print { .call { break-inside: avoid; } }
)";

/* Behind white letters: at least 4.5 to 1 each. */
constexpr std::array<const char *, layers> colours = {
	"#57606a", "#0969da", "#00707a", "#1a7f37", "#7d5600", "#b4450a",
	"#cf222e", "#a8327e", "#8250df", "#4d6a7d", "#6e7781", "#6e7781",
	"#6e7781", "#6e7781", "#6e7781", "#6e7781", "#6e7781"};

std::string escaped(const std::string &text)
{
	std::string out;

	for (const char letter : text)
		switch (letter) {
		case '&':
			out += "&amp;";
			break;
		case '<':
			out += "&lt;";
			break;
		case '>':
			out += "&gt;";
			break;
		case '"':
			out += "&quot;";
			break;
		default:
			out += letter;
		}
	return out;
}

std::string microseconds(std::uint64_t time)
{
	std::array<char, 32> text;

	std::snprintf(text.data(), text.size(), "%.1f", static_cast<double>(time) / 1000);
	return text.data();
}

std::string thread_text(pid_t thread, const std::string &name)
{
	return escaped(name.empty() ? "?" : name) + '/' + std::to_string(thread);
}

std::string span(const char *kind, const std::string &content)
{
	return std::string("<span class=\"") + kind + "\">" + content + "</span>";
}

std::string layer_badge(Layer layer)
{
	return "<span class=\"layer l" + std::to_string(static_cast<int>(layer)) + "\">" +
	       std::string(layer_title(layer)) + "</span>";
}

/** Writes a trace. */
class HtmlView
{
public:
	explicit HtmlView(const Trace &trace) : trace_(trace) {}
	std::string print();

private:
	void print_legend();
	void print_frames();
	void print_call(const Call &call);
	void print_step(const Call &call, std::size_t number, bool has_children);
	void print_notes(const Call &call, std::size_t number);

	const Trace &trace_;
	std::string out_;
};

void HtmlView::print_legend()
{
	out_ += "<ul class=\"layers\" aria-label=\"Layers\">\n";
	for (std::size_t i = 0; i < layers; i++)
		if (!is_noise(static_cast<Layer>(i)))
			out_ += "<li>" + layer_badge(static_cast<Layer>(i)) + "</li>\n";
	out_ += "</ul>\n<p><label><input type=\"checkbox\" id=\"noise\"> Show noise: locks, RCU, "
		"memory, accounting, security, the scheduler</label></p>\n"
		"<p>Times in microseconds: since the call began, and that the step took.</p>\n";
}

std::string call_anchor(const Call &call)
{
	return "call-" + std::to_string(call.number);
}

std::string step_anchor(const Call &call, int step)
{
	return step < 0 ? call_anchor(call) : call_anchor(call) + '-' + std::to_string(step);
}

std::string fate_of(const Frame &frame)
{
	std::string text = frame.dropped.empty() ? "" : "dropped: " + escaped(frame.dropped);

	if (!frame.received)
		return text.empty() ? "not seen again" : text;
	return "received after " + microseconds(*frame.received - frame.sent) + " µs" +
	       (frame.in_call ? ", within the call"
			      : " by " + thread_text(frame.receiver, frame.receiver_name)) +
	       (frame.in_softirq ? ", in a softirq" : "") + (text.empty() ? "" : "; " + text);
}

std::string way_of(const Frame &frame)
{
	return frame.source.empty() ? std::to_string(frame.length) + " bytes"
				    : frame.source + " → " + frame.destination + ", " +
					      std::to_string(frame.payload) + " of payload";
}

void HtmlView::print_frames()
{
	out_ += "<h2>Frames</h2>\n<table id=\"frames\"><tr><th>Frame<th>Device<th>Way<th>Caused by"
		"<th>Fate\n";
	for (const Call &call : trace_.calls)
		for (const Frame &frame : call.frames)
			out_ += "<tr><td>" + std::to_string(frame.number) + "<td>" +
				escaped(frame.device) + "<td>" + way_of(frame) + "<td><a href=\"#" +
				step_anchor(call, frame.step) + "\">#" +
				std::to_string(call.number) + ' ' + call.name + "</a><td>" +
				fate_of(frame) + '\n';
	out_ += "</table>\n";
}

void HtmlView::print_notes(const Call &call, std::size_t number)
{
	const std::string depth =
		" style=\"--depth:" + std::to_string(call.steps[number].depth) + "\">";

	for (const Frame &frame : call.frames)
		if (frame.step == static_cast<int>(number))
			out_ += "<div class=\"note frame\"" + depth + "frame " +
				std::to_string(frame.number) + ": " + escaped(frame.device) + ", " +
				way_of(frame) + "; " + fate_of(frame) + "</div>\n";
	for (const Wakeup &wakeup : call.wakeups)
		if (wakeup.step == static_cast<int>(number))
			out_ += "<div class=\"note wakeup\"" + depth + "wakes " +
				thread_text(wakeup.thread, wakeup.name) + "</div>\n";
}

/* Of one with children, the details stay open. */
void HtmlView::print_step(const Call &call, std::size_t number, bool has_children)
{
	const Step &step = call.steps[number];
	const std::string noise = step.is_noise ? " noise" : "";
	const std::string id = " id=\"" + step_anchor(call, static_cast<int>(number)) + "\"";
	std::string name = escaped(step.function);

	if (!step.module.empty())
		name += span("module", " [" + escaped(step.module) + ']');
	if (!step.pointer.empty())
		name += ' ' + span("pointer", escaped(step.pointer)) + " of " + escaped(step.table);
	const std::string line =
		span("number", microseconds(step.begin)) +
		span("number", microseconds(step.duration)) + layer_badge(step.layer) +
		"<span class=\"name\" style=\"--depth:" + std::to_string(step.depth) + "\">" +
		name + "</span>";
	if (has_children)
		out_ += "<details open class=\"step" + noise + "\"" + id + "><summary>" + line +
			"</summary>\n";
	else
		out_ += "<div class=\"step leaf" + noise + "\"" + id + ">" + line + "</div>\n";
	print_notes(call, number);
}

void HtmlView::print_call(const Call &call)
{
	const bool has_failed = call.value < 0;

	out_ += std::string("<details class=\"call") + (has_failed ? " failed" : "") + "\" id=\"" +
		call_anchor(call) + "\"" + (trace_.calls.size() == 1 ? " open" : "") +
		"><summary>#" + std::to_string(call.number) + ' ' +
		escaped(call.name + '(' + call.arguments + ')') + ' ' +
		span("result",
		     call.result.empty() ? "did not return" : "= " + escaped(call.result)) +
		span("time", microseconds(call.duration) + " µs, " +
				     thread_text(call.thread, call.command)) +
		"</summary>\n";
	if (!call.socket.ops.empty())
		out_ += "<p class=\"socket\">" +
			escaped(family_name(call.socket.family) + ' ' +
				type_text(call.socket.type)) +
			": <code>f_op = " + escaped(call.socket.f_op) +
			"</code>, <code>ops = " + escaped(call.socket.ops) +
			"</code>, <code>sk_prot = " + escaped(call.socket.prot) + "</code></p>\n";
	out_ += "<div class=\"steps\">\n";
	std::vector<bool> has_details; /* of each step that is in progress */
	const auto close_to = [&](std::size_t depth) {
		for (; has_details.size() > depth; has_details.pop_back())
			if (has_details.back())
				out_ += "</details>\n";
	};
	for (std::size_t i = 0; i < call.steps.size(); i++) {
		const bool has_children =
			i + 1 < call.steps.size() && call.steps[i + 1].depth > call.steps[i].depth;

		close_to(static_cast<std::size_t>(call.steps[i].depth));
		print_step(call, i, has_children);
		has_details.push_back(has_children);
	}
	close_to(0);
	out_ += "</div>\n</details>\n";
}

std::string HtmlView::print()
{
	out_ = html_head(trace_.title);
	out_ += "<h1><code>" + escaped(trace_.title) + "</code></h1>\n<p>" +
		std::to_string(trace_.calls.size()) +
		" socket calls, and the way of each through the kernel.";
	if (trace_.lost)
		out_ += " <strong>" + std::to_string(trace_.lost) +
			" events were lost: something is missing here.</strong>";
	out_ += "</p>\n";
	print_legend();
	out_ += "<h2>Calls</h2>\n<main>\n";
	for (const Call &call : trace_.calls)
		print_call(call);
	out_ += "</main>\n";
	print_frames();
	out_ += "</body>\n</html>\n";
	return std::move(out_);
}

} // namespace

std::string html_head(const std::string &title)
{
	std::string out = head;

	out += "<title>" + escaped(title) + " – glassctl trace</title>\n" + style;
	for (std::size_t i = 0; i < layers; i++)
		out += ".l" + std::to_string(i) + " { --of: " + colours[i] + "; }\n";
	return out + "</style>\n<body>\n";
}

std::string trace_html(const Trace &trace)
{
	return HtmlView(trace).print();
}

} // namespace glass::ctl
