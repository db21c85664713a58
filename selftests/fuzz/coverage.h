/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * What of the module a thread has come through, told by KCOV.
 *
 * KCOV writes down where a task is in code that was compiled for it (here only
 * glass.ko): once per basic block, with bottom halves off too, but not in a softirq or
 * an interrupt. So what the caller delivers itself is seen (over a Glass device, or
 * written to a TAP device), and what timers or the CPU's backlog queue do is not.
 */
#ifndef GLASS_SELFTESTS_FUZZ_COVERAGE_H
#define GLASS_SELFTESTS_FUZZ_COVERAGE_H

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "lib/fd.h"

namespace fuzz {

/** Tells where a thread has been. This one does not know. */
class Coverage
{
public:
	virtual ~Coverage() = default;
	/** From now on. */
	virtual void start() {}
	/** Addresses in the order of their visits, until now; valid until start(). */
	virtual std::span<const std::uint64_t> stop() { return {}; }
};

/** Of the calling thread, by KCOV. */
class Kcov : public Coverage
{
public:
	/** Nothing where this kernel has no KCOV. */
	static std::unique_ptr<Kcov> open();
	~Kcov() override;
	void start() override;
	std::span<const std::uint64_t> stop() override;

private:
	Kcov(glass::Fd fd, std::uint64_t *area) : fd_(std::move(fd)), area_(area) {}

	glass::Fd fd_;
	std::uint64_t *area_; /**< how many, then the addresses */
};

/** All that has been reached. */
class Reached
{
public:
	/** Adds a row of addresses; how many edges in it are new. */
	std::size_t add(std::span<const std::uint64_t> row);

	/** An edge is two blocks, one visited after the other. */
	std::size_t edges() const { return edges_; }
	const std::set<std::uint64_t> &blocks() const { return blocks_; }

private:
	static constexpr unsigned table_bits = 20;

	std::vector<bool> seen_ = std::vector<bool>(1 << table_bits); /**< by an edge's hash */
	std::size_t edges_ = 0;
	std::set<std::uint64_t> blocks_;
};

/** How many of @p blocks are in each function of the module, by /proc/kallsyms. */
std::map<std::string, std::size_t> by_function(const std::set<std::uint64_t> &blocks);

} // namespace fuzz

#endif // GLASS_SELFTESTS_FUZZ_COVERAGE_H
