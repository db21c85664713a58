// SPDX-License-Identifier: GPL-2.0
/*
 * The protocol switch: what socket(2)'s type and protocol lead to, and a
 * protocol that comes in a module of its own (modules/glass_test_proto).
 */
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>

#include "frame.h"
#include "helper.h"

namespace {

using namespace helper;

constexpr const char *module_name = "glass_test_proto";
constexpr int test_protocol = 77;
constexpr std::uint32_t any = 0xffffffff;

Errno try_socket(int type, int protocol)
{
	return err(Socket::create(type, protocol));
}

/* Each case begins and ends without the protocol's module, but with glass. */
class Switch : public testing::Test
{
protected:
	void SetUp() override
	{
		if (!std::filesystem::exists(module_path(module_name)))
			GTEST_SKIP() << "no " << module_path(module_name);
		remove();
	}
	void TearDown() override { remove(); }

	static void remove()
	{
		if (module_is_loaded(module_name)) {
			EXPECT_EQ(unload_module(module_name), 0);
		}
	}
	static Socket test_socket(std::uint32_t port = any)
	{
		Socket socket =
			must(Socket::create(SOCK_DGRAM | SOCK_NONBLOCK, test_protocol), "socket");

		must(socket.bind({any, port}), "bind");
		return socket;
	}
	static bool is_registered()
	{
		const auto lines = lines_of("/proc/net/protocols");

		return std::ranges::any_of(lines, [](const std::string &line) {
			return line.starts_with("GLASS-TEST");
		});
	}
};

TEST_F(Switch, TellsTypesAndProtocolsApart)
{
	EXPECT_EQ(try_socket(4 /* SOCK_RDM */, 0), ESOCKTNOSUPPORT);
	EXPECT_EQ(try_socket(SOCK_DGRAM, 78), EPROTONOSUPPORT);
	EXPECT_EQ(try_socket(SOCK_DGRAM, 256), EPROTONOSUPPORT);
	EXPECT_EQ(try_socket(SOCK_DGRAM, -1), EPROTONOSUPPORT);
}

TEST_F(Switch, ASocketLoadsItsProtocol)
{
	EXPECT_FALSE(module_is_loaded(module_name));
	const Socket socket = test_socket();
	EXPECT_TRUE(module_is_loaded(module_name));
	EXPECT_TRUE(is_registered());
	EXPECT_EQ(must(socket.option(SOL_SOCKET, SO_PROTOCOL), "SO_PROTOCOL"), test_protocol);
	EXPECT_EQ(must(dgram().option(SOL_SOCKET, SO_PROTOCOL), "SO_PROTOCOL"), GLASS_PROTO_DGRAM)
		<< "the default stays";
}

TEST_F(Switch, WithoutTheModuleThereIsNoProtocol)
{
	const std::string path = "/proc/sys/kernel/modprobe";
	const auto before = lines_of(path).at(0);

	std::ofstream(path) << "/nowhere\n";
	EXPECT_EQ(try_socket(SOCK_DGRAM, test_protocol), EPROTONOSUPPORT);
	std::ofstream(path) << before << '\n';
	EXPECT_EQ(lines_of(path).at(0), before);
}

TEST_F(Switch, PermanentEntriesStay)
{
	EXPECT_EQ(load_module(module_name, "protocol=2"), EPERM);
	EXPECT_EQ(load_module(module_name, "protocol=256"), EINVAL);
	EXPECT_EQ(load_module(module_name, "type=11"), EINVAL);
	EXPECT_FALSE(module_is_loaded(module_name));
	EXPECT_FALSE(is_registered());
	Pair pair = make_pair();
	must(pair.sender.send(bytes("x")), "send");
	EXPECT_EQ(read_message(pair.receiver), "x");
}

TEST_F(Switch, AModuleMayBringAType)
{
	ASSERT_EQ(load_module(module_name, "type=4"), 0);
	const Socket socket = must(Socket::create(4), "socket");
	EXPECT_EQ(must(socket.option(SOL_SOCKET, SO_PROTOCOL), "SO_PROTOCOL"), test_protocol);
	EXPECT_EQ(try_socket(4, test_protocol), 0);
	EXPECT_EQ(try_socket(4, 5), EPROTONOSUPPORT);
}

TEST_F(Switch, DataFlows)
{
	std::vector<std::byte> buffer(1 << 17);
	Socket receiver = test_socket();
	Socket sender = test_socket();

	for (const std::size_t size : {0, 1, 1000, 65536}) {
		const auto data = pattern(size);

		must(sender.send_to(data, address_of(receiver)), "send");
		const auto received = must(receiver.receive_from(buffer), "receive");
		EXPECT_EQ(text(std::span(buffer).first(received.size)), text(data));
		EXPECT_EQ(received.source, address_of(sender));
	}
	EXPECT_EQ(err(sender.connect(address_of(receiver))), EOPNOTSUPP);
	EXPECT_EQ(err(sender.send_to({}, {1, free_port()})), ECONNREFUSED);
}

TEST_F(Switch, ItsPortsAreItsOwn)
{
	Socket ours = bound(5000, SOCK_NONBLOCK);
	Socket theirs = test_socket(5000);
	Socket our_sender = bound(4000);
	Socket their_sender = test_socket(4000);
	const auto lines = lines_of("/proc/self/net/glass");

	must(our_sender.send_to(bytes("ours"), {1, 5000}), "send");
	must(their_sender.send_to(bytes("theirs"), {1, 5000}), "send");
	EXPECT_EQ(read_message(ours), "ours");
	EXPECT_EQ(read_message(theirs), "theirs");
	EXPECT_FALSE(is_readable(ours));
	EXPECT_FALSE(is_readable(theirs));
	EXPECT_TRUE(std::ranges::any_of(lines, [](const std::string &line) {
		return line.starts_with("DGRAM 77 *:5000");
	})) << lines.at(0);
}

TEST_F(Switch, ItsFramesComeInWithIt)
{
	enter_new_namespace();
	Injector injector;
	Frame frame;

	frame.protocol = test_protocol;
	injector.send(frame.bytes());
	EXPECT_EQ(counters().at("GlassDropProtocol"), 1u);
	ASSERT_EQ(load_module(module_name), 0);
	injector.send(frame.bytes());
	EXPECT_EQ(counters().at("GlassDropPort"), 1u);
	ASSERT_EQ(unload_module(module_name), 0);
	injector.send(frame.bytes());
	EXPECT_EQ(counters().at("GlassDropProtocol"), 2u);
}

TEST_F(Switch, WhatAModuleTakesBackIsOnlyItsOwn)
{
	enter_new_namespace();
	Injector injector;
	Frame echo;

	echo.protocol = GLASS_PROTO_CONTROL;
	echo.payload.resize(sizeof(glass_control_hdr));
	echo.payload[0] = std::byte{GLASS_CONTROL_ECHO};
	ASSERT_EQ(load_module(module_name, "protocol=7"), 0);
	injector.send(echo.bytes());
	EXPECT_EQ(counters().at("GlassControlOut"), 1u);
	ASSERT_EQ(unload_module(module_name), 0);
	injector.send(echo.bytes());
	EXPECT_EQ(counters().at("GlassControlOut"), 2u) << "echoes are the kernel's";
	EXPECT_EQ(counters().at("GlassDropProtocol"), 0u);
}

TEST_F(Switch, OpenSocketsHoldBothModules)
{
	Socket socket = test_socket();

	EXPECT_EQ(unload_module(module_name), EAGAIN);
	EXPECT_EQ(unload_module("glass"), EAGAIN);
	socket.close();
	EXPECT_EQ(unload_module("glass"), EAGAIN) << "the protocol's module needs it";
	EXPECT_EQ(unload_module(module_name), 0);
	EXPECT_FALSE(is_registered());
	EXPECT_EQ(unload_module("glass"), 0);
	EXPECT_EQ(load_module("glass"), 0);
	EXPECT_EQ(try_socket(SOCK_DGRAM, test_protocol), 0) << "and again";
}

TEST_F(Switch, AFrameOnItsWayHoldsItsModule)
{
	Socket receiver = test_socket();

	test_socket().send_to(bytes("left behind"), address_of(receiver)).value();
	EXPECT_EQ(unload_module(module_name), EAGAIN);
	EXPECT_EQ(read_message(receiver), "left behind");
	receiver.close();
	EXPECT_EQ(unload_module(module_name), 0);
}

} // namespace
