/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * A message with all that comes beside it: name, flags, control messages.
 */
#ifndef GLASS_SELFTESTS_MESSAGE_H
#define GLASS_SELFTESTS_MESSAGE_H

#include <ctime> // linux/errqueue.h wants it
#include <linux/errqueue.h>
#include <linux/glass.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "helper.h"

namespace helper {

/** A message and what came beside it. */
struct Packet {
	std::string data;
	int flags = 0;
	std::size_t control_size = 0;
	std::optional<Address> name;
	std::map<std::pair<int, int>, std::vector<std::byte>> control; /**< by level and type */

	/** A control message of exactly this size; none if there is none. */
	template <typename T> std::optional<T> get(int level, int type) const
	{
		const auto found = control.find({level, type});
		T value;

		if (found == control.end() || found->second.size() != sizeof(value))
			return {};
		std::memcpy(&value, found->second.data(), sizeof(value));
		return value;
	}
};

/** Receives one that must be there, with room for so much control data. */
Packet receive_packet(int fd, std::size_t control_room = 512, int flags = MSG_DONTWAIT);
inline Packet receive_packet(const Socket &socket, std::size_t control_room = 512,
			     int flags = MSG_DONTWAIT)
{
	return receive_packet(socket.fd(), control_room, flags);
}

/** Sends one byte, "x", with one control message. */
Errno send_with_control(int fd, int level, int type, std::span<const std::byte> value);
template <typename T> Errno send_with_control(int fd, int level, int type, const T &value)
{
	return send_with_control(fd, level, type, std::as_bytes(std::span(&value, 1)));
}

/** Seconds since 1970, as time stamps of messages count. */
double seconds(const timespec &time);
double now();

/** What every entry of the error queue comes with (GLASS_RECVERR). */
struct QueuedError {
	sock_extended_err error;
	sockaddr_glass offender;
};

/** The next entry of the error queue; none if there is none. */
std::optional<Packet> take_error(int fd, std::size_t control_room = 512);

} // namespace helper

#endif // GLASS_SELFTESTS_MESSAGE_H
