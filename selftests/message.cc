// SPDX-License-Identifier: GPL-2.0
#include "message.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
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

Errno send_with_control(int fd, int level, int type, std::span<const std::byte> value)
{
	alignas(cmsghdr) std::array<char, 64> control = {};
	char byte = 'x';
	iovec part = {&byte, 1};
	msghdr message = {};

	if (CMSG_SPACE(value.size()) > control.size())
		throw std::length_error("control message");
	message.msg_iov = &part;
	message.msg_iovlen = 1;
	message.msg_control = control.data();
	message.msg_controllen = CMSG_SPACE(value.size());
	cmsghdr *const cmsg = CMSG_FIRSTHDR(&message);
	cmsg->cmsg_level = level;
	cmsg->cmsg_type = type;
	cmsg->cmsg_len = CMSG_LEN(value.size());
	std::memcpy(CMSG_DATA(cmsg), value.data(), value.size());
	return err(::sendmsg(fd, &message, 0));
}

double seconds(const timespec &time)
{
	return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

double now()
{
	timespec time;

	must(::clock_gettime(CLOCK_REALTIME, &time), "clock_gettime");
	return seconds(time);
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
