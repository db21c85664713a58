// SPDX-License-Identifier: GPL-2.0
/*
 * The settings in /proc/sys/net/glass: what they are at first, what they take,
 * what they do, and to whom.
 */
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <string>
#include <vector>

#include "frame.h"
#include "helper.h"
#include "network.h"

namespace {

using namespace helper;
using Clock = std::chrono::steady_clock;

constexpr std::uint32_t any = 0xffffffff;
constexpr std::uint32_t foreign_node = 12;

struct Setting {
	const char *name;
	const char *value; /* at first */
};
constexpr Setting settings[] = {
	{"rmem_default", "0"},
	{"wmem_default", "0"},
	{"ports_max", "1048576"},
	{"errors_per_second", "1000"},
};

std::string path_of(const std::string &name)
{
	return "/proc/sys/net/glass/" + name;
}

std::string get(const std::string &name)
{
	return lines_of(path_of(name)).at(0);
}

/* As sysctl(8) writes. */
Errno set(const std::string &name, const std::string &value)
{
	const glass::Fd fd(::open(path_of(name).c_str(), O_WRONLY | O_CLOEXEC));

	return fd ? err(::write(fd.get(), value.data(), value.size())) : err(-1);
}

Errno set(const std::string &name, long value)
{
	return set(name, std::to_string(value));
}

/* In a namespace of its own, nobody else's sockets and settings are met. */
class Sysctl : public testing::Test
{
protected:
	Sysctl() { enter_new_namespace(); }
};

/* --- Values ------------------------------------------------------------------------------ */

TEST_F(Sysctl, ANewNamespaceHasTheDefaults)
{
	for (const auto &[name, value] : settings)
		EXPECT_EQ(get(name), value) << name;
}

TEST_F(Sysctl, TakesWhatIsInRange)
{
	for (const auto &[name, first] : settings) {
		SCOPED_TRACE(name);
		for (const auto *value : {"0", "1", "4321", "2147483647"}) {
			EXPECT_EQ(set(name, value), 0);
			EXPECT_EQ(get(name), value);
		}
		for (const auto *value : {"2147483648", "4294967295", "4294967296", "-1", "many"}) {
			EXPECT_EQ(set(name, value), EINVAL) << value;
			EXPECT_EQ(get(name), "2147483647") << value;
		}
	}
}

/* Of all connections of the machine, as net.ipv4.tcp_mem. */
TEST_F(Sysctl, MemoryIsSetInTheFirstNamespaceOnly)
{
	EXPECT_EQ(set("mem", "1000 2000 3000"), ENOENT);
	const Inside there(Namespace::first());
	const auto before = words_of(get("mem"));
	ASSERT_EQ(before.size(), 3u);
	EXPECT_GT(std::stol(before[0]), 1000);
	EXPECT_LT(std::stol(before[0]), std::stol(before[1]));
	EXPECT_LT(std::stol(before[1]), std::stol(before[2]));

	EXPECT_EQ(set("mem", "100000 200000 300000"), 0);
	EXPECT_EQ(words_of(get("mem")), words_of("100000 200000 300000"));
	EXPECT_EQ(set("mem", "many"), EINVAL);
	EXPECT_EQ(set("mem", before[0] + ' ' + before[1] + ' ' + before[2]), 0);
	EXPECT_EQ(words_of(get("mem")), before);
}

/* --- Buffers ------------------------------------------------------------------------------ */

int buffer_of(const Socket &socket, int option)
{
	return must(socket.option(SOL_SOCKET, option), "buffer size");
}

struct BufferRow {
	const char *name;
	int option;
	int other_option;
};

class SysctlBuffer : public Sysctl, public testing::WithParamInterface<BufferRow>
{
};

TEST_P(SysctlBuffer, IsThatOfNewSockets)
{
	constexpr int wanted = 123456;
	const auto &[name, option, other_option] = GetParam();
	const Socket old = dgram();
	const int kernels_own = buffer_of(old, option);
	const int other = buffer_of(old, other_option);

	EXPECT_EQ(set(name, wanted), 0);
	for (const int type : {SOCK_DGRAM, SOCK_RAW}) {
		const Socket socket = must(Socket::create(type), "socket");

		EXPECT_EQ(buffer_of(socket, option), wanted);
		EXPECT_EQ(buffer_of(socket, other_option), other);
	}
	const auto [left, right] = must(Socket::pair(SOCK_DGRAM), "socketpair");
	EXPECT_EQ(buffer_of(left, option), wanted);
	EXPECT_EQ(buffer_of(right, option), wanted);
	EXPECT_EQ(buffer_of(old, option), kernels_own);

	EXPECT_EQ(set(name, 0), 0);
	EXPECT_EQ(buffer_of(dgram(), option), kernels_own) << "0 stands for the kernel's own";
}

TEST_P(SysctlBuffer, IsNotSmallerThanTheSmallest)
{
	const auto &[name, option, other_option] = GetParam();
	Socket socket = dgram();

	must(socket.set_option(SOL_SOCKET, option, 0), "buffer size");
	EXPECT_EQ(set(name, 1), 0);
	EXPECT_EQ(buffer_of(dgram(), option), buffer_of(socket, option));
}

INSTANTIATE_TEST_SUITE_P(OfKind, SysctlBuffer,
			 testing::Values(BufferRow{"rmem_default", SO_RCVBUF, SO_SNDBUF},
					 BufferRow{"wmem_default", SO_SNDBUF, SO_RCVBUF}),
			 [](const auto &info) { return std::string(info.param.name); });

/* The number itself is not what is wanted: that a sender waits is. */
TEST_F(Sysctl, ASmallBufferStopsASenderSooner)
{
	Pair pair = make_pair();
	const int before = fill(pair.sender, 1000);

	EXPECT_EQ(set("rmem_default", 8192), 0);
	pair = make_pair();
	const int after = fill(pair.sender, 1000);
	EXPECT_GT(after, 0);
	EXPECT_LT(after, before / 4);
}

/* --- Ports ----------------------------------------------------------------------------------- */

TEST_F(Sysctl, PortsMaxBoundsHowManyAreBound)
{
	constexpr long most = 3;
	std::vector<Socket> sockets;
	Socket one_more = dgram();

	EXPECT_EQ(set("ports_max", most), 0);
	for (long i = 0; i < most; i++)
		sockets.push_back(bound());
	EXPECT_EQ(err(one_more.bind({any, any})), ENOBUFS);
	EXPECT_EQ(err(one_more.bind({any, 5000})), ENOBUFS);
	EXPECT_EQ(err(one_more.connect(address_of(sockets[0]))), ENOBUFS);
	EXPECT_EQ(err(one_more.send_to(bytes("x"), address_of(sockets[0]))), ENOBUFS);
	EXPECT_EQ(err(Socket::pair(SOCK_DGRAM)), ENOBUFS);
	EXPECT_EQ(must(one_more.local(), "getsockname"), (Address{any, any}));
	EXPECT_EQ(err(one_more.peer()), ENOTCONN);
	EXPECT_FALSE(is_readable(sockets[0]));
	EXPECT_EQ(must(control().info(), "info").ports, static_cast<std::uint32_t>(most));
	// A raw socket takes no port.
	EXPECT_EQ(err(must(Socket::create(SOCK_RAW), "raw").bind({any, 5000})), 0);

	sockets.pop_back();
	EXPECT_EQ(err(one_more.bind({any, 5000})), 0);
	// Who has a port keeps it.
	EXPECT_EQ(set("ports_max", 0L), 0);
	must(one_more.send_to(bytes("still here"), address_of(sockets[0])), "send");
	EXPECT_EQ(read_message(sockets[0]), "still here");
	EXPECT_EQ(err(dgram().bind({any, any})), ENOBUFS);
}

/* --- Errors ---------------------------------------------------------------------------------- */

class SysctlErrors : public Sysctl
{
protected:
	/* Lets another node send to a port that nobody has; how many answers that gave. */
	std::uint64_t answers_to(int count)
	{
		const auto before = counters();
		Frame frame;

		frame.src_node = foreign_node;
		frame.dst_port = 5001;
		for (int i = 0; i < count; i++)
			injector.send(frame.bytes());
		const auto after = counters();
		EXPECT_EQ(after.at("GlassDropPort") - before.at("GlassDropPort"),
			  static_cast<std::uint64_t>(count));
		return after.at("GlassControlOut") - before.at("GlassControlOut");
	}

