// SPDX-License-Identifier: GPL-2.0
/*
 * The KTAP that the test programs speak: this program runs itself once more,
 * with cases that fail, crash, hang and leave, and reads what comes out.
 */
#include "ktap.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>

namespace {

/* --- The victims: disabled, so that only run_victims() runs them ---------- */

TEST(Victim, DISABLED_passes)
{
	std::cout << "a line\nwithout an end";
}

TEST(Victim, DISABLED_fails)
{
	EXPECT_EQ(1, 2) << "the reason";
}

TEST(Victim, DISABLED_crashes)
{
	::raise(SIGSEGV);
}

TEST(Victim, DISABLED_aborts)
{
	std::abort();
}

TEST(Victim, DISABLED_hangs)
{
	::pause();
}

TEST(Victim, DISABLED_leaves)
{
	::_exit(0);
}

TEST(Victim, DISABLED_skips)
{
	GTEST_SKIP() << "no such thing here";
}

/* A process that stays behind must not keep the program from ending. */
TEST(Victim, DISABLED_forgets_a_child)
{
	if (::fork() == 0)
		for (;;)
			::pause();
}

struct Output {
	std::string text;
	int status = -1;
};

/*
 * The victims' deadline, in milliseconds. One of them waits for it; the others
 * must be done by then, also on a kernel that makes them slow.
 */
long deadline()
{
	const char *ours = std::getenv("GLASS_DEADLINE");

	return std::lround((ours ? std::atof(ours) : 30.0) * 1000 / 60);
}

/* Runs the victims whose name contains @p pattern. */
Output run_victims(const std::string &pattern)
{
	const std::string program = "/proc/" + std::to_string(::getpid()) + "/exe";
	const std::string command = "GLASS_DEADLINE=" + std::to_string(deadline() / 1000.0) +
				    " GLASS_T=" + pattern + " exec " + program +
				    " --gtest_also_run_disabled_tests";
	std::array<char, 512> buffer;
	Output output;

	FILE *pipe = ::popen(command.c_str(), "r");
	if (!pipe)
		return output;
	while (std::size_t size = std::fread(buffer.data(), 1, buffer.size(), pipe))
		output.text.append(buffer.data(), size);
	const int status = ::pclose(pipe);
	output.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	return output;
}

bool has_line(const Output &output, const std::string &line)
{
	return ("\n" + output.text).find("\n" + line + "\n") != std::string::npos;
}

/* --- The cases ------------------------------------------------------------ */

TEST(Ktap, PassIsOkAndItsOutputDiagnostics)
{
	const Output output = run_victims("Victim.DISABLED_passes");

	EXPECT_EQ(output.text, "KTAP version 1\n"
			       "1..1\n"
			       "# a line\n"
			       "# without an end\n"
			       "ok 1 Victim.DISABLED_passes\n"
			       "# Totals: pass:1 fail:0 skip:0\n");
	EXPECT_EQ(output.status, 0);
}

TEST(Ktap, WhatIsNotOkIsToldWithItsReasonAndTheNextCaseRuns)
{
	const Output output = run_victims("Victim.DISABLED_");
	const std::string hung = "not ok 5 Victim.DISABLED_hangs # hung: killed after " +
				 std::to_string(deadline()) + " ms";

	for (const char *line :
	     {"1..8", "ok 1 Victim.DISABLED_passes", "# the reason",
	      "not ok 2 Victim.DISABLED_fails",
	      "not ok 3 Victim.DISABLED_crashes # crashed: signal 11 (Segmentation fault)",
	      "not ok 4 Victim.DISABLED_aborts # crashed: signal 6 (Aborted)", hung.c_str(),
	      "not ok 6 Victim.DISABLED_leaves # exited with status 0 before its end",
	      "ok 7 Victim.DISABLED_skips # SKIP no such thing here",
	      "ok 8 Victim.DISABLED_forgets_a_child", "# Totals: pass:2 fail:5 skip:1"})
		EXPECT_TRUE(has_line(output, line)) << line << "\nis not in:\n" << output.text;
	EXPECT_EQ(output.status, 1);
}

TEST(Ktap, NothingButSkipsExitsWith4)
{
	const Output output = run_victims("DISABLED_skips");

	EXPECT_TRUE(has_line(output, "1..1"));
	EXPECT_EQ(output.status, 4);
}

TEST(Ktap, CasesThatAreNotSelectedAreNotCounted)
{
	const Output output = run_victims("no_case_has_this_name");

	EXPECT_TRUE(has_line(output, "1..0")) << output.text;
	EXPECT_EQ(output.status, 4);
}

} // namespace
