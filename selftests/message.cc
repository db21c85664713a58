// SPDX-License-Identifier: GPL-2.0
#include "message.h"

#include <cerrno>
#include <system_error>

#include "lib/family.h"

namespace helper {

Packet receive_packet(int fd, std::size_t control_room, int flags)
{
	std::vector<char> buffer(1 << 18);
	alignas(cmsghdr) std::array<char, 512> control;
	iovec part = {buffer.data(), buffer.size()};
	sockaddr_glass name = {};
	msghdr message = {};
	Packet packet;

	message.msg_name = &name;
	message.msg_namelen = sizeof(name);
	message.msg_iov = &part;
	message.msg_iovlen = 1;
	message.msg_control = control.data();
	message.msg_controllen = control_room;
	const auto size = must(::recvmsg(fd, &message, flags), "recvmsg");
	packet.data.assign(buffer.data(), static_cast<std::size_t>(size));
	packet.flags = message.msg_flags;
	packet.control_size = message.msg_controllen;
	if (message.msg_namelen == sizeof(name) && name.sgl_family == glass::family())
		packet.name = Address{name.sgl_node, name.sgl_port};
	for (cmsghdr *at = CMSG_FIRSTHDR(&message); at; at = CMSG_NXTHDR(&message, at)) {
		const auto *data = reinterpret_cast<const std::byte *>(CMSG_DATA(at));

		packet.control[{at->cmsg_level, at->cmsg_type}] = {
			data, data + (at->cmsg_len - CMSG_LEN(0))};
	}
	return packet;
}

std::optional<Packet> take_error(int fd, std::size_t control_room)
{
	try {
		return receive_packet(fd, control_room, MSG_ERRQUEUE | MSG_DONTWAIT);
	} catch (const std::system_error &error) {
		if (error.code().value() != EAGAIN)
			throw;
	}
	return {};
}

} // namespace helper
