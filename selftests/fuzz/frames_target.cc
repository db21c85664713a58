// SPDX-License-Identifier: GPL-2.0
/*
 * A row of frames, and of calls in between, at sockets of each type.
 *
 * The other host is played here: it is at the other end of a TAP device, because the
 * kernel takes what is written to one in the writer's context, where KCOV sees it; from
 * a veth, it takes frames in a softirq. Some frames come in by glass0, from a packet
 * socket, which can leave a checksum to the device.
 *
 * A frame is right but for what the choices alter, and a segment's numbers are near
 * those that it should have: what is wrong at first sight never gets far.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <optional>

#include "calls.h"
#include "frame.h"
#include "fuzz/target.h"
#include "helper.h"
#include "lib/family.h"
#include "network.h"

namespace fuzz {

namespace {

using namespace helper;

constexpr std::uint32_t node_here = 21;
constexpr std::uint32_t node_peer = 22;
constexpr std::uint32_t port_dgram = 5000;
constexpr std::uint32_t port_listener = 5001;
constexpr const char *tap_name = "t0";
constexpr int steps_max = 64;

/* An Ethernet device whose other end is this process. */
class Tap
{
public:
	Tap() : fd_(open())
	{
		ifreq request = {};

		std::strcpy(request.ifr_name, tap_name);
		request.ifr_flags = IFF_TAP | IFF_NO_PI;
		must(::ioctl(fd_.get(), TUNSETIFF, &request), "TUNSETIFF");
		set_device_up(true, tap_name);
	}

	void send(std::span<const std::byte> frame)
	{
		/* It may be too short, or too long. */
		if (::write(fd_.get(), frame.data(), frame.size()) < 0)
			return;
	}
	/* The next frame that has been sent there; empty if there is none. */
	std::vector<std::byte> receive()
	{
		std::vector<std::byte> frame(2048);
		const auto size = ::read(fd_.get(), frame.data(), frame.size());

		frame.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
		return frame;
	}

private:
	/* By a node of our own: the system's appears when the module is loaded, and opening
	 * one loads it. */
	static glass::Fd open()
	{
		const std::string path = "/tmp/tun-" + std::to_string(::getpid());

		::unlink(path.c_str());
		must(::mknod(path.c_str(), S_IFCHR | 0600, ::makedev(10, 200)), "mknod");
		auto fd = own(::open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC), "tun");
		::unlink(path.c_str());
		return fd;
	}

	glass::Fd fd_;
};

/* The other end of one connection, as far as it has to know to be right. */
struct Peer {
	std::uint8_t protocol = GLASS_PROTO_STREAM;
	std::uint32_t port_here = 0;
	std::uint32_t port_peer = 0;
	std::uint32_t seq = 1000;
	std::uint32_t ack = 0;
	std::uint32_t echo = 0;
	bool has_begun = false; /* it sent its SYN */
	bool has_heard = false; /* it got one */

	/* What comes next, by the rules. */
	Segment next() const
	{
		Segment segment;

		if (!has_begun)
			segment.flags = GLASS_SEG_SYN;
		if (has_heard)
			segment.flags |= GLASS_SEG_ACK;
		segment.seq = seq;
		segment.ack = ack;
		segment.ts_echo = echo;
		segment.window = 1 << 16;
		segment.max_payload = 1400;
		segment.max_record = protocol == GLASS_PROTO_SEQPACKET ? 1 << 17 : 0;
		return segment;
	}

	void sent(const Segment &segment)
	{
		if (segment.seq != seq)
			return;
		seq += static_cast<std::uint32_t>(segment.data.size()) +
		       !!(segment.flags & GLASS_SEG_SYN) + !!(segment.flags & GLASS_SEG_FIN);
		has_begun = has_begun || segment.flags & GLASS_SEG_SYN;
	}

	void heard(const Segment &segment)
	{
		const bool is_syn = segment.flags & GLASS_SEG_SYN;
		const auto end = segment.seq + static_cast<std::uint32_t>(segment.data.size()) +
				 is_syn + !!(segment.flags & GLASS_SEG_FIN);

		if (segment.flags & GLASS_SEG_RST)
			has_begun = has_heard = false;
		else if (is_syn || static_cast<std::int32_t>(end - ack) > 0)
			ack = end;
		has_heard = has_heard || is_syn;
		echo = segment.ts;
	}
};

