/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * `glassctl watch`: what happens in this network namespace, as it happens.
 */
#ifndef GLASSCTL_WATCH_H
#define GLASSCTL_WATCH_H

#include <string_view>

#include "glassctl/options.h"

namespace glass::ctl {

/** Can sockets be sorted by it? */
bool is_watch_column(std::string_view name);

/** Shows a screen until it is left, or prints samples. Throws Failure. */
void watch(const Options &options);

} // namespace glass::ctl

#endif // GLASSCTL_WATCH_H
