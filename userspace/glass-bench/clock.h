/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * What an operation is measured in.
 */
#ifndef GLASS_BENCH_CLOCK_H
#define GLASS_BENCH_CLOCK_H

#include <x86intrin.h>

#include <chrono>
#include <cstdint>

namespace glass::bench {

/** What the figures count. */
enum class Unit {
	/**
	 * Instructions that the whole machine executed, user space and kernel.
	 *
	 * True only in a guest of QEMU with `-icount shift=0`, whose time-stamp
	 * counter counts them; with `idle=poll`, or waiting would count by the time
	 * that the virtual clock jumps over.
	 */
	Instructions,
	/** Nanoseconds of CLOCK_MONOTONIC. */
	Nanoseconds,
};

/** The counter now. */
inline std::uint64_t now(Unit unit) noexcept
{
	using std::chrono::steady_clock;

	if (unit == Unit::Instructions)
		return __rdtsc();
	return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
						  steady_clock::now().time_since_epoch())
						  .count());
}

} // namespace glass::bench

#endif // GLASS_BENCH_CLOCK_H
