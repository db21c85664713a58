// SPDX-License-Identifier: GPL-2.0
/*
 * Two calls at once on one socket, each kind of call against each other kind, in
 * whatever state the socket may be; beside them the device goes down and up, gets
 * another MTU, loses frames; another device and whole namespaces come and go, and
 * somebody tries to unload the module. Nobody looks at what the calls give: the
 * kernel must stand it (KERNEL=debug tells what it did not), and nothing may be
 * left behind.
 *
 * All follows from GLASS_SEED, but for when which thread runs. GUEST_CLOCK=host lets
 * threads run side by side; by the default clock of tests they take turns, which
 * finds less. "make soak" does this for hours.
 */
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <barrier>
#include <cstdlib>
#include <iostream>
#include <span>
#include <string>
#include <thread>

#include "calls.h"
#include "helper.h"
#include "ktap.h"
#include "lib/family.h"
#include "network.h"
#include "relative.h"

namespace {

using namespace helper;

constexpr std::size_t choices_per_round = 512;
constexpr std::uint32_t other_node = 77;

std::uint64_t seed()
{
	const char *const text = std::getenv("GLASS_SEED");
	const std::uint64_t number = text ? std::strtoull(text, nullptr, 0) : 0;

	return number ? number : 1;
}

/* --- What goes on beside ------------------------------------------------------------------ */

void device_comes_and_goes()
{
	add_glass("g77", other_node);
	std::this_thread::yield();
	delete_link("g77");
}

/* A namespace with a link to this one, which it takes with it. */
void namespace_comes_and_goes()
{
	auto there = Namespace::create();

	add_veth("v0", "v1", there);
	must(control().attach_device(ifindex_of("v0"), 9), "attach");
	{
		const Inside inside(there);
		const auto ends = glass_ends(SOCK_STREAM);

		must(::send(ends.writer.get(), "x", 1, MSG_DONTWAIT), "send");
		must(control().attach_device(ifindex_of("v1"), 10), "attach");
	}
	there.drop();
	if (link_exists("v0"))
		delete_link("v0");
}

/* Changes of what sockets stand on, until told to stop; then all is as it was. */
class Weather
{
public:
	explicit Weather(std::uint64_t seed) : thread_([this, seed] { run(seed); }) {}
	~Weather()
	{
		stop_ = true;
		thread_.join();
	}
	Weather(const Weather &) = delete;
	Weather &operator=(const Weather &) = delete;

private:
	void run(std::uint64_t seed)
	{
		for (std::uint64_t round = 0; !stop_; round++) {
			const auto bytes = random_bytes(seed + round, 16);
			Choices choices(bytes);

			change(choices);
		}
		set_device_up(true);
		set_device_mtu(GLASS_MTU_DEFAULT);
		tc("qdisc replace dev glass0 root noqueue");
	}

	static void change(Choices &choices)
	{
		constexpr int mtus[] = {100, 1500, 9000, GLASS_MTU_DEFAULT, 100'000};
		static constexpr const char *qdiscs[] = {
			"qdisc replace dev glass0 root netem loss 10% delay 1ms reorder 20%",
			"qdisc replace dev glass0 root netem duplicate 10% corrupt 5%",
			"qdisc replace dev glass0 root noqueue",
		};

		switch (choices.below(16)) {
		case 0:
			tc(choices.of(qdiscs));
			break;
		case 1:
			namespace_comes_and_goes();
			break;
		case 2:
		case 3:
			device_comes_and_goes();
			break;
		case 4:
		case 5:
		case 6:
			set_device_mtu(choices.of(mtus));
			break;
		case 7:
		case 8:
		case 9:
			set_device_up(false);
			std::this_thread::yield();
			set_device_up(true);
			break;
		default:
			unload_module("glass");
			std::this_thread::sleep_for(std::chrono::milliseconds(1));
		}
	}

	std::atomic<bool> stop_ = false;
	std::thread thread_;
};

/* --- The races ------------------------------------------------------------------------------ */

/* Runs two calls at the same time, each on a thread that is there already. */
class Racers
{
public:
	explicit Racers(Sockets &sockets) : sockets_(sockets), other_([this] { run_other(); }) {}
	~Racers()
	{
		call_ = nullptr;
		start_.arrive_and_wait();
		other_.join();
	}
	Racers(const Racers &) = delete;
	Racers &operator=(const Racers &) = delete;