class FramesTarget : public Target
{
public:
	void begin_round() override
	{
		injector_.reset();
		unsummed_.reset();
		tap_.reset();
		Target::begin_round();
		/* It takes as long as many calls. */
		sockets_.emplace();
		/* Whoever else would speak on it. */
		std::ofstream("/proc/sys/net/ipv6/conf/default/disable_ipv6") << 1;
		tap_.emplace();
		must(control().attach_device(ifindex_of(tap_name), node_here), "attach");
		must(control().add_route(node_peer, ifindex_of(tap_name), {mac_peer}), "route");
		mac_here_ = address_of_link(tap_name).octets;
		injector_.emplace("glass0");
		unsummed_.emplace("glass0", true);
	}

	void execute(std::span<const std::uint8_t> input) override
	{
		Choices choices(input);
		auto &sockets = *sockets_;

		open_sockets(choices);
		for (int steps = 0; steps < steps_max && !choices.is_over(); steps++) {
			step(choices, sockets);
			listen();
		}
		sockets.close_all();
		listen();
	}

private:
	static constexpr MacAddress mac_peer = {0x02, 0x67, 0, 0, 0, node_peer};

	/* Two of them connected or about to be, and one of every other kind. */
	void open_sockets(Choices &choices)
	{
		constexpr int types[] = {SOCK_STREAM, SOCK_SEQPACKET};
		const int on = 1;

		for (auto &peer : peers_) {
			const auto type = choices.of(types);

			peer = {};
			peer.protocol =
				type == SOCK_STREAM ? GLASS_PROTO_STREAM : GLASS_PROTO_SEQPACKET;
			peer.port_here = port_listener;
			/* A connection of the last input may still be there. */
			port_peer_ = 6000 + (port_peer_ - 5999) % 50'000;
			peer.port_peer = port_peer_;
			Sockets::put(which_listens, ::socket(glass::family(), type | flags, 0));
		}
		/* The last listens, the first connects. */
		Sockets::put(which_connects,
			     ::socket(glass::family(), type_of(peers_[0]) | flags, 0));
		bind(which_listens, port_listener);
		::listen(Sockets::fd(which_listens), 4);
		connect(which_connects, peers_[0]);
		Sockets::put(which_dgram, ::socket(glass::family(), SOCK_DGRAM | flags, 0));
		for (const int option : {GLASS_RECVERR, GLASS_PKTINFO, GLASS_SO_PASSCRED})
			::setsockopt(Sockets::fd(which_dgram), SOL_GLASS, option, &on, sizeof(on));
		bind(which_dgram, port_dgram);
		if (choices.one_in(4))
			Sockets::put(which_raw, ::socket(glass::family(), SOCK_RAW | flags, 0));
		listen();
	}

	static int type_of(const Peer &peer)
	{
		return peer.protocol == GLASS_PROTO_STREAM ? SOCK_STREAM : SOCK_SEQPACKET;
	}

	static void bind(std::uint32_t which, std::uint32_t port)
	{
		const auto name = Address{GLASS_NODE_ANY, port}.raw(glass::family());

		::bind(Sockets::fd(which), reinterpret_cast<const sockaddr *>(&name), sizeof(name));
	}

	static void connect(std::uint32_t which, Peer &peer)
	{
		auto name = Address{node_peer, peer.port_peer}.raw(glass::family());
		auto *const raw = reinterpret_cast<sockaddr *>(&name);
		socklen_t size = sizeof(name);

		::connect(Sockets::fd(which), raw, size);
		if (::getsockname(Sockets::fd(which), raw, &size) == 0)
			peer.port_here = name.sgl_port;
	}

	void step(Choices &choices, Sockets &sockets)
	{
		auto &peer = peers_[choices.below(peers_.size())];
		Frame frame = frame_to(peer);
		Segment segment = peer.next();

		switch (choices.below(12)) {
		case 0:
		case 1:
			make_call(choices, sockets);
			return;
		case 2:
			frame.protocol = GLASS_PROTO_DGRAM;
			frame.dst_port = port_dgram;
			frame.payload = any_bytes(choices);
			break;
		case 3:
			frame.protocol = GLASS_PROTO_CONTROL;
			frame.payload = any_control(choices, frame);
			break;
		case 4: // anything at all
			frame.protocol = static_cast<std::uint8_t>(choices.below(256));
			frame.dst_port = choices.of(std::array{port_dgram, port_listener, 1U, 99U});
			frame.payload = any_bytes(choices);
			break;
		case 5: // once more
			send(choices, last_);
			return;
		case 6:
		case 7: // what nobody else would say
			alter(choices, segment, peer);
			segment.put_into(frame);
			break;
		default:
			if (peer.has_begun && peer.has_heard) {
				segment.data = any_data(choices, peer);
				if (choices.one_in(8))
					segment.flags |= GLASS_SEG_FIN;
			}
			segment.ts = clock_ += 1000;
			segment.put_into(frame);
		}
		peer.sent(segment);
		if (choices.one_in(8))
			alter(choices, frame);
		last_ = frame.bytes();
		send(choices, last_);
	}

