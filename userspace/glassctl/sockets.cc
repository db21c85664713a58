// SPDX-License-Identifier: GPL-2.0
#include "glassctl/sockets.h"

#include <algorithm>

#include "glassctl/commands.h"

namespace glass::ctl {

namespace {

bool is_wanted(const SocketView &socket, const SocketFilter &filter)
{
	if (filter.type && socket.type != *filter.type)
		return false;
	return !filter.port || socket.local.port == *filter.port ||
	       socket.remote.port == *filter.port;
}

std::string users_text(const std::multimap<std::uint64_t, SocketUser> &users, std::uint64_t inode)
{
	const auto [begin, end] = users.equal_range(inode);
	std::string text;

	for (auto user = begin; user != end; ++user)
		text += (text.empty() ? "" : " ") + user->second.command + '/' +
			std::to_string(user->second.pid) + '/' + std::to_string(user->second.fd);
	return text;
}

Row users_row(const std::multimap<std::uint64_t, SocketUser> &users, std::uint64_t inode)
{
	const auto [begin, end] = users.equal_range(inode);
	Row rows = Row::array();

	for (auto user = begin; user != end; ++user) {
		Row row;

		row["pid"] = user->second.pid;
		row["command"] = user->second.command;
		row["fd"] = user->second.fd;
		rows.push_back(std::move(row));
	}
	return rows;
}

/* What the table has no room for. */
void add_details(Row &row, const SocketView &socket)
{
	row["drops"] = socket.drops;
	row["uid"] = socket.uid;
	row["inode"] = socket.inode;
	row["cookie"] = socket.cookie;
	if (!socket.info)
		return;
	const glass_info &info = *socket.info;

	row["rttvar_us"] = info.rttvar;
	row["min_rtt_us"] = info.min_rtt;
	row["rto_us"] = info.rto;
	row["backoff"] = info.backoff;
	row["mss"] = info.mss;
	row["ssthresh"] = info.ssthresh;
	row["in_flight"] = info.in_flight;
	row["unsent"] = info.unsent;
	row["unacked"] = info.unacked;
}

} // namespace

const std::vector<std::string> &socket_columns()
{
	static const std::vector<std::string> columns = {"type",    "state",   "recv-q", "send-q",
							 "local",   "peer",    "rtt_us", "cwnd",
							 "snd_wnd", "rcv_wnd", "retrans"};

	return columns;
}

Row socket_row(const SocketView &socket, bool with_details)
{
	Row row;

	row["type"] = type_name(socket.type);
	row["state"] = state_name(socket.state);
	row["recv-q"] = socket.receive_queue;
	row["send-q"] = socket.send_queue;
	row["local"] = socket.local.text();
	row["peer"] = socket.remote.text();
	row["rtt_us"] = nullptr;
	row["cwnd"] = nullptr;
	row["snd_wnd"] = nullptr;
	row["rcv_wnd"] = nullptr;
	row["retrans"] = nullptr;
	if (socket.info) {
		row["rtt_us"] = socket.info->rtt;
		row["cwnd"] = socket.info->cwnd;
		row["snd_wnd"] = socket.info->snd_wnd;
		row["rcv_wnd"] = socket.info->rcv_wnd;
		row["retrans"] = socket.info->retransmits;
	}
	if (with_details)
		add_details(row, socket);
	return row;
}

std::vector<SocketView> fetch_sockets(const Options &options)
{
	auto sockets = list_sockets(options.sockets.states);

	if (!sockets)
		throw Failure(sockets.error(), options.text,
			      sockets.error() == std::errc::no_such_file_or_directory
				      ? "Is the module loaded?"
				      : "");
	return std::move(*sockets);
}

void show_sockets(const Options &options)
{
	std::vector<std::string> columns = socket_columns();
	std::multimap<std::uint64_t, SocketUser> users;
	const auto sockets = fetch_sockets(options);
	std::vector<Row> rows;

	if (options.sockets.with_users) {
		users = find_socket_users();
		columns.push_back("process");
	}
	for (const SocketView &socket : sockets) {
		if (!is_wanted(socket, options.sockets))
			continue;
		Row row = socket_row(socket, options.json);

		if (options.sockets.with_users)
			row["process"] = options.json ? users_row(users, socket.inode)
						      : Row(users_text(users, socket.inode));
		rows.push_back(std::move(row));
	}
	View(options.json).print_rows(columns, rows);
}

} // namespace glass::ctl
