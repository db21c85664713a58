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

namespace {

using namespace helper;

constexpr const char *module_name = "glass_test_echo";

/* The server runs in the first namespace, where the tests are, too. */
class KernelUser : public testing::TestWithParam<int>
{
protected:
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
		return load_module(module_name, "family=" + std::to_string(glass::family()) +
							" type=" + std::to_string(GetParam()) +
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
		std::vector<std::byte> buffer(text.size() + 1);

		must(socket.send(bytes(text)), "send");
		buffer.resize(must(socket.receive(buffer), "receive"));
		return helper::text(buffer);
	}
	static Socket client()
	{
		Socket socket = must(Socket::create(GetParam()), "socket");

		must(socket.connect(server()), "connect");
		return socket;
	}
};

INSTANTIATE_TEST_SUITE_P(Types, KernelUser,
			 testing::Values(SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM),
			 [](const auto &info) {
				 return info.param == SOCK_STREAM      ? "Stream"
					: info.param == SOCK_SEQPACKET ? "Seqpacket"
								       : "Dgram";
			 });

TEST_P(KernelUser, AnswersWhatItIsSent)
{
	for (const std::size_t size : {1, 1000, 60'000}) {
		Socket socket = client();
		const auto data = pattern(size, size);

		must(socket.send(data), "send");
		EXPECT_EQ(receive_all(socket, size), data) << size;
	}
}

TEST_P(KernelUser, KeepsBoundaries)
{
	Socket socket = client();

	if (GetParam() == SOCK_STREAM) {
		must(socket.send(bytes("bytes have none")), "send");
		EXPECT_EQ(receive_all(socket, 15).size(), 15u);
		return;
	}
	must(socket.send(bytes("one")), "send");
	EXPECT_EQ(echo(socket, "two"), "one");
	EXPECT_EQ(receive_all(socket, 3).size(), 3u);
}

TEST_P(KernelUser, ItsPortIsTaken)
{
	Socket other = must(Socket::create(GetParam()), "socket");

	EXPECT_EQ(err(other.bind(server())), EADDRINUSE);
	/* A second server is refused as another process would be. */
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
	if (GetParam() == SOCK_DGRAM) {
		EXPECT_EQ(err(socket.send(bytes("x"))), ECONNREFUSED);
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
	Socket holder = must(Socket::create(GetParam()), "socket");

	EXPECT_EQ(unload_module(module_name), 0);
	must(holder.bind({GLASS_NODE_ANY, 7000}), "bind");
	EXPECT_EQ(load(" port=7000"), EADDRINUSE);
	EXPECT_EQ(load_module(module_name, "family=28"), EAFNOSUPPORT);
	EXPECT_FALSE(module_is_loaded(module_name));
	EXPECT_EQ(load(taken), 0) << "the port is free again";
}

} // namespace
