// SPDX-License-Identifier: GPL-2.0
#include "fuzz/input.h"

#include <charconv>
#include <fstream>
#include <stdexcept>
#include <system_error>

#include "lib/result.h"

namespace fuzz {

std::string print_line(std::string_view target, std::span<const std::uint8_t> input)
{
	static constexpr char digits[] = "0123456789abcdef";
	std::string text(target);

	text += ' ';
	for (const auto byte : input) {
		text += digits[byte >> 4];
		text += digits[byte & 15];
	}
	return text;
}

std::optional<Line> parse_line(std::string_view text)
{
	const auto space = text.find(' ');
	Line line;

	if (space == 0 || space == text.npos)
		return {};
	line.target = text.substr(0, space);
	text.remove_prefix(space + 1);
	if (text.size() % 2 || text.size() > 2 * input_max)
		return {};
	for (; !text.empty(); text.remove_prefix(2)) {
		std::uint8_t byte = 0;
		const auto done = std::from_chars(text.data(), text.data() + 2, byte, 16);

		if (done.ec != std::errc() || done.ptr != text.data() + 2)
			return {};
		line.input.push_back(byte);
	}
	return line;
}

std::vector<Line> read_lines(const std::string &path)
{
	std::ifstream file(path);
	std::vector<Line> lines;
	std::string text;

	if (!file)
		throw std::system_error(glass::last_error(), path);
	while (std::getline(file, text)) {
		if (text.empty() || text[0] == '#')
			continue;
		auto line = parse_line(text);
		if (!line)
			throw std::invalid_argument(path + ": not an input: " + text);
		lines.push_back(std::move(*line));
	}
	return lines;
}

} // namespace fuzz
