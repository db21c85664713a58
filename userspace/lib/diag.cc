// SPDX-License-Identifier: GPL-2.0
#include "lib/diag.h"

#include <linux/glass_diag.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <strings.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <utility>

#include "lib/family.h"
#include "lib/netlink.h"

namespace glass {

namespace {

constexpr std::array<std::pair<int, std::string_view>, 11> states = {{
	{TCP_ESTABLISHED, "ESTABLISHED"},
	{TCP_SYN_SENT, "SYN_SENT"},
	{TCP_SYN_RECV, "SYN_RECV"},
	{TCP_FIN_WAIT1, "FIN_WAIT1"},
	{TCP_FIN_WAIT2, "FIN_WAIT2"},
	{TCP_TIME_WAIT, "TIME_WAIT"},
	{TCP_CLOSE, "CLOSE"},
	{TCP_CLOSE_WAIT, "CLOSE_WAIT"},
	{TCP_LAST_ACK, "LAST_ACK"},
	{TCP_LISTEN, "LISTEN"},
	{TCP_CLOSING, "CLOSING"},
}};

constexpr std::array<std::pair<int, std::string_view>, 4> types = {{
	{SOCK_STREAM, "STREAM"},
	{SOCK_DGRAM, "DGRAM"},
	{SOCK_RAW, "RAW"},
	{SOCK_SEQPACKET, "SEQPACKET"},
}};

template <typename Table> std::string_view name_in(const Table &table, int value)
{
	for (const auto &[number, name] : table)
		if (number == value)
			return name;
	return "?";
}

template <typename Table> std::optional<int> value_in(const Table &table, std::string_view text)
{
	for (const auto &[number, name] : table)
		if (name.size() == text.size() &&
		    ::strncasecmp(name.data(), text.data(), name.size()) == 0)
			return number;
	return std::nullopt;
}

SocketView view_of(const glass_diag_msg &message, const NetlinkAttributes &attributes)
{
	const auto info = attributes.bytes(GLASS_DIAG_INFO);
	SocketView view = {
		.type = message.type,
		.protocol = message.protocol,
		.state = message.state,
		.local = {message.local_node, message.local_port},
		.remote = {message.remote_node, message.remote_port},
		.receive_queue = message.rx_queue,
		.send_queue = message.tx_queue,
		.drops = message.drops,
		.uid = message.uid,
		.inode = message.inode,
		.cookie = message.cookie,
		.info = std::nullopt,
	};

	if (!info.empty()) {
		view.info.emplace();
		// A kernel that knows less, or more, says so by the size.
		std::memcpy(&*view.info, info.data(), std::min(info.size(), sizeof(*view.info)));
	}
	return view;
}

std::optional<std::uint64_t> number_in(std::string_view text, std::string_view before,
				       std::string_view behind)
{
	std::uint64_t number = 0;

	if (!text.starts_with(before) || !text.ends_with(behind))
		return std::nullopt;
	text.remove_prefix(before.size());
	text.remove_suffix(behind.size());
	const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
	if (error != std::errc() || end != text.data() + text.size())
		return std::nullopt;
	return number;
}

struct Entry {
	std::filesystem::path path;
	std::uint64_t number;
};

/* What in a folder has a number for a name. A folder that goes meanwhile, or is not ours to see, is
 * empty. */
std::vector<Entry> numbered_entries(const std::filesystem::path &folder)
{
	std::vector<Entry> entries;
	std::error_code gone;

	for (std::filesystem::directory_iterator entry(folder, gone), end; !gone && entry != end;
	     entry.increment(gone))
		if (const auto number = number_in(entry->path().filename().string(), "", ""))
			entries.push_back({entry->path(), *number});
	return entries;
}

} // namespace

Result<std::vector<SocketView>> list_sockets(std::uint32_t wanted)
{
	NetlinkRequest request(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP);
	auto &header = request.add_header<glass_diag_req>();
	auto netlink = Netlink::open(NETLINK_SOCK_DIAG);
	std::vector<SocketView> sockets;

	if (!netlink)
		return netlink.error();
	header.sdiag_family = static_cast<std::uint8_t>(family());
	header.states = wanted;
	const auto done = netlink->request(request, [&sockets](const nlmsghdr &message) {
		const auto *body = reinterpret_cast<const glass_diag_msg *>(
			reinterpret_cast<const char *>(&message) + NLMSG_HDRLEN);

		if (message.nlmsg_len < NLMSG_LENGTH(sizeof(*body)))
			return;
		sockets.push_back(view_of(*body, NetlinkAttributes(message, sizeof(*body))));
	});
	if (!done)
		return done.error();
	return sockets;
}

std::string_view state_name(int state)
{
	return name_in(states, state);
}

std::optional<int> parse_state(std::string_view name)
{
	return value_in(states, name);
}

std::string_view type_name(int type)
{
	return name_in(types, type);
}

std::optional<int> parse_type(std::string_view name)
{
	return value_in(types, name);
}

std::multimap<std::uint64_t, SocketUser> find_socket_users()
{
	std::multimap<std::uint64_t, SocketUser> users;

	for (const auto &process : numbered_entries("/proc")) {
		std::string command;

		std::getline(std::ifstream(process.path / "comm"), command);
		for (const auto &file : numbered_entries(process.path / "fd")) {
			std::error_code gone;
			const auto inode =
				number_in(std::filesystem::read_symlink(file.path, gone).string(),
					  "socket:[", "]");

			if (inode)
				users.emplace(*inode,
					      SocketUser{static_cast<pid_t>(process.number),
							 command, static_cast<int>(file.number)});
		}
	}
	return users;
}

} // namespace glass
