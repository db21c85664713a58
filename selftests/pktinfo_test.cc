// SPDX-License-Identifier: GPL-2.0
/*
 * What comes beside a message: device and node, time of arrival; and filters
 * that decide whether it comes at all. (SO_RXQ_OVFL: netem_test, raw_test.)
 */
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <net/if.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <optional>
#include <ostream>

#include "bpf.h"
#include "helper.h"
#include "lib/control.h"
#include "message.h"
#include "network.h"
#include "relative.h"

namespace {

using namespace helper;

constexpr std::uint32_t any = 0xffffffff;
constexpr std::uint32_t other_node = 7;

/* --- Control messages ----------------------------------------------------------------- */

/* One control message, and what is wrong with it. */
struct Beside {
	int level = SOL_GLASS;
	int type = GLASS_PKTINFO;
	std::size_t size = sizeof(glass_pktinfo); /* of the data, as it says */
	std::size_t room = CMSG_SPACE(sizeof(glass_pktinfo));
};

Errno send_with(Socket &socket, const Address &to, const glass_pktinfo &info,
		const Beside &beside = {})
{
	alignas(cmsghdr) std::array<char, 64> control = {};
	const sockaddr_glass name = to.raw(socket.family());
	char data = 'x';
	iovec part = {&data, 1};
	msghdr message = {};
	cmsghdr header = {};

	header.cmsg_level = beside.level;
	header.cmsg_type = beside.type;
	header.cmsg_len = CMSG_LEN(beside.size);
	std::memcpy(control.data(), &header, sizeof(header));
	std::memcpy(control.data() + CMSG_LEN(0), &info, sizeof(info));
	message.msg_name = const_cast<sockaddr_glass *>(&name);
	message.msg_namelen = sizeof(name);
	message.msg_iov = &part;
	message.msg_iovlen = 1;
	message.msg_control = control.data();
	message.msg_controllen = beside.room;
	return err(::sendmsg(socket.fd(), &message, MSG_DONTWAIT));
}

/* What a struct glass_pktinfo says, to compare and to print. */
struct Way {
	std::uint32_t device;
	std::uint32_t node;

	friend bool operator==(const Way &, const Way &) = default;
	friend std::ostream &operator<<(std::ostream &out, const Way &way)
	{
		return out << "device " << way.device << ", node " << way.node;
	}
};

/* A namespace with a second node, which a device g1 owns. */
class Pktinfo : public testing::Test
{
protected:
	Pktinfo()
	{
		enter_new_namespace();
		auto control = must(glass::Control::open(), "netlink");

		must(control.add_device("g1", other_node), "g1");
		set_device_up(true, "g1");
		glass0 = ::if_nametoindex("glass0");
		g1 = ::if_nametoindex("g1");
		receiver = bound(5000);
		must(receiver.set_option(SOL_GLASS, GLASS_PKTINFO, 1), "GLASS_PKTINFO");
	}

	static std::optional<Way> way_of(const Packet &packet)
	{
		const auto info = packet.get<glass_pktinfo>(SOL_GLASS, GLASS_PKTINFO);

		return info ? std::optional<Way>({info->ifindex, info->node}) : std::nullopt;
	}

