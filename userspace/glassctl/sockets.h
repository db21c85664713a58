/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * glassctl ss: the sockets of this network namespace.
 */
#ifndef GLASSCTL_SOCKETS_H
#define GLASSCTL_SOCKETS_H

#include <string>
#include <vector>

#include "glassctl/options.h"
#include "glassctl/view.h"
#include "lib/diag.h"

namespace glass::ctl {

/** The keys of a socket_row() that make a table. */
const std::vector<std::string> &socket_columns();
/** A socket's values by key; @p with_details: also those that a table has no room for. */
Row socket_row(const SocketView &socket, bool with_details);

/** The sockets in the states that were asked for. Throws Failure. */
std::vector<SocketView> fetch_sockets(const Options &options);

/** Prints the sockets that were asked for. Throws Failure. */
void show_sockets(const Options &options);

} // namespace glass::ctl

#endif // GLASSCTL_SOCKETS_H
