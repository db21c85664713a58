// SPDX-License-Identifier: GPL-2.0
/*
 * glassctl why: of each call that failed, the error that the program saw, and
 * functions that the kernel has; for Glass as for AF_UNIX.
 */
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "glassctl.h"
#include "helper.h"
#include "lib/family.h"
#include "network.h"

namespace {

using namespace helper;
using Json = nlohmann::json;
using Strings = std::vector<std::string>;

/* By their names in /proc/kallsyms. */
const std::set<std::string> &kernel_functions()
{
	static const std::set<std::string> functions = [] {
		std::ifstream lines("/proc/kallsyms");
		std::set<std::string> names;
		std::string address;
		std::string type;
		std::string rest;

		while (lines >> address >> type && std::getline(lines, rest))
			if (type == "t" || type == "T")
				names.insert(rest.substr(1, rest.find('\t') - 1));
		return names;
	}();

	return functions;
}

sockaddr_un unix_address(const std::string &path)
{
	sockaddr_un address = {AF_UNIX, {}};

	path.copy(address.sun_path, sizeof(address.sun_path) - 1);
	return address;
}

/* The name under which nobody listens; the one that somebody has. */
const std::string closed_path = "/tmp/glassctl-why-closed";
const std::string bound_path = "/tmp/glassctl-why-bound";

/* Calls that fail, for glassctl to look at. */
void make_calls_that_fail()
{
	const int glass = ::socket(glass::family(), SOCK_STREAM, 0);
	const int glass_dgram = ::socket(glass::family(), SOCK_DGRAM, 0);
	const int local = ::socket(AF_UNIX, SOCK_STREAM, 0);
	const int local_dgram = ::socket(AF_UNIX, SOCK_DGRAM, 0);
	const sockaddr_un closed = unix_address(closed_path);
	const sockaddr_un bound = unix_address(bound_path);
	sockaddr_glass address = {};

	address.sgl_family = static_cast<sa_family_t>(glass::family());
	address.sgl_node = GLASS_NODE_LOCAL;
	address.sgl_port = 5001;
	const auto *name = reinterpret_cast<const sockaddr *>(&address);
	(void)::connect(glass, name, sizeof(address));
	address.sgl_port = 5000;
	(void)::bind(glass_dgram, name, sizeof(address));
	(void)::send(glass_dgram, "x", 1, 0);
	(void)::connect(local, reinterpret_cast<const sockaddr *>(&closed), sizeof(closed));
	(void)::bind(local_dgram, reinterpret_cast<const sockaddr *>(&bound), sizeof(bound));
	(void)::send(local_dgram, "x", 1, 0);
}

/* The program that glassctl runs is this one, which then is no test. */
const char *const as_command = "GLASSCTL_WHY_CALLS";
[[maybe_unused]] const bool is_test = [] {
	if (::getenv(as_command)) {
		make_calls_that_fail();
		::_exit(0);
	}
	return true;
}();

class GlassctlWhy : public testing::Test
{
protected:
	void SetUp() override
	{
		enter_new_namespace();
		receiver = bound(5000);
		if (const auto reason = reason_not_to_trace(false); !reason.empty())
			GTEST_SKIP() << reason;
	}
	Socket receiver;
};

/* One recording, for it takes seconds. */
TEST_F(GlassctlWhy, EachErrorHasAFunctionThatItComesFrom)
{
	struct Case {
		const char *call;
		const char *family;
		const char *error;
		std::set<std::string> from; /* as the kernel's source has it */
		const char *pointer;	    /* that is on the way */
	};
	const std::vector<Case> cases = {
		{"connect", "AF_GLASS", "ECONNREFUSED", {}, "socket->ops->connect"},
		{"bind", "AF_GLASS", "EADDRINUSE", {}, "socket->ops->bind"},
		{"sendto", "AF_GLASS", "ENOTCONN", {}, "socket->ops->sendmsg"},
		// It is found by its path, and nobody listens there.
		{"connect",
		 "AF_UNIX",
		 "ECONNREFUSED",
		 {"unix_find_bsd", "unix_find_other", "unix_stream_connect"},
		 "socket->ops->connect"},
		{"bind",
		 "AF_UNIX",
		 "EADDRINUSE",
		 {"unix_bind_bsd", "unix_bind"},
		 "socket->ops->bind"},
		{"sendto", "AF_UNIX", "ENOTCONN", {"unix_dgram_sendmsg"}, "socket->ops->sendmsg"},
	};
	for (const std::string &path : {closed_path, bound_path}) {
		const glass::Fd socket(::socket(AF_UNIX, SOCK_STREAM, 0));
		const sockaddr_un address = unix_address(path);

		::unlink(path.c_str());
		must(::bind(socket.get(), reinterpret_cast<const sockaddr *>(&address),
			    sizeof(address)),
		     path.c_str());
	}
	::setenv(as_command, "1", 1);
	Glassctl glassctl({"--json", "why", "--", std::filesystem::read_symlink("/proc/self/exe")});
	::unsetenv(as_command);
	const int status = glassctl.wait();
	::unlink(closed_path.c_str());
	::unlink(bound_path.c_str());
	ASSERT_EQ(status, 0) << glassctl.output();
	const Json calls = Json::parse(glassctl.output());

	ASSERT_EQ(calls.size(), cases.size()) << calls;
	for (std::size_t i = 0; i < cases.size(); i++) {
		const Case &wanted = cases[i];
		const Json &call = calls[i];
		const Json &way = call["way"];

		SCOPED_TRACE(call.dump());
		EXPECT_EQ(call["name"], wanted.call);
		EXPECT_EQ(call["error"], wanted.error);
		EXPECT_EQ(call["socket"]["family"], wanted.family);
		ASSERT_GE(way.size(), 2U);
		for (const Json &step : way)
			EXPECT_TRUE(kernel_functions().contains(step["function"])) << step;
		EXPECT_EQ(way.back()["function"], "__x64_sys_" + std::string(wanted.call));
		EXPECT_TRUE(std::ranges::any_of(way, [&](const Json &step) {
			return step.value("pointer", "") == wanted.pointer;
		}));
		if (wanted.from.empty())
			EXPECT_EQ(way.front()["module"], "glass");
		else
			EXPECT_TRUE(wanted.from.contains(way.front()["function"]));
	}
}

TEST_F(GlassctlWhy, OnATerminalTheWayBackStandsBelowTheCall)
{
	Glassctl glassctl(
		{"why", "--call", "connect", "--", "glass-cat", "--type", "stream", "1:5001"});

	EXPECT_EQ(glassctl.wait(), 0);
	const std::string text = glassctl.output();
	EXPECT_NE(text.find("= -1 ECONNREFUSED"), std::string::npos) << text;
	EXPECT_NE(text.find("\n  from  "), std::string::npos) << text;
	EXPECT_NE(text.find("\n  via   system call  __x64_sys_connect\n"), std::string::npos)
		<< text;
	EXPECT_NE(text.find("socket->ops->connect of glass_stream_ops"), std::string::npos) << text;
}

TEST_F(GlassctlWhy, WithoutAFailureItSaysSo)
{
	Glassctl glassctl({"why", "--call", "socket", "--", "glass-cat", "1:5001"});

	EXPECT_EQ(glassctl.wait(), 0);
	EXPECT_NE(glassctl.output().find("No socket call failed.\n"), std::string::npos)
		<< glassctl.output();
}

TEST_F(GlassctlWhy, AKernelWithoutTypesIsToldOfPolitely)
{
	must(::unshare(CLONE_NEWNS), "unshare");
	must(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "private");
	must(::mount("none", "/sys/kernel/btf", "tmpfs", 0, nullptr), "tmpfs");
	Glassctl glassctl({"why", "--", "glass-cat", "1:5001"});

	EXPECT_EQ(glassctl.wait(), 1);
	EXPECT_NE(glassctl.output().find("This kernel does not tell what functions return "
					 "(CONFIG_DEBUG_INFO_BTF)\n"),
		  std::string::npos)
		<< glassctl.output();
}

} // namespace
