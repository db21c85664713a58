// SPDX-License-Identifier: GPL-2.0
#include "fuzz/mutator.h"

#include <algorithm>
#include <iterator>

namespace fuzz {

namespace {

/* A change is one of few bytes, most often. */
constexpr std::size_t piece_max = 16;
constexpr std::size_t fresh_max = 64;
constexpr std::size_t changes_max = 6;

auto at(Input &input, std::size_t place)
{
	return input.begin() + static_cast<std::ptrdiff_t>(place);
}

} // namespace

Input Mutator::fresh()
{
	Input input(1 + below(fresh_max));

	std::ranges::generate(input, [this] { return byte(); });
	return input;
}

/* Choices are small numbers, bounded by a remainder: so a step of one is another choice. */
void Mutator::change_once(Input &input)
{
	const auto place = below(input.size());
	const auto size = 1 + below(std::min(piece_max, input.size() - place));
	Input piece(at(input, place), at(input, place + size));

	switch (below(9)) {
	case 0:
		input[place] ^= static_cast<std::uint8_t>(1 << below(8));
		break;
	case 1:
		input[place] = byte();
		break;
	case 2:
		input[place] = static_cast<std::uint8_t>(input[place] + (below(2) ? 1 : -1));
		break;
	case 3: // something new in between
		std::ranges::generate(piece, [this] { return byte(); });
		input.insert(at(input, place), piece.begin(), piece.end());
		break;
	case 4: // the same, elsewhere too
		input.insert(at(input, below(input.size() + 1)), piece.begin(), piece.end());
		break;
	case 5:
		if (input.size() > size)
			input.erase(at(input, place), at(input, place + size));
		break;
	case 6: // a word in its place, or in between
		if (words_.empty())
			break;
		piece = words_[below(words_.size())];
		if (below(2) && place + piece.size() <= input.size())
			std::ranges::copy(piece, at(input, place));
		else
			input.insert(at(input, place), piece.begin(), piece.end());
		break;
	case 7: // what the calls do after this is another thing
		std::generate(at(input, place), input.end(), [this] { return byte(); });
		break;
	default: // more at the end
		std::generate_n(std::back_inserter(input), size, [this] { return byte(); });
	}
}

Input Mutator::change(Input input, std::span<const std::uint8_t> other)
{
	if (input.empty())
		input.push_back(byte());
	if (!other.empty() && below(4) == 0) {
		const auto rest = other.subspan(below(other.size()));

		input.resize(1 + below(input.size()));
		input.insert(input.end(), rest.begin(), rest.end());
	}
	for (auto times = 1 + below(changes_max); times > 0; times--)
		change_once(input);
	if (input.size() > input_max)
		input.resize(input_max);
	return input;
}

} // namespace fuzz
