/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * The Glass sockets of a network namespace, as sock_diag(7) shows them.
 */
#ifndef GLASS_LIB_DIAG_H
#define GLASS_LIB_DIAG_H

#include <linux/glass.h>
#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/address.h"
#include "lib/result.h"

namespace glass {

/** A socket, or a connection that has none (any more), at one moment. */
struct SocketView {
	int type = 0;	  /**< SOCK_* */
	int protocol = 0; /**< GLASS_PROTO_* */
	int state = 0;	  /**< TCP_* */
	Address local;
	Address remote;
	std::uint32_t receive_queue = 0; /**< bytes; of a listener: connections */
	std::uint32_t send_queue = 0;	 /**< bytes; of a listener: its backlog */
	std::uint32_t drops = 0;
	uid_t uid = 0;
	std::uint64_t inode = 0;	/**< 0: it has no file */
	std::uint64_t cookie = 0;	/**< 0: it is no socket */
	std::optional<glass_info> info; /**< of a connection */
};

/**
 * All sockets of the caller's namespace in one of @p states (a bit mask of
 * 1 << TCP_*; 0: in any).
 *
 * Errors: ENOENT without the module; those of netlink.
 */
Result<std::vector<SocketView>> list_sockets(std::uint32_t states = 0);

/** A state's name as the kernel prints it: `ESTABLISHED`; `?` for no state. */
std::string_view state_name(int state);
/** The state of that name, in any case of letters. */
std::optional<int> parse_state(std::string_view name);
/** A type's name: `STREAM`; `?` for another one. */
std::string_view type_name(int type);
/** The type of that name, in any case of letters. */
std::optional<int> parse_type(std::string_view name);

/** A process that has a socket open. */
struct SocketUser {
	pid_t pid = 0;
	std::string command;
	int fd = -1;
};

/** Who has which inode open, of the processes that the caller may look at. */
std::multimap<std::uint64_t, SocketUser> find_socket_users();

} // namespace glass

#endif // GLASS_LIB_DIAG_H