	Injector injector;
};

TEST_F(SysctlErrors, AreBoundedInASecond)
{
	constexpr std::uint64_t most = 5;
	const auto start = Clock::now();

	EXPECT_EQ(set("errors_per_second", static_cast<long>(most)), 0);
	const auto answers = answers_to(50);
	// As many in each second that has begun.
	const auto seconds = std::chrono::ceil<std::chrono::seconds>(Clock::now() - start).count();
	EXPECT_GE(answers, most);
	EXPECT_LE(answers, most * static_cast<std::uint64_t>(seconds + 1));
	// And again in the next.
	EXPECT_TRUE(eventually([this] { return answers_to(1) == 1; }));
}

TEST_F(SysctlErrors, ZeroIsNone)
{
	EXPECT_EQ(set("errors_per_second", 0L), 0);
	EXPECT_EQ(answers_to(20), 0u);
	EXPECT_EQ(set("errors_per_second", 20), 0);
	EXPECT_EQ(answers_to(20), 20u);
}

/* --- Namespaces and users -------------------------------------------------------------------- */

TEST_F(Sysctl, ANamespaceHasItsOwn)
{
	const Namespace other = Namespace::create();

	for (const auto &[name, value] : settings)
		EXPECT_EQ(set(name, 1), 0);
	{
		const Inside inside(other);

		for (const auto &[name, value] : settings)
			EXPECT_EQ(get(name), value) << name;
		const Socket first = bound();
		const Socket second = bound();
		EXPECT_EQ(set("rmem_default", 55555), 0);
	}
	for (const auto &[name, value] : settings)
		EXPECT_EQ(get(name), "1") << name;
	// A socket has those of its namespace, not of who uses it.
	const Socket first = bound();
	{
		const Inside inside(other);

		EXPECT_EQ(buffer_of(dgram(), SO_RCVBUF), 55555);
	}
	EXPECT_EQ(err(dgram().bind({any, any})), ENOBUFS);
}

TEST_F(Sysctl, OnlyTheAdministratorOfTheNamespaceWrites)
{
	EXPECT_EQ(in_child([] {
			  must(::setresuid(65534, 65534, 65534), "setresuid");
			  for (const auto &[name, value] : settings) {
				  EXPECT_EQ(set(name, 1), EACCES) << name;
				  EXPECT_EQ(get(name), value) << name;
			  }
			  // Whoever makes a namespace is its administrator.
			  must(::unshare(CLONE_NEWUSER | CLONE_NEWNET), "unshare");
			  for (const auto &[name, value] : settings) {
				  EXPECT_EQ(set(name, 1), 0) << name;
				  EXPECT_EQ(get(name), "1") << name;
			  }
			  return testing::Test::HasFailure();
		  }),
		  0);
	for (const auto &[name, value] : settings)
		EXPECT_EQ(get(name), value) << name;
}

/* A file of it that is still open tells: it holds neither namespace nor settings. */
TEST_F(Sysctl, EndsWithItsNamespace)
{
	Namespace other = Namespace::create();
	std::vector<glass::Fd> files;
	std::array<char, 16> buffer;
	const auto read = [&buffer](const glass::Fd &file) {
		return err(::pread(file.get(), buffer.data(), buffer.size(), 0));
	};

	{
		const Inside inside(other);

		for (const auto &[name, value] : settings)
			files.emplace_back(static_cast<int>(
				must(::open(path_of(name).c_str(), O_RDONLY | O_CLOEXEC), name)));
	}
	for (const auto &file : files)
		EXPECT_EQ(read(file), 0);
	other.drop();
	for (const auto &file : files) {
		EXPECT_TRUE(eventually([&] { return read(file) != 0; }));
		EXPECT_EQ(read(file), ENOENT);
	}
}

} // namespace
