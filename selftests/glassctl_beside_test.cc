// SPDX-License-Identifier: GPL-2.0
/*
 * glassctl trace --beside: families make the same calls, and each of them goes
 * its own way below sockfs.
 */
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <system_error>

#include "glassctl.h"
#include "helper.h"

namespace {

using namespace helper;
using Json = nlohmann::json;
using Strings = std::vector<std::string>;

class GlassctlBeside : public testing::Test
{
protected:
	void SetUp() override
	{
		enter_new_namespace();
		if (const auto reason = reason_not_to_trace(true); !reason.empty())
			GTEST_SKIP() << reason;
	}
};

const Json *call_of(const Json &side, const std::string &name)
{
	for (const Json &call : side["trace"]["calls"])
		if (call["name"] == name)
			return &call;
	return nullptr;
}

bool passes(const Json &call, const std::string &key, const std::string &value)
{
	return std::ranges::any_of(call["steps"],
				   [&](const Json &step) { return step.value(key, "") == value; });
}

TEST_F(GlassctlBeside, TheSameCallsGoEachTheirOwnWay)
{
	const Strings calls = {"socket",  "bind",  "listen", "getsockname", "socket", "connect",
			       "accept4", "write", "read",   "close",	    "close",  "close"};
	const std::vector<std::array<std::string, 3>> wanted = {
		{"stream", "glass_stream_ops", "glass0"},
		{"unix", "unix_stream_ops", ""},
		{"tcp", "inet_stream_ops", "lo"}};

	set_device_up(true, "lo");
	const Json sides = Json::parse(run_glassctl({"--json", "trace", "--beside", "unix,tcp"}));
	ASSERT_EQ(sides.size(), wanted.size());
	for (std::size_t i = 0; i < wanted.size(); i++) {
		const auto &[kind, ops, device] = wanted[i];
		const Json &side = sides[i];
		Strings names;

		SCOPED_TRACE(kind);
		EXPECT_EQ(side["kind"], kind);
		for (const Json &call : side["trace"]["calls"]) {
			names.push_back(call["name"]);
			EXPECT_GE(call["result"], 0) << call["name"];
		}
		EXPECT_EQ(names, calls);
		const Json *const sent = call_of(side, "write");
		ASSERT_TRUE(sent);
		EXPECT_EQ((*sent)["result"], 5);
		EXPECT_EQ((*sent)["socket"]["ops"], ops);
		EXPECT_TRUE(passes(*sent, "pointer", "file->f_op->write_iter"));
		EXPECT_TRUE(passes(*sent, "pointer", "socket->ops->sendmsg"));
		EXPECT_EQ(passes(*sent, "layer", "device"), !device.empty());
		EXPECT_EQ((*sent)["frames"].empty(), device.empty());
		if (!device.empty()) {
			EXPECT_EQ((*sent)["frames"][0]["device"], device);
		}
	}
}

TEST_F(GlassctlBeside, ATableHasAColumnForEachAndTheLayersFromTheTop)
{
	const std::string text =
		run_glassctl({"trace", "--beside", "unix-dgram", "--call", "write"});
	const auto at = [&text](const char *words) { return text.find(words); };

	EXPECT_EQ(at("#1 write\n"), 0U) << text;
	EXPECT_NE(at("dgram = 5"), std::string::npos) << text;
	EXPECT_LT(at("dgram = 5"), at("unix-dgram = 5")) << text;
	std::istringstream lines(text);
	std::string sockfs;
	Strings order;
	for (std::string line; std::getline(lines, line);) {
		const std::string layer = line.substr(0, std::min<std::size_t>(13, line.size()));

		if (layer.find_first_not_of(' ') != std::string::npos && line.starts_with("  "))
			order.push_back(words_of(layer).front());
		if (line.starts_with("  sockfs"))
			sockfs = line;
	}
	// What both pass by stands in one line.
	EXPECT_EQ(words_of(sockfs), (Strings{"sockfs", "sock_write_iter", "sock_write_iter"}))
		<< text;
	std::erase(order, "buffers");
	EXPECT_EQ(order, (Strings{"system", "VFS", "sockfs", "proto_ops", "proto", "output",
				  "device", "input", "wake-up"}))
		<< text;
}

TEST_F(GlassctlBeside, APageHasTheTables)
{
	const std::string file = "/tmp/glassctl-beside-" + std::to_string(::getpid());

	EXPECT_EQ(run_glassctl({"trace", "--beside", "unix", "--call", "write", "--html", file}),
		  "");
	const std::string page = contents_of(file);
	std::filesystem::remove(file);
	EXPECT_TRUE(page.starts_with("<!doctype html>"));
	EXPECT_TRUE(page.ends_with("</html>\n"));
	for (const char *words : {">#1 write</h2></summary>", ">stream = 5<br>", ">unix = 5<br>",
				  ">sockfs</span></th><td><code>sock_write_iter"})
		EXPECT_NE(page.find(words), std::string::npos) << words;
	for (const char *foreign : {"<script", "src=", "url(", "http"})
		EXPECT_EQ(page.find(foreign), std::string::npos) << foreign;
}

/*
 * What a connection to 127.0.0.1 fails with where lo is down: ENETUNREACH from
 * connect(), or EADDRNOTAVAIL already from bind(), as the kernel is configured.
 */
std::string error_without_lo()
{
	const glass::Fd listener(
		static_cast<int>(must(::socket(AF_INET, SOCK_STREAM, 0), "socket")));
	const glass::Fd sender(static_cast<int>(must(::socket(AF_INET, SOCK_STREAM, 0), "socket")));
	sockaddr_in name = {};
	socklen_t size = sizeof(name);
	auto *const raw = reinterpret_cast<sockaddr *>(&name);

	name.sin_family = AF_INET;
	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	const int error =
		::bind(listener.get(), raw, size) != 0 ||
				must(::listen(listener.get(), 1), "listen") != 0 ||
				must(::getsockname(listener.get(), raw, &size), "name") != 0 ||
				::connect(sender.get(), raw, size) != 0
			? errno
			: 0;
	EXPECT_NE(error, 0);
	return std::system_category().message(error);
}

TEST_F(GlassctlBeside, WhatCannotBeComparedIsRefused)
{
	EXPECT_NE(run_glassctl({"trace", "--beside", "sctp"}, 2).find("no kind of socket"),
		  std::string::npos);
	EXPECT_NE(run_glassctl({"trace", "--beside", "netlink"}, 2).find("no kind of socket"),
		  std::string::npos);
	EXPECT_NE(run_glassctl({"trace", "--beside", "unix,udp"}, 2).find("do not compare"),
		  std::string::npos);
	EXPECT_NE(run_glassctl({"trace", "--beside", "unix", "--", "true"}, 2)
			  .find("a command is needed"),
		  std::string::npos);
	EXPECT_EQ(run_glassctl({"trace", "--beside", "tcp"}, 1),
		  "glassctl: trace: " + error_without_lo() + ": the scenario of tcp\n");
}

} // namespace