	std::uint32_t glass0, g1;
	Socket receiver;
	const Address here = {GLASS_NODE_LOCAL, 5000};
	const Address there = {other_node, 5000};
};

TEST_F(Pktinfo, IsAnOption)
{
	Socket socket = dgram();

	EXPECT_EQ(must(socket.option(SOL_GLASS, GLASS_PKTINFO), "get"), 0);
	must(socket.set_option(SOL_GLASS, GLASS_PKTINFO, 7), "set");
	EXPECT_EQ(must(socket.option(SOL_GLASS, GLASS_PKTINFO), "get"), 1);
	EXPECT_EQ(err(::setsockopt(socket.fd(), SOL_GLASS, GLASS_PKTINFO, "xyz", 3)), EINVAL);
	must(socket.set_option(SOL_GLASS, GLASS_PKTINFO, 0), "set");
	EXPECT_EQ(must(socket.option(SOL_GLASS, GLASS_PKTINFO), "get"), 0);
}

TEST_F(Pktinfo, TellsDeviceAndNode)
{
	Socket sender = dgram();

	must(sender.send_to(bytes("a"), here), "send");
	must(sender.send_to(bytes("b"), there), "send");
	EXPECT_EQ(way_of(receive_packet(receiver, 512, MSG_PEEK)), (Way{glass0, GLASS_NODE_LOCAL}));
	EXPECT_EQ(way_of(receive_packet(receiver)), (Way{glass0, GLASS_NODE_LOCAL}));
	EXPECT_EQ(way_of(receive_packet(receiver)), (Way{g1, other_node}));
	must(receiver.set_option(SOL_GLASS, GLASS_PKTINFO, 0), "off");
	must(sender.send_to(bytes("c"), here), "send");
	EXPECT_TRUE(receive_packet(receiver).control.empty());
}

TEST_F(Pktinfo, IsToldOfCopiesToo)
{
	Socket socket = must(Socket::create(SOCK_RAW), "raw");

	must(socket.set_option(SOL_GLASS, GLASS_PKTINFO, 1), "GLASS_PKTINFO");
	must(dgram().send_to(bytes("a"), there), "send");
	EXPECT_EQ(way_of(receive_packet(socket)), (Way{g1, other_node}));
}

TEST_F(Pktinfo, IsCutWhereItDoesNotFit)
{
	Socket sender = dgram();

	for (int i = 0; i < 3; i++)
		must(sender.send_to(bytes("message"), here), "send");
	const Packet none = receive_packet(receiver, 0);
	EXPECT_EQ(none.data, "message");
	EXPECT_EQ(none.flags & MSG_CTRUNC, MSG_CTRUNC);
	const Packet half = receive_packet(receiver, CMSG_LEN(4));
	EXPECT_EQ(half.data, "message");
	EXPECT_EQ(half.flags & MSG_CTRUNC, MSG_CTRUNC);
	EXPECT_EQ(half.control_size, CMSG_LEN(4));
	const Packet whole = receive_packet(receiver, CMSG_SPACE(sizeof(glass_pktinfo)));
	EXPECT_EQ(whole.flags & MSG_CTRUNC, 0);
	EXPECT_TRUE(way_of(whole));
}

TEST_F(Pktinfo, ChoosesTheNodeThatAMessageComesFrom)
{
	std::array<std::byte, 10> buffer;
	Socket sender = bound(4000);

	EXPECT_EQ(send_with(sender, here, {0, other_node}), 0);
	EXPECT_EQ(must(receiver.receive_from(buffer), "receive").source,
		  (Address{other_node, 4000}));
	EXPECT_EQ(send_with(sender, there, {0, GLASS_NODE_LOCAL}), 0);
	EXPECT_EQ(must(receiver.receive_from(buffer), "receive").source,
		  (Address{GLASS_NODE_LOCAL, 4000}));
	EXPECT_EQ(send_with(sender, there, {0, any}), 0);
	EXPECT_EQ(must(receiver.receive_from(buffer), "receive").source,
		  (Address{other_node, 4000}));
	EXPECT_EQ(send_with(sender, here, {0, other_node}), 0);
	EXPECT_EQ(way_of(receive_packet(receiver)), (Way{glass0, GLASS_NODE_LOCAL}))
		<< "it is told where to, not where from";
	EXPECT_EQ(send_with(sender, here, {0, 9}), EADDRNOTAVAIL);
	EXPECT_EQ(must(sender.local(), "getsockname"), (Address{any, 4000})) << "for one message";
}

TEST_F(Pktinfo, RestrictsAMessageToADevice)
{
	Socket sender = dgram();

	EXPECT_EQ(send_with(sender, here, {glass0, any}), 0);
	EXPECT_EQ(send_with(sender, there, {g1, any}), 0);
	EXPECT_EQ(send_with(sender, here, {g1, any}), EHOSTUNREACH);
	EXPECT_EQ(send_with(sender, there, {glass0, any}), EHOSTUNREACH);
	EXPECT_EQ(send_with(sender, here, {99, any}), EHOSTUNREACH);
	must(::setsockopt(sender.fd(), SOL_SOCKET, SO_BINDTODEVICE, "g1", 2), "g1");
	EXPECT_EQ(send_with(sender, there, {0, any}), 0);
	EXPECT_EQ(send_with(sender, there, {g1, any}), 0);
	EXPECT_EQ(send_with(sender, here, {glass0, any}), EINVAL) << "two devices at once";
}

TEST_F(Pktinfo, MustBeWellFormed)
{
	const glass_pktinfo nothing = {0, any};
	Socket sender = dgram();
	Socket raw = must(Socket::create(SOCK_RAW, GLASS_PROTO_DGRAM), "raw");

	for (Socket *socket : {&sender, &raw}) {
		const auto send = [&](const Beside &beside) {
			return send_with(*socket, here, nothing, beside);
		};

		EXPECT_EQ(send({}), 0);
		EXPECT_EQ(send({.size = sizeof(glass_pktinfo) - 1}), EINVAL);
		EXPECT_EQ(send({.size = sizeof(glass_pktinfo) + 8,
				.room = CMSG_SPACE(sizeof(glass_pktinfo) + 8)}),
			  EINVAL);
		EXPECT_EQ(send({.type = 99}), EINVAL);
		EXPECT_EQ(send({.type = GLASS_HDRINCL}), EINVAL);
		EXPECT_EQ(send({.size = 1000}), EINVAL) << "longer than all";
		EXPECT_EQ(send({.level = SOL_SOCKET, .type = 99}), EINVAL);
		EXPECT_EQ(send({.level = SOL_GLASS + 1}), 0) << "somebody else's";
	}
}

/* --- Times ------------------------------------------------------------------- */

class Receive : public testing::Test
{
protected:
	Receive()
	{
		enter_new_namespace();
		pair = make_pair();
	}

