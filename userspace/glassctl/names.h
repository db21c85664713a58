/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * Numbers of the socket interface in the words of its headers.
 */
#ifndef GLASSCTL_NAMES_H
#define GLASSCTL_NAMES_H

#include <string>

namespace glass::ctl {

/** `AF_GLASS`; the number for a family that is not known here. */
std::string family_name(int number);
/** `SOCK_STREAM`; with SOCK_NONBLOCK and SOCK_CLOEXEC, as given to socket(2): `SOCK_DGRAM|…`. */
std::string type_text(int type);
/** `SOL_SOCKET`; the number for a level that is not known here. */
std::string level_name(int level);
/** `MSG_PEEK|MSG_DONTWAIT`, `0`. */
std::string message_flags_text(int flags);

} // namespace glass::ctl

#endif // GLASSCTL_NAMES_H
