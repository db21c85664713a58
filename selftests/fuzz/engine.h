/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * The fuzzer: changes inputs that are known to be good, and keeps what goes where none
 * has been.
 */
#ifndef GLASS_SELFTESTS_FUZZ_ENGINE_H
#define GLASS_SELFTESTS_FUZZ_ENGINE_H

#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "fuzz/coverage.h"
#include "fuzz/input.h"
#include "fuzz/machine.h"
#include "fuzz/mutator.h"
#include "fuzz/target.h"

namespace fuzz {

/** The kernel has complained; it says what about. */
struct Fault : std::runtime_error {
	using std::runtime_error::runtime_error;
};

/** Runs one target. */
class Engine
{
public:
	/** Inputs of a round, at most. */
	static constexpr unsigned round_max = 200;

	/** All are the caller's, who lets them live. @p log may be none. */
	Engine(std::string name, Target &target, Coverage &coverage, Journal &journal,
	       KernelLog *log, std::uint64_t seed)
		: name_(std::move(name)), target_(target), coverage_(coverage), journal_(journal),
		  log_(log), mutator_(seed, target.words())
	{
	}

	/** Takes an input, and keeps it if it is new; whether it was. Fault. */
	bool take(const Input &input);
	/** Takes one of its own making. Fault. */
	bool step();
	/** Begins a round with the next input. */
	void end_round() { in_round_ = 0; }

	std::uint64_t executions() const { return executions_; }
	const Reached &reached() const { return reached_; }
	/** What was kept. */
	std::size_t corpus_size() const { return corpus_.size(); }
	/** The last that was kept. */
	const Input &newest() const { return corpus_.back().input; }

private:
	struct Kept {
		Input input;
		std::uint64_t uses = 0;
	};

	/** One that has been used less than others. */
	Kept &choose();

	std::string name_;
	Target &target_;
	Coverage &coverage_;
	Journal &journal_;
	KernelLog *log_;
	Mutator mutator_;
	Reached reached_;
	std::vector<Kept> corpus_;
	std::uint64_t executions_ = 0;
	unsigned in_round_ = 0;
};

} // namespace fuzz

#endif // GLASS_SELFTESTS_FUZZ_ENGINE_H
