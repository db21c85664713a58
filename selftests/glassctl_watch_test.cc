// SPDX-License-Identifier: GPL-2.0
/*
 * glassctl watch, on a terminal as a user has it, and into a file as a program
 * does: what it shows is what the kernel says elsewhere, and the terminal is
 * left as it was.
 */
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <cstring>
#include <nlohmann/json.hpp>
#include <sstream>

#include "frame.h"
#include "glassctl.h"
#include "helper.h"
#include "network.h"
#include "terminal.h"

namespace {

using namespace helper;
using Json = nlohmann::json;
using Strings = std::vector<std::string>;

class GlassctlWatch : public testing::Test
{
protected:
	void SetUp() override { enter_new_namespace(); }

	/* One object for each line. */
	static std::vector<Json> samples_of(const std::string &text)
	{
		std::istringstream lines(text);
		std::vector<Json> samples;

		for (std::string line; std::getline(lines, line);)
			samples.push_back(Json::parse(line));
		return samples;
	}
};

const Strings half_a_second = {"glassctl", "watch", "--interval", "0.5"};

/* "12.3k" is 12300. */
double number_of(const std::string &text)
{
	char *unit = nullptr;
	const double value = std::strtod(text.c_str(), &unit);

	return value * (*unit == 'k' ? 1e3 : *unit == 'M' ? 1e6 : 1);
}

/* The number behind @p words in the text. */
double number_after(const std::string &text, const std::string &words)
{
	const auto at = text.find(words);

	return at == std::string::npos ? -1 : number_of(text.substr(at + words.size()));
}

/* --- The screen --------------------------------------------------------------------------- */

TEST_F(GlassctlWatch, AScreenShowsSocketsAndTheRateAtWhichTheySend)
{
	constexpr int size = 1000;
	Socket receiver = bound(5000);
	Socket sender = dgram();
	std::atomic<bool> is_enough = false;
	Terminal terminal(half_a_second);

	ASSERT_TRUE(terminal.shows("*:5000")) << terminal.written();
	EXPECT_NE(terminal.line_with("out "), "");
	EXPECT_EQ(number_after(terminal.line_with("out "), "out "), 0);
	const auto begin = std::chrono::steady_clock::now();
	Task<int> traffic([&] {
		int count = 0;

		for (; !is_enough; count++) {
			(void)sender.send_to(pattern(size), {GLASS_NODE_LOCAL, 5000});
			read_message(receiver);
			std::this_thread::sleep_for(std::chrono::milliseconds(10));
		}
		return count;
	});
	// The first interval is busy in part only.
	std::this_thread::sleep_for(std::chrono::milliseconds(1600));
	const std::string line = terminal.line_with("out ");
	is_enough = true;
	const double sent = traffic.result();
	const double seconds =
		std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();

	const double frames = number_after(line, "out ");
	EXPECT_GT(frames, 0.5 * sent / seconds) << line;
	EXPECT_LT(frames, 2 * sent / seconds) << line;
	EXPECT_NEAR(number_after(line, "frames, ") / frames, size, 0.02 * size) << line;
	EXPECT_NEAR(number_after(line, "in "), frames, 0.1 * frames) << line;
}

TEST_F(GlassctlWatch, DropsStandThereByTheirReason)
{
	Terminal terminal(half_a_second);
	Frame frame;

	ASSERT_TRUE(terminal.shows("no drops")) << terminal.written();
	frame.csum = 0x1234;
	Injector().send(frame.bytes());
	EXPECT_TRUE(terminal.shows("GlassDropChecksum 1 (")) << terminal.written();
}

TEST_F(GlassctlWatch, KeysSortAndReverse)
{
	Socket large = bound(5001);
	Socket small = bound(5000);
	Socket sender = dgram();
	Terminal terminal(half_a_second);
	const auto ports = [&terminal] {
		std::string ports;

		for (const auto &line : terminal.lines())
			if (const auto at = line.find("*:500"); at != std::string::npos)
				ports += line.substr(at + 2, 4) + ' ';
		return ports;
	};
	const auto becomes = [&](const std::string &wanted) {
		return eventually([&] { return ports() == wanted; });
	};

	must(sender.send_to(pattern(100), {GLASS_NODE_LOCAL, 5000}), "send");
	must(sender.send_to(pattern(5000), {GLASS_NODE_LOCAL, 5001}), "send");
	ASSERT_TRUE(terminal.shows("by type")) << terminal.written();
	terminal.press("ss"); // type, state, recv-q
	EXPECT_TRUE(terminal.shows("by recv-q"));
	EXPECT_TRUE(becomes("5001 5000 ")) << ports();
	terminal.press("r");
	EXPECT_TRUE(terminal.shows("by recv-q reversed"));
	EXPECT_TRUE(becomes("5000 5001 ")) << ports();
	terminal.press("rss");
	EXPECT_TRUE(terminal.shows("by local"));
	EXPECT_TRUE(becomes("5000 5001 ")) << ports();
	terminal.press("SS");
	EXPECT_TRUE(terminal.shows("by recv-q"));
}

TEST_F(GlassctlWatch, APauseKeepsTheScreenAsItIs)
{
	Socket first = bound(5000);
	Terminal terminal(half_a_second);

	ASSERT_TRUE(terminal.shows("*:5000"));
	terminal.press("p");
	ASSERT_TRUE(terminal.shows("PAUSED"));
	Socket second = bound(5001);
	std::this_thread::sleep_for(std::chrono::milliseconds(1200));
	EXPECT_EQ(terminal.line_with("*:5001"), "");
	terminal.press("p");
	EXPECT_TRUE(terminal.shows("*:5001"));
}

TEST_F(GlassctlWatch, AnotherSizeIsUsedAndMoreThanThatCanBeReached)
{
	std::vector<Socket> sockets;
	Terminal terminal({"glassctl", "watch", "--interval", "0.5", "--sort", "local"}, 24, 160);

	for (std::uint32_t port = 5000; port < 5030; port++)
		sockets.push_back(bound(port));
	ASSERT_TRUE(terminal.shows("1-17 of 30")) << terminal.written();
	EXPECT_NE(terminal.lines()[23].find("q leave"), std::string::npos);
	EXPECT_EQ(terminal.line_with("*:5029"), "");
	terminal.press("\033OB\033OB"); // down
	EXPECT_TRUE(terminal.shows("3-19 of 30"));
	terminal.resize(40, 60);
	ASSERT_TRUE(terminal.shows("*:5029")) << terminal.written();
	EXPECT_NE(terminal.lines()[39].find("q leave"), std::string::npos);
	terminal.resize(2, 10);
	terminal.resize(24, 160);
	EXPECT_TRUE(terminal.shows(" of 30"));
}

/* As a word: what of it programs set. */
std::string text_of(const termios &settings)
{
	std::ostringstream text;

	text << settings.c_iflag << ' ' << settings.c_oflag << ' ' << settings.c_cflag << ' '
	     << settings.c_lflag;
	for (const auto character : settings.c_cc)
		text << ' ' << static_cast<int>(character);
	return text.str();
}

TEST_F(GlassctlWatch, TheTerminalIsLeftAsItWas)
{
	const auto press = [](const char *key) {
		return [key](Terminal &terminal) { terminal.press(key); };
	};
	const std::vector<std::pair<const char *, std::function<void(Terminal &)>>> ways = {
		{"q", press("q")},
		{"Ctrl-C", press("\003")},
		{"SIGTERM", [](Terminal &terminal) { ::kill(terminal.pid(), SIGTERM); }}};

	for (const auto &[name, leave] : ways) {
		SCOPED_TRACE(name);
		Terminal terminal(half_a_second, 24, 160, "xterm");
		const auto is_set = [&terminal] {
			return (terminal.settings().c_lflag & ICANON) == 0;
		};
		const std::string before = text_of(terminal.settings());

		ASSERT_TRUE(eventually(is_set));
		ASSERT_TRUE(eventually([&] {
			terminal.lines();
			return terminal.written().find("q leave") != std::string::npos;
		}));
		leave(terminal);
		EXPECT_EQ(terminal.wait(), 0);
		EXPECT_EQ(text_of(terminal.settings()), before);
		// The screen that was there before comes back.
		EXPECT_NE(terminal.written().find("\033[?1049h"), std::string::npos);
		EXPECT_NE(terminal.written().find("\033[?1049l"), std::string::npos);
	}
}

TEST_F(GlassctlWatch, WithoutATerminalItSaysWhatToDo)
{
	EXPECT_EQ(run_glassctl({"watch"}, 1),
		  "glassctl: watch: Inappropriate ioctl for device: This is no terminal: "
		  "use --batch\n");
	Terminal strange(half_a_second, 24, 160, "nothing-known");
	EXPECT_EQ(strange.wait(), 1);
	EXPECT_NE(strange.line_with("glassctl: watch: Invalid argument: The terminal's kind"), "");
	EXPECT_NE(run_glassctl({"watch", "--json"}, 2).find("--json needs --batch"),
		  std::string::npos);
	EXPECT_NE(run_glassctl({"watch", "--sort", "colour"}, 2).find("there is no such column"),
		  std::string::npos);
	run_glassctl({"watch", "--interval", "0"}, 2);
}

/* --- Samples ------------------------------------------------------------------------------ */

TEST_F(GlassctlWatch, RatesOfABatchAddUpToWhatTheKernelCounts)
{
	Glassctl watch({"--json", "watch", "--interval", "0.2", "--batch", "6"});
	Socket receiver = bound(5000);
	Socket sender = dgram();
	double frames = 0;
	double octets = 0;

	ASSERT_TRUE(eventually([&] { return watch.output().find('\n') != std::string::npos; }));
	for (int i = 0; i < 50; i++) {
		must(sender.send_to(pattern(300), {GLASS_NODE_LOCAL, 5000}), "send");
		read_message(receiver);
	}
	ASSERT_EQ(watch.wait(), 0);
	const auto samples = samples_of(watch.output());
	ASSERT_EQ(samples.size(), 6U);
	for (const Json &sample : samples) {
		frames += sample["rates"].value("GlassOutFrames", 0.0) *
			  sample["seconds"].get<double>();
		octets += sample["rates"].value("GlassOutBytes", 0.0) *
			  sample["seconds"].get<double>();
		EXPECT_NEAR(sample["seconds"].get<double>(), 0.2, 0.15);
	}
	EXPECT_NEAR(frames, 50, 0.01);
	EXPECT_NEAR(octets, 50 * 300, 1);
	// All that is not zero, and each as /proc has it.
	auto counted = counters();
	std::erase_if(counted, [](const auto &counter) { return counter.second == 0; });
	const auto counters =
		samples.back()["counters"].get<std::map<std::string, std::uint64_t>>();
	EXPECT_EQ(counters, counted);
}

TEST_F(GlassctlWatch, SocketsOfABatchAreThoseOfSs)
{
	const Connection connection = helper::connection(SOCK_STREAM);
	Socket receiver = bound(5000);
	Json sockets = samples_of(run_glassctl({"--json", "watch", "-i", "0.1", "-b", "1"}))
			       .at(0)["sockets"];
	const Json wanted = Json::parse(run_glassctl({"--json", "ss"}));

	ASSERT_EQ(sockets.size(), 4U);
	for (Json &socket : sockets) {
		EXPECT_EQ(socket["drops_per_s"], 0) << socket;
		EXPECT_EQ(socket["retrans_per_s"],
			  socket["state"] == "ESTABLISHED" ? Json(0) : Json())
			<< socket;
		socket.erase("drops_per_s");
		socket.erase("retrans_per_s");
	}
	EXPECT_EQ(sockets, wanted);
}

TEST_F(GlassctlWatch, RetransmissionsAreThoseOfTheConnection)
{
	Connection connection = helper::connection(SOCK_STREAM);
	const auto data = pattern(300000);

	set_device_mtu(1500);
	ASSERT_TRUE(tc("qdisc add dev glass0 root netem loss 20%"));
	Glassctl watch({"--json", "watch", "-i", "0.1", "-b", "0"});
	ASSERT_TRUE(eventually([&] { return watch.output().find('\n') != std::string::npos; }));
	Task<bool> sender([&] { return send_all(connection.client, data); });
	EXPECT_EQ(receive_all(connection.server, data.size()), data);
	EXPECT_TRUE(sender.result());
	const auto sent_again = [] { return counters()["GlassRetransmits"]; };
	// The last acknowledgment may be lost, too.
	const auto samples = [&] {
		const std::string text = watch.output();

		return samples_of(text.substr(0, text.find_last_of('\n')));
	};
	const auto retransmits = [](const Json &sample) {
		std::uint64_t sum = 0;

		for (const Json &socket : sample["sockets"])
			if (socket["retrans"].is_number())
				sum += socket["retrans"].get<std::uint64_t>();
		return sum;
	};
	EXPECT_TRUE(eventually([&] { return retransmits(samples().back()) == sent_again(); }));
	EXPECT_GT(sent_again(), 0U);
	double sum = 0;
	for (const Json &sample : samples())
		for (const Json &socket : sample["sockets"])
			if (socket["retrans_per_s"].is_number())
				sum += socket["retrans_per_s"].get<double>() *
				       sample["seconds"].get<double>();
	EXPECT_NEAR(sum, static_cast<double>(retransmits(samples().back())), 0.01);
	// What is closed now shall not have to send again for minutes.
	EXPECT_TRUE(tc("qdisc del dev glass0 root"));
}

TEST_F(GlassctlWatch, AsTextABatchIsOneBlockForEachSample)
{
	Socket receiver = bound(5000);
	std::atomic<bool> is_over = false;
	std::thread sends([&] {
		Socket sender = dgram();

		while (!is_over) {
			(void)sender.send_to(bytes("x"), {GLASS_NODE_LOCAL, 5000});
			(void)read_message(receiver);
			std::this_thread::sleep_for(std::chrono::milliseconds(7));
		}
	});
	const std::string text = run_glassctl({"watch", "--interval", "0.3", "--batch", "2"});
	is_over = true;
	sends.join();
	std::istringstream lines(text);
	int blocks = 0;
	int sockets = 0;
	int rates = 0;

	for (std::string line; std::getline(lines, line);) {
		const auto words = words_of(line);

		blocks += line.starts_with("-- ");
		sockets += line.find(" *:5000 ") != std::string::npos;
		if (words.empty() || !words[0].starts_with("Glass"))
			continue;
		rates++;
		EXPECT_LE(words.back().size(), 6U) << "as 1.23M: " << line;
	}
	EXPECT_EQ(blocks, 2) << text;
	EXPECT_EQ(sockets, 2) << text;
	EXPECT_GT(rates, 0) << text;
}

} // namespace
