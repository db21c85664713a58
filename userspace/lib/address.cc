// SPDX-License-Identifier: GPL-2.0
#include "lib/address.h"

#include <charconv>
#include <ostream>

namespace glass {

namespace {

constexpr std::uint32_t any = 0xffffffff;
static_assert(any == GLASS_NODE_ANY && any == GLASS_PORT_ANY);

std::string part_text(std::uint32_t part)
{
	return part == any ? std::string("*") : std::to_string(part);
}

} // namespace

Result<std::uint32_t> Address::parse_part(std::string_view text)
{
	std::uint32_t part = 0;

	if (text == "*")
		return any;
	const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), part);
	if (error == std::errc::result_out_of_range)
		return std::make_error_code(error);
	if (error != std::errc{} || end != text.data() + text.size())
		return std::make_error_code(std::errc::invalid_argument);
	if (part == any)
		return std::make_error_code(std::errc::result_out_of_range);
	return part;
}

Result<Address> Address::parse(std::string_view text)
{
	const auto colon = text.find(':');

	if (colon == std::string_view::npos)
		return std::make_error_code(std::errc::invalid_argument);
	const auto node = parse_part(text.substr(0, colon));
	if (!node)
		return node.error();
	const auto port = parse_part(text.substr(colon + 1));
	if (!port)
		return port.error();
	return Address{*node, *port};
}

Result<Address> Address::from(const sockaddr_glass &raw, int family)
{
	if (raw.sgl_family != family)
		return std::make_error_code(std::errc::address_family_not_supported);
	return Address{raw.sgl_node, raw.sgl_port};
}

sockaddr_glass Address::raw(int family) const
{
	sockaddr_glass raw = {};

	raw.sgl_family = static_cast<__kernel_sa_family_t>(family);
	raw.sgl_port = port;
	raw.sgl_node = node;
	return raw;
}

std::string Address::text() const
{
	return part_text(node) + ':' + part_text(port);
}

std::ostream &operator<<(std::ostream &out, const Address &address)
{
	return out << address.text();
}

} // namespace glass
