// SPDX-License-Identifier: GPL-2.0
#include "lib/anatomy.h"

#include <fcntl.h>
#include <linux/glass_netlink.h>
#include <sys/syscall.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>

namespace glass {

namespace {

Anatomy::File file_of(const NetlinkAttributes &attributes)
{
	return {
		.op = attributes.text(GLASS_A_FILE_OP),
		.flags = attributes.u32(GLASS_A_FILE_FLAGS),
		.position = attributes.u64(GLASS_A_FILE_POSITION),
	};
}

Anatomy::Inode inode_of(const NetlinkAttributes &attributes)
{
	return {
		.number = attributes.u64(GLASS_A_INODE_NUMBER),
		.mode = attributes.u32(GLASS_A_INODE_MODE),
		.uid = attributes.u32(GLASS_A_INODE_UID),
		.magic = attributes.u64(GLASS_A_INODE_MAGIC),
		.file_system = attributes.text(GLASS_A_INODE_FILE_SYSTEM),
	};
}

Anatomy::Socket socket_of(const NetlinkAttributes &attributes)
{
	return {
		.state = static_cast<int>(attributes.u32(GLASS_A_SOCKET_STATE)),
		.type = static_cast<int>(attributes.u32(GLASS_A_SOCKET_TYPE)),
		.flags = attributes.u64(GLASS_A_SOCKET_FLAGS),
		.ops = attributes.text(GLASS_A_SOCKET_OPS),
	};
}

Anatomy::Sock sock_of(const NetlinkAttributes &attributes)
{
	return {
		.prot = attributes.text(GLASS_A_SOCK_PROT),
		.prot_name = attributes.text(GLASS_A_SOCK_PROT_NAME),
		.family = static_cast<int>(attributes.u32(GLASS_A_SOCK_FAMILY)),
		.type = static_cast<int>(attributes.u32(GLASS_A_SOCK_TYPE)),
		.protocol = static_cast<int>(attributes.u32(GLASS_A_SOCK_PROTOCOL)),
		.state = static_cast<int>(attributes.u32(GLASS_A_SOCK_STATE)),
		.references = attributes.u32(GLASS_A_SOCK_REFERENCES),
		.receive_buffer = attributes.u32(GLASS_A_SOCK_RCVBUF),
		.send_buffer = attributes.u32(GLASS_A_SOCK_SNDBUF),
		.receive_memory = attributes.u32(GLASS_A_SOCK_RMEM_ALLOC),
		.send_memory = attributes.u32(GLASS_A_SOCK_WMEM_ALLOC),
		.send_queued = attributes.u32(GLASS_A_SOCK_WMEM_QUEUED),
		.backlog = attributes.u32(GLASS_A_SOCK_BACKLOG_BYTES),
		.receive_queue = attributes.u32(GLASS_A_SOCK_RECEIVE_QUEUE),
		.write_queue = attributes.u32(GLASS_A_SOCK_WRITE_QUEUE),
		.error_queue = attributes.u32(GLASS_A_SOCK_ERROR_QUEUE),
		.drops = attributes.u32(GLASS_A_SOCK_DROPS),
		.shutdown = attributes.u32(GLASS_A_SOCK_SHUTDOWN),
		.error = static_cast<int>(attributes.u32(GLASS_A_SOCK_ERROR)),
		.soft_error = static_cast<int>(attributes.u32(GLASS_A_SOCK_SOFT_ERROR)),
		.mark = attributes.u32(GLASS_A_SOCK_MARK),
		.priority = attributes.u32(GLASS_A_SOCK_PRIORITY),
		.bound_device = attributes.u32(GLASS_A_SOCK_BOUND_IFINDEX),
		.cookie = attributes.u64(GLASS_A_SOCK_COOKIE),
		.netns_cookie = attributes.u64(GLASS_A_SOCK_NETNS_COOKIE),
		.data_ready = attributes.text(GLASS_A_SOCK_DATA_READY),
		.write_space = attributes.text(GLASS_A_SOCK_WRITE_SPACE),
		.state_change = attributes.text(GLASS_A_SOCK_STATE_CHANGE),
		.error_report = attributes.text(GLASS_A_SOCK_ERROR_REPORT),
		.backlog_rcv = attributes.text(GLASS_A_SOCK_BACKLOG_RCV),
		.destruct = attributes.text(GLASS_A_SOCK_DESTRUCT),
	};
}

Anatomy::Protocol protocol_of(const NetlinkAttributes &attributes)
{
	const auto info = attributes.bytes(GLASS_A_PROTOCOL_INFO);
	Anatomy::Protocol protocol = {
		.local = {attributes.u32(GLASS_A_PROTOCOL_LOCAL_NODE),
			  attributes.u32(GLASS_A_PROTOCOL_LOCAL_PORT)},
		.remote = {attributes.u32(GLASS_A_PROTOCOL_REMOTE_NODE),
			   attributes.u32(GLASS_A_PROTOCOL_REMOTE_PORT)},
		.receive_queue = attributes.u32(GLASS_A_PROTOCOL_RX_QUEUE),
		.send_queue = attributes.u32(GLASS_A_PROTOCOL_TX_QUEUE),
		.info = std::nullopt,
	};

	if (!info.empty()) {
		protocol.info.emplace();
		// A kernel that knows less, or more, says so by the size.
		std::memcpy(&*protocol.info, info.data(),
			    std::min(info.size(), sizeof(*protocol.info)));
	}
	return protocol;
}

/* A whole number at the front of @text, which it is taken off. */
std::optional<int> take_number(std::string_view &text)
{
	int number = 0;
	const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);

