// SPDX-License-Identifier: GPL-2.0
/*
 * GLASS_PROTO_CONTROL: echoes are answered, errors reach the socket that they
 * are about, and what is malformed is dropped and causes nothing.
 */
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cstring>
#include <fstream>

#include "frame.h"
#include "helper.h"
#include "message.h"
#include "network.h"

namespace {

using namespace helper;

constexpr std::uint32_t any = 0xffffffff;

/* What a control frame carries. */
std::vector<std::byte> control(std::uint8_t type, std::span<const std::byte> data = {},
			       std::uint32_t sequence = 1, std::uint8_t code = 0,
			       std::uint16_t reserved = 0)
{
	glass_control_hdr header = {};
	std::vector<std::byte> message(sizeof(header));

	header.type = type;
	header.code = code;
	header.reserved = htons(reserved);
	header.sequence = htonl(sequence);
	std::memcpy(message.data(), &header, sizeof(header));
	message.insert(message.end(), data.begin(), data.end());
	return message;
}

/* A frame of the control protocol. */
Frame control_frame(std::vector<std::byte> payload)
{
	Frame frame;

	frame.protocol = GLASS_PROTO_CONTROL;
	frame.payload = std::move(payload);
	return frame;
}

class Control : public testing::Test
{
protected:
	Control()
	{
		enter_new_namespace();
		socket = must(Socket::create(SOCK_RAW | SOCK_NONBLOCK, GLASS_PROTO_CONTROL), "raw");
	}

	/* What changed since the last call. */
	std::map<std::string, std::uint64_t> counted()
	{
		const auto now = counters();
		std::map<std::string, std::uint64_t> change;

		for (const auto &[name, value] : now)
			if ((name.starts_with("GlassDrop") || name.starts_with("GlassControl")) &&
			    value != seen_[name])
				change[name] = value - seen_[name];
		seen_ = now;
		return change;
	}

	using Changes = std::map<std::string, std::uint64_t>;

