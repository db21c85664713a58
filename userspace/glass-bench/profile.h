/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * Where the processor is, by kernel function, while something is measured.
 */
#ifndef GLASS_BENCH_PROFILE_H
#define GLASS_BENCH_PROFILE_H

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "lib/fd.h"

namespace glass::bench {

/** How often each function was met; "[user]" is all that is not the kernel's. */
using Profile = std::map<std::string, std::uint64_t>;

/**
 * Samples processor 0 as long as this lives, by the kernel's software clock.
 *
 * Its timer is an interrupt: what runs while they are off is met where they are
 * on again. Needs CAP_PERFMON. Throws std::system_error.
 */
class Sampler
{
public:
	Sampler();
	~Sampler();
	Sampler(const Sampler &) = delete;
	Sampler &operator=(const Sampler &) = delete;

	/** Ends sampling; what was met. Throws std::system_error ENOBUFS if some was lost. */
	Profile stop();

private:
	Fd event_;
	std::byte *ring_;
};

} // namespace glass::bench

#endif // GLASS_BENCH_PROFILE_H
