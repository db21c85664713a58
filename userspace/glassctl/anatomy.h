/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * glassctl fd and glassctl ops: what an open socket is made of.
 */
#ifndef GLASSCTL_ANATOMY_H
#define GLASSCTL_ANATOMY_H

#include "glassctl/options.h"

namespace glass::ctl {

/** Draws the socket behind a descriptor. Throws Failure. */
void show_anatomy(const Options &options);

/** Prints tables of functions side by side. Throws Failure. */
void show_ops(const Options &options);

} // namespace glass::ctl

#endif // GLASSCTL_ANATOMY_H