	Socket socket;

private:
	Changes seen_;
};

using ControlEcho = Control;

TEST_F(ControlEcho, ComesBackWithTheSameData)
{
	std::vector<std::byte> buffer(1 << 17);
	std::uint32_t sequence = 0xfffffff0;

	must(socket.bind({any, 4000}), "bind");
	must(socket.connect({GLASS_NODE_LOCAL, any}), "connect");
	for (const std::size_t size : {0, 1, 2, 3, 56, 1464, 4096, 32767, 65527, 65528}) {
		const auto echo = control(GLASS_CONTROL_ECHO, pattern(size, size), ++sequence);
		auto answer = echo;

		answer[0] = std::byte{GLASS_CONTROL_ECHO_REPLY};
		EXPECT_EQ(must(socket.send(echo), "send"), echo.size());
		EXPECT_EQ(counted(), (Changes{{"GlassControlIn", 2}, {"GlassControlOut", 1}}));
		const auto frame = must(socket.receive_from(buffer), "receive");
		EXPECT_EQ(frame.source, (Address{GLASS_NODE_LOCAL, 0}));
		EXPECT_EQ(text(std::span(buffer).first(frame.size).subspan(sizeof(glass_hdr))),
			  text(answer))
			<< size;
		EXPECT_FALSE(is_readable(socket));
	}
}

TEST_F(ControlEcho, TheAnswerGoesWhereTheQuestionCameFrom)
{
	std::vector<std::byte> buffer(1 << 10);
	Injector injector;
	Frame frame = control_frame(control(GLASS_CONTROL_ECHO, bytes("data")));
	glass_hdr header;

	frame.src_port = 1234;
	frame.dst_port = 5678;
	const auto question = frame.bytes();
	injector.send(question);
	const auto asked = must(socket.receive(buffer), "the question");
	EXPECT_EQ(text(std::span(buffer).first(asked)),
		  text(std::span(question).subspan(ethernet_size)))
		<< "the answer was written into it";
	const auto size = must(socket.receive(buffer), "the answer");
	ASSERT_EQ(size, sizeof(glass_hdr) + sizeof(glass_control_hdr) + 4);
	std::memcpy(&header, buffer.data(), sizeof(header));
	EXPECT_EQ(be32toh(header.src_node), GLASS_NODE_LOCAL);
	EXPECT_EQ(be32toh(header.src_port), 5678u);
	EXPECT_EQ(be32toh(header.dst_node), GLASS_NODE_LOCAL);
	EXPECT_EQ(be32toh(header.dst_port), 1234u);
	EXPECT_FALSE(is_readable(socket)) << "an answer to the answer?";
}

TEST_F(ControlEcho, NobodyNeedsToListen)
{
	Injector injector;

	socket.close();
	injector.send(control_frame(control(GLASS_CONTROL_ECHO)).bytes());
	EXPECT_EQ(counted(), (Changes{{"GlassControlIn", 2}, {"GlassControlOut", 1}}));
}

TEST_F(ControlEcho, AnAnswerIsNotAnswered)
{
	Injector injector;

	injector.send(control_frame(control(GLASS_CONTROL_ECHO_REPLY, bytes("data"))).bytes());
	EXPECT_EQ(counted(), (Changes{{"GlassControlIn", 1}}));
}

TEST_F(ControlEcho, ToANodeWithoutAWayBackIsLost)
{
	Injector injector;
	Frame frame = control_frame(control(GLASS_CONTROL_ECHO));

	frame.src_node = 12;
	injector.send(frame.bytes());
	EXPECT_EQ(counted(), (Changes{{"GlassControlIn", 1}, {"GlassControlOut", 1}}));
}

TEST_F(Control, MalformedFramesAreDropped)
{
	Injector injector;
	const auto whole = control(GLASS_CONTROL_ECHO, bytes("data"));
	const auto expect_dropped = [&](const Frame &frame, const std::string &reason) {
		counted();
		injector.send(frame.bytes());
		EXPECT_EQ(counted(), (Changes{{reason, 1}}));
	};

	for (int size = 0; size < int{sizeof(glass_control_hdr)}; size++)
		expect_dropped(control_frame({whole.begin(), whole.begin() + size}),
			       "GlassDropControl");
	for (const int type : {0, 4, 77, 255})
		expect_dropped(control_frame(control(static_cast<std::uint8_t>(type))),
			       "GlassDropControl");
	for (const int type :
	     {GLASS_CONTROL_ECHO, GLASS_CONTROL_ECHO_REPLY, GLASS_CONTROL_UNREACHABLE})
		expect_dropped(
			control_frame(control(static_cast<std::uint8_t>(type), {}, 1, 0, 0x100)),
			"GlassDropControl");
	Frame frame = control_frame(whole);
	frame.hlen = 8;
	frame.len = static_cast<std::uint32_t>(whole.size()) - 4;
	expect_dropped(frame, "GlassDropHeaderLength");
}

/* --- Errors -------------------------------------------------------------------------- */

class ControlError : public Control
{
protected:
	ControlError() : receiver(bound(5000)), sender(dgram())
	{
		must(sender.connect(address_of(receiver)), "connect");
		lost.src_port = address_of(sender).port;
		counted();
	}

	/* Says by injection that the frame @p lost was lost. */
	Frame unreachable(int code = ECONNREFUSED) const
	{
		const auto bytes = lost.bytes();

		return control_frame(control(GLASS_CONTROL_UNREACHABLE,
					     std::span(bytes).subspan(ethernet_size), 0,
					     static_cast<std::uint8_t>(code)));
	}