	Frame frame_to(const Peer &peer) const
	{
		Frame frame;

		frame.destination = mac_here_;
		frame.source = mac_peer;
		frame.protocol = peer.protocol;
		frame.src_node = node_peer;
		frame.src_port = peer.port_peer;
		frame.dst_node = node_here;
		frame.dst_port = peer.port_here;
		return frame;
	}

	static std::vector<std::byte> any_bytes(Choices &choices)
	{
		constexpr std::size_t sizes[] = {0, 1, 8, 28, 100, 1000, 1472, 1473, 9000};
		auto data = pattern(choices.of(sizes));

		for (auto left = std::min<std::size_t>(data.size(), choices.below(8)); left > 0;
		     left--)
			data[choices.below(static_cast<std::uint32_t>(std::min<std::size_t>(
				data.size(), 64)))] = static_cast<std::byte>(choices.below(256));
		return data;
	}

	/* Of a record: its header, which says how long it is, and not always the truth. */
	static std::vector<std::byte> any_data(Choices &choices, const Peer &peer)
	{
		auto data = any_bytes(choices);
		std::uint32_t length = htonl(static_cast<std::uint32_t>(data.size()) +
					     (choices.one_in(4) ? choices.number() : 0));

		if (data.size() > 1400)
			data.resize(1400);
		if (peer.protocol == GLASS_PROTO_SEQPACKET && !choices.one_in(4)) {
			const auto *const first = reinterpret_cast<const std::byte *>(&length);

			data.insert(data.begin(), first, first + sizeof(length));
		}
		return data;
	}

	/* An echo, a reply, or that a frame of ours was lost. */
	static std::vector<std::byte> any_control(Choices &choices, const Frame &frame)
	{
		glass_control_hdr head = {};
		Frame lost;

		head.type = static_cast<std::uint8_t>(choices.below(5));
		head.code = static_cast<std::uint8_t>(choices.one_in(2) ? ECONNREFUSED
									: choices.below(256));
		head.reserved = choices.one_in(16);
		head.sequence = choices.number();
		const auto bytes = std::as_bytes(std::span(&head, 1));
		std::vector<std::byte> data(bytes.begin(), bytes.end());
		lost.protocol = choices.one_in(2) ? GLASS_PROTO_DGRAM : frame.protocol;
		lost.src_node = frame.dst_node;
		lost.src_port = choices.one_in(2) ? port_dgram : frame.dst_port;
		lost.dst_node = frame.src_node;
		lost.dst_port = frame.src_port;
		lost.payload = any_bytes(choices);
		if (choices.one_in(4))
			alter(choices, lost);
		const auto inner = lost.bytes();
		const auto size = choices.one_in(2) ? sizeof(glass_hdr) : choices.below(80);
		data.insert(data.end(), inner.begin() + ethernet_size,
			    inner.begin() + static_cast<std::ptrdiff_t>(
						    std::min(inner.size(), ethernet_size + size)));
		return data;
	}

