/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * The kernel's symbols: what is at an address.
 */
#ifndef GLASS_LIB_SYMBOLS_H
#define GLASS_LIB_SYMBOLS_H

#include <cstdint>
#include <set>
#include <string>
#include <unordered_map>

#include "lib/result.h"

namespace glass {

/**
 * The names of what begins at @p addresses, from /proc/kallsyms; none for an
 * address where nothing begins. It is read once, whatever the number of
 * addresses, for it is long.
 *
 * Errors: those of open(2); EACCES where the kernel shows no addresses.
 */
Result<std::unordered_map<std::uint64_t, std::string>>
symbols_at(const std::set<std::uint64_t> &addresses);

} // namespace glass

#endif // GLASS_LIB_SYMBOLS_H
