/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * Makes new inputs of old ones.
 */
#ifndef GLASS_SELFTESTS_FUZZ_MUTATOR_H
#define GLASS_SELFTESTS_FUZZ_MUTATOR_H

#include <cstdint>
#include <random>
#include <span>

#include "fuzz/input.h"

namespace fuzz {

/** Chance, and what it does to inputs. The same seed does the same. */
class Mutator
{
public:
	/** @p words: what is put into inputs whole. */
	Mutator(std::uint64_t seed, std::vector<Input> words)
		: chance_(seed), words_(std::move(words))
	{
	}

	/** A number below @p limit, which is at least 1. */
	std::size_t below(std::size_t limit) { return chance_() % limit; }
	/** One that has nothing to do with any other; not empty. */
	Input fresh();
	/** @p input with some changes; now and then its end is that of @p other. */
	Input change(Input input, std::span<const std::uint8_t> other);

private:
	void change_once(Input &input);
	std::uint8_t byte() { return static_cast<std::uint8_t>(chance_()); }

	std::mt19937_64 chance_;
	std::vector<Input> words_;
};

} // namespace fuzz

#endif // GLASS_SELFTESTS_FUZZ_MUTATOR_H
