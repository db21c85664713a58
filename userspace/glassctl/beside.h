/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * The same calls on several families, side by side: what each layer adds.
 */
#ifndef GLASSCTL_BESIDE_H
#define GLASSCTL_BESIDE_H

#include <string>
#include <vector>

#include "glassctl/calls.h"
#include "glassctl/trace_view.h"

namespace glass::ctl {

/** What one kind of socket did. */
struct Side {
	std::string kind; /**< its name, as of `ops` */
	Trace trace;
};

/** For a terminal: each call as a table, layers from the top to the bottom. */
std::string beside_text(const std::vector<Side> &sides, const TextStyle &style);
/** One HTML file, as trace_html() makes one. */
std::string beside_html(const std::vector<Side> &sides);
/** One JSON array and a newline: `kind`, and `trace` as in trace_json(). */
std::string beside_json(const std::vector<Side> &sides);

} // namespace glass::ctl

#endif // GLASSCTL_BESIDE_H
