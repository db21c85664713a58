// SPDX-License-Identifier: GPL-2.0
/*
 * The fast path over a Glass device, net.glass.fast_path: that it is a way through
 * the device like the long one, which is taken as soon as somebody else looks.
 */
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/glass.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <atomic>
#include <string>
#include <thread>
#include <tuple>

#include "frame.h"
#include "helper.h"
#include "ktap.h"
#include "network.h"

namespace {

using namespace helper;

/* One type, and whether the fast path is on. In a namespace where nobody else sends. */
class FastPath : public testing::TestWithParam<std::tuple<int, bool>>
{
protected:
	FastPath()
	{
		enter_new_namespace();
		set_fast_path(std::get<1>(GetParam()));
	}

	static int type() { return std::get<0>(GetParam()); }
	static bool is_on() { return std::get<1>(GetParam()); }

	/* A pair of the type, not joined by socketpair(). */
	static Pair pair()
	{
		if (type() == SOCK_DGRAM) {
			Pair both = make_pair();

			must(both.receiver.connect(address_of(both.sender)), "connect");
			return both;
		}

		Connection three = connection(type());

		return {std::move(three.client), std::move(three.server)};
	}
};

std::string name_of(const testing::TestParamInfo<std::tuple<int, bool>> &info)
{
	const int type = std::get<0>(info.param);

	return std::string(type == SOCK_STREAM	    ? "Stream"
			   : type == SOCK_SEQPACKET ? "Seqpacket"
						    : "Dgram") +
	       (std::get<1>(info.param) ? "On" : "Off");
}

INSTANTIATE_TEST_SUITE_P(Ways, FastPath,
			 testing::Combine(testing::Values(SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM),
					  testing::Bool()),
			 name_of);

/* What AF_PACKET sockets of this namespace have heard since they were made. */
class Capture
{
public:
	/** Of @p protocol, as ETH_P_ALL, on all devices or on glass0 only. */
	Capture(int protocol, bool is_bound)
		: fd_(static_cast<int>(
			  must(::socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC,
					htons(protocol)),
			       "socket(AF_PACKET)")))
	{
		sockaddr_ll name = {};

		if (!is_bound)
			return;
		name.sll_family = AF_PACKET;
		name.sll_protocol = htons(protocol);
		name.sll_ifindex = static_cast<int>(ifindex_of("glass0"));
		must(::bind(fd_.get(), reinterpret_cast<sockaddr *>(&name), sizeof(name)), "bind");
	}

	/** How many came in. */
	std::size_t incoming()
	{
		sockaddr_ll from = {};
		socklen_t size = sizeof(from);
		std::size_t count = 0;
		char byte;

		while (::recvfrom(fd_.get(), &byte, 1, 0, reinterpret_cast<sockaddr *>(&from),
				  &size) >= 0)
			count += from.sll_pkttype == PACKET_HOST;
		return count;
	}

private:
	glass::Fd fd_;
};

/* A question and its answer, @p count times; sizes differ. Leaves nothing under way. */
void talk(Pair &pair, int count)
{
	for (int i = 0; i < count; i++) {
		const Text question(std::string(1 + 97 * static_cast<std::size_t>(i), 'q'));

		must(pair.sender.send(bytes(question)), "send");
		ASSERT_EQ(read_some(pair.receiver, question.size(), 0), question);
		must(pair.receiver.send(bytes("a")), "send");
		ASSERT_EQ(read_some(pair.sender, 1, 0), "a");
	}
	/* Who looks for more owes no acknowledgment any longer: nothing is to come. */
	EXPECT_FALSE(is_readable(pair.sender));
}

TEST_P(FastPath, EachFrameGoesThroughTheDevice)
{
	Pair both = pair();

	talk(both, 1);

	const Traffic before = traffic_of("glass0");
	auto counted = counters();

	talk(both, 20);

	auto then = counters();
	const Traffic after = traffic_of("glass0");
	const std::uint64_t frames = then["GlassOutFrames"] - counted["GlassOutFrames"];

	EXPECT_GE(frames, 40u);
	EXPECT_EQ(after.out - before.out, frames);
	EXPECT_EQ(after.in - before.in, frames);
	EXPECT_EQ(then["GlassInFrames"] - counted["GlassInFrames"], frames);
	EXPECT_EQ(losses(), "");
}