	if (error != std::errc() || number < 0)
		return std::nullopt;
	text.remove_prefix(static_cast<std::size_t>(end - text.data()));
	return number;
}

bool take_text(std::string_view &text, std::string_view front)
{
	if (!text.starts_with(front))
		return false;
	text.remove_prefix(front.size());
	return true;
}

} // namespace

Anatomy anatomy_of(const NetlinkAttributes &attributes)
{
	Anatomy anatomy = {
		.file = file_of(attributes.nested(GLASS_A_ANATOMY_FILE)),
		.dentry_name = attributes.text(GLASS_A_ANATOMY_DENTRY_NAME),
		.inode = inode_of(attributes.nested(GLASS_A_ANATOMY_INODE)),
		.socket = socket_of(attributes.nested(GLASS_A_ANATOMY_SOCKET)),
		.sock = sock_of(attributes.nested(GLASS_A_ANATOMY_SOCK)),
		.protocol = std::nullopt,
		.device = std::nullopt,
	};

	if (attributes.has(GLASS_A_ANATOMY_PROTOCOL))
		anatomy.protocol = protocol_of(attributes.nested(GLASS_A_ANATOMY_PROTOCOL));
	if (attributes.has(GLASS_A_ANATOMY_DEVICE)) {
		const auto device = attributes.nested(GLASS_A_ANATOMY_DEVICE);

		anatomy.device = {device.u32(GLASS_A_DEVICE_IFINDEX),
				  device.text(GLASS_A_DEVICE_NAME)};
	}
	return anatomy;
}

Ops ops_of(const NetlinkAttributes &attributes)
{
	Ops ops = {
		.symbol = attributes.text(GLASS_A_OPS_SYMBOL),
		.owner = attributes.text(GLASS_A_OPS_OWNER),
		.members = {},
	};

	for (const nlattr *element : attributes.all(GLASS_A_OPS_MEMBER)) {
		const NetlinkAttributes member(*element);

		ops.members.emplace_back(member.text(GLASS_A_MEMBER_NAME),
					 member.text(GLASS_A_MEMBER_SYMBOL));
	}
	return ops;
}

Result<DescriptorName> DescriptorName::parse(std::string_view text)
{
	const auto wrong = std::make_error_code(std::errc::invalid_argument);
	const bool is_path = take_text(text, "/proc/");
	DescriptorName name;

	if (!is_path || !take_text(text, "self")) {
		const auto number = take_number(text);

		if (!number)
			return wrong;
		if (!is_path && text.empty()) {
			name.fd = *number;
			return name;
		}
		name.pid = *number;
		if (!name.pid)
			return wrong;
	}
	if (!take_text(text, is_path ? "/fd/" : ":"))
		return wrong;
	const auto number = take_number(text);
	if (!number || !text.empty())
		return wrong;
	name.fd = *number;
	return name;
}

Result<Fd> fetch_descriptor(const DescriptorName &name)
{
	if (!name.pid) {
		Fd copy(::fcntl(name.fd, F_DUPFD_CLOEXEC, 0));

		if (!copy)
			return last_error();
		return copy;
	}
	// The C library of Debian 12 has no functions for these.
	const Fd process(static_cast<int>(::syscall(SYS_pidfd_open, name.pid, 0)));
	if (!process)
		return last_error();
	Fd copy(static_cast<int>(::syscall(SYS_pidfd_getfd, process.get(), name.fd, 0)));
	if (!copy)
		return last_error();
	return copy;
}

} // namespace glass
