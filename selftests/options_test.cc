// SPDX-License-Identifier: GPL-2.0
/*
 * Options of SOL_SOCKET that say what becomes of messages, on every type of
 * socket; where it can, the relative says what is right. Their numbers as such:
 * compare_test. Filters and labels of datagrams: pktinfo_test.
 */
#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/net_tstamp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "frame.h"
#include "helper.h"
#include "message.h"
#include "network.h"
#include "relative.h"

namespace {

using namespace helper;

bool is_connection(int type)
{
	return type == SOCK_STREAM || type == SOCK_SEQPACKET;
}

template <typename T> Errno set(int fd, int option, const T &value, int level = SOL_SOCKET)
{
	return err(::setsockopt(fd, level, option, &value, sizeof(value)));
}

int number(int fd, int option, int level = SOL_SOCKET)
{
	int value = -1;
	socklen_t size = sizeof(value);

	must(::getsockopt(fd, level, option, &value, &size), "getsockopt");
	return value;
}

class Option : public testing::TestWithParam<SocketType>
{
protected:
	Option()
	{
		enter_new_namespace();
		set_device_up(true, "lo");
		/* What does not get through is not sent again for long. */
		write_file("/proc/sys/net/glass/user_timeout_ms", "1");
		write_file("/proc/sys/net/glass/time_wait_ms", "50");
		glass = glass_ends(type());
	}

	static int type() { return GetParam().type; }

