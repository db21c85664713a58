/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * GoogleTest programs that speak KTAP.
 *
 * ktap.cc brings main(): link it, and write TEST()s. Each case runs in a child
 * process of its own, so that a crash, a hang or an exit() in one is a `not ok`
 * of that one; and so that a case may unshare namespaces, drop capabilities or
 * leave descriptors open without a trace for the next.
 *
 * Output: a version line, the plan, then for each case its diagnostics (all
 * that it printed, behind `# `) and `ok N suite.case` or `not ok N suite.case`,
 * with ` # SKIP reason` where GTEST_SKIP() was used.
 *
 * Exit status: 0 all passed, 1 something failed, 4 everything was skipped.
 *
 * Environment:
 *   GLASS_T         only cases whose `suite.case` contains it
 *   GLASS_SCALE     how much to do, 1 (the default) in a quick run
 *   GLASS_DEADLINE  seconds that one case may take, by default 30 times GLASS_SCALE
 */
#ifndef GLASS_SELFTESTS_KTAP_H
#define GLASS_SELFTESTS_KTAP_H

namespace ktap {

/** GLASS_SCALE: at least 1. */
int scale();

} // namespace ktap

#endif // GLASS_SELFTESTS_KTAP_H
