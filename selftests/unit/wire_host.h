/* SPDX-License-Identifier: GPL-2.0 */
/* The module's C, as C++ on the host sees it. */
#ifndef GLASS_UNIT_WIRE_HOST_H
#define GLASS_UNIT_WIRE_HOST_H

extern "C" {
#include "wire.h"
}

#endif
