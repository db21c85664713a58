// SPDX-License-Identifier: GPL-2.0
/*
 * What others can see of datagram sockets: /proc, counters, namespaces, the
 * device that can go down.
 */
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "helper.h"
#include "lib/family.h"

namespace {

using namespace helper;

/* --- /proc/net/glass ----------------------------------------------------------------- */

/* Those that every socket has; connections have some more. */
const std::vector<std::string> columns = {"Type",    "Proto",	"Local", "Remote", "State",
					  "RxQueue", "TxQueue", "Drops", "Uid",	   "Inode"};
const std::vector<std::string> connection_columns = {"SndWnd", "RcvWnd", "Cwnd",
						     "Rtt",    "Rto",	 "Retrans"};

using Row = std::map<std::string, std::string>;

std::vector<std::string> all_columns()
{
	auto all = columns;

	all.insert(all.end(), connection_columns.begin(), connection_columns.end());
	return all;
}

std::vector<Row> rows()
{
	std::vector<Row> rows;
	bool is_header = true;

	for (const auto &line : lines_of("/proc/self/net/glass")) {
		const auto words = words_of(line);

		if (is_header)
			EXPECT_EQ(words, all_columns());
		else if (words.size() == columns.size())
			for (std::size_t i = 0; i < words.size(); i++) {
				if (i == 0)
					rows.emplace_back();
				rows.back()[columns[i]] = words[i];
			}
		else
			ADD_FAILURE() << "odd line: " << line;
		is_header = false;
	}
	return rows;
}

/* The row of a socket, found by its inode; empty when there is none. */
Row row_of(const Socket &socket)
{
	struct stat status = {};

	must(::fstat(socket.fd(), &status), "fstat");
	for (const auto &row : rows())
		if (row.at("Inode") == std::to_string(status.st_ino))
			return row;
	return {};
}

TEST(ProcGlass, ShowsABoundSocket)
{
	const Socket unbound = dgram();
	Socket socket = bound();
	const std::string port = std::to_string(address_of(socket).port);

	EXPECT_TRUE(row_of(unbound).empty());
	const Row row = row_of(socket);
	ASSERT_FALSE(row.empty());
	EXPECT_EQ(row.at("Type"), "DGRAM");
	EXPECT_EQ(row.at("Proto"), "2");
	EXPECT_EQ(row.at("Local"), "*:" + port);
	EXPECT_EQ(row.at("Remote"), "*:*");
	EXPECT_EQ(row.at("State"), "CLOSE");
	EXPECT_EQ(row.at("RxQueue"), "0");
	EXPECT_EQ(row.at("TxQueue"), "0");
	EXPECT_EQ(row.at("Drops"), "0");
	EXPECT_EQ(row.at("Uid"), std::to_string(::getuid()));
	must(::fchown(socket.fd(), 65534, gid_t(-1)), "fchown");
	EXPECT_EQ(row_of(socket).at("Uid"), "65534") << "its owner's, not the reader's";
	socket.close();
	for (const auto &other : rows())
		EXPECT_NE(other.at("Local"), "*:" + port);
}

TEST(ProcGlass, ShowsTheConnectionAndTheQueues)
{
	Pair pair = make_pair();

	EXPECT_EQ(row_of(pair.sender).at("State"), "ESTABLISHED");
	EXPECT_EQ(row_of(pair.sender).at("Local"), address_of(pair.sender).text());
	EXPECT_EQ(row_of(pair.sender).at("Remote"), address_of(pair.receiver).text());
	must(pair.sender.send(pattern(3000)), "send");
	EXPECT_GE(std::stoi(row_of(pair.receiver).at("RxQueue")), 3000);
	EXPECT_GE(std::stoi(row_of(pair.sender).at("TxQueue")), 3000);
	read_message(pair.receiver);
	EXPECT_EQ(row_of(pair.receiver).at("RxQueue"), "0");
	EXPECT_EQ(row_of(pair.sender).at("TxQueue"), "0");
	must(pair.sender.disconnect(), "disconnect");
	EXPECT_TRUE(row_of(pair.sender).empty());
}

TEST(ProcGlass, ShowsEachOfManySocketsOnce)
{
	std::vector<Socket> sockets;
	std::set<std::string> names;
	std::size_t found = 0;

	for (int i = 0; i < 400; i++) {
		sockets.push_back(bound());
		names.insert("*:" + std::to_string(address_of(sockets.back()).port));
	}
	for (const auto &row : rows())
		found += names.erase(row.at("Local"));
	EXPECT_EQ(found, sockets.size());
	EXPECT_TRUE(names.empty());
}

TEST(ProcGlass, SurvivesReadingInSmallPieces)
{
	const std::vector<Socket> sockets = [] {
		std::vector<Socket> sockets;

		for (int i = 0; i < 20; i++)
			sockets.push_back(bound());
		return sockets;
	}();
	const glass::Fd file(::open("/proc/self/net/glass", O_RDONLY));
	std::string whole;
	char piece[7];

	while (const auto size = must(::read(file.get(), piece, sizeof(piece)), "read"))
		whole.append(piece, static_cast<std::size_t>(size));
	for (const auto &socket : sockets)
		EXPECT_NE(whole.find(" *:" + std::to_string(address_of(socket).port) + ' '),
			  std::string::npos);
}

/* --- /proc/net/protocols --------------------------------------------------------------- */

Row protocol_row(const std::string &name)
{
	const auto lines = lines_of("/proc/self/net/protocols");
	const auto titles = words_of(lines.at(0));
	Row row;

	for (const auto &line : lines) {
		const auto words = words_of(line);

		if (words.at(0) != name)
			continue;
		for (std::size_t i = 0; i < std::min(words.size(), titles.size()); i++)
			row[titles[i]] = words[i];
	}
	return row;
}

TEST(ProcProtocols, TheTableOfCallsIsFull)
{
	const Row row = protocol_row("GLASS-DGRAM");

	ASSERT_FALSE(row.empty());
	EXPECT_EQ(row.at("module"), "glass");
	// close, connect, disconnect, ioctl, init, destroy, shutdown, setsockopt, getsockopt,
	// sendmsg, recvmsg, backlog_rcv, hash, unhash, get_port
	for (const char *call : {"cl", "co", "di", "io", "in", "de", "sh", "ss", "gs", "se", "re",
				 "br", "ha", "uh", "gp"})
		EXPECT_EQ(row.at(call), "y") << call;
	EXPECT_EQ(row.at("ac"), "n") << "only connections are accepted";
}

TEST(ProcProtocols, CountsSockets)
{
	enter_new_namespace();
	EXPECT_EQ(protocol_row("GLASS-DGRAM").at("sockets"), "0");
	Socket one = dgram();
	const Socket two = dgram();
	EXPECT_EQ(protocol_row("GLASS-DGRAM").at("sockets"), "2");
	one.close();
	EXPECT_EQ(protocol_row("GLASS-DGRAM").at("sockets"), "1");
}

/* --- Counters -------------------------------------------------------------------------- */

/* The counters of frames that are not zero. */
std::map<std::string, std::uint64_t> counted_frames()
{
	auto found = counters();

	std::erase_if(found, [](const auto &counter) {
		const auto &[name, value] = counter;

		return value == 0 ||
		       !(name.starts_with("GlassIn") || name.starts_with("GlassOut") ||
			 name.starts_with("GlassDrop"));
	});
	return found;
}

TEST(ProcGlassStat, CountsWhatWentThrough)
{
	enter_new_namespace();
	Pair pair = make_pair();

	EXPECT_TRUE(counted_frames().empty());
	must(pair.sender.send(pattern(1000)), "send");
	must(pair.sender.send({}), "send");
	EXPECT_EQ(counted_frames(),
		  (std::map<std::string, std::uint64_t>{{"GlassOutFrames", 2},
							{"GlassOutBytes", 1000},
							{"GlassInFrames", 2},
							{"GlassInBytes", 1000},
							{"GlassInDelivered", 2}}));
}

TEST(ProcGlassStat, WhatIsRefusedIsNoFrame)
{
	enter_new_namespace();
	Pair pair = make_pair();
	Socket third = dgram();

	EXPECT_EQ(err(third.send_to(bytes("x"), address_of(pair.sender))), EPERM);
	EXPECT_EQ(err(third.send_to(bytes("x"), {GLASS_NODE_LOCAL, 4000})), ECONNREFUSED);
	EXPECT_EQ(err(pair.sender.send(pattern(1 << 20))), EMSGSIZE);
	EXPECT_TRUE(counted_frames().empty());
}

/* --- Namespaces --------------------------------------------------------------------------- */

TEST(Namespace, PortsDoNotMeet)
{
	Socket outside = bound();
	const Address address = address_of(outside);

	enter_new_namespace();
	Socket client = dgram();
	EXPECT_EQ(err(client.send_to(bytes("x"), address)), ECONNREFUSED);
	EXPECT_EQ(err(client.connect(address)), ECONNREFUSED);
	Socket inside = dgram();
	EXPECT_EQ(err(inside.bind(address)), 0) << "the number is free here";
	EXPECT_EQ(err(client.send_to(bytes("inside"), address)), 0);
	EXPECT_EQ(read_message(inside), "inside");
	EXPECT_FALSE(is_readable(outside));
	EXPECT_EQ(rows().size(), 2u) << "inside and client, but not outside";
}

/* --- The device ------------------------------------------------------------------------------ */

TEST(Device, DownIsToldToEachSenderAndUpWorksAgain)
{
	enter_new_namespace();
	Pair pair = make_pair();
	Socket unbound = dgram();
	const Address to = address_of(pair.receiver);

	set_device_up(false);
	EXPECT_EQ(err(pair.sender.send(bytes("x"))), ENETDOWN);
	EXPECT_EQ(err(unbound.send_to(bytes("x"), to)), ENETDOWN);
	EXPECT_EQ(err(unbound.connect(to)), ENETDOWN);
	EXPECT_EQ(err(unbound.peer()), ENOTCONN);
	EXPECT_EQ(must(unbound.local(), "getsockname").port, GLASS_PORT_ANY);
	EXPECT_FALSE(is_readable(pair.receiver));
	EXPECT_EQ(must(pair.sender.output_queued(), "SIOCOUTQ"), 0u);
	EXPECT_EQ(err(bound().bind(to)), EINVAL) << "names need no device";

	set_device_up(true);
	EXPECT_EQ(err(pair.sender.send(bytes("again"))), 0);
	EXPECT_EQ(read_message(pair.receiver), "again");
	EXPECT_EQ(err(unbound.connect(to)), 0);
}

TEST(Device, ASocketpairTravelsOverItToo)
{
	enter_new_namespace();
	auto [one, two] = must(Socket::pair(SOCK_DGRAM), "socketpair");

	set_device_up(false);
	EXPECT_EQ(err(one.send(bytes("x"))), ENETDOWN);
	set_device_up(true);
	EXPECT_EQ(err(one.send(bytes("up"))), 0);
	EXPECT_EQ(read_message(two), "up");
}

TEST(Device, QueuedMessagesOutliveItsFall)
{
	enter_new_namespace();
	Pair pair = make_pair();

	must(pair.sender.send(bytes("queued")), "send");
	set_device_up(false);
	EXPECT_EQ(read_message(pair.receiver), "queued");
}

/* --- The module --------------------------------------------------------------------------------- */

TEST(Module, TellsTheFamilyNumber)
{
	const auto number = glass::loaded_family();

	ASSERT_TRUE(number.has_value());
	EXPECT_EQ(must(dgram().option(SOL_SOCKET, SO_DOMAIN), "SO_DOMAIN"), *number);
}

} // namespace
