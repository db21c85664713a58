// SPDX-License-Identifier: GPL-2.0
/*
 * glassctl trace, as a user drives it: each call's way is there, from the
 * system call to whom it woke; what it says is what the kernel says elsewhere;
 * and tracefs is as it was, whatever happened.
 */
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <utility>

#include "glassctl.h"
#include "helper.h"
#include "network.h"
#include "tracing.h"

namespace {

using namespace helper;
using Json = nlohmann::json;
using Strings = std::vector<std::string>;

const std::string tracefs = "/sys/kernel/tracing";

/** Waits until all is set up, and the process that it traces runs. */
bool is_recording(const Glassctl &glassctl)
{
	const std::string file = tracefs + "/instances/glassctl-" + std::to_string(glassctl.pid()) +
				 "/current_tracer";

	return eventually([&] { return contents_of(file) == "function_graph\n"; });
}

/** All of tracefs that is everybody's. */
std::string state_of_tracefs()
{
	std::string text;

	for (const char *file :
	     {"current_tracer", "tracing_on", "set_event", "set_event_pid", "set_ftrace_pid",
	      "set_ftrace_filter", "set_graph_function", "dynamic_events", "enabled_functions"})
		text += std::string(file) + ":\n" +
			contents_of(tracefs + '/' + file).substr(0, 500);
	for (const auto &entry : std::filesystem::directory_iterator(tracefs + "/instances"))
		text += entry.path().filename().string() + '\n';
	return text;
}

/* In a namespace of its own, where port 5000 receives datagrams. */
class GlassctlTrace : public testing::Test
{
protected:
	void SetUp() override
	{
		enter_new_namespace();
		receiver = bound(5000);
		before = state_of_tracefs();
		if (const auto reason = reason_not_to_trace(true); !reason.empty())
			GTEST_SKIP() << reason;
	}
	void TearDown() override { EXPECT_EQ(state_of_tracefs(), before); }

	/* Of a datagram that glass-cat sends. */
	static Json trace_of_a_message()
	{
		Glassctl glassctl({"trace", "--json", "-", "--", "sh", "-c",
				   "printf hello | glass-cat --no-end 1:5000"});

		EXPECT_EQ(glassctl.wait(), 0) << glassctl.output();
		return Json::parse(glassctl.output());
	}

	static Json call(const Json &trace, const std::string &name)
	{
		for (const auto &call : trace["calls"])
			if (call["name"] == name)
				return call;
		ADD_FAILURE() << "no " << name << " in " << trace["calls"].size() << " calls";
		return {};
	}

	static Strings names_of(const Json &trace)
	{
		Strings names;

		for (const auto &call : trace["calls"])
			names.push_back(call["name"]);
		return names;
	}

	/* The function that stands in the socket's table, as glassctl ops has it. */
	static std::string function_of(const std::string &member, bool proto)
	{
		Strings words = {"--json", "ops", "dgram"};

		if (proto)
			words.push_back("--proto");
		for (const auto &row : Json::parse(run_glassctl(words)))
			for (const auto &[key, value] : row.items())
				if (value == member)
					return row["dgram"];
		return "";
	}

	void expect_all_calls_on_sockets(const Json &trace);
	void expect_pointers_of_tables(const Json &sent);

