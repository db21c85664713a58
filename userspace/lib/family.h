/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * The number under which the family is registered.
 */
#ifndef GLASS_LIB_FAMILY_H
#define GLASS_LIB_FAMILY_H

#include <optional>

namespace glass {

/**
 * The family number that the loaded module uses, from GLASS_FAMILY_PATH.
 *
 * Nothing when the module is not loaded or the file holds no number. Read
 * afresh each time: the module may have been loaded again with another one.
 */
std::optional<int> loaded_family();

/**
 * The number to give to socket(2): that of the loaded module, else the default
 * one, whose alias makes the kernel load the module by itself.
 */
int family();

} // namespace glass

#endif // GLASS_LIB_FAMILY_H
