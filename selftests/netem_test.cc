// SPDX-License-Identifier: GPL-2.0
/*
 * Traffic control on glass0 that loses, alters, delays and doubles frames: what
 * the device does to them is lost and counted, no altered byte is delivered,
 * and no sender is told that it failed.
 */
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <functional>
#include <iostream>
#include <sstream>
#include <thread>

#include "helper.h"
#include "ktap.h"
#include "network.h"

namespace {

using namespace helper;
using namespace std::chrono_literals;

/* A namespace of its own, with a qdisc on its glass0. */
class Netem : public testing::Test
{
protected:
	Netem()
	{
		enter_new_namespace();
		pair = make_pair();
	}

	static std::uint64_t drops()
	{
		std::uint64_t sum = 0;

		for (const auto &[name, value] : counters())
			if (name.starts_with("GlassDrop"))
				sum += value;
		return sum;
	}

	/* Frames may be under way for a while: waits for a state, for at most 10 s. */
	static bool comes_true(const std::function<bool()> &state)
	{
		for (int tries = 0; tries < 1000; tries++) {
			if (state())
				return true;
			std::this_thread::sleep_for(10ms);
		}
		return false;
	}

	Pair pair;
};

TEST_F(Netem, LossAndCorruptionTakeTheirShareAndAlterNothing)
{
	const std::uint32_t count = 2000u * static_cast<std::uint32_t>(ktap::scale());
	constexpr std::size_t size = 300;
	std::uint32_t arrived = 0;
	std::uint32_t next = 0;
	const auto message = [](std::uint32_t number) {
		auto data = pattern(size, number);

		std::memcpy(data.data(), &number, sizeof(number));
		return data;
	};
	const auto read_all = [&] {
		for (; is_readable(pair.receiver); arrived++) {
			const std::string data = read_message(pair.receiver);
			std::uint32_t number;

			ASSERT_EQ(data.size(), size);
			std::memcpy(&number, data.data(), sizeof(number));
			ASSERT_GE(number, next) << "twice, or out of order";
			ASSERT_LT(number, count);
			ASSERT_EQ(data, text(message(number))) << "altered";
			next = number + 1;
		}
	};

	if (!tc("qdisc add dev glass0 root netem loss 50% corrupt 20%"))
		GTEST_SKIP() << "this kernel has no netem";
	for (std::uint32_t i = 0; i < count; i++) {
		ASSERT_EQ(must(pair.sender.send(message(i)), "send"), size);
		if (i % 50 == 0)
			read_all();
	}
	EXPECT_TRUE(comes_true([&] {
		read_all();
		return counters().at("GlassInFrames") == arrived + drops();
	}));
	// 40 and 10 % are expected; the deviation of each is about 1 %.
	EXPECT_NEAR(static_cast<double>(arrived) / count, 0.40, 0.07);
	EXPECT_NEAR(static_cast<double>(drops()) / count, 0.10, 0.05);
	EXPECT_EQ(counters().at("GlassOutFrames"), count);
}

/*
 * A byte is inverted at one place for each source port: on the way out for
 * those from 4000 on, on the way in for those from 4100 on.
 */
TEST_F(Netem, AlteredFramesAreDroppedWhereverTheByteIs)
{
	constexpr std::array offsets = {0,    1,     2,	    3,	   4,	  5,	 6,    7,  8,
					11,   12,    15,    20,	   24,	  27,	 28,   29, 1000,
					4095, 16384, 40001, 65535, 65560, 65562, 65563};
	const struct {
		const char *hook;
		std::uint32_t port;
	} hooks[] = {{"egress", 4000}, {"ingress", 4100}};
	std::ostringstream rules;
	Socket receiver = bound(5000);
	const auto data = pattern(GLASS_PAYLOAD_DEFAULT);

	rules << "qdisc add dev glass0 clsact\n";
	for (const auto &[hook, port] : hooks)
		for (std::size_t i = 0; i < offsets.size(); i++)
			rules << "filter add dev glass0 " << hook << " protocol 0x88b5 pref "
			      << i + 1 << " u32 match u32 " << port + i
			      << " 0xffffffff at 16 action pedit munge offset " << offsets[i]
			      << " u8 invert\n";
	if (!tc(rules.str()))
		GTEST_SKIP() << "this kernel has no clsact, u32 or pedit";

	for (const auto &[hook, port] : hooks) {
		for (std::size_t i = 0; i < offsets.size(); i++) {
			SCOPED_TRACE(std::string(hook) + ", byte " + std::to_string(offsets[i]));
			Socket sender = bound(static_cast<std::uint32_t>(port + i));
			Socket other = dgram();
			const auto before = drops();

			EXPECT_EQ(must(sender.send_to(data, address_of(receiver)), "send"),
				  data.size());
			EXPECT_EQ(drops(), before + 1);
			EXPECT_FALSE(is_readable(receiver)) << "delivered!";
			EXPECT_EQ(err(other.send_to(data, address_of(receiver))), 0);
			EXPECT_EQ(read_message(receiver), text(data)) << "nobody alters this one";
		}
	}
}

TEST_F(Netem, AFullQueueOfTheDeviceIsNoErrorOfTheSender)
{
	constexpr unsigned count = 20;

	if (!tc("qdisc add dev glass0 root netem delay 100ms limit 2"))
		GTEST_SKIP() << "this kernel has no netem";
	for (unsigned i = 0; i < count; i++)
		EXPECT_EQ(must(pair.sender.send(bytes("x")), "send"), 1u);
	EXPECT_EQ(counters().at("GlassOutFrames"), count);
	/* More than two get through if sending takes longer than the delay. */
	const auto dropped = counters().at("GlassOutDeviceDrops");
	EXPECT_GT(dropped, 0u);
	EXPECT_LE(dropped, count - 2);
	EXPECT_TRUE(comes_true(
		[dropped] { return counters().at("GlassInDelivered") == count - dropped; }));
	EXPECT_FALSE(pair.sender.take_error());
}

/* The delay takes the charge off the sender, so the receiver pays, or drops. */
TEST_F(Netem, DelayedFramesObeyTheReceiveBuffer)
{
	constexpr unsigned count = 300;
	constexpr std::size_t size = 2000;
	const auto data = pattern(size);

	must(pair.receiver.set_option(SOL_SOCKET, SO_RXQ_OVFL, 1), "SO_RXQ_OVFL");
	if (!tc("qdisc add dev glass0 root netem delay 500ms limit 10000"))
		GTEST_SKIP() << "this kernel has no netem";
	for (unsigned i = 0; i < count; i++)
		ASSERT_EQ(err(pair.sender.send(data, MSG_DONTWAIT)), 0) << "message " << i;
	ASSERT_TRUE(comes_true([] { return counters().at("GlassInFrames") == count; }));
	const auto dropped = counters().at("GlassDropRcvbuf");
	EXPECT_GT(dropped, 0u);
	EXPECT_EQ(counters().at("GlassInDelivered"), count - dropped);
	EXPECT_EQ(drops(), dropped);
	const auto room = must(pair.receiver.option(SOL_SOCKET, SO_RCVBUF), "SO_RCVBUF");
	EXPECT_LE((count - dropped) * size, static_cast<std::size_t>(room) + size);

	ASSERT_TRUE(tc("qdisc del dev glass0 root"));
	for (auto left = count - dropped; left > 0; left--)
		EXPECT_EQ(read_message(pair.receiver), text(data));
	must(pair.sender.send(bytes("next")), "send");
	EXPECT_EQ(read_overflow(pair.receiver), dropped);
}

TEST_F(Netem, DoubledFramesAreDeliveredTwice)
{
	if (!tc("qdisc add dev glass0 root netem duplicate 100%"))
		GTEST_SKIP() << "this kernel has no netem";
	must(pair.sender.send(bytes("twice")), "send");
	EXPECT_TRUE(comes_true([] { return counters().at("GlassInDelivered") == 2; }));
	EXPECT_EQ(read_message(pair.receiver), "twice");
	EXPECT_EQ(read_message(pair.receiver), "twice");
	EXPECT_FALSE(is_readable(pair.receiver));
	EXPECT_EQ(must(pair.sender.output_queued(), "SIOCOUTQ"), 0u);
	EXPECT_EQ(drops(), 0u);
}

} // namespace
