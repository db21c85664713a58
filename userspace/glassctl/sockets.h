/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * glassctl ss: the sockets of this network namespace.
 */
#ifndef GLASSCTL_SOCKETS_H
#define GLASSCTL_SOCKETS_H

#include "glassctl/options.h"

namespace glass::ctl {

/** Prints the sockets that were asked for. Throws Failure. */
void show_sockets(const Options &options);

} // namespace glass::ctl

#endif // GLASSCTL_SOCKETS_H