	Socket receiver;
	Socket sender;
	Frame lost; /* a datagram from sender to receiver */
	Injector injector;
};

TEST_F(ControlError, ReachesTheConnectedSocket)
{
	injector.send(unreachable().bytes());
	EXPECT_EQ(counted(), (Changes{{"GlassControlIn", 1}}));
	EXPECT_EQ(poll_now(sender, POLLERR), POLLERR);
	EXPECT_EQ(sender.take_error().value(), ECONNREFUSED);
	EXPECT_FALSE(sender.take_error());
	EXPECT_EQ(err(sender.send(bytes("again"))), 0);
}

TEST_F(ControlError, StandsInTheErrorQueueOfWhoWantsAll)
{
	must(sender.disconnect(), "disconnect");
	must(sender.bind({any, 4567}), "bind");
	lost.src_port = 4567;
	injector.send(unreachable().bytes());
	EXPECT_FALSE(take_error(sender.fd()));
	must(sender.set_option(SOL_GLASS, GLASS_RECVERR, 1), "GLASS_RECVERR");
	injector.send(unreachable().bytes());
	const auto entry = take_error(sender.fd());
	ASSERT_TRUE(entry);
	const auto told = entry->get<QueuedError>(SOL_GLASS, GLASS_RECVERR);
	ASSERT_TRUE(told);
	EXPECT_EQ((Errno{static_cast<int>(told->error.ee_errno)}), ECONNREFUSED);
	EXPECT_EQ(static_cast<int>(told->error.ee_origin), GLASS_EE_ORIGIN_CONTROL);
	EXPECT_EQ(static_cast<int>(told->error.ee_type), GLASS_CONTROL_UNREACHABLE);
	EXPECT_EQ(static_cast<int>(told->error.ee_code), ECONNREFUSED);
	EXPECT_EQ(told->offender.sgl_node, GLASS_NODE_LOCAL);
	EXPECT_EQ(entry->name, (Address{lost.dst_node, lost.dst_port})) << "whom it was for";
	EXPECT_FALSE(sender.take_error()) << "it is connected to nobody";
}

TEST_F(ControlError, WakesWhoWaits)
{
	std::vector<std::byte> buffer(10);
	Task<Errno> reading{[&] { return err(sender.receive(buffer)); }};

	ASSERT_TRUE(reading.sleeps_in(SYS_recvfrom));
	injector.send(unreachable().bytes());
	EXPECT_EQ(reading.result(), ECONNREFUSED);
}

TEST_F(ControlError, IsNotForWhoIsNotConnectedThere)
{
	Socket unconnected = bound();

	lost.dst_port = 5001;
	injector.send(unreachable().bytes());
	EXPECT_FALSE(sender.take_error()) << "it is connected to another port";
	lost.dst_port = 5000;
	lost.src_port = address_of(unconnected).port;
	injector.send(unreachable().bytes());
	EXPECT_FALSE(unconnected.take_error());
	lost.src_port = free_port();
	counted();
	injector.send(unreachable().bytes());
	EXPECT_EQ(counted(), (Changes{{"GlassDropPort", 1}}));
}

TEST_F(ControlError, IsBelievedOnlyOfTheNodeThatItIsAbout)
{
	Frame frame = unreachable();

	frame.src_node = 12;
	injector.send(frame.bytes());
	lost.dst_node = 12;
	injector.send(unreachable().bytes());
	lost.dst_node = GLASS_NODE_LOCAL;
	lost.src_node = 12;
	injector.send(unreachable().bytes());
	EXPECT_EQ(counted(), (Changes{{"GlassDropControl", 3}}));
	EXPECT_FALSE(sender.take_error());
}

TEST_F(ControlError, MustBeWholeAndKnown)
{
	Frame frame = unreachable();

	frame.payload.resize(sizeof(glass_control_hdr) + sizeof(glass_hdr) - 1);
	injector.send(frame.bytes());
	for (const int code : {0, 1, ECONNRESET, 255})
		injector.send(unreachable(code).bytes());
	EXPECT_EQ(counted(), (Changes{{"GlassDropControl", 5}}));
	EXPECT_FALSE(sender.take_error());
}

TEST_F(ControlError, IsNotSentToWhoCouldHaveKnown)
{
	Frame frame;

	frame.dst_port = 5001;
	injector.send(frame.bytes());
	EXPECT_EQ(counted(), (Changes{{"GlassDropPort", 1}}));
	frame.src_node = 12;
	injector.send(frame.bytes());
	EXPECT_EQ(counted(), (Changes{{"GlassControlOut", 1}, {"GlassDropPort", 1}}))
		<< "a node elsewhere is told, if there is a way";
}

TEST_F(ControlError, AreAsManyAsTheAdministratorAllows)
{
	constexpr unsigned int frames = 20;
	Frame frame;
	const auto errors = [&](unsigned int limit) {
		std::ofstream("/proc/sys/net/glass/errors_per_second") << limit << std::flush;
		counted();
		for (unsigned int i = 0; i < frames; i++)
			injector.send(frame.bytes());
		return counted()["GlassControlOut"];
	};

	frame.dst_port = 5001;
	frame.src_node = 12;
	EXPECT_EQ(errors(0), 0u);
	// In a slow guest, this may take some seconds.
	const auto told = errors(1);
	EXPECT_GE(told, 1u);
	EXPECT_LT(told, frames);
	// Since Linux 6.16, another limit holds from the next second on.
	EXPECT_TRUE(eventually([&] { return errors(1000) == frames; }));
}

} // namespace