	Pair pair;
};

TEST_F(Receive, TimestampsAreOfTheArrival)
{
	must(pair.receiver.set_option(SOL_SOCKET, SO_TIMESTAMPNS, 1), "SO_TIMESTAMPNS");
	double after = 0;
	/*
	 * The kernel begins to stamp what arrives in a work item of its own, and
	 * a message without a stamp gets one when it is read.
	 */
	EXPECT_TRUE(eventually([&] {
		const double before = now();

		must(pair.sender.send(bytes("x")), "send");
		after = now();
		const auto exact =
			receive_packet(pair.receiver).get<timespec>(SOL_SOCKET, SCM_TIMESTAMPNS);
		return exact && seconds(*exact) >= before - 1e-6 && seconds(*exact) <= after + 1e-6;
	}));

	must(pair.receiver.set_option(SOL_SOCKET, SO_TIMESTAMP, 1), "SO_TIMESTAMP");
	must(pair.sender.send(bytes("y")), "send");
	const auto rough = receive_packet(pair.receiver).get<timeval>(SOL_SOCKET, SCM_TIMESTAMP);
	ASSERT_TRUE(rough);
	EXPECT_GE(static_cast<double>(rough->tv_sec) + static_cast<double>(rough->tv_usec) / 1e6,
		  after - 1e-5);

	must(pair.receiver.set_option(SOL_SOCKET, SO_TIMESTAMP, 0), "off");
	must(pair.sender.send(bytes("z")), "send");
	EXPECT_TRUE(receive_packet(pair.receiver).control.empty());
}

/* --- Filters --------------------------------------------------------------------------- */

class Filter : public Receive
{
protected:
	/* Keeps what a classic filter says of each frame. */
	void attach(std::vector<sock_filter> code)
	{
		const sock_fprog program = {static_cast<unsigned short>(code.size()), code.data()};

		must(::setsockopt(pair.receiver.fd(), SOL_SOCKET, SO_ATTACH_FILTER, &program,
				  sizeof(program)),
		     "SO_ATTACH_FILTER");
	}
	Errno detach() { return err(pair.receiver.set_option(SOL_SOCKET, SO_DETACH_FILTER, 0)); }
	/* Only frames from this port; the Glass header is at 0. */
	static std::vector<sock_filter> only_from(std::uint32_t port)
	{
		return {{BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(glass_hdr, src_port)},
			{BPF_JMP | BPF_JEQ | BPF_K, 0, 1, port},
			{BPF_RET | BPF_K, 0, 0, 0xffffffff},
			{BPF_RET | BPF_K, 0, 0, 0}};
	}
	static std::uint64_t dropped() { return counters().at("GlassDropFilter"); }