	Socket receiver;
	std::string before;
};

/* The first place of each layer that is no noise. */
Strings layers_of(const Json &call)
{
	Strings layers;

	for (const auto &step : call["steps"]) {
		const std::string layer = step["layer"];

		if (!step["noise"] && std::ranges::find(layers, layer) == layers.end())
			layers.push_back(layer);
	}
	return layers;
}

const Json *step_by(const Json &call, const std::string &pointer)
{
	for (const auto &step : call["steps"])
		if (step.value("pointer", "") == pointer)
			return &step;
	return nullptr;
}

/* --- What it shows ------------------------------------------------------------------------ */

void expect_steps_within_each_other(const Json &sent)
{
	std::vector<Json> above;

	ASSERT_GT(sent["steps"].size(), 20U);
	for (const auto &step : sent["steps"]) {
		const auto depth = step["depth"].get<std::size_t>();

		ASSERT_LE(depth, above.size()) << step;
		above.resize(depth);
		const auto begin = step["begin"].get<std::uint64_t>();
		const auto end = begin + step["duration"].get<std::uint64_t>();
		const std::uint64_t limit =
			depth ? above.back()["begin"].get<std::uint64_t>() +
					above.back()["duration"].get<std::uint64_t>()
			      : sent["duration"].get<std::uint64_t>();
		EXPECT_LE(end, limit) << step;
		EXPECT_TRUE(!depth || !above.back()["noise"] || step["noise"]) << step;
		above.push_back(step);
	}
}

void GlassctlTrace::expect_pointers_of_tables(const Json &sent)
{
	const Json *const ops = step_by(sent, "socket->ops->sendmsg");
	const Json *const proto = step_by(sent, "sk->sk_prot->sendmsg");

	EXPECT_EQ(sent["socket"], (Json{{"family", "AF_GLASS"},
					{"type", "SOCK_DGRAM"},
					{"f_op", "socket_file_ops"},
					{"ops", "glass_dgram_ops"},
					{"sk_prot", "glass_dgram_prot"}}));
	ASSERT_TRUE(ops && proto);
	EXPECT_EQ((*ops)["table"], "glass_dgram_ops");
	EXPECT_EQ((*ops)["function"], function_of("sendmsg", false));
	EXPECT_EQ((*ops)["module"], "glass");
	EXPECT_EQ((*proto)["table"], "glass_dgram_prot");
	EXPECT_EQ((*proto)["function"], function_of("sendmsg", true));
	EXPECT_LT((*ops)["depth"], (*proto)["depth"]);
}

void expect_frame_of_a_step(const Json &sent)
{
	ASSERT_EQ(sent["frames"].size(), 1U);
	const Json frame = sent["frames"][0];
	EXPECT_EQ(frame["device"], "glass0");
	EXPECT_EQ(frame["destination"], "1:5000");
	EXPECT_EQ(frame["payload"], 5);
	EXPECT_EQ(frame["protocol"], GLASS_PROTO_DGRAM);
	EXPECT_GE(frame["received"], frame["sent"]);
	const Json step = sent["steps"][frame["step"].get<std::size_t>()];
	EXPECT_EQ(step["layer"], "output") << step;
}

void GlassctlTrace::expect_all_calls_on_sockets(const Json &trace)
{
	Strings names = names_of(trace);
	const std::set<std::string> all(names.begin(), names.end());

	// And the shell's read(), write(), close() of files and pipes are not.
	EXPECT_EQ(all, (std::set<std::string>{"socket", "getsockopt", "connect", "getsockname",
					      "poll", "sendto", "close"}))
		<< Json(names);
	EXPECT_EQ(std::ranges::count(names, "socket"), 1);
	EXPECT_EQ(std::ranges::count(names, "close"), 1);
	EXPECT_EQ(trace["lost"], 0);
}

/* One recording, for it takes two seconds. */
TEST_F(GlassctlTrace, AMessageIsFollowedDownToTheDeviceAndUpToItsReader)
{
	Task<long> reader([this] {
		std::array<char, 16> buffer;

		return ::recv(receiver.fd(), buffer.data(), buffer.size(), 0);
	});
	ASSERT_TRUE(reader.sleeps_in(SYS_recvfrom));
	const Json trace = trace_of_a_message();
	const Json sent = call(trace, "sendto");

	EXPECT_EQ(reader.result(), 5);
	EXPECT_EQ(counters()["GlassOutFrames"], 1U);
	expect_all_calls_on_sockets(trace);
	expect_steps_within_each_other(sent);
	expect_pointers_of_tables(sent);
	expect_frame_of_a_step(sent);
	EXPECT_EQ(sent["result"], 5);
	Strings layers = layers_of(sent);
	std::erase(layers, "buffers");
	std::erase(layers, "accounting");
	std::erase(layers, "locks");
	/* A compiler that optimizes makes sock_sendmsg() a part of the system call. */
	if (layers.size() > 1 && layers[1] == "sockfs")
		layers.erase(layers.begin() + 1);
	EXPECT_EQ(layers, (Strings{"system_call", "proto_ops", "proto", "output", "device", "input",
				   "wakeup"}))
		<< sent;
	Strings woken;
	for (const auto &wakeup : sent["wakeups"])
		woken.push_back(std::to_string(wakeup["thread"].get<pid_t>()));
	EXPECT_EQ(woken, Strings{std::to_string(reader.tid())});
}

TEST_F(GlassctlTrace, OnATerminalNoiseIsFoldedUntilItIsUnfolded)
{
	const auto text_of = [](const Strings &options) {
		Strings words = {"trace", "--call", "connect"};

		words.insert(words.end(), options.begin(), options.end());
		words.insert(words.end(),
			     {"--", "sh", "-c", "glass-cat --no-end 1:5000 </dev/null"});
		return run_glassctl(words);
	};
	const auto has = [](const std::string &text, const char *part) {
		return text.find(part) != std::string::npos;
	};
	const std::string folded = text_of({});
	const std::string unfolded = text_of({"--unfold"});

	EXPECT_FALSE(has(folded, " socket(")) << "only the calls that were asked for: " << folded;
	EXPECT_TRUE(has(folded, "f_op = socket_file_ops, ops = glass_dgram_ops")) << folded;
	EXPECT_TRUE(has(folded, "socket->ops->connect of glass_dgram_ops")) << folded;
	EXPECT_TRUE(has(folded, " folded)")) << folded;
	EXPECT_FALSE(has(folded, "_raw_spin_lock")) << folded;
	EXPECT_TRUE(has(unfolded, "_raw_spin_lock")) << unfolded;
	EXPECT_FALSE(has(unfolded, " folded)")) << unfolded;
}

/* How often. */
std::size_t count(const std::string &text, const std::string &part)
{
	std::size_t number = 0;

	for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
		number++;
	return number;
}

TEST_F(GlassctlTrace, APageNeedsNothingElseAndLinksFramesToTheirSteps)
{
	const std::string file = "/tmp/glassctl-page-" + std::to_string(::getpid());
	Glassctl glassctl({"trace", "--html", file, "--json", "-", "--", "sh", "-c",
			   "printf '<hello>' | glass-cat --no-end 1:5000"});

	EXPECT_EQ(glassctl.wait(), 0) << glassctl.output();
	const Json trace = Json::parse(glassctl.output());
	const std::string page = contents_of(file);
	std::filesystem::remove(file);
	ASSERT_TRUE(page.starts_with("<!doctype html>"));
	EXPECT_TRUE(page.ends_with("</html>\n"));
	for (const char *foreign : {"<script", "<link", "<img", "src=", "url(", "http", "<hello>"})
		EXPECT_EQ(count(page, foreign), 0U) << foreign;
	EXPECT_NE(count(page, "&lt;hello&gt;"), 0U);
	ASSERT_FALSE(trace["calls"].empty());
	for (const auto &call : trace["calls"])
		EXPECT_EQ(count(page, "<summary id=\"call-" + call["number"].dump() + "\">"), 1U);
	for (const char *element : {"details", "summary", "div", "span", "table", "main", "ul"})
		EXPECT_EQ(count(page, "<" + std::string(element) + " ") +
				  count(page, "<" + std::string(element) + ">"),
			  count(page, "</" + std::string(element) + ">"))
			<< element;
	const auto link = page.find("<a href=\"#");
	ASSERT_NE(link, std::string::npos);
	const auto begin = link + 10;
	const std::string step = page.substr(begin, page.find('"', begin) - begin);
	const auto target = page.find("id=\"" + step + "\"");
	ASSERT_NE(target, std::string::npos) << step;
	EXPECT_LT(page.find("output_frame", target), page.find('\n', target)) << step;
}

/* --- Whom it watches ---------------------------------------------------------------------- */

/* Records the calls named so that @p act makes, in a process that ran before. */
template <typename Act> Json calls_of_running_process(const std::string &name, Act act)
{
	std::array<int, 2> gate;

	must(::pipe2(gate.data(), O_CLOEXEC), "pipe");
	const auto child = static_cast<pid_t>(must(::fork(), "fork"));
	if (child == 0) {
		char go;

		::close(gate[1]);
		(void)!::read(gate[0], &go, 1);
		act();
		::_exit(0);
	}
	::close(gate[0]);
	Glassctl glassctl({"trace", "--json", "-", "--call", name, "--pid", std::to_string(child)});
	EXPECT_TRUE(is_recording(glassctl));
	// What the rest of the machine does meanwhile is not its business.
	must(dgram().send_to(bytes("other"), {GLASS_NODE_LOCAL, 5000}), "send");
	::close(gate[1]);
	must(::waitpid(child, nullptr, 0), "waitpid");
	EXPECT_EQ(glassctl.wait(), 0);
	const Json trace = Json::parse(glassctl.output());
	for (const Json &call : trace["calls"])
		EXPECT_EQ(call["thread"], child);
	return trace["calls"];
}

TEST_F(GlassctlTrace, AProcessThatRunsAlready)
{
	Socket sender = dgram();
	const Json calls = calls_of_running_process("sendto", [&] {
		(void)sender.send_to(bytes("hello"), {GLASS_NODE_LOCAL, 5000});
	});

	ASSERT_EQ(calls.size(), 1U);
	EXPECT_EQ(calls[0]["socket"]["ops"], "glass_dgram_ops");
}

/* Some of so many calls are interrupted, in the midst of noise and elsewhere. */
TEST_F(GlassctlTrace, AnInterruptHidesNoneOfTheSteps)
{
	constexpr int messages = 100;
	Socket sender = dgram();
	const Json calls = calls_of_running_process("sendto", [&] {
		for (int i = 0; i < messages; i++)
			(void)sender.send_to(bytes("x"), {GLASS_NODE_LOCAL, 5000});
	});

	ASSERT_EQ(calls.size(), static_cast<std::size_t>(messages));
	for (const Json &sent : calls) {
		const Strings layers = layers_of(sent);

		EXPECT_EQ(sent["result"], 1);
		for (const char *layer : {"proto_ops", "proto", "output", "device", "input"})
			EXPECT_NE(std::ranges::find(layers, layer), layers.end())
				<< layer << " in " << sent;
	}
}

/* --- Leaving ------------------------------------------------------------------------------ */

TEST_F(GlassctlTrace, AnInterruptEndsItWithWhatWasSeen)
{
	Glassctl glassctl({"trace", "--json", "-", "--", "glass-cat", "-l", "5001", "--no-end"});
	const auto is_there = [] {
		return contents_of("/proc/self/net/glass").find(":5001 ") != std::string::npos;
	};

	ASSERT_TRUE(is_recording(glassctl));
	ASSERT_TRUE(eventually(is_there));
	glassctl.send_signal(SIGINT);
	EXPECT_EQ(glassctl.wait(), 0) << glassctl.output();
	EXPECT_EQ(call(Json::parse(glassctl.output()), "bind")["result"], 0);
	EXPECT_FALSE(is_there()) << "its command goes with it";
}

TEST_F(GlassctlTrace, WhatWasKilledIsTidiedUpByTheNextOne)
{
	{
		const Glassctl killed({"trace", "--", "glass-cat", "-l", "5001", "--no-end"});

		ASSERT_TRUE(is_recording(killed));
	}
	EXPECT_NE(state_of_tracefs(), before);
	trace_of_a_message();
	EXPECT_EQ(state_of_tracefs(), before);
}

TEST_F(GlassctlTrace, ACommandThatCannotBeRunIsAnError)
{
	Glassctl glassctl({"trace", "--", "/nowhere"});

	EXPECT_EQ(glassctl.wait(), 1);
	EXPECT_EQ(glassctl.output(), "glassctl: trace: No such file or directory: /nowhere\n");
}

/* Another file at the place of one, for this process and its children. */
void hide(const std::string &file, const std::string &text)
{
	const std::string other = "/tmp/glassctl-hide-" + std::to_string(::getpid());

	std::ofstream(other) << text;
	must(::unshare(CLONE_NEWNS), "unshare");
	must(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "private");
	must(::mount(other.c_str(), file.c_str(), nullptr, MS_BIND, nullptr), "bind");
	std::filesystem::remove(other);
}

TEST_F(GlassctlTrace, AKernelWithoutTheTracerIsToldOfPolitely)
{
	hide(tracefs + "/available_tracers", "function nop\n");
	Glassctl glassctl({"trace", "--", "glass-cat", "1:5000"});

	EXPECT_EQ(glassctl.wait(), 1);
	EXPECT_EQ(glassctl.output(),
		  "glassctl: trace: Operation not supported: This kernel has no function_graph "
		  "tracer (CONFIG_FUNCTION_GRAPH_TRACER)\n");
}

TEST_F(GlassctlTrace, WithoutRootItSaysSo)
{
	const auto as_nobody = [] {
		must(::setuid(65534), "setuid");
		Glassctl glassctl({"trace", "--", "glass-cat", "1:5000"});

		EXPECT_EQ(glassctl.wait(), 1);
		EXPECT_EQ(glassctl.output(), "glassctl: trace: Permission denied: Recording what "
					     "the kernel does needs root\n");
		return testing::Test::HasFailure() ? 1 : 0;
	};

	EXPECT_EQ(in_child(as_nobody), 0);
}

} // namespace
