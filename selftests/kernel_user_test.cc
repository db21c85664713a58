// SPDX-License-Identifier: GPL-2.0
/*
 * Glass as users inside the kernel use any family, by sock_create_kern() and what
 * goes with it: an echo server in a module of its own (modules/glass_test_echo).
 */
#include <gtest/gtest.h>
#include <linux/glass.h>
#include <sys/socket.h>

#include <array>
#include <filesystem>
#include <string>

#include "helper.h"
#include "lib/family.h"
#include "relative.h"

namespace {

using namespace helper;

constexpr const char *module_name = "glass_test_echo";

/* The server runs in the first namespace, where the tests are, too. */
class KernelUser : public testing::TestWithParam<SocketType>
{
protected:
	static int type() { return GetParam().type; }
	static bool is_connection() { return type() == SOCK_STREAM || type() == SOCK_SEQPACKET; }
	/* Bytes in front of what a client receives. */
	static std::size_t header() { return type() == SOCK_RAW ? sizeof(glass_hdr) : 0; }

	void SetUp() override
	{
		if (!std::filesystem::exists(module_path(module_name)))
			GTEST_SKIP() << "no " << module_path(module_name);
		ASSERT_EQ(load(), 0);
	}
	void TearDown() override
	{
		if (module_is_loaded(module_name)) {
			EXPECT_EQ(unload_module(module_name), 0);
		}
	}

	static Errno load(const std::string &more = "")
	{
		/* A raw socket is given no port by itself. */
		const auto what = type() == SOCK_RAW
					  ? " port=5000 protocol=" + std::to_string(raw_protocol)
					  : "";

		return load_module(module_name, "family=" + std::to_string(glass::family()) +
							" type=" + std::to_string(type()) + what +
							more);
	}
	static Address server()
	{
		return {GLASS_NODE_LOCAL,
			static_cast<std::uint32_t>(std::stoul(
				lines_of("/sys/module/glass_test_echo/parameters/port").at(0)))};
	}
	/* Sends a text, and waits for what comes back. */
	static Text echo(Socket &socket, std::string_view text)
	{
		std::vector<std::byte> buffer(header() + text.size() + 1);

		must(socket.send(bytes(text)), "send");
		buffer.resize(must(socket.receive(buffer), "receive"));
		return helper::text(buffer).substr(header());
	}
	static Socket client()
	{
		Socket socket(glass_socket(type()));

		/* So that it does not hear itself. */
		if (type() == SOCK_RAW)
			must(socket.bind({GLASS_NODE_ANY, 6000}), "bind");
		must(socket.connect(server()), "connect");
		return socket;
	}
};

INSTANTIATE_TEST_SUITE_P(Types, KernelUser, testing::ValuesIn(socket_types), socket_type_name);

TEST_P(KernelUser, AnswersWhatItIsSent)
{
	for (const std::size_t size : {1, 1000, 60'000}) {
		Socket socket = client();
		const auto data = pattern(size, size);

		must(socket.send(data), "send");
		auto echo = receive_all(socket, header() + size);
		echo.erase(echo.begin(), echo.begin() + static_cast<long>(header()));
		EXPECT_EQ(echo, data) << size;
	}
}

/* Before its thread ran at all, perhaps: what it took is given back all the same. */
TEST_P(KernelUser, MayGoAtOnce)
{
	for (int i = 0; i < 20; i++) {
		ASSERT_EQ(unload_module(module_name), 0);
		ASSERT_EQ(load(), 0);
	}
	Socket socket = client();

	EXPECT_EQ(echo(socket, "still there"), "still there");
}

TEST_P(KernelUser, KeepsBoundaries)
{
	Socket socket = client();

	if (type() == SOCK_STREAM) {
		must(socket.send(bytes("bytes have none")), "send");
		EXPECT_EQ(receive_all(socket, 15).size(), 15u);
		return;
	}
	must(socket.send(bytes("one")), "send");
	EXPECT_EQ(echo(socket, "two"), "one");
	EXPECT_EQ(receive_all(socket, header() + 3).size(), header() + 3);
}

TEST_P(KernelUser, ItsPortIsTaken)
{
	Socket other(glass_socket(type()));

	/* Raw sockets may look at the same port. */
	EXPECT_EQ(err(other.bind(server())), type() == SOCK_RAW ? 0 : EADDRINUSE);
	/* There is one such module. */
	EXPECT_EQ(load(), EEXIST);
	Socket socket = client();
	EXPECT_EQ(echo(socket, "still there"), "still there");
}

TEST_P(KernelUser, ItHoldsTheModuleOfTheFamily)
{
	EXPECT_NE(unload_module("glass"), 0);
}

/* Wherever it waits, unloading ends it, and its peers see the end. */
TEST_P(KernelUser, ItCanGoAtAnyTime)
{
	Socket socket = client();

	EXPECT_EQ(echo(socket, "hello"), "hello");
	EXPECT_EQ(unload_module(module_name), 0);
	if (!is_connection()) {
		EXPECT_EQ(err(socket.send(bytes("x"))), type() == SOCK_RAW ? 0 : ECONNREFUSED);
		return;
	}
	std::array<std::byte, 1> byte;
	EXPECT_EQ(must(socket.receive(byte), "receive"), 0u);
	EXPECT_EQ(load(), 0);
	EXPECT_EQ(unload_module(module_name), 0) << "while it waits for somebody";
}

TEST_P(KernelUser, ABadFamilyOrPortFailsTheLoad)
{
	const auto taken = " port=" + std::to_string(server().port);
	Socket holder(glass_socket(type()));

	EXPECT_EQ(unload_module(module_name), 0);
	must(holder.bind({GLASS_NODE_ANY, 7000}), "bind");
	if (type() != SOCK_RAW) {
		EXPECT_EQ(load(" port=7000"), EADDRINUSE);
	}
	EXPECT_EQ(load_module(module_name, "family=28"), EAFNOSUPPORT);
	EXPECT_FALSE(module_is_loaded(module_name));
	EXPECT_EQ(load(taken), 0) << "the port is free again";
}

} // namespace
