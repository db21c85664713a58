/* SPDX-License-Identifier: GPL-2.0 */
/* The transport's pure C, as C++ on the host sees it. */
#ifndef GLASS_UNIT_TCB_HOST_H
#define GLASS_UNIT_TCB_HOST_H

extern "C" {
#include "congestion.h"
#include "rtt.h"
#include "segment.h"
#include "tcb.h"
}

#endif
