/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * `glassctl trace`: a process's socket calls, and the way that each took.
 * `glassctl why`: those that failed, and where that came from.
 */
#ifndef GLASSCTL_TRACE_H
#define GLASSCTL_TRACE_H

#include "glassctl/options.h"

namespace glass::ctl {

/** Records what was asked for, and shows it. Throws Failure. */
void show_trace(const Options &options);
/** The same, of what failed and why. Throws Failure. */
void show_why(const Options &options);

} // namespace glass::ctl

#endif // GLASSCTL_TRACE_H
