/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * The other process of a measurement.
 */
#ifndef GLASS_BENCH_PROCESS_H
#define GLASS_BENCH_PROCESS_H

#include <sys/types.h>

#include <functional>

namespace glass::bench {

/** Puts this process on that processor alone. */
void run_on(unsigned cpu);

/**
 * A child that does one thing, and is killed with this object.
 *
 * When the work fails, the child prints why and ends this process too: a figure
 * of what is left would be none.
 */
class Child
{
public:
	/** Begins @p work on processor @p cpu, which does not return before it is killed. */
	Child(unsigned cpu, const std::function<void()> &work);
	~Child();
	Child(const Child &) = delete;
	Child &operator=(const Child &) = delete;

private:
	pid_t pid_;
};

} // namespace glass::bench

#endif // GLASS_BENCH_PROCESS_H