	Ends glass;
};
INSTANTIATE_TEST_SUITE_P(Types, Option, testing::ValuesIn(socket_types), socket_type_name);

std::vector<Outcome> with_long_lengths(int fd)
{
	std::vector<Outcome> outcomes;
	std::vector<char> value(1 << 20, 0);

	value[0] = 1;
	for (const int option : {SO_REUSEADDR, SO_KEEPALIVE, SO_PRIORITY, SO_RCVLOWAT, SO_SNDBUF,
				 SO_RCVTIMEO, SO_LINGER})
		for (const socklen_t given : {5u, 8u, 24u, 1000u, 1u << 20}) {
			socklen_t size = given;

			outcomes.push_back(
				outcome(::setsockopt(fd, SOL_SOCKET, option, value.data(), given)));
			outcomes.push_back(
				outcome(::getsockopt(fd, SOL_SOCKET, option, value.data(), &size)));
			outcomes.push_back({static_cast<long>(size), {}});
			std::memset(value.data(), 0, 32);
			value[0] = 1;
		}
	return outcomes;
}

TEST_P(Option, LongLengthsAreTakenAsByTheRelative)
{
	EXPECT_EQ(with_long_lengths(glass.reader.get()),
		  with_long_lengths(relative_ends(type()).reader.get()));
	/* Those of Glass: what is there is an int. */
	std::array<int, 4> values = {1, 2, 3, 4};
	socklen_t size = sizeof(values);
	const int fd = glass.reader.get();
	EXPECT_EQ(err(::setsockopt(fd, SOL_GLASS, GLASS_RECVERR, values.data(), size)), 0);
	EXPECT_EQ(err(::getsockopt(fd, SOL_GLASS, GLASS_RECVERR, values.data(), &size)), 0);
	EXPECT_EQ(size, sizeof(int));
	EXPECT_EQ(values, (std::array<int, 4>{1, 2, 3, 4}));
}

/* What getsockopt() gives for bad addresses: of the length, of one to be told, of the value. */
std::vector<Outcome> with_bad_addresses(int fd, int level, int option)
{
	const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
	auto *const nowhere = reinterpret_cast<socklen_t *>(8);
	void *const area =
		::mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	auto *const only_read = static_cast<socklen_t *>(area);
	int value = 4711;
	socklen_t size = sizeof(value);
	std::vector<Outcome> outcomes;

	must(area == MAP_FAILED ? -1 : 0, "mmap");
	*only_read = sizeof(value);
	must(::mprotect(area, page, PROT_READ), "mprotect");
	outcomes.push_back(outcome(::getsockopt(fd, level, option, &value, nowhere)));
	outcomes.push_back(outcome(::getsockopt(fd, level, option, &value, only_read)));
	outcomes.push_back(outcome(::getsockopt(fd, level, option, nowhere, &size)));
	must(::munmap(area, page), "munmap");
	return outcomes;
}

TEST_P(Option, BadAddressesFault)
{
	const std::vector<Outcome> faults(3, Outcome{-1, {EFAULT}});
	const int fd = glass.reader.get();
	std::vector<int> options = {GLASS_RECVERR, GLASS_SO_PASSCRED};

	EXPECT_EQ(with_bad_addresses(relative_ends(type()).reader.get(), SOL_SOCKET, SO_TYPE),
		  faults);
	EXPECT_EQ(with_bad_addresses(fd, SOL_SOCKET, SO_TYPE), faults);
	if (is_connection(type()))
		options.insert(options.end(), {GLASS_USER_TIMEOUT, GLASS_INFO});
	if (type() == SOCK_RAW)
		options.push_back(GLASS_HDRINCL);
	for (const int option : options)
		EXPECT_EQ(with_bad_addresses(fd, SOL_GLASS, option), faults) << option;
	EXPECT_EQ(number(fd, GLASS_RECVERR, SOL_GLASS), 0) << "it works on";
}

/* How much a socket may ask the kernel to keep beside its buffers. */
std::vector<Outcome> beyond_optmem(const Ends &ends)
{
	std::vector<sock_filter> code(1000, {BPF_RET | BPF_K, 0, 0, 0xffffffff});
	const sock_fprog program = {static_cast<unsigned short>(code.size()), code.data()};
	std::vector<char> control(8000, 0);
	char byte = 'x';
	iovec part = {&byte, 1};
	msghdr message = {};
	std::vector<Outcome> outcomes;

	message.msg_iov = &part;
	message.msg_iovlen = 1;
	message.msg_control = control.data();
	message.msg_controllen = control.size();
	reinterpret_cast<cmsghdr *>(control.data())->cmsg_len = control.size();
	reinterpret_cast<cmsghdr *>(control.data())->cmsg_level = 4711; /* nobody's */
	outcomes.push_back(outcome(::sendmsg(ends.writer.get(), &message, MSG_DONTWAIT)));
	outcomes.push_back(outcome(::setsockopt(ends.reader.get(), SOL_SOCKET, SO_ATTACH_FILTER,
						&program, sizeof(program))));
	return outcomes;
}

TEST_P(Option, OptmemMaxBoundsControlDataAndFilters)
{
	const auto relative = relative_ends(type());

	EXPECT_EQ(beyond_optmem(glass)[1], (Outcome{0, {}})) << "there is room";
	write_file("/proc/sys/net/core/optmem_max", "4096");
	const auto refused = beyond_optmem(glass);
	EXPECT_EQ(refused, beyond_optmem(relative));
	EXPECT_EQ(refused[0].error, ENOBUFS);
	EXPECT_EQ(refused[1].error, ENOMEM);
}

/* How many writes of @p size fit in before nothing more does. */
int writes_until_full(const Ends &ends, std::size_t size)
{
	const std::string data(size, 'x');
	int count = 0;

	while (count < 100'000 &&
	       ::send(ends.writer.get(), data.data(), size, MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		count++;
	return count;
}

TEST_P(Option, TheReceiveBufferBoundsWhatIsUnread)
{
	auto small = glass_ends(type());

	if (type() == SOCK_RAW) {
		/* Nobody waits for who listens in: what does not fit is lost. */
		set(small.reader.get(), SO_RCVBUF, 4096);
		for (int i = 0; i < 1000; i++)
			must(::send(small.writer.get(), "x", 1, 0), "send");
		std::array<char, 100> buffer;
		int count[2] = {0, 0};
		while (::recv(small.reader.get(), buffer.data(), buffer.size(), MSG_DONTWAIT) > 0)
			count[0]++;
		while (::recv(glass.reader.get(), buffer.data(), buffer.size(), MSG_DONTWAIT) > 0)
			count[1]++;
		EXPECT_GT(count[0], 0);
		EXPECT_LT(2 * count[0], count[1]);
		return;
	}
	set(small.reader.get(), SO_RCVBUF, 4096);
	if (is_connection(type())) {
		/* What the peer was told at first counts: the buffer of a new one. */
		const auto listening = glass_socket(type());
		sockaddr_glass name = {};
		socklen_t size = sizeof(name);

		name.sgl_family = static_cast<sa_family_t>(number(listening.get(), SO_DOMAIN));
		name.sgl_node = GLASS_NODE_LOCAL;
		name.sgl_port = GLASS_PORT_ANY;
		set(listening.get(), SO_RCVBUF, 4096);
		auto *const address = reinterpret_cast<sockaddr *>(&name);
		must(::bind(listening.get(), address, size), "bind");
		must(::listen(listening.get(), 1), "listen");
		must(::getsockname(listening.get(), address, &size), "getsockname");
		small.writer = glass_socket(type());
		must(::connect(small.writer.get(), address, size), "connect");
		small.reader = glass::Fd(static_cast<int>(
			must(::accept(listening.get(), nullptr, nullptr), "accept")));
	}
	const int few = writes_until_full(small, 1000);
	EXPECT_GT(few, 0);
	EXPECT_LT(few, writes_until_full(glass, 1000));
}

/* A device that lets hardly anything go, so that the sender's buffer is what counts. */
void hold_frames()
{
	must(tc("qdisc add dev glass0 root tbf rate 8bit burst 2000 limit 10000000") ? 0 : -1,
	     "tbf");
}

TEST_P(Option, TheSendBufferBoundsWhatIsOnItsWay)
{
	write_file("/proc/sys/net/glass/user_timeout_ms", "600000");
	auto small = glass_ends(type());

	hold_frames();
	EXPECT_EQ(set(small.writer.get(), SO_SNDBUF, 4608), 0);
	const int few = writes_until_full(small, 1000);
	EXPECT_GT(few, 0);
	EXPECT_LT(2 * few, writes_until_full(glass, 1000));
	ASSERT_TRUE(tc("qdisc del dev glass0 root"));
}

TEST_P(Option, SendingHasATimeout)
{
	const timeval patience = {0, 50'000};

	write_file("/proc/sys/net/glass/user_timeout_ms", "600000");
	hold_frames();
	EXPECT_EQ(set(glass.writer.get(), SO_SNDBUF, 4608), 0);
	EXPECT_EQ(set(glass.writer.get(), SO_SNDTIMEO, patience), 0);
	EXPECT_GT(writes_until_full(glass, 1000), 0);
	const auto begin = ticked_time();
	EXPECT_EQ(err(::send(glass.writer.get(), std::string(1000, 'x').data(), 1000, 0)), EAGAIN);
	EXPECT_GE(ticked_time() - begin, std::chrono::milliseconds(50) - tick);
	ASSERT_TRUE(tc("qdisc del dev glass0 root"));
}

TEST_P(Option, ReceivingHasATimeout)
{
	const timeval patience = {0, 50'000};
	char byte;

	EXPECT_EQ(set(glass.reader.get(), SO_RCVTIMEO, patience), 0);
	const auto begin = ticked_time();
	EXPECT_EQ(err(::recv(glass.reader.get(), &byte, 1, 0)), EAGAIN);
	EXPECT_GE(ticked_time() - begin, std::chrono::milliseconds(50) - tick);
	timeval got = {};
	socklen_t size = sizeof(got);
	must(::getsockopt(glass.reader.get(), SOL_SOCKET, SO_RCVTIMEO, &got, &size), "get");
	EXPECT_EQ(got.tv_sec, 0);
	EXPECT_GE(got.tv_usec, 50'000);
}

/* --- SO_PEEK_OFF -------------------------------------------------------------------------- */

/* What a row of peeks and reads gives. */
std::vector<std::string> peeks(const Ends &ends)
{
	const int fd = ends.reader.get();
	std::vector<std::string> seen;
	const auto take = [&](std::size_t size, int flags) {
		std::array<char, 64> buffer;
		const auto got = ::recv(fd, buffer.data(), size, flags | MSG_DONTWAIT);

		seen.push_back(
			got < 0 ? testing::PrintToString(err(got))
				: std::string(buffer.data(), std::min<std::size_t>(got, size)));
		seen.push_back(std::to_string(number(fd, SO_PEEK_OFF)));
	};

	seen.push_back(testing::PrintToString(set(fd, SO_PEEK_OFF, 1)));
	for (const char *message : {"first", "second", "third"})
		must(::send(ends.writer.get(), message, std::strlen(message), 0), "send");
	wait_until_arrived(ends);
	take(2, MSG_PEEK);
	take(2, MSG_PEEK);
	take(64, MSG_PEEK);
	take(3, MSG_PEEK);
	take(64, 0);
	take(64, MSG_PEEK);
	take(64, MSG_PEEK);
	take(64, MSG_PEEK);
	take(64, 0);
	take(64, MSG_PEEK | MSG_TRUNC);
	set(fd, SO_PEEK_OFF, -1);
	take(2, MSG_PEEK);
	take(2, MSG_PEEK);
	return seen;
}

TEST_P(Option, APeekMayBeginWhereTheLastOneEnded)
{
	if (type() == SOCK_RAW) {
		EXPECT_EQ(set(glass.reader.get(), SO_PEEK_OFF, 0), EOPNOTSUPP);
		EXPECT_EQ(set(relative_ends(type()).reader.get(), SO_PEEK_OFF, 0), EOPNOTSUPP);
		return;
	}
	if (type() == SOCK_STREAM)
		return; /* stream_test: a peek may span writes there */
	EXPECT_EQ(peeks(glass), peeks(relative_ends(type())));
}

/* --- Who is where --------------------------------------------------------------------------- */

TEST_P(Option, TheNamespaceHasACookie)
{
	const auto cookie = [](const glass::Fd &fd) {
		std::uint64_t value = 0;
		socklen_t size = sizeof(value);

		must(::getsockopt(fd.get(), SOL_SOCKET, SO_NETNS_COOKIE, &value, &size), "get");
		return value;
	};
	const auto here = cookie(glass.reader);

	EXPECT_NE(here, 0u);
	EXPECT_EQ(here, cookie(glass.writer));
	EXPECT_EQ(here, cookie(tcp_socket()));
	enter_new_namespace();
	EXPECT_NE(here, cookie(glass_socket(type())));
	EXPECT_EQ(here, cookie(glass.reader)) << "it stays where it was made";
}

TEST_P(Option, TheGroupsOfThePeer)
{
	const std::array<gid_t, 3> groups = {5, 77, 4711};

	must(::setgroups(groups.size(), groups.data()), "setgroups");
	const auto ends = glass_ends(type());
	std::array<gid_t, 8> told = {};
	socklen_t size = sizeof(told);
	const auto ask = [&] {
		return err(::getsockopt(ends.reader.get(), SOL_SOCKET, SO_PEERGROUPS, told.data(),
					&size));
	};
	if (type() == SOCK_RAW) {
		EXPECT_EQ(ask(), ENODATA) << "there is no peer of that kind";
		return;
	}
	EXPECT_EQ(ask(), 0);
	ASSERT_EQ(size, sizeof(groups));
	EXPECT_TRUE(std::equal(groups.begin(), groups.end(), told.begin()));
	size = 4;
	EXPECT_EQ(ask(), ERANGE);
	EXPECT_EQ(size, sizeof(groups)) << "how much room is needed";
}

TEST_P(Option, NobodyLabelsThePeer)
{
	std::array<char, 64> label;
	socklen_t size = label.size();

	EXPECT_EQ(
		err(::getsockopt(glass.reader.get(), SOL_SOCKET, SO_PEERSEC, label.data(), &size)),
		ENOPROTOOPT);
	EXPECT_EQ(err(::getsockopt(tcp_ends().reader.get(), SOL_SOCKET, SO_PEERSEC, label.data(),
				   &size)),
		  ENOPROTOOPT);
}

TEST_P(Option, WithoutAnErrorThereIsNone)
{
	EXPECT_EQ(number(glass.reader.get(), SO_ERROR), 0);
	/* What the call has told is not told again. */
	set_device_up(false);
	EXPECT_EQ(err(::send(glass.writer.get(), "x", 1, MSG_NOSIGNAL)), ENETDOWN);
	EXPECT_EQ(number(glass.writer.get(), SO_ERROR), 0);
}

TEST_P(Option, ADeadEndOfWritingIsASignal)
{
	static volatile sig_atomic_t signals;

	signals = 0;
	struct sigaction action = {};
	action.sa_handler = [](int) { signals = signals + 1; };
	must(::sigaction(SIGPIPE, &action, nullptr), "sigaction");
	must(::shutdown(glass.writer.get(), SHUT_WR), "shutdown");
	EXPECT_EQ(err(::send(glass.writer.get(), "x", 1, MSG_NOSIGNAL)), EPIPE);
	EXPECT_EQ(signals, 0);
	EXPECT_EQ(err(::send(glass.writer.get(), "x", 1, 0)), EPIPE);
	EXPECT_EQ(signals, 1);
}

TEST_P(Option, BoundToAnotherDeviceNothingGetsThrough)
{
	if (!is_connection(type()))
		return; /* route_test, raw_test */
	add_glass("g1", 7);
	Socket server = stream(type());
	must(server.bind({GLASS_NODE_ANY, 5000}), "bind");
	must(::setsockopt(server.fd(), SOL_SOCKET, SO_BINDTODEVICE, "g1", 2), "g1");
	must(server.listen(), "listen");

	Socket client = stream(type());
	EXPECT_EQ(err(client.connect({GLASS_NODE_LOCAL, 5000})), ECONNREFUSED)
		<< "it listens on another device";
	must(client.connect({7, 5000}), "connect by g1");

	Socket restricted = stream(type());
	must(::setsockopt(restricted.fd(), SOL_SOCKET, SO_BINDTODEVICE, "glass0", 6), "glass0");
	EXPECT_EQ(err(restricted.connect({7, 5000})), EHOSTUNREACH);
	must(::setsockopt(restricted.fd(), SOL_SOCKET, SO_BINDTODEVICE, "g1", 2), "g1");
	must(restricted.connect({7, 5000}), "connect");
}

/* --- SO_NO_CHECK -------------------------------------------------------------------------- */

TEST_P(Option, WithoutASumTheHeaderSaysSo)
{
	Injector device;
	const auto next = [&] {
		const auto frame = device.receive(std::chrono::seconds(10));
		glass_hdr header = {};

		EXPECT_TRUE(frame);
		if (frame)
			std::memcpy(&header, frame->data() + ethernet_size, sizeof(header));
		return header;
	};

	EXPECT_EQ(number(glass.writer.get(), SO_NO_CHECK), 0);
	/* Something could alter frames: each has a sum, unless it has none. */
	ASSERT_TRUE(tc("qdisc add dev glass0 root netem delay 0ms"));
	device.listen();
	must(::send(glass.writer.get(), "a", 1, 0), "send");
	const auto summed = next();
	EXPECT_EQ(static_cast<int>(summed.flags), 0);
	EXPECT_NE(summed.csum, 0);
	char byte = 0;
	std::array<char, 100> buffer;
	must(::recv(glass.reader.get(), buffer.data(), buffer.size(), 0), "recv");
	if (is_connection(type())) {
		EXPECT_EQ(set(glass.writer.get(), SO_NO_CHECK, 1), 0);
		EXPECT_EQ(number(glass.writer.get(), SO_NO_CHECK), 1);
		must(::send(glass.writer.get(), "b", 1, 0), "send");
		must(::recv(glass.reader.get(), &byte, 1, 0), "recv");
		EXPECT_EQ(byte, 'b') << "and it is summed as ever: frame_test";
		return;
	}
	EXPECT_EQ(set(glass.writer.get(), SO_NO_CHECK, 1), 0);
	must(::send(glass.writer.get(), "b", 1, 0), "send");
	const auto bare = next();
	EXPECT_EQ(static_cast<int>(bare.flags), GLASS_HDR_F_NO_CSUM);
	EXPECT_EQ(bare.csum, 0);
	const auto size = must(::recv(glass.reader.get(), buffer.data(), buffer.size(), 0), "recv");
	EXPECT_EQ(buffer[static_cast<std::size_t>(size) - 1], 'b');
	EXPECT_EQ(set(glass.writer.get(), SO_NO_CHECK, 0), 0);
	must(::send(glass.writer.get(), "c", 1, 0), "send");
	EXPECT_NE(next().csum, 0);
}

/* --- SO_TXTIME ------------------------------------------------------------------------------ */

/* A message with a time at which it is to go. */
Errno send_at(int fd, std::uint64_t time)
{
	return send_with_control(fd, SOL_SOCKET, SCM_TXTIME, time);
}

TEST_P(Option, AMessageMayHaveATimeAtWhichItIsToGo)
{
	const sock_txtime option = {CLOCK_MONOTONIC, 0};
	const sock_txtime unknown = {CLOCK_MONOTONIC, 0x80};

	EXPECT_EQ(send_at(glass.writer.get(), 1), EINVAL) << "not without the option, as UDP";
	EXPECT_EQ(set(glass.writer.get(), SO_TXTIME, unknown), EINVAL);
	EXPECT_EQ(set(glass.writer.get(), SO_TXTIME, option), 0);
	sock_txtime got = {};
	socklen_t size = sizeof(got);
	must(::getsockopt(glass.writer.get(), SOL_SOCKET, SO_TXTIME, &got, &size), "get");
	EXPECT_EQ(got.clockid, CLOCK_MONOTONIC);
	/* glass0 has no queue that would look at it. */
	EXPECT_EQ(send_at(glass.writer.get(), 1), 0);
	std::array<char, 100> buffer;
	must(::recv(glass.reader.get(), buffer.data(), buffer.size(), 0), "recv");
}

/* --- Filters ---------------------------------------------------------------------------------- */

Errno attach(int fd, std::uint32_t verdict)
{
	sock_filter code[] = {{BPF_RET | BPF_K, 0, 0, verdict}};
	const sock_fprog program = {1, code};

	return err(::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)));
}

/* A connection's segments are asked for, too, and sent again until they may pass. */
TEST_P(Option, AFilterKeepsFramesOutAsLongAsItIsThere)
{
	write_file("/proc/sys/net/glass/user_timeout_ms", "600000");
	const int fd = glass.reader.get();

	EXPECT_EQ(attach(fd, 0), 0);
	must(::send(glass.writer.get(), "x", 1, 0), "send");
	char byte;
	EXPECT_EQ(err(::recv(fd, &byte, 1, MSG_DONTWAIT)), EAGAIN);
	if (type() == SOCK_RAW) {
		EXPECT_GE(counters().at("GlassRawDrops"), 1u);
	} else {
		EXPECT_GE(counters().at("GlassDropFilter"), 1u);
	}
	EXPECT_EQ(set(fd, SO_DETACH_FILTER, 0), 0);
	if (!is_connection(type()))
		must(::send(glass.writer.get(), "x", 1, 0), "send");
	std::array<char, 100> buffer;
	const auto size = must(::recv(fd, buffer.data(), buffer.size(), 0), "recv");
	EXPECT_EQ(buffer[static_cast<std::size_t>(size) - 1], 'x');

	EXPECT_EQ(attach(fd, 0xffffffff), 0);
	EXPECT_EQ(set(fd, SO_LOCK_FILTER, 1), 0);
	EXPECT_EQ(set(fd, SO_DETACH_FILTER, 0), EPERM);
	EXPECT_EQ(attach(fd, 0xffffffff), EPERM);
	EXPECT_EQ(set(fd, SO_LOCK_FILTER, 0), EPERM);
}

} // namespace
