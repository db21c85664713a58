// SPDX-License-Identifier: GPL-2.0
/*
 * A trace as one HTML file. There is no script in it: folding is the
 * browser's own (details, which the keyboard opens), noise hangs on a
 * checkbox, and colours follow the reader's choice of light and dark.
 */
#include <algorithm>
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
:root { color-scheme: light dark; --page: light-dark(#fff, #0d1117);
	--text: light-dark(#1b1f24, #e6edf3); --faint: light-dark(#57606a, #9da5ae);
	--line: light-dark(#d8dee4, #30363d); --shade: light-dark(#f3f5f8, #1a2029);
	--strong: light-dark(#0a3069, #a5d6ff); --mark: light-dark(#fff3c4, #3a3016);
	--error: light-dark(#b3261e, #ff8a80); }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 100rem; padding: 1rem clamp(.6rem, 2vw, 1.6rem) 3rem;
	background: var(--page); color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
code, summary, .step, .note, .columns, .layer { font-family: ui-monospace, monospace; font-size: 13px; }
h1 { font-size: 1.25rem; margin: .3rem 0; overflow-wrap: anywhere; white-space: pre-wrap; tab-size: 4; }
h1 code { font-size: inherit; }
h2 { font-size: 1.05rem; margin: 1.6rem 0 .4rem; }
p { margin: .5rem 0; }
p, th, td { overflow-wrap: break-word; }
a { color: var(--strong); }
label, summary { cursor: pointer; }
summary { border-radius: 4px; list-style: none; }
summary::-webkit-details-marker { display: none; }
summary:hover { background: var(--shade); }
:focus-visible { outline: 2px solid var(--strong); outline-offset: 1px; }
.faint, .number, .module, .folded { color: var(--faint); }
.number { text-align: right; font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; }

.layers { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; list-style: none; padding: 0; }
.layer { color: var(--of); border-left: 4px solid var(--of); padding-left: .5em; white-space: nowrap; }

.call { border: 1px solid var(--line); border-radius: 6px; margin: .35rem 0; }
.call > summary { display: grid; grid-template-columns: 1em 2.6em 1fr 5.5em 7em 12em;
	column-gap: .7em; align-items: baseline; padding: .35rem .7rem; }
.call[open] > summary { border-bottom: 1px solid var(--line); border-radius: 5px 5px 0 0; }
summary::before, .step > summary .name::before { content: "▸"; color: var(--faint); }
.call[open] > summary::before, .step[open] > summary .name::before { content: "▾"; }
.step > summary::before { content: none; }
.title { font-weight: 600; overflow-wrap: anywhere; }
.result { font-weight: 400; white-space: nowrap; }
.failed > summary .result { color: var(--error); font-weight: 600; }
.who { overflow-wrap: anywhere; }
.socket { margin: .5rem .8rem; color: var(--faint); font-size: 13px; overflow-wrap: anywhere; }

.call > .scroll { padding: .3rem .7rem .5rem; }
.steps { width: max-content; min-width: 100%; }
.step > summary, .leaf, .columns { display: grid;
	grid-template-columns: 5.5em 5.5em 8.5em auto; column-gap: .8em; justify-content: start;
	line-height: 1.6; white-space: nowrap; }
.columns :nth-child(3) { padding-left: calc(4px + .5em); }
.columns { color: var(--faint); border-bottom: 1px solid var(--line); margin-bottom: .2rem; }
.name, .columns .function { padding-left: calc(var(--depth, 0) * 1.2em + 1.3em); }
.name { position: relative; }
.name::before { position: absolute; left: calc(var(--depth) * 1.2em); }
.pointer { color: var(--strong); font-weight: 600; }
.folded { padding-left: .6em; }
.note { margin-left: calc(21.9em + var(--depth) * 1.2em + 1.3em); padding-left: .6em;
	border-left: 3px solid var(--of); line-height: 1.6; white-space: nowrap; }
.note b { color: var(--of); }
.frame { --of: light-dark(#cf222e, #ff7b72); }
.wakeup { --of: light-dark(#8250df, #c297ff); }
.noise .name, .noise .pointer { color: var(--faint); font-weight: 400; }
:target { background: var(--mark); scroll-margin-block: 6rem; }
body:not(:has(#noise:checked)) .noise, body:has(#noise:checked) .folded { display: none; }
body:not(:has(#noise:checked)) .quiet > summary .name::before { content: none; }

table { border-collapse: collapse; font-size: 13px; line-height: 1.6; }
th, td { text-align: left; vertical-align: baseline; padding: 0 1.4rem 0 0; white-space: nowrap; }
thead th { border-bottom: 1px solid var(--line); }
#frames { font-variant-numeric: tabular-nums; }
#frames td { border-bottom: 1px solid var(--line); padding-block: .1rem; }
.beside { min-width: 100%; }
.beside tbody { border-top: 1px solid var(--line); }
.beside tbody th { width: 9.5em; }
.beside td { min-width: 23em; }
.beside th, .faint { font-weight: 400; }
.beside thead th { font-weight: 600; }
summary h2 { grid-column: 2 / -1; font: inherit; font-weight: 600; margin: 0; }

@media (max-width: 50rem) {
	h1 { font-size: 1.1rem; tab-size: 2; }
	.call > summary { grid-template-columns: 1em 2.6em 1fr auto; }
	.title { grid-column: 3 / -1; }
	.who { grid-area: 2 / 3; }
	.time { grid-area: 2 / 4; }
	.frames { grid-area: 3 / 3 / auto / -1; text-align: left; }
	.frames:empty { display: none; }
	.step > summary, .leaf, .columns { grid-template-columns: 3.8em 4.4em 7.5em auto; column-gap: .6em; }
	.name, .columns .function { padding-left: calc(var(--depth, 0) * .7em + 1.3em); }
	.name::before { left: calc(var(--depth) * .7em); }
	.note { margin-left: calc(17.5em + var(--depth) * .7em + 1.3em); }
	.beside td { min-width: 15em; }
}
@media print { .call { break-inside: avoid; } }
)";

/* On the page, and on each of its shades: at least 4.5 to 1, in light and in dark. */
constexpr const char *noise_colour = "light-dark(#57606a, #9da5ae)";
constexpr std::array colours = {"light-dark(#57606a, #9da5ae)", "light-dark(#0860c4, #6cb0ff)",
				"light-dark(#006b75, #3fc7d0)", "light-dark(#17733a, #4ac261)",
				"light-dark(#7a5300, #d9a63a)", "light-dark(#ad4208, #f5984f)",
				"light-dark(#c41f2b, #ff8a80)", "light-dark(#a1307a, #f58cc5)",
				"light-dark(#7a46d6, #c297ff)", "light-dark(#48657a, #9bb4c7)"};

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

std::string counted(std::size_t number, const std::string &what)
{
	return std::to_string(number) + ' ' + what + (number == 1 ? "" : "s");
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
	void print_heading(const Call &call);
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
		"memory, accounting, security, the scheduler</label></p>\n";
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
	std::string rows;

	for (const Call &call : trace_.calls)
		for (const Frame &frame : call.frames)
			rows += "<tr><td>" + std::to_string(frame.number) + "</td><td>" +
				escaped(frame.device) + "</td><td>" + way_of(frame) +
				"</td><td><a href=\"#" + step_anchor(call, frame.step) + "\">#" +
				std::to_string(call.number) + ' ' + escaped(call.name) +
				"</a></td><td>" + fate_of(frame) + "</td></tr>\n";
	if (!rows.empty())
		out_ += "<h2 id=\"frames-heading\">Frames</h2>\n" + scroll_box("frames-heading") +
			"<table id=\"frames\">\n<thead><tr>" + column_head("Frame") +
			column_head("Device") + column_head("Way") + column_head("Caused by") +
			column_head("Fate") + "</tr></thead>\n<tbody>\n" + rows +
			"</tbody>\n</table></div>\n";
}

void HtmlView::print_notes(const Call &call, std::size_t number)
{
	const std::string depth =
		" style=\"--depth:" + std::to_string(call.steps[number].depth) + "\">";

	for (const Frame &frame : call.frames)
		if (frame.step == static_cast<int>(number))
			out_ += "<div class=\"note frame\"" + depth + "<b>frame " +
				std::to_string(frame.number) + "</b>: " + escaped(frame.device) +
				", " + way_of(frame) + "; " + fate_of(frame) + "</div>\n";
	for (const Wakeup &wakeup : call.wakeups)
		if (wakeup.step == static_cast<int>(number))
			out_ += "<div class=\"note wakeup\"" + depth + "<b>wakes</b> " +
				thread_text(wakeup.thread, wakeup.name) + "</div>\n";
}

/* Is all that a step called noise? */
bool is_quiet(const Call &call, std::size_t number)
{
	const Step &step = call.steps[number];
	const auto is_of_it = [number](const auto &note) {
		return note.step == static_cast<int>(number);
	};

	if (std::ranges::any_of(call.frames, is_of_it) ||
	    std::ranges::any_of(call.wakeups, is_of_it))
		return false;
	for (std::size_t i = number + 1; i < call.steps.size() && call.steps[i].depth > step.depth;
	     i++)
		if (!call.steps[i].is_noise)
			return false;
	return true;
}

/* Of one with children, the details stay open. What a link leads to can have the focus. */
void HtmlView::print_step(const Call &call, std::size_t number, bool has_children)
{
	const Step &step = call.steps[number];
	const std::string kind = step.is_noise ? " noise" : is_quiet(call, number) ? " quiet" : "";
	const std::string id = " id=\"" + step_anchor(call, static_cast<int>(number)) + "\"";
	std::string name = escaped(step.function);
	int folded = 0;

	if (!step.module.empty())
		name += span("module", " [" + escaped(step.module) + ']');
	if (!step.pointer.empty())
		name += ' ' + span("pointer", escaped(step.pointer)) + " of " + escaped(step.table);
	// As in the text: those that follow, before the next that is shown.
	if (!step.is_noise)
		for (std::size_t i = number + 1; i < call.steps.size() && call.steps[i].is_noise;
		     i++)
			folded++;
	if (folded)
		name += span("folded", " (" + std::to_string(folded) + " folded)");
	const std::string line =
		span("number", microseconds(step.begin)) +
		span("number", microseconds(step.duration)) + layer_badge(step.layer) +
		"<span class=\"name\" style=\"--depth:" + std::to_string(step.depth) + "\">" +
		name + "</span>";
	if (has_children)
		out_ += "<details open class=\"step" + kind + "\"><summary" + id + ">" + line +
			"</summary>\n";
	else
		out_ += "<div class=\"step leaf" + kind + "\" tabindex=\"-1\"" + id + ">" + line +
			"</div>\n";
	print_notes(call, number);
}

void HtmlView::print_heading(const Call &call)
{
	const std::size_t frames = call.frames.size();

	out_ += "<summary id=\"" + call_anchor(call) + "\">" +
		span("faint", '#' + std::to_string(call.number)) + ' ' +
		span("title",
		     escaped(call.name + '(' + call.arguments + ')') + ' ' +
			     span("result", call.result.empty() ? "did not return"
								: "= " + escaped(call.result))) +
		' ' + span("number frames", frames ? counted(frames, "frame") : "") + ' ' +
		span("number time", microseconds(call.duration) + " µs") + ' ' +
		span("faint who", thread_text(call.thread, call.command)) + "</summary>\n";
}

void HtmlView::print_call(const Call &call)
{
	const bool has_failed = call.value < 0;

	out_ += std::string("<details class=\"call") + (has_failed ? " failed" : "") + "\"" +
		(trace_.calls.size() == 1 ? " open" : "") + ">";
	print_heading(call);
	if (!call.socket.ops.empty())
		out_ += "<p class=\"socket\">" +
			escaped(family_name(call.socket.family) + ' ' +
				type_text(call.socket.type)) +
			": <code>f_op = " + escaped(call.socket.f_op) +
			"</code>, <code>ops = " + escaped(call.socket.ops) +
			"</code>, <code>sk_prot = " + escaped(call.socket.prot) + "</code></p>\n";
	out_ += "<div class=\"scroll\"><div class=\"steps\">\n<div class=\"columns\">" +
		span("number", "at µs") + span("number", "took µs") + "<span>layer</span>" +
		span("function", "function") + "</div>\n";
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
	out_ += "</div></div>\n</details>\n";
}

std::string HtmlView::print()
{
	out_ = html_head(trace_.title);
	out_ += "<header>\n<h1><code>" + escaped(trace_.title) + "</code></h1>\n<p>" +
		counted(trace_.calls.size(), "socket call") +
		", and the way of each through the kernel: when a step began since its call did, "
		"and how long it took.";
	if (trace_.lost)
		out_ += " <strong>" + std::to_string(trace_.lost) +
			" events were lost: something is missing here.</strong>";
	out_ += "</p>\n";
	print_legend();
	out_ += "</header>\n<main>\n<h2>Calls</h2>\n";
	if (trace_.calls.empty())
		out_ += "<p>No socket calls were seen.</p>\n";
	for (const Call &call : trace_.calls)
		print_call(call);
	print_frames();
	out_ += "</main>\n</body>\n</html>\n";
	return std::move(out_);
}

} // namespace

std::string layer_badge(Layer layer)
{
	return "<span class=\"layer l" + std::to_string(static_cast<int>(layer)) + "\">" +
	       std::string(layer_title(layer)) + "</span>";
}

std::string column_head(const std::string &content)
{
	return "<th scope=\"col\">" + content + "</th>";
}

std::string scroll_box(const std::string &label)
{
	return "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-labelledby=\"" + label +
	       "\">";
}

std::string html_head(const std::string &title)
{
	std::string out = head;

	out += "<title>" + escaped(title) + " – glassctl trace</title>\n" + style;
	for (std::size_t i = 0; i < layers; i++)
		out += ".l" + std::to_string(i) +
		       " { --of: " + (i < colours.size() ? colours[i] : noise_colour) + "; }\n";
	return out + "</style>\n<body>\n";
}

std::string trace_html(const Trace &trace)
{
	return HtmlView(trace).print();
}

} // namespace glass::ctl
