// SPDX-License-Identifier: GPL-2.0
#include "lib/symbols.h"

#include <fcntl.h>

#include <array>
#include <charconv>
#include <string_view>

#include "lib/fd.h"

namespace glass {

namespace {

/* "ffffffff81000000 T name" or with "\t[module]" behind it. */
struct Line {
	std::uint64_t address = 0;
	std::string_view name;
};

Line parse(std::string_view text)
{
	const auto space = text.find(' ');
	Line line;

	if (space == std::string_view::npos || space + 3 > text.size())
		return line;
	std::from_chars(text.data(), text.data() + space, line.address, 16);
	line.name = text.substr(space + 3);
	line.name = line.name.substr(0, line.name.find('\t'));
	return line;
}

} // namespace

Result<std::unordered_map<std::uint64_t, std::string>>
symbols_at(const std::set<std::uint64_t> &addresses)
{
	const Fd file(::open("/proc/kallsyms", O_RDONLY | O_CLOEXEC));
	std::unordered_map<std::uint64_t, std::string> names;
	std::array<char, 1 << 16> buffer;
	std::string rest; // of a line
	bool is_shown = false;
	ssize_t size;

	if (!file)
		return last_error();
	while ((size = ::read(file.get(), buffer.data(), buffer.size())) > 0) {
		rest.append(buffer.data(), static_cast<std::size_t>(size));
		std::size_t begin = 0;
		for (std::size_t end; (end = rest.find('\n', begin)) != std::string::npos;
		     begin = end + 1) {
			const Line line = parse(std::string_view(rest).substr(begin, end - begin));

			is_shown = is_shown || line.address;
			if (addresses.contains(line.address))
				names.try_emplace(line.address, line.name);
		}
		rest.erase(0, begin);
	}
	if (size < 0)
		return last_error();
	if (!is_shown)
		return std::make_error_code(std::errc::permission_denied);
	return names;
}

} // namespace glass