	/* The sender of pair gets through, and this one does not. */
	void expect_only_pair()
	{
		Socket other = dgram();

		must(pair.sender.send(bytes("wanted")), "send");
		EXPECT_EQ(read_message(pair.receiver), "wanted");
		EXPECT_EQ(dropped(), 0u);
		EXPECT_EQ(err(other.send_to(bytes("unwanted"), address_of(pair.receiver))), 0);
		EXPECT_FALSE(is_readable(pair.receiver));
		EXPECT_EQ(dropped(), 1u);
		EXPECT_EQ(must(other.output_queued(), "SIOCOUTQ"), 0u);
	}
};

TEST_F(Filter, ClassicSeesTheFrameFromTheGlassHeaderOn)
{
	attach(only_from(address_of(pair.sender).port));
	expect_only_pair();
	EXPECT_EQ(detach(), 0);
	EXPECT_EQ(detach(), ENOENT);
	must(dgram().send_to(bytes("anybody"), address_of(pair.receiver)), "send");
	EXPECT_EQ(read_message(pair.receiver), "anybody");
}

TEST_F(Filter, MayLookAtThePayloadAndTheLength)
{
	attach({{BPF_LD | BPF_W | BPF_LEN, 0, 0, 0},
		{BPF_JMP | BPF_JEQ | BPF_K, 0, 3, sizeof(glass_hdr) + 2},
		{BPF_LD | BPF_B | BPF_ABS, 0, 0, sizeof(glass_hdr) + 1},
		{BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 'k'},
		{BPF_RET | BPF_K, 0, 0, 0xffffffff},
		{BPF_RET | BPF_K, 0, 0, 0}});
	for (const char *message : {"no", "ok", "okay", ""})
		must(pair.sender.send(bytes(message)), "send");
	EXPECT_EQ(read_message(pair.receiver), "ok");
	EXPECT_FALSE(is_readable(pair.receiver));
	EXPECT_EQ(dropped(), 3u);
}

/* As of other families: what a filter returns is how much may stay. */
TEST_F(Filter, MayCutAMessageButNotTheHeader)
{
	attach({{BPF_RET | BPF_K, 0, 0, sizeof(glass_hdr) + 3}});
	must(pair.sender.send(bytes("message")), "send");
	EXPECT_EQ(read_message(pair.receiver), "mes");
	attach({{BPF_RET | BPF_K, 0, 0, 1}});
	must(pair.sender.send(bytes("message")), "send");
	EXPECT_EQ(read_message(pair.receiver), "");
	EXPECT_EQ(dropped(), 0u);
}

TEST_F(Filter, ChoosesCopiesToo)
{
	Socket raw = must(Socket::create(SOCK_RAW), "raw");
	auto code = only_from(address_of(pair.sender).port);
	const sock_fprog program = {static_cast<unsigned short>(code.size()), code.data()};

	must(::setsockopt(raw.fd(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)),
	     "SO_ATTACH_FILTER");
	must(pair.sender.send(bytes("wanted")), "send");
	must(dgram().send_to(bytes("unwanted"), address_of(pair.receiver)), "send");
	EXPECT_EQ(receive_packet(raw).data.substr(sizeof(glass_hdr)), "wanted");
	EXPECT_FALSE(is_readable(raw));
	EXPECT_EQ(read_message(pair.receiver), "wanted");
	EXPECT_EQ(read_message(pair.receiver), "unwanted") << "only the copy was filtered";
}

TEST_F(Filter, LockedItStays)
{
	auto code = only_from(address_of(pair.sender).port);
	const sock_fprog program = {static_cast<unsigned short>(code.size()), code.data()};

	attach(code);
	must(pair.receiver.set_option(SOL_SOCKET, SO_LOCK_FILTER, 1), "SO_LOCK_FILTER");
	EXPECT_EQ(detach(), EPERM);
	EXPECT_EQ(err(::setsockopt(pair.receiver.fd(), SOL_SOCKET, SO_ATTACH_FILTER, &program,
				   sizeof(program))),
		  EPERM);
	EXPECT_EQ(err(pair.receiver.set_option(SOL_SOCKET, SO_LOCK_FILTER, 0)), EPERM);
	expect_only_pair();
}

/* --- eBPF ---------------------------------------------------------------------------- */

/* Loads a socket filter. */
glass::Result<glass::Fd> load_ebpf(std::span<const bpf_insn> code)
{
	static const char license[] = "GPL";
	bpf_attr attributes = {};

	attributes.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
	attributes.insns = reinterpret_cast<std::uint64_t>(code.data());
	attributes.insn_cnt = static_cast<std::uint32_t>(code.size());
	attributes.license = reinterpret_cast<std::uint64_t>(license);
	const long fd = ::syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof(attributes));
	if (fd < 0)
		return glass::last_error();
	return glass::Fd(static_cast<int>(fd));
}

