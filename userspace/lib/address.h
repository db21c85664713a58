/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * The name of a Glass socket: a node and a port, written `node:port`.
 */
#ifndef GLASS_LIB_ADDRESS_H
#define GLASS_LIB_ADDRESS_H

#include <linux/glass.h>

#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>

#include "lib/result.h"

namespace glass {

/** Node and port in host byte order; GLASS_NODE_ANY and GLASS_PORT_ANY print as `*`. */
struct Address {
	std::uint32_t node = GLASS_NODE_ANY;
	std::uint32_t port = GLASS_PORT_ANY;

	/**
	 * Reads `node:port`; each is a decimal number below 4294967295, or `*`.
	 *
	 * Error: std::errc::invalid_argument for another form,
	 * std::errc::result_out_of_range for a number that is too large.
	 */
	static Result<Address> parse(std::string_view text);

	/** Reads one half of an address, a node or a port; errors as parse(). */
	static Result<std::uint32_t> parse_part(std::string_view text);

	/**
	 * What the kernel wrote about a socket of the family @p family.
	 *
	 * Error: std::errc::address_family_not_supported.
	 */
	static Result<Address> from(const sockaddr_glass &raw, int family);

	/** What the kernel reads; reserved bytes are zero. */
	sockaddr_glass raw(int family) const;

	/** `node:port`, as parse() reads it. */
	std::string text() const;

	friend bool operator==(const Address &, const Address &) = default;
};

/** Prints text(). */
std::ostream &operator<<(std::ostream &out, const Address &address);

} // namespace glass

#endif // GLASS_LIB_ADDRESS_H
