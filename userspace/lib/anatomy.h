/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * What one open socket, of any family, is made of: from the descriptor to the
 * device, and its tables of functions. Control asks for it.
 *
 * Functions and tables go by symbol: empty where there is none, `?` where the
 * kernel knows no name.
 */
#ifndef GLASS_LIB_ANATOMY_H
#define GLASS_LIB_ANATOMY_H

#include <linux/glass.h>
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/address.h"
#include "lib/fd.h"
#include "lib/netlink.h"
#include "lib/result.h"

namespace glass {

/** A socket and what is above and below it, each value as it was at some moment of the call. */
struct Anatomy {
	/** struct file. */
	struct File {
		std::string op;
		std::uint32_t flags = 0; /**< O_* */
		std::uint64_t position = 0;
	};
	/** struct inode, and the superblock it is on. */
	struct Inode {
		std::uint64_t number = 0;
		mode_t mode = 0;
		uid_t uid = 0;
		std::uint64_t magic = 0;
		std::string file_system;
	};
	/** struct socket. */
	struct Socket {
		int state = 0; /**< SS_* */
		int type = 0;  /**< SOCK_* */
		std::uint64_t flags = 0;
		std::string ops;
	};
	/** struct sock. Sizes in bytes of memory, queues in buffers. */
	struct Sock {
		std::string prot;
		std::string prot_name; /**< as in /proc/net/protocols */
		int family = 0;
		int type = 0;
		int protocol = 0;
		int state = 0; /**< TCP_* */
		std::uint32_t references = 0;
		std::uint32_t receive_buffer = 0;
		std::uint32_t send_buffer = 0;
		std::uint32_t receive_memory = 0;
		std::uint32_t send_memory = 0;
		std::uint32_t send_queued = 0;
		std::uint32_t backlog = 0; /**< bytes that wait for the socket lock */
		std::uint32_t receive_queue = 0;
		std::uint32_t write_queue = 0;
		std::uint32_t error_queue = 0;
		std::uint32_t drops = 0;
		std::uint32_t shutdown = 0; /**< 1: no more is received; 2: no more is sent */
		int error = 0;
		int soft_error = 0;
		std::uint32_t mark = 0;
		std::uint32_t priority = 0;
		std::uint32_t bound_device = 0;
		std::uint64_t cookie = 0;
		std::uint64_t netns_cookie = 0;
		std::string data_ready;
		std::string write_space;
		std::string state_change;
		std::string error_report;
		std::string backlog_rcv;
		std::string destruct;
	};
	/** What Glass keeps of a socket of its own. */
	struct Protocol {
		Address local;
		Address remote;
		std::uint32_t receive_queue = 0; /**< bytes; of a listener: connections */
		std::uint32_t send_queue = 0;	 /**< bytes; of a listener: its backlog */
		std::optional<glass_info> info;	 /**< of a connection */
	};
	/** Where its frames go out. */
	struct Device {
		std::uint32_t ifindex = 0;
		std::string name;
	};

	File file;
	std::string dentry_name;
	Inode inode;
	Socket socket;
	Sock sock;
	std::optional<Protocol> protocol;
	std::optional<Device> device;
};

/** Which table of functions. */
enum class OpsTable { ProtoOps = 0, Proto = 1 };

/** A socket's table of functions. */
struct Ops {
	std::string symbol;
	std::string owner; /**< the module that it is in; empty for the kernel itself */
	/** Each function of the structure and its symbol, in the order of the structure. */
	std::vector<std::pair<std::string, std::string>> members;
};

/** An answer of the kernel, read. */
Anatomy anatomy_of(const NetlinkAttributes &attributes);
Ops ops_of(const NetlinkAttributes &attributes);

/** A descriptor: of this process, or of another one. */
struct DescriptorName {
	pid_t pid = 0; /**< 0: this process */
	int fd = -1;

	/** `FD`, `PID:FD` or `/proc/PID/fd/FD` with a number or `self`. Error: EINVAL. */
	static Result<DescriptorName> parse(std::string_view text);
};

/**
 * A copy of a descriptor.
 *
 * Errors: EBADF for one that is not open; ESRCH for no such process; EPERM for
 * one that may not be looked into, as with ptrace(2).
 */
Result<Fd> fetch_descriptor(const DescriptorName &name);

} // namespace glass

#endif // GLASS_LIB_ANATOMY_H
