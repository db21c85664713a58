/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * A few socket calls that any family can make, so that families can be
 * compared call by call.
 */
#ifndef GLASSCTL_SCENARIO_H
#define GLASSCTL_SCENARIO_H

#include "glassctl/kinds.h"

namespace glass::ctl {

/** Can sockets of this kind make the calls of a scenario? */
bool has_scenario(const SocketKind &kind);
/** Has it connections, which are listened for and accepted? Else it sends datagrams. */
bool has_connections(const SocketKind &kind);

/**
 * One message of five bytes, from one socket to another of the same process.
 * Of connections: socket, bind, listen, getsockname, socket, connect, accept,
 * write, read, close of all three. Of datagrams: socket, bind, getsockname,
 * socket, connect, write, read, close of both.
 *
 * Returns 0, or the errno of the call that failed.
 */
int run_scenario(const SocketKind &kind);

} // namespace glass::ctl

#endif // GLASSCTL_SCENARIO_H
