/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * Inputs of the fuzzer, and the text in which they are kept.
 *
 * Everywhere it is the same: a line `target hexadecimal` for each input. Seeds, the
 * corpus, what ran before a fault: each is such lines, one under the other.
 */
#ifndef GLASS_SELFTESTS_FUZZ_INPUT_H
#define GLASS_SELFTESTS_FUZZ_INPUT_H

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fuzz {

/** Bytes that a target reads as a row of choices. */
using Input = std::vector<std::uint8_t>;

/** No input is longer, in bytes. */
constexpr std::size_t input_max = 256;

/** An input, and what it is for. */
struct Line {
	std::string target;
	Input input;

	friend bool operator==(const Line &, const Line &) = default;
};

/** `target hexadecimal`, without the end of the line. */
std::string print_line(std::string_view target, std::span<const std::uint8_t> input);
/** The reverse; nothing for what is no such line. */
std::optional<Line> parse_line(std::string_view text);
/** All of a file; lines that are empty or begin with `#` are none. std::system_error, or
 *  std::invalid_argument for a line that is wrong. */
std::vector<Line> read_lines(const std::string &path);

} // namespace fuzz

#endif // GLASS_SELFTESTS_FUZZ_INPUT_H
