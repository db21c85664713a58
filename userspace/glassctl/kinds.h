/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * Kinds of socket that commands can be asked for by name: `stream`, `tcp`.
 */
#ifndef GLASSCTL_KINDS_H
#define GLASSCTL_KINDS_H

#include <span>
#include <string>
#include <string_view>

#include "lib/fd.h"

namespace glass::ctl {

/** What socket(2) is asked for. */
struct SocketKind {
	const char *name;
	int domain; /**< 0: that of Glass */
	int type;
	int protocol;

	/** The family's number, as it is registered now. */
	int family() const;
	/** Would socket(2) find it without loading a module? */
	bool is_there() const;
};

/** Those of Glass first. */
std::span<const SocketKind> socket_kinds();
constexpr std::size_t glass_kinds = 4; /**< of them */
/** Null if there is none of this name. */
const SocketKind *find_kind(std::string_view name);
/** Their names, with a space between them. */
std::string kind_names();

/** Close-on-exec. None, and errno, if there is no such socket. */
Fd open_socket(const SocketKind &kind);

} // namespace glass::ctl

#endif // GLASSCTL_KINDS_H
