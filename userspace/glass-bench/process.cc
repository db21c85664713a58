// SPDX-License-Identifier: GPL-2.0
#include "glass-bench/process.h"

#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <exception>
#include <iostream>

#include "glass-bench/kind.h"

namespace glass::bench {

void run_on(unsigned cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	check(::sched_setaffinity(0, sizeof(set), &set), "sched_setaffinity");
}

Child::Child(unsigned cpu, const std::function<void()> &work) : pid_(check(::fork(), "fork"))
{
	if (pid_)
		return;
	try {
		::prctl(PR_SET_PDEATHSIG, SIGKILL);
		run_on(cpu);
		work();
	} catch (const std::exception &error) {
		std::cerr << "glass-bench: the other process: " << error.what() << std::endl;
		// Its descriptors close, which its peer notices, unless it has no
		// connection; then nothing would ever come.
		::kill(::getppid(), SIGTERM);
	}
	::_exit(1);
}

Child::~Child()
{
	::kill(pid_, SIGKILL);
	::waitpid(pid_, nullptr, 0);
}

} // namespace glass::bench
