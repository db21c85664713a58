// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel tells no byte that was not written for whom it tells it. On a kernel
 * whose memory is poisoned before it is handed out (the debug kernel's: slabs by
 * slub_debug=P, the module's stack by -ftrivial-auto-var-init=pattern), what nobody
 * has written shows as a row of the same byte. All that reaches this process by
 * sockets goes through the functions that stand here for those of the C library, and
 * is looked through for that and for addresses of the kernel.
 */
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/genetlink.h>
#include <linux/glass.h>
#include <linux/glass_diag.h>
#include <linux/glass_netlink.h>
#include <linux/net_tstamp.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "frame.h"
#include "helper.h"
#include "lib/control.h"
#include "lib/diag.h"
#include "lib/family.h"
#include "lib/netlink.h"
#include "message.h"
#include "network.h"
#include "relative.h"

namespace {

using namespace helper;

/* --- What must not be told --------------------------------------------------------------- */

/* The bytes of include/linux/poison.h, and the compiler's for the stack. */
constexpr std::array<unsigned char, 4> poisons = {0x5a, 0x6b, 0xa5, 0xfe};
/* So many in a row are no chance; what we send ourselves has no such row. */
constexpr std::size_t row = 4;
/* What lies in our buffers before the kernel writes there, and behind it afterwards. */
constexpr unsigned char untouched = 0xc3;

std::size_t bytes_told;

std::string hex(std::span<const unsigned char> data)
{
	std::ostringstream out;

	for (const unsigned char byte : data)
		out << "0123456789abcdef"[byte >> 4] << "0123456789abcdef"[byte & 15];
	return out.str();
}

/* Has a socket of this namespace that port? */
bool is_port(std::uint32_t number)
{
	const std::string end = ":" + std::to_string(number);

	for (const auto &line : lines_of("/proc/self/net/glass"))
		for (const auto &word : words_of(line))
			if (word.ends_with(end))
				return true;
	return false;
}

/*
 * In the parts of the address space where x86_64 has memory and stacks, or code. There
 * a port lies too that has GLASS_NODE_ANY behind it.
 */
bool is_kernel_address(std::uint64_t word)
{
	const auto low = static_cast<std::uint32_t>(word);

	if (word >> 32 == GLASS_NODE_ANY)
		return low >= 0x80000000 && low < 0xff000000 && !is_port(low);
	return word >= 0xffff800000000000 && word < 0xfffffc0000000000;
}

/* What is wrong with these bytes; empty when nothing is. */
std::string fault_in(std::span<const unsigned char> data)
{
	for (const unsigned char poison : poisons) {
		const auto found = std::search_n(data.begin(), data.end(), row, poison);

		if (found != data.end())
			return "what nobody wrote, at byte " + std::to_string(found - data.begin());
	}
	for (std::size_t at = 0; at + sizeof(std::uint64_t) <= data.size(); at += 4) {
		std::uint64_t word;

		std::memcpy(&word, &data[at], sizeof(word));
		if (is_kernel_address(word))
			return "an address of the kernel, at byte " + std::to_string(at);
	}
	return "";
}

void look_through(const void *memory, std::size_t size, const char *call)
{
	const std::span data(static_cast<const unsigned char *>(memory), size);
	const std::string fault = fault_in(data);

	bytes_told += size;
	EXPECT_EQ(fault, "") << call << " tells it: " << hex(data);
}

/* The kernel writes no more than it says. */
void look_behind(const void *memory, std::size_t told, std::size_t room, const char *call)
{
	const std::span data(static_cast<const unsigned char *>(memory), room);

	for (std::size_t at = told; at < room; at++)
		if (data[at] != untouched) {
			ADD_FAILURE() << call << " writes behind the " << told
				      << " bytes that it tells of, at " << at;
			return;
		}
}

void prepare(void *memory, std::size_t size)
{
	if (memory)
		std::memset(memory, untouched, size);
}

/* A name, of which the kernel tells the whole length and writes what there is room for. */
long name_call(long number, int fd, sockaddr *name, socklen_t *size, int flags, const char *call)
{
	const socklen_t room = name && size ? *size : 0;

	prepare(name, room);
	const long result = ::syscall(number, fd, name, size, flags);
	if (result >= 0 && room) {
		look_through(name, std::min(*size, room), call);
		look_behind(name, std::min(*size, room), room, call);
	}
	return result;
}

void look_through_message(const msghdr &message, const msghdr &before, std::size_t size)
{
	std::size_t left = size;

	for (std::size_t i = 0; i < message.msg_iovlen && left; i++) {
		const iovec &part = message.msg_iov[i];
		const auto here = std::min(left, part.iov_len);

		look_through(part.iov_base, here, "recvmsg: the message");
		left -= here;
	}
	if (message.msg_name)
		look_through(message.msg_name, std::min(message.msg_namelen, before.msg_namelen),
			     "recvmsg: the name");
	if (message.msg_control) {
		/* Between two of them the C library's padding, which the kernel leaves alone. */
		for (const cmsghdr *one = CMSG_FIRSTHDR(&message); one;
		     one = CMSG_NXTHDR(const_cast<msghdr *>(&message), const_cast<cmsghdr *>(one)))
			look_through(one, one->cmsg_len, "recvmsg: a control message");
		look_behind(message.msg_control, message.msg_controllen, before.msg_controllen,
			    "recvmsg: the control messages");
	}
}

} /* namespace */

/* --- In the place of the C library's ------------------------------------------------------ */

extern "C" {

ssize_t recvmsg(int fd, msghdr *message, int flags)
{
	const msghdr before = *message;

	prepare(message->msg_control, message->msg_controllen);
	const long result = ::syscall(SYS_recvmsg, fd, message, flags);
	if (result >= 0) {
		std::size_t room = 0;

		for (std::size_t i = 0; i < message->msg_iovlen; i++)
			room += message->msg_iov[i].iov_len;
		look_through_message(*message, before,
				     std::min(static_cast<std::size_t>(result), room));
	}
	return result;
}

ssize_t recvfrom(int fd, void *memory, size_t room, int flags, sockaddr *name, socklen_t *size)
{
	const socklen_t name_room = name && size ? *size : 0;

	prepare(memory, room);
	prepare(name, name_room);
	const long result = ::syscall(SYS_recvfrom, fd, memory, room, flags, name, size);
	if (result >= 0) {
		const auto told = std::min(static_cast<std::size_t>(result), room);

		look_through(memory, told, "recvfrom: the message");
		look_behind(memory, told, room, "recvfrom: the message");
		if (name_room)
			look_through(name, std::min(*size, name_room), "recvfrom: the name");
	}
	return result;
}

ssize_t recv(int fd, void *memory, size_t room, int flags)
{
	return recvfrom(fd, memory, room, flags, nullptr, nullptr);
}

int getsockopt(int fd, int level, int name, void *memory, socklen_t *size)
{
	const socklen_t room = *size;

	prepare(memory, room);
	const long result = ::syscall(SYS_getsockopt, fd, level, name, memory, size);
	if (result >= 0) {
		const std::string call =
			"getsockopt " + std::to_string(level) + " " + std::to_string(name);

		look_through(memory, std::min(*size, room), call.c_str());
		look_behind(memory, std::min(*size, room), room, call.c_str());
	}
	return static_cast<int>(result);
}

int getsockname(int fd, sockaddr *name, socklen_t *size)
{
	return static_cast<int>(name_call(SYS_getsockname, fd, name, size, 0, "getsockname"));
}

int getpeername(int fd, sockaddr *name, socklen_t *size)
{
	return static_cast<int>(name_call(SYS_getpeername, fd, name, size, 0, "getpeername"));
}

int accept4(int fd, sockaddr *name, socklen_t *size, int flags)
{
	return static_cast<int>(name_call(SYS_accept4, fd, name, size, flags, "accept4"));
}

} /* extern "C" */

namespace {

/* --- Cases -------------------------------------------------------------------------------- */

/* In a namespace of its own; each case must have been told something. */
class Poison : public testing::Test
{
protected:
	Poison()
	{
		enter_new_namespace();
		bytes_told = 0;
	}
	~Poison() override { EXPECT_GT(bytes_told, 0U) << "nothing was looked at"; }
};

class PoisonOfType : public Poison, public testing::WithParamInterface<SocketType>
{
protected:
	static int type() { return GetParam().type; }
	static bool is_connection() { return type() == SOCK_STREAM || type() == SOCK_SEQPACKET; }
};

INSTANTIATE_TEST_SUITE_P(Types, PoisonOfType, testing::ValuesIn(socket_types), socket_type_name);

TEST(PoisonedMemory, IsWhatThisKernelHandsOut)
{
	const std::string path = "/sys/kernel/slab/kmalloc-64/poison";

	if (::access(path.c_str(), R_OK) < 0 || lines_of(path) != std::vector<std::string>{"1"})
		GTEST_SKIP() << "this kernel does not poison what it hands out";
}

TEST(PoisonedMemory, WouldBeSeen)
{
	std::array<unsigned char, 64> memory = {};

	EXPECT_EQ(fault_in(memory), "");
	for (const unsigned char poison : poisons) {
		std::fill_n(&memory[13], row - 1, poison);
		EXPECT_EQ(fault_in(memory), "");
		std::fill_n(&memory[13], row, poison);
		EXPECT_EQ(fault_in(memory), "what nobody wrote, at byte 13");
		memory = {};
	}
	for (const std::uint64_t word : {0xffff888012345678, 0xffffffff81234568}) {
		std::memcpy(&memory[20], &word, sizeof(word));
		EXPECT_EQ(fault_in(memory), "an address of the kernel, at byte 20");
	}
}

/* A name is what it says, and zero else. */
void expect_name(const sockaddr_glass &raw)
{
	const int family = glass::family();
	const auto name = glass::Address::from(raw, family);

	ASSERT_TRUE(name);
	const sockaddr_glass again = name->raw(family);
	EXPECT_EQ(std::memcmp(&raw, &again, sizeof(raw)), 0)
		<< hex({reinterpret_cast<const unsigned char *>(&raw), sizeof(raw)});
}

template <typename Call> void expect_name_by(Call call)
{
	sockaddr_glass raw;
	socklen_t size = sizeof(raw);

	must(call(reinterpret_cast<sockaddr *>(&raw), &size), "a name");
	ASSERT_EQ(size, sizeof(raw));
	expect_name(raw);
}

TEST_P(PoisonOfType, Names)
{
	const auto ends = glass_ends(type());

	for (const auto *end : {&ends.writer, &ends.reader})
		expect_name_by([&](sockaddr *name, socklen_t *size) {
			return ::getsockname(end->get(), name, size);
		});
	expect_name_by([&](sockaddr *name, socklen_t *size) {
		return ::getpeername(ends.writer.get(), name, size);
	});
	if (is_connection()) {
		const auto listening = listener(type());
		auto client = stream(type());

		must(client.connect(address_of(listening)), "connect");
		expect_name_by([&](sockaddr *name, socklen_t *size) {
			const int made = ::accept4(listening.fd(), name, size, SOCK_CLOEXEC);

			return made < 0 ? made : ::close(made);
		});
	} else {
		std::array<char, 256> message;

		must(::send(ends.writer.get(), "x", 1, 0), "send");
		expect_name_by([&](sockaddr *name, socklen_t *size) {
			return ::recvfrom(ends.reader.get(), message.data(), message.size(), 0,
					  name, size);
		});
	}
}

/* Each option that there may be, with each room for it. */
TEST_P(PoisonOfType, Options)
{
	const auto ends = glass_ends(type());
	int known = 0;

	for (const int level : {SOL_SOCKET, SOL_GLASS})
		for (int option = 0; option < 100; option++)
			for (const socklen_t room :
			     {0, 1, 2, 3, 4, 5, 8, 11, 12, 16, 63, 64, 200}) {
				std::array<char, 256> value;
				socklen_t size = room;

				known += ::getsockopt(ends.reader.get(), level, option,
						      value.data(), &size) == 0;
			}
	EXPECT_GT(known, 200);
}

TEST_F(Poison, Information)
{
	for (const int type : {SOCK_STREAM, SOCK_SEQPACKET}) {
		const auto ends = glass_ends(type);
		glass_info info;
		socklen_t size = sizeof(info);

		/* There is no padding: each byte belongs to a member. */
		static_assert(std::has_unique_object_representations_v<glass_info>);
		must(::getsockopt(ends.writer.get(), SOL_GLASS, GLASS_INFO, &info, &size),
		     "GLASS_INFO");
		EXPECT_EQ(size, sizeof(info));
		EXPECT_EQ(info.reserved, 0);
	}
}

/* What can stand beside a message. */
TEST_P(PoisonOfType, ControlMessages)
{
	const auto ends = glass_ends(type());
	const int on = 1;
	const int stamps = SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_TX_SOFTWARE |
			   SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_OPT_ID;

	for (const auto *end : {&ends.writer, &ends.reader}) {
		for (const int option : {SO_TIMESTAMPNS, SO_RXQ_OVFL})
			::setsockopt(end->get(), SOL_SOCKET, option, &on, sizeof(on));
		for (const int option : {GLASS_PKTINFO, GLASS_RECVERR, GLASS_SO_PASSCRED})
			::setsockopt(end->get(), SOL_GLASS, option, &on, sizeof(on));
		must(::setsockopt(end->get(), SOL_SOCKET, SO_TIMESTAMPING, &stamps, sizeof(stamps)),
		     "SO_TIMESTAMPING");
	}
	must(::send(ends.writer.get(), "message", 7, 0), "send");
	const auto packet = receive_packet(ends.reader.get(), 512, 0);
	EXPECT_FALSE(packet.control.empty());
	/* Each is cut for want of room at every place. */
	for (std::size_t room = 0; room < packet.control_size; room++) {
		must(::send(ends.writer.get(), "again", 5, 0), "send");
		receive_packet(ends.reader.get(), room, 0);
	}

	set_device_up(false);
	EXPECT_EQ(err(::send(ends.writer.get(), "unheard", 7, MSG_DONTWAIT)), ENETDOWN);
	set_device_up(true);
	int errors = 0;
	while (const auto entry = take_error(ends.writer.get())) {
		const auto told = entry->get<QueuedError>(SOL_GLASS, GLASS_RECVERR);

		errors++;
		ASSERT_TRUE(told);
		EXPECT_EQ(told->error.ee_pad, 0);
		if (told->offender.sgl_family == AF_UNSPEC) {
			const sockaddr_glass none = {};

			EXPECT_EQ(std::memcmp(&told->offender, &none, sizeof(none)), 0);
		} else {
			expect_name(told->offender);
		}
	}
	EXPECT_GT(errors, 1) << "the times of sending, and the refusal";
}

/*
 * What goes over a device has no byte that belongs to nothing, or that is reserved and
 * set. Sums are left to the device, so they are not looked at: frame_test.
 */
void expect_whole(std::span<const std::byte> frame, bool &has_sacks)
{
	glass_hdr header;
	glass_seg_hdr segment;

	ASSERT_GE(frame.size(), headers_size);
	std::memcpy(&header, &frame[ethernet_size], sizeof(header));
	EXPECT_EQ(header.reserved, 0);
	EXPECT_EQ(frame.size(), ethernet_size + header.hlen * 4U + ::ntohl(header.len));
	if (header.protocol != GLASS_PROTO_STREAM && header.protocol != GLASS_PROTO_SEQPACKET) {
		EXPECT_EQ(header.hlen * 4U, sizeof(header));
		return;
	}
	ASSERT_GE(frame.size(), headers_size + sizeof(segment));
	std::memcpy(&segment, &frame[headers_size], sizeof(segment));
	EXPECT_EQ(segment.reserved, 0);
	EXPECT_EQ(header.hlen * 4U,
		  sizeof(header) + sizeof(segment) +
			  (segment.flags & GLASS_SEG_SYN ? sizeof(glass_seg_syn) : 0) +
			  segment.sacks * sizeof(glass_seg_sack));
	has_sacks |= segment.sacks > 0;
}

TEST_P(PoisonOfType, Frames)
{
	using namespace std::chrono_literals;
	Injector device;
	const std::string message(20'000, 'm');
	bool has_sacks = false;
	int frames = 0;

	set_device_mtu(576);
	/* Loss, so that some are acknowledged selectively. */
	if (is_connection() && !tc("qdisc add dev glass0 root netem loss 20%"))
		GTEST_SKIP() << "no netem here";
	device.listen();
	const auto exchange = [&] {
		const auto ends = glass_ends(type());
		const auto size = is_connection() ? message.size() : 100;
		std::string received(size, 0);

		must(::send(ends.writer.get(), message.data(), size, 0), "send");
		must(::recv(ends.reader.get(), received.data(), size, MSG_WAITALL), "recv");
	};
	/* What is lost is chance: it may be what leaves no hole. */
	int left = 20;
	do {
		exchange();
		while (const auto frame = device.receive(300ms)) {
			frames++;
			expect_whole(*frame, has_sacks);
		}
	} while (is_connection() && !has_sacks && --left);
	EXPECT_GT(frames, is_connection() ? 50 : 0);
	EXPECT_EQ(has_sacks, is_connection());
}

/* Control frames, of which the kernel makes the answers. */
TEST_F(Poison, ControlFrames)
{
	using namespace std::chrono_literals;
	Injector device;
	glass_control_hdr echo = {
		.type = GLASS_CONTROL_ECHO, .code = 0, .reserved = 0, .sequence = ::htonl(7)};
	int frames = 0;

	device.listen();
	for (const std::uint8_t protocol : {GLASS_PROTO_CONTROL, GLASS_PROTO_DGRAM}) {
		Frame frame;
		const auto data = std::as_bytes(std::span(&echo, 1));

		frame.protocol = protocol;
		frame.payload.assign(data.begin(), data.end());
		device.send(frame.bytes());
	}
	for (const std::uint8_t flags : {GLASS_SEG_SYN, GLASS_SEG_ACK, GLASS_SEG_FIN}) {
		Frame frame;

		frame.protocol = GLASS_PROTO_STREAM;
		Segment{.flags = flags, .max_payload = 1000}.put_into(frame);
		device.send(frame.bytes());
	}
	while (device.receive(300ms))
		frames++;
	EXPECT_GT(frames, 5) << "the answers, and what was sent";
}

/* Every message of an answer, and of each attribute the padding. */
void look_through_attributes(const void *memory, std::size_t size, int depth)
{
	const auto *at = static_cast<const unsigned char *>(memory);

	while (size >= NLA_HDRLEN) {
		nlattr header;
		std::memcpy(&header, at, sizeof(header));

		ASSERT_GE(header.nla_len, NLA_HDRLEN);
		ASSERT_LE(header.nla_len, size);
		if (header.nla_type & NLA_F_NESTED && depth)
			look_through_attributes(at + NLA_HDRLEN, header.nla_len - NLA_HDRLEN,
						depth - 1);
		const std::size_t whole = std::min<std::size_t>(NLA_ALIGN(header.nla_len), size);
		for (std::size_t i = header.nla_len; i < whole; i++)
			EXPECT_EQ(at[i], 0) << "padding of attribute " << header.nla_type;
		at += whole;
		size -= whole;
	}
	EXPECT_EQ(size, 0U);
}

class PoisonOfNetlink : public Poison
{
protected:
	PoisonOfNetlink() : netlink(must(glass::Netlink::open(NETLINK_GENERIC), "netlink"))
	{
		glass::NetlinkRequest request(GENL_ID_CTRL);
		auto &header = request.add_header<genlmsghdr>();

		header.cmd = CTRL_CMD_GETFAMILY;
		header.version = 1;
		request.add(CTRL_ATTR_FAMILY_NAME, std::string_view(GLASS_FAMILY_NAME));
		must(netlink.request(request,
				     [this](const nlmsghdr &message) {
					     family = glass::NetlinkAttributes(message,
									       sizeof(genlmsghdr))
							      .u16(CTRL_ATTR_FAMILY_ID);
				     }),
		     "the family");
	}
	/* Asks; how many messages there were, each looked through. */
	int ask(glass::NetlinkRequest &request, std::size_t header_size)
	{
		int messages = 0;

		must(netlink.request(
			     request,
			     [&](const nlmsghdr &message) {
				     const auto skip = NLMSG_HDRLEN + NLMSG_ALIGN(header_size);
				     const auto *data =
					     reinterpret_cast<const unsigned char *>(&message);

				     messages++;
				     ASSERT_GE(message.nlmsg_len, skip);
				     look_through_attributes(data + skip, message.nlmsg_len - skip,
							     3);
			     }),
		     "the answer");
		return messages;
	}
	glass::NetlinkRequest command(std::uint8_t number, std::uint16_t flags = 0) const
	{
		glass::NetlinkRequest request(family, flags);
		auto &header = request.add_header<genlmsghdr>();

		header.cmd = number;
		header.version = GLASS_FAMILY_VERSION;
		return request;
	}

	glass::Netlink netlink;
	std::uint16_t family = 0;
};

TEST_F(PoisonOfNetlink, Family)
{
	const auto there = Namespace::create();
	auto control = must(glass::Control::open(), "control");

	add_glass("g7", 7);
	add_veth("va", "vb", there);
	must(control.attach_device(ifindex_of("va"), 9), "attach");
	must(control.watch_routes(), "watch");
	must(control.add_route(12, ifindex_of("va"), address_of_link("va")), "add a route");
	must(control.delete_route(12), "delete a route");
	must(control.next_events([](const auto &) {}), "events");

	auto info = command(GLASS_CMD_INFO_GET);
	EXPECT_EQ(ask(info, sizeof(genlmsghdr)), 1);
	for (const std::uint8_t number :
	     {GLASS_CMD_STAT_GET, GLASS_CMD_ROUTE_GET, GLASS_CMD_DEV_GET}) {
		auto dump = command(number, NLM_F_DUMP);

		EXPECT_GE(ask(dump, sizeof(genlmsghdr)), 1) << static_cast<int>(number);
	}
}

TEST_F(PoisonOfNetlink, Anatomy)
{
	for (const SocketType &type : socket_types) {
		const auto ends = glass_ends(type.type);

		for (const std::uint8_t number : {GLASS_CMD_ANATOMY_GET, GLASS_CMD_OPS_GET}) {
			auto request = command(number);

			/* The first attribute of both. */
			static_assert(int{GLASS_A_ANATOMY_FD} == int{GLASS_A_OPS_FD});
			request.add(GLASS_A_OPS_FD, static_cast<std::uint32_t>(ends.writer.get()));
			if (number == GLASS_CMD_OPS_GET)
				request.add(GLASS_A_OPS_TABLE, GLASS_OPS_TABLE_PROTO_OPS);
			EXPECT_EQ(ask(request, sizeof(genlmsghdr)), 1);
		}
	}
}

/* Sockets, listeners, connections in each state that stays. */
TEST_F(PoisonOfNetlink, Diagnosis)
{
	netlink = must(glass::Netlink::open(NETLINK_SOCK_DIAG), "sock_diag");
	std::vector<Ends> all;

	for (const SocketType &type : socket_types)
		all.push_back(glass_ends(type.type));
	auto closing = connection(SOCK_STREAM);
	closing.client.close();
	auto remembered = connection(SOCK_SEQPACKET);
	remembered.client.close();
	remembered.server.close();

	glass::NetlinkRequest request(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP);
	request.add_header<glass_diag_req>().sdiag_family =
		static_cast<std::uint8_t>(glass::family());
	static_assert(std::has_unique_object_representations_v<glass_diag_msg>);
	int messages = 0;
	must(netlink.request(request,
			     [&](const nlmsghdr &message) {
				     glass_diag_msg told;

				     messages++;
				     std::memcpy(&told,
						 reinterpret_cast<const char *>(&message) +
							 NLMSG_HDRLEN,
						 sizeof(told));
				     EXPECT_EQ(told.pad, 0U);
			     }),
	     "a dump");
	EXPECT_GE(messages, 12);
	EXPECT_GE(ask(request, sizeof(glass_diag_msg)), 12);
}

TEST_F(PoisonOfNetlink, Links)
{
	netlink = must(glass::Netlink::open(NETLINK_ROUTE), "rtnetlink");
	add_glass("g7", 7);
	for (const char *name : {"glass0", "g7"}) {
		glass::NetlinkRequest request(RTM_GETLINK);

		request.add_header<ifinfomsg>().ifi_index = static_cast<int>(ifindex_of(name));
		EXPECT_EQ(ask(request, sizeof(ifinfomsg)), 1);
	}
}

/* What is read as text has no address in it either. */
TEST_F(Poison, Files)
{
	const std::regex address("f{4}[89a-f][0-9a-f]{11}");
	const auto ends = glass_ends(SOCK_STREAM);

	for (const char *path :
	     {"/proc/self/net/glass", "/proc/self/net/glass_stat", "/proc/self/net/protocols",
	      "/proc/self/net/ptype", "/proc/self/net/dev"}) {
		const auto lines = lines_of(path);

		EXPECT_FALSE(lines.empty()) << path;
		for (const auto &line : lines)
			EXPECT_FALSE(std::regex_search(line, address)) << path << ": " << line;
	}
	glass_info info;
	socklen_t size = sizeof(info);
	must(::getsockopt(ends.writer.get(), SOL_GLASS, GLASS_INFO, &info, &size), "GLASS_INFO");
}

} // namespace