	void race(const Call &one, Choices one_choices, const Call &other, Choices other_choices)
	{
		call_ = &other;
		choices_ = other_choices;
		start_.arrive_and_wait();
		one.make(one_choices, sockets_, 0);
		end_.arrive_and_wait();
	}

private:
	void run_other()
	{
		for (;;) {
			start_.arrive_and_wait();
			if (!call_)
				return;
			call_->make(choices_, sockets_, 0);
			end_.arrive_and_wait();
		}
	}

	Sockets &sockets_;
	std::barrier<> start_{2};
	std::barrier<> end_{2};
	const Call *call_ = nullptr;
	Choices choices_{{}};
	std::thread other_;
};

class Race : public testing::TestWithParam<SocketType>
{
protected:
	Race()
	{
		enter_new_namespace();
		/* Who is closed, and finds no way any more, gives up soon. */
		write_file("/proc/sys/net/glass/user_timeout_ms", "1000");
		write_file("/proc/sys/net/glass/time_wait_ms", "10");
	}
};
INSTANTIATE_TEST_SUITE_P(Types, Race, testing::ValuesIn(socket_types), socket_type_name);

/*
 * What /proc/net/glass shows, less the memory of connections whose other end could
 * not say any more that it goes: those are forgotten after a minute.
 */
std::string remains()
{
	const auto lines = lines_of("/proc/thread-self/net/glass");
	std::string text;

	for (std::size_t i = 1; i < lines.size(); i++)
		if (words_of(lines[i]).at(4) != "FIN_WAIT2")
			text += lines[i] + '\n';
	return text;
}

TEST_P(Race, EachCallAgainstEachOther)
{
	const int rounds = ktap::scale();
	auto next = seed() * 1'000'003 + static_cast<std::uint64_t>(GetParam().type) * 1'009;
	unsigned races = 0;

	// So that unloading is refused, whatever the others do.
	const auto anchor = glass_socket(SOCK_DGRAM);
	{
		Sockets sockets;
		Racers racers(sockets);
		const Weather weather(next);

		for (int round = 0; round < rounds; round++)
			for (const auto &one : calls())
				for (const auto &other : calls()) {
					const auto bytes = random_bytes(next++, choices_per_round);
					const std::span<const std::uint8_t> all = bytes;
					const auto half = all.first(all.size() / 2);
					Choices choices(all.subspan(half.size()));

					if (&other < &one)
						continue;
					sockets.close_all();
					make_state(choices, sockets, GetParam().type);
					racers.race(one, choices, other, Choices(half));
					races++;
				}
	}
	std::cout << "seed " << seed() << ": " << races << " races" << std::endl;
	EXPECT_TRUE(module_is_loaded("glass"));
	EXPECT_TRUE(eventually([] { return remains().empty(); })) << remains();
	// What is left works.
	EXPECT_TRUE(eventually([] {
		const auto ends = glass_ends(SOCK_STREAM);

		char byte;

		return ::send(ends.writer.get(), "x", 1, MSG_NOSIGNAL) == 1 &&
		       ::recv(ends.reader.get(), &byte, 1, 0) == 1;
	}));
}

/* The family comes by itself when a socket is asked for, and goes when none is left. */
TEST(RaceOfTheModule, SocketsAgainstUnloading)
{
	const int rounds = 20 * ktap::scale();
	std::atomic<bool> stop = false;
	unsigned unloaded = 0;
	std::thread unloading([&] {
		while (!stop) {
			unloaded += unload_module("glass") == 0;
			std::this_thread::yield();
		}
	});

	for (int i = 0; i < rounds; i++) {
		glass::Fd fd(::socket(glass::family(), SOCK_DGRAM | SOCK_CLOEXEC, 0));

		EXPECT_TRUE(fd || errno == EAFNOSUPPORT) << outcome(-1);
		if (!fd)
			load_module("glass");
		fd.reset();
		std::this_thread::yield();
	}
	stop = true;
	unloading.join();
	std::cout << "unloaded " << unloaded << " times" << std::endl;
	if (!module_is_loaded("glass")) {
		EXPECT_EQ(load_module("glass"), 0);
	}
}

} // namespace
