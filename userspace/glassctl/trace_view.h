/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * A trace, as people and programs read it.
 */
#ifndef GLASSCTL_TRACE_VIEW_H
#define GLASSCTL_TRACE_VIEW_H

#include <string>

#include "glassctl/calls.h"

namespace glass::ctl {

/** How a terminal gets it. */
struct TextStyle {
	bool is_coloured = false;
	bool with_noise = false; /**< else it is folded: counted, and not shown */
};

/** For a terminal: each call, and its steps below it, a line each. */
std::string trace_text(const Trace &trace, const TextStyle &style);

/** One HTML file, which needs nothing else: no script, no other resource. */
std::string trace_html(const Trace &trace);

/** What such a file begins with, up to its body. */
std::string html_head(const std::string &title);
/** A layer's name, in its colour. */
std::string layer_badge(Layer layer);
/** The head of a table's column. */
std::string column_head(const std::string &content);
/** Opens a div for what may be wider than the page; @p label is the id of its heading. */
std::string scroll_box(const std::string &label);

/** One JSON object, and a newline. Times in nanoseconds. docs/trace.md tells the members. */
std::string trace_json(const Trace &trace);

/** For a terminal: of each call that failed, where its error came from and the way back. */
std::string why_text(const Trace &trace, const TextStyle &style);
/** The same as one JSON array, and a newline. docs/trace.md tells the members. */
std::string why_json(const Trace &trace);

} // namespace glass::ctl

#endif // GLASSCTL_TRACE_VIEW_H