	/* A number near one that is right. */
	static std::uint32_t near(Choices &choices, std::uint32_t number)
	{
		constexpr std::uint32_t steps[] = {0,	0,    0,    1,	    ~0U,
						   100, ~99U, 1400, 65'536, 1U << 31};

		return number + (choices.one_in(16) ? choices.number() : choices.of(steps));
	}

	void alter(Choices &choices, Segment &segment, const Peer &peer)
	{
		constexpr std::uint32_t windows[] = {0, 1, 100, 65'536, 1U << 20, ~0U};

		if (choices.one_in(2))
			segment.flags = static_cast<std::uint8_t>(
				choices.below(choices.one_in(8) ? 256 : GLASS_SEG_FLAGS + 1));
		segment.seq = near(choices, segment.seq);
		segment.ack = near(choices, segment.ack);
		segment.window = choices.of(windows);
		segment.ts = near(choices, clock_);
		segment.ts_echo = near(choices, segment.ts_echo);
		segment.data = any_data(choices, peer);
		for (auto left = choices.one_in(2) ? choices.below(8) : 0; left > 0; left--) {
			const auto start = near(choices, segment.ack);

			segment.sacks.emplace_back(start, near(choices, start));
		}
		if (choices.one_in(8)) {
			segment.max_payload = near(choices, 0);
			segment.max_record = near(choices, 0);
		}
		if (choices.one_in(16))
			segment.sack_count = static_cast<std::uint8_t>(choices.below(256));
		if (choices.one_in(16))
			segment.has_syn_part = choices.one_in(2);
		if (choices.one_in(32))
			segment.reserved = static_cast<std::uint16_t>(choices.number());
	}

	static void alter(Choices &choices, Frame &frame)
	{
		constexpr std::uint32_t nodes[] = {node_here, node_peer, 0, 1, 77, GLASS_NODE_ANY};
		constexpr std::uint32_t ports[] = {port_dgram, port_listener, 0, GLASS_PORT_ANY,
						   6000};
		const auto byte = static_cast<std::uint8_t>(choices.below(256));

		switch (choices.below(14)) {
		case 0:
			frame.version = byte;
			break;
		case 1:
			frame.hlen = static_cast<std::uint8_t>(frame.hlen + byte);
			break;
		case 2:
			frame.protocol = byte;
			break;
		case 3:
			frame.flags = byte;
			break;
		case 4:
			frame.csum = byte;
			break;
		case 5: // it has none, and says so
			frame.flags = GLASS_HDR_F_NO_CSUM;
			frame.csum = 0;
			break;
		case 6:
			frame.reserved = byte;
			break;
		case 7:
			frame.len = near(choices, static_cast<std::uint32_t>(frame.payload.size()));
			break;
		case 8:
			frame.src_node = choices.of(nodes);
			break;
		case 9:
			frame.src_port = choices.of(ports);
			break;
		case 10:
			frame.dst_node = choices.of(nodes);
			break;
		case 11:
			frame.dst_port = choices.of(ports);
			break;
		case 12:
			frame.trailer = any_bytes(choices);
			break;
		default:
			frame.destination[5] = byte;
		}
	}

	void send(Choices &choices, std::vector<std::byte> frame)
	{
		if (!choices.one_in(8) || frame.size() < headers_size) {
			if (choices.one_in(16))
				frame.resize(choices.below(
					static_cast<std::uint32_t>(frame.size() + 1)));
			tap_->send(frame);
			return;
		}
		/* The same, as if it had been sent by the node itself to itself. */
		constexpr MacAddress mac = {0x02, 0x67, 0, 0, 0, GLASS_NODE_LOCAL};
		const auto node = std::as_bytes(std::span("\0\0\0\1", 4));
		const auto head = frame.begin() + ethernet_size;
		std::ranges::copy(std::as_bytes(std::span(mac)), frame.begin());
		std::ranges::copy(node, head + offsetof(glass_hdr, src_node));
		std::ranges::copy(node, head + offsetof(glass_hdr, dst_node));
		if (choices.one_in(2)) {
			constexpr std::uint16_t starts[] = {0, ethernet_size, 20, 60};
			const auto start = choices.one_in(2) ? starts[0] : choices.of(starts);
			const auto offset = choices.one_in(2)
						    ? ethernet_size + offsetof(glass_hdr, csum)
						    : choices.below(100);

			/* What stands there now is the sum, which has to be another one. */
			static_cast<void>(unsummed_->send_unsummed(
				frame, start, static_cast<std::uint16_t>(offset)));
			return;
		}
		std::fill_n(head + offsetof(glass_hdr, csum), 2, std::byte{});
		const auto sum = internet_checksum(frame);
		const std::uint16_t sent = htons(sum ? sum : 0xffff);
		std::memcpy(&*head + offsetof(glass_hdr, csum), &sent, sizeof(sent));
		try {
			injector_->send(frame);
		} catch (const std::system_error &) {
			/* Too long for the device, or it is down. */
		}
	}

	/* Takes what was sent to the other host. */
	void listen()
	{
		for (auto frame = tap_->receive(); !frame.empty(); frame = tap_->receive()) {
			const auto segment = Segment::from(frame);
			std::uint32_t port;

			if (!segment)
				continue;
			std::memcpy(&port, &frame[ethernet_size + offsetof(glass_hdr, dst_port)],
				    sizeof(port));
			for (auto &peer : peers_)
				if (peer.port_peer == ntohl(port))
					peer.heard(*segment);
		}
	}

	static constexpr int flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
	static constexpr std::uint32_t which_dgram = 0;
	static constexpr std::uint32_t which_listens = 1;
	static constexpr std::uint32_t which_connects = 2;
	static constexpr std::uint32_t which_raw = 3;

	std::optional<Sockets> sockets_;
	std::optional<Tap> tap_;
	std::optional<Injector> injector_;
	std::optional<Injector> unsummed_;
	MacAddress mac_here_ = {};
	std::array<Peer, 3> peers_;
	std::uint32_t port_peer_ = 6000;
	std::uint32_t clock_ = 0;
	std::vector<std::byte> last_;
};

} // namespace

std::unique_ptr<Target> make_frames_target()
{
	return std::make_unique<FramesTarget>();
}

} // namespace fuzz
