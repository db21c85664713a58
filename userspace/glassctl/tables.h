/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * Tables of functions, as the kernel has them in memory: which function is
 * whose `sendmsg`.
 */
#ifndef GLASSCTL_TABLES_H
#define GLASSCTL_TABLES_H

#include <map>
#include <string>

#include "lib/layer.h"

namespace glass::ctl {

/** By the symbol of a struct proto_ops or struct proto: the member that each function is. */
using OpsTables = std::map<std::string, std::map<std::string, std::string>>;

/**
 * The tables of the families that are there, asked of the kernel through
 * sockets opened for it; no module is loaded. @p layers learns them.
 *
 * Empty without Glass, whose interface it is.
 */
OpsTables read_tables(LayerMap &layers);

} // namespace glass::ctl

#endif // GLASSCTL_TABLES_H