/* A program that lets in the frames of which a 32 bit field of its context has this value. */
std::array<bpf_insn, 6> wants(std::size_t field, int value)
{
	return {
		instruction(BPF_LDX | BPF_MEM | BPF_W, BPF_REG_0, BPF_REG_1,
			    static_cast<int>(field), 0),
		instruction(BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_0, 0, 2, value),
		instruction(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0),
		instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
		instruction(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, -1),
		instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
}

/* What SO_MARK and SO_PRIORITY say is on the frame, where tc and filters see it. */
class Labels : public testing::TestWithParam<SocketType>
{
protected:
	Labels()
	{
		enter_new_namespace();
		/* What a filter keeps out is not sent again for long. */
		write_file("/proc/sys/net/glass/user_timeout_ms", "1");
	}
	~Labels() override { EXPECT_TRUE(nothing_remains()); }

	/* Sends with the option; whether a reader that wants that gets it. */
	static bool reaches_the_frame(int option, std::size_t field, int value, bool sets_it = true)
	{
		auto ends = glass_ends(GetParam().type);
		Socket sender(std::move(ends.writer));
		Socket receiver(std::move(ends.reader));
		const linger reset = {1, 0};
		const auto program = must(load_ebpf(wants(field, value)), "bpf");

		must(receiver.set_option(SOL_SOCKET, SO_ATTACH_BPF, program.get()),
		     "SO_ATTACH_BPF");
		/* Its end would be heard, but not what the sender says to that. */
		must(::setsockopt(receiver.fd(), SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)),
		     "SO_LINGER");
		if (sets_it) {
			must(sender.set_option(SOL_SOCKET, option, value), "the option");
		}
		must(sender.send(bytes("x")), "send");
		return is_readable(receiver);
	}
};

INSTANTIATE_TEST_SUITE_P(Types, Labels, testing::ValuesIn(socket_types), socket_type_name);

TEST_P(Labels, TheMarkReachesTheFrame)
{
	EXPECT_TRUE(reaches_the_frame(SO_MARK, offsetof(__sk_buff, mark), 77));
	EXPECT_FALSE(reaches_the_frame(SO_MARK, offsetof(__sk_buff, mark), 77, false));
}

TEST_P(Labels, ThePriorityReachesTheFrame)
{
	EXPECT_TRUE(reaches_the_frame(SO_PRIORITY, offsetof(__sk_buff, priority), 5));
	EXPECT_FALSE(reaches_the_frame(SO_PRIORITY, offsetof(__sk_buff, priority), 5, false));
}

/*
 * For one message, as a control message; the next one has the socket's again. It is
 * asked for of connections, too, and changes nothing there, as of TCP.
 */
TEST_P(Labels, AMessageMayHaveAMarkOfItsOwn)
{
	const std::uint32_t mark = 78;
	const auto ends = glass_ends(GetParam().type);
	const auto program = must(load_ebpf(wants(offsetof(__sk_buff, mark), mark)), "bpf");
	const int fd = program.get();
	const bool is_connection =
		GetParam().type == SOCK_STREAM || GetParam().type == SOCK_SEQPACKET;
	const auto arrives = [&] {
		std::array<char, 100> buffer;

		return ::recv(ends.reader.get(), buffer.data(), buffer.size(), MSG_DONTWAIT) > 0;
	};

	must(::setsockopt(ends.reader.get(), SOL_SOCKET, SO_ATTACH_BPF, &fd, sizeof(fd)),
	     "SO_ATTACH_BPF");
	EXPECT_EQ(send_with_control(ends.writer.get(), SOL_SOCKET, SO_MARK, mark), 0);
	EXPECT_EQ(arrives(), !is_connection);
	EXPECT_EQ(err(::send(ends.writer.get(), "y", 1, 0)), 0);
	EXPECT_FALSE(arrives());
}

TEST_F(Filter, ExtendedIsAskedLikeAClassicOne)
{
	const int port = static_cast<int>(address_of(pair.sender).port);
	const std::array code = {
		/* r6 = context; r0 = the source port */
		instruction(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_6, BPF_REG_1, 0, 0),
		instruction(BPF_LD | BPF_W | BPF_ABS, 0, 0, 0, offsetof(glass_hdr, src_port)),
		/* return r0 == port ? -1 : 0, as 32 bits */
		instruction(BPF_ALU | BPF_MOV | BPF_K, BPF_REG_1, 0, 0, port),
		instruction(BPF_JMP | BPF_JEQ | BPF_X, BPF_REG_0, BPF_REG_1, 2, 0),
		instruction(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0),
		instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
		instruction(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, -1),
		instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
	const auto program = must(load_ebpf(code), "bpf");

	must(pair.receiver.set_option(SOL_SOCKET, SO_ATTACH_BPF, program.get()), "SO_ATTACH_BPF");
	expect_only_pair();
	EXPECT_EQ(detach(), 0);
}

} // namespace
