/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * Calls in which the kernel is refused something: memory, or a copy from or to
 * user space, each that it asks for in turn.
 *
 * It is the kernel's fault injection (failslab, fail_page_alloc, fail_usercopy),
 * through /proc/thread-self/fail-nth: only the calling thread meets faults, and in
 * its call only, the nth of them. Needs CONFIG_FAULT_INJECTION, root and debugfs.
 * What the kernel's own watching asks for (ref_tracker) is not refused: it would
 * complain that it can watch no more.
 */
#ifndef GLASS_SELFTESTS_FAULT_H
#define GLASS_SELFTESTS_FAULT_H

#include <functional>
#include <set>
#include <string>

#include "helper.h"
#include "lib/fd.h"

namespace helper {

/** A call that is made again and again, with another thing refused each time. */
struct FaultyCall {
	/** The call; its error. What it needs was made before. */
	std::function<Errno()> make;
	/** What must hold after it succeeded or, without faults, was made again; may be empty. */
	std::function<void()> check;
};

/** Refuses one thing after the other. */
class Faults
{
public:
	/** Does this kernel have fault injection? */
	static bool are_there();

	Faults();

	/** Refuses memory only where functions of that module ask for it, or some not far below. */
	void only_near(const std::string &module);
	/**
	 * Refuses memory only where that function of the kernel asks for it, or one below;
	 * not more than @p depth calls, with those of the allocator.
	 */
	void only_below(const std::string &function, int depth);

	/**
	 * Has @p prepare make a new call, refuses the first thing that it asks for; then
	 * another one, and the second; and so on until one asks for no more. Each
	 * succeeds, or fails with an error that a refusal explains (ENOMEM, ENOBUFS,
	 * EFAULT, or one of @p others) and succeeds when it is made again. Anything else
	 * is a failure of the test.
	 *
	 * @return how many things were refused.
	 */
	int walk(const std::function<FaultyCall()> &prepare, const std::set<int> &others = {});

private:
	/** The error of the call in which the nth was refused; whether one was. */
	std::pair<Errno, bool> refuse(int nth, const std::function<Errno()> &call);

	glass::Fd nth_;
};

} // namespace helper

#endif // GLASS_SELFTESTS_FAULT_H
