// SPDX-License-Identifier: GPL-2.0
#include "lib/family.h"

#include <fcntl.h>
#include <linux/glass.h>

#include <array>
#include <charconv>

#include "lib/fd.h"

namespace glass {

std::optional<int> loaded_family()
{
	const Fd file(::open(GLASS_FAMILY_PATH, O_RDONLY | O_CLOEXEC));
	std::array<char, 16> text;
	int number = 0;

	if (!file)
		return std::nullopt;
	const ssize_t size = ::read(file.get(), text.data(), text.size());
	if (size <= 0)
		return std::nullopt;
	const auto parsed = std::from_chars(text.data(), text.data() + size, number);
	if (parsed.ec != std::errc{})
		return std::nullopt;
	return number;
}

int family()
{
	return loaded_family().value_or(GLASS_FAMILY_DEFAULT);
}

} // namespace glass