TEST_P(FastPath, EachFrameIsCaptured)
{
	Pair both = pair();

	talk(both, 1);
	for (const auto &[protocol, is_bound] : {std::pair(ETH_P_ALL, true),
						 {ETH_P_ALL, false},
						 {ETH_P_GLASS, true},
						 {ETH_P_GLASS, false}}) {
		Capture capture(protocol, is_bound);
		auto counted = counters();

		talk(both, 5);
		const std::size_t captured = capture.incoming();

		EXPECT_EQ(captured, counters()["GlassInFrames"] - counted["GlassInFrames"])
			<< protocol << (is_bound ? " on glass0" : " anywhere");
		EXPECT_GE(captured, 10u);
	}
}

/* The sender of a connection knows at once that its peer has what it sent. */
TEST_P(FastPath, WhatWasSeenToArriveIsNotWaitedFor)
{
	if (type() == SOCK_DGRAM)
		return; /* it has nothing to wait for: see the cases of Stream and Seqpacket */

	Pair both = pair();

	must(both.sender.send(bytes("hello")), "send");
	EXPECT_EQ(info_of(both.sender).unacked != 0, !is_on());
	EXPECT_EQ(read_some(both.receiver, 5, 0), "hello");
}

/* So is the end: who sees it arrive needs no acknowledgment, and none is sent. */
TEST_P(FastPath, AnEndThatWasSeenToArriveIsNotAnswered)
{
	if (type() == SOCK_DGRAM)
		return; /* it has no end: see the cases of Stream and Seqpacket */

	const std::uint64_t each = is_on() ? 1 : 2;
	Connection ends = connection(type());
	const std::uint64_t before = counters()["GlassOutFrames"];

	must(ends.client.shutdown(glass::Half::Write), "shutdown");
	EXPECT_EQ(info_of(ends.client).state, TCP_FIN_WAIT2);
	EXPECT_EQ(info_of(ends.server).state, TCP_CLOSE_WAIT);
	EXPECT_EQ(counters()["GlassOutFrames"], before + each);
	must(ends.server.shutdown(glass::Half::Write), "shutdown");
	EXPECT_EQ(info_of(ends.server).state, TCP_CLOSE);
	EXPECT_EQ(info_of(ends.client).state, TCP_CLOSE);
	EXPECT_EQ(counters()["GlassOutFrames"], before + 2 * each);
	EXPECT_EQ(counters()["GlassTimeWaits"], 1u);
	EXPECT_EQ(read_some(ends.client, 1, 0), "");
	EXPECT_EQ(read_some(ends.server, 1, 0), "");
	EXPECT_EQ(losses(), "");
}

TEST_P(FastPath, AClosedConnectionNeedsNoAnswersEither)
{
	if (type() == SOCK_DGRAM)
		return; /* as above */

	const std::uint64_t each = is_on() ? 1 : 2;
	Connection ends = connection(type());
	const std::uint64_t before = counters()["GlassOutFrames"];

	ends.client.close();
	EXPECT_EQ(counters()["GlassOutFrames"], before + each);
	EXPECT_EQ(counters()["GlassTimeWaits"], 1u);
	EXPECT_EQ(info_of(ends.server).state, TCP_CLOSE_WAIT);
	ends.server.close();
	EXPECT_EQ(counters()["GlassOutFrames"], before + 2 * each);
	EXPECT_EQ(losses(), "");
}

/*
 * Where its peer is, a sender looks up once. When the peer's socket has gone, so has
 * its entry; a kernel that looks for faults sees who follows what was remembered.
 */
TEST_P(FastPath, APeerThatWentIsNotFollowed)
{
	if (type() == SOCK_DGRAM)
		return; /* it remembers nobody */

	Connection ends = connection(type());

	must(ends.client.send(bytes("hello")), "send");
	EXPECT_EQ(read_some(ends.server, 5, 0), "hello");
	ends.server.close();
	EXPECT_EQ(read_some(ends.client, 5, 0), "");
	/* What kfree_rcu() was given is freed within 5 s, and a grace period. */
	std::this_thread::sleep_for(std::chrono::seconds(7));
	must(ends.client.send(bytes("anybody?")), "send");
	EXPECT_EQ(info_of(ends.client).state, TCP_CLOSE);
	EXPECT_EQ(err(ends.client.send(bytes("anybody?"), MSG_NOSIGNAL)), EPIPE) << "as TCP";
}

/* The same ends once more are another connection. */
TEST_P(FastPath, APeerInTheSamePlaceIsAnotherOne)
{
	if (type() == SOCK_DGRAM)
		return; /* as above */

	const glass::Address here{GLASS_NODE_LOCAL, free_port()};
	Socket listening = listener(type());

	for (int i = 0; i < 3; i++) {
		const std::string word = "hello" + std::to_string(i);
		Socket client = stream(type());

		must(client.bind(here), "bind");
		must(client.connect(address_of(listening)), "connect");
		Socket server = must(listening.accept(), "accept");

		for (int again = 0; again < 2; again++) {
			must(client.send(bytes(word)), "send");
			EXPECT_EQ(read_some(server, word.size()), word);
		}
		server.close();
		EXPECT_EQ(read_some(client, 1, 0), "");
	}
}

/* A small message may wait for the last one's answer; not when somebody looks for it. */
TEST_P(FastPath, ASmallMessageIsThereForWhoLooks)
{
	Pair both = pair();
	Watch input(both.receiver, EPOLLIN);

	for (int i = 0; i < 4; i++) {
		must(both.sender.send(bytes("hello")), "send");
		EXPECT_EQ(read_some(both.receiver, 5), "hello") << "message " << i;
	}
	for (int i = 0; i < 4; i++) {
		must(both.sender.send(bytes("hello")), "send");
		EXPECT_EQ(poll_now(both.receiver, POLLIN), POLLIN) << "message " << i;
		EXPECT_EQ(input.ready(), EPOLLIN) << "message " << i;
		EXPECT_EQ(read_some(both.receiver, 5), "hello") << "message " << i;
	}
}

/* What was written before the end, and cannot go yet, goes first. */
TEST_P(FastPath, AnEndBehindAFullWindowComesLast)
{
	if (type() == SOCK_DGRAM)
		return; /* as above */

	Connection ends = connection(type());
	std::string sent, received;

	while (const ssize_t n =
		       ::send(ends.client.fd(), pattern(1000, 3).data(), 1000, MSG_DONTWAIT)) {
		if (n < 0)
			break;
		sent.resize(sent.size() + static_cast<std::size_t>(n));
	}
	ASSERT_EQ(errno, EAGAIN);
	must(ends.client.shutdown(glass::Half::Write), "shutdown");
	EXPECT_EQ(info_of(ends.client).state, TCP_FIN_WAIT1);
	for (std::string part; !(part = read_some(ends.server, 4096, 0)).empty();)
		received += part;
	EXPECT_EQ(received.size(), sent.size());
	EXPECT_TRUE(eventually([&] { return info_of(ends.client).state == TCP_FIN_WAIT2; }));
}

/*
 * The ways are changed under a transfer: the setting, somebody who captures, and a
 * queueing discipline (which, when it goes, takes with it what it has: that is loss,
 * and nothing for datagrams).
 */
TEST_P(FastPath, ManyChangesLoseNothing)
{
	const std::size_t size = static_cast<std::size_t>(ktap::scale()) * 256 * 1024;
	const std::size_t piece = 3000;
	const std::vector<std::byte> sent = pattern(piece, 7);
	Pair both = pair();
	std::atomic<bool> is_over = false;
	std::thread sender([&] {
		for (std::size_t n = 0; n < size; n += piece)
			if (!send_all(both.sender, sent))
				return;
	});
	std::thread changer([&] {
		for (int i = 0; !is_over; i++) {
			set_fast_path(i & 1);
			if (i % 3 == 0)
				Capture capture(ETH_P_ALL, true);
			if (type() == SOCK_DGRAM)
				continue;
			if (i % 5 == 0)
				tc("qdisc add dev glass0 root pfifo limit 1000");
			if (i % 5 == 2)
				tc("qdisc del dev glass0 root");
		}
	});

	for (std::size_t n = 0; n < size; n += piece) {
		const std::vector<std::byte> got = receive_all(both.receiver, piece);

		if (got != sent) {
			ADD_FAILURE() << "at byte " << n << ": other bytes, or " << got.size();
			break;
		}
	}
	is_over = true;
	changer.join();
	/* It may wait for somebody who reads. */
	both.receiver.close();
	sender.join();
}

class FastPathSetting : public testing::Test
{
protected:
	FastPathSetting() { enter_new_namespace(); }
};

TEST_F(FastPathSetting, IsOnOrOff)
{
	const std::string path = "/proc/sys/net/glass/fast_path";

	for (const char *value : {"0", "1"}) {
		write_file(path, value);
		EXPECT_EQ(lines_of(path).at(0), value);
	}
	EXPECT_THROW(write_file(path, "2"), std::system_error);
	EXPECT_EQ(lines_of(path).at(0), "1");
}

} // namespace
