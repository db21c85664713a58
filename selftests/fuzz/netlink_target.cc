// SPDX-License-Identifier: GPL-2.0
/*
 * A row of netlink messages: to the generic netlink family, to rtnetlink about links of
 * our kind, to sock_diag about our sockets. There are sockets, and descriptors of other
 * kinds, to ask about. Most messages are what their command wants, with values that may
 * not fit; some have attributes of any kind, or lengths that lie.
 */
#include <fcntl.h>
#include <linux/genetlink.h>
#include <linux/glass.h>
#include <linux/glass_diag.h>
#include <linux/glass_netlink.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <functional>
#include <optional>

#include "calls.h"
#include "fuzz/target.h"
#include "helper.h"
#include "lib/family.h"
#include "lib/netlink.h"
#include "network.h"

namespace fuzz {

namespace {

using namespace helper;

constexpr int types[] = {SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM, SOCK_RAW};
constexpr const char *links[] = {"g1", "g2", "glass0", "v0", "lo", "g%d", "none"};
constexpr std::uint32_t nodes[] = {1, 7, 8, 9, 0, GLASS_NODE_ANY};

/* A message that is put together, and whose lengths are what somebody says they are. */
class Message
{
public:
	Message(std::uint16_t type, std::uint16_t flags)
	{
		nlmsghdr head = {};

		head.nlmsg_type = type;
		head.nlmsg_flags = static_cast<std::uint16_t>(flags | NLM_F_REQUEST);
		head.nlmsg_seq = 1;
		put(head);
	}

	template <typename T> void put(const T &value)
	{
		put_bytes(std::as_bytes(std::span(&value, 1)));
	}
	void put_bytes(std::span<const std::byte> data)
	{
		bytes_.insert(bytes_.end(), data.begin(), data.end());
		bytes_.resize(NLMSG_ALIGN(bytes_.size()));
	}
	template <typename T> void attribute_of(std::uint16_t type, const T &value)
	{
		attribute(type, std::as_bytes(std::span(&value, 1)));
	}
	void attribute(std::uint16_t type, std::span<const std::byte> value)
	{
		put(nlattr{static_cast<std::uint16_t>(NLA_HDRLEN + value.size()), type});
		put_bytes(value);
	}
	void attribute(std::uint16_t type, std::string_view value)
	{
		attribute(type, bytes(value));
	}
	void nest(std::uint16_t type, const std::function<void()> &inside)
	{
		const auto start = bytes_.size();

		put(nlattr{0, type});
		inside();
		const auto size = static_cast<std::uint16_t>(bytes_.size() - start);
		std::memcpy(&bytes_[start], &size, sizeof(size));
	}
	/* Done; now and then with a length that lies, cut, or with a byte that is another. */
	std::vector<std::byte> take(Choices &choices)
	{
		auto size = static_cast<std::uint32_t>(bytes_.size());

		if (choices.one_in(32))
			size = choices.below(size + 20);
		std::memcpy(bytes_.data(), &size, sizeof(size));
		if (choices.one_in(32))
			bytes_.resize(choices.below(static_cast<std::uint32_t>(bytes_.size() + 1)));
		if (choices.one_in(32) && bytes_.size() > NLMSG_HDRLEN)
			bytes_[choices.below(static_cast<std::uint32_t>(bytes_.size()))] =
				static_cast<std::byte>(choices.below(256));
		return std::move(bytes_);
	}

private:
	std::vector<std::byte> bytes_;
};

std::uint32_t any_link(Choices &choices)
{
	return choices.one_in(8) ? choices.number() : ::if_nametoindex(choices.of(links));
}

std::uint32_t any_node(Choices &choices)
{
	return choices.one_in(16) ? choices.number() : choices.of(nodes);
}

std::uint16_t any_flags(Choices &choices)
{
	constexpr std::uint16_t flags[] = {NLM_F_ACK,
					   NLM_F_ACK,
					   NLM_F_DUMP,
					   NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK,
					   NLM_F_CREATE | NLM_F_ACK,
					   NLM_F_REPLACE,
					   NLM_F_ECHO | NLM_F_ACK,
					   0};

	return choices.of(flags);
}

void any_attributes(Choices &choices, Message &message, int depth = 0)
{
	for (auto left = choices.below(4); left > 0; left--) {
		const auto type = static_cast<std::uint16_t>(choices.one_in(8) ? choices.number()
									       : choices.below(16));
		const std::uint32_t number =
			choices.one_in(2) ? any_link(choices) : any_node(choices);

		switch (choices.below(6)) {
		case 0:
			message.attribute_of(type, number);
			break;
		case 1:
			message.attribute_of(type, std::uint64_t{number});
			break;
		case 2:
			message.attribute(type, std::string_view(choices.of(links)));
			break;
		case 3:
			message.attribute(type, pattern(choices.below(64)));
			break;
		case 4:
			message.attribute(type, std::span<const std::byte>());
			break;
		default:
			if (depth < 4)
				message.nest(static_cast<std::uint16_t>(
						     type | (choices.one_in(2) ? NLA_F_NESTED : 0)),
					     [&] { any_attributes(choices, message, depth + 1); });
		}
	}
}

class NetlinkTarget : public Target
{
public:
	void begin_round() override
	{
		there_.reset();
		Target::begin_round();
		/* It takes as long as many calls. */
		sockets_.emplace();
		there_ = Namespace::create();
		add_veth("v0", "v1", *there_);
		family_ = find_family();
	}

	void execute(std::span<const std::uint8_t> input) override
	{
		Choices choices(input);
		auto &sockets = *sockets_;
		const std::array netlinks = {open(NETLINK_GENERIC), open(NETLINK_ROUTE),
					     open(NETLINK_SOCK_DIAG)};

		make_state(choices, sockets, choices.of(types));
		for (int left = 16; left > 0 && !choices.is_over(); left--)
			step(choices, sockets, netlinks);
		sockets.close_all();
	}

private:
	static glass::Fd open(int protocol)
	{
		return own(::socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol),
			   "netlink");
	}

	static std::uint16_t find_family()
	{
		auto netlink = must(glass::Netlink::open(NETLINK_GENERIC), "netlink");
		glass::NetlinkRequest request(GENL_ID_CTRL);
		std::uint16_t family = 0;

		request.add_header<genlmsghdr>().cmd = CTRL_CMD_GETFAMILY;
		request.add(CTRL_ATTR_FAMILY_NAME, std::string_view(GLASS_FAMILY_NAME));
		must(netlink.request(request,
				     [&family](const nlmsghdr &message) {
					     family = glass::NetlinkAttributes(message,
									       sizeof(genlmsghdr))
							      .u16(CTRL_ATTR_FAMILY_ID);
				     }),
		     "the family's number");
		return family;
	}

	void step(Choices &choices, Sockets &sockets, std::span<const glass::Fd> netlinks)
	{
		std::size_t which;
		std::vector<std::byte> message;

		switch (choices.below(8)) {
		case 0:
			make_call(choices, sockets);
			return;
		case 1:
			read_file(choices);
			return;
		case 2:
		case 3:
			which = 1;
			message = link_message(choices);
			break;
		case 4:
			which = 2;
			message = diag_message(choices);
			break;
		default:
			which = 0;
			message = glass_message(choices, sockets);
		}
		if (choices.one_in(16))
			set_option(choices, netlinks[which]);
		::send(netlinks[which].get(), message.data(), message.size(), MSG_NOSIGNAL);
		/* A dump goes on as it is read; or nobody reads it to its end. */
		for (auto left = choices.below(6); left > 0; left--) {
			std::array<char, 8192> buffer;
			const auto size = choices.one_in(4) ? 200 : buffer.size();

			if (::recv(netlinks[which].get(), buffer.data(), size, 0) < 0)
				break;
		}
	}

	std::vector<std::byte> glass_message(Choices &choices, const Sockets &sockets)
	{
		const auto command = static_cast<std::uint8_t>(choices.below(__GLASS_CMD_MAX + 1));
		Message message(family_, any_flags(choices));
		const auto add = [&](std::uint16_t type, std::uint32_t value) {
			if (!choices.one_in(8))
				message.attribute_of(type, value);
		};

		message.put(genlmsghdr{command, GLASS_FAMILY_VERSION, 0});
		switch (choices.one_in(4) ? 0 : command) {
		case GLASS_CMD_ROUTE_NEW:
			add(GLASS_A_ROUTE_IFINDEX, any_link(choices));
			if (!choices.one_in(8))
				message.attribute_of(
					GLASS_A_ROUTE_LLADDR,
					std::array<std::uint8_t, 6>{
						static_cast<std::uint8_t>(choices.below(4)), 1});
			[[fallthrough]];
		case GLASS_CMD_ROUTE_GET:
		case GLASS_CMD_ROUTE_DEL:
			add(GLASS_A_ROUTE_NODE, any_node(choices));
			break;
		case GLASS_CMD_DEV_ATTACH:
			add(GLASS_A_DEV_NODE, any_node(choices));
			[[fallthrough]];
		case GLASS_CMD_DEV_GET:
		case GLASS_CMD_DEV_DETACH:
			add(GLASS_A_DEV_IFINDEX, any_link(choices));
			break;
		case GLASS_CMD_OPS_GET:
			add(GLASS_A_OPS_TABLE, choices.below(4));
			[[fallthrough]];
		case GLASS_CMD_ANATOMY_GET:
			add(GLASS_A_ANATOMY_FD, any_fd(choices, sockets));
			break;
		default:
			any_attributes(choices, message);
		}
		return message.take(choices);
	}

	static std::uint32_t any_fd(Choices &choices, const Sockets &sockets)
	{
		const std::array others = {sockets.pipe_from.get(), sockets.file.get(),
					   sockets.way_from.get(), sockets.epoll.get(), -1};

		if (choices.one_in(4))
			return static_cast<std::uint32_t>(choices.of(others));
		if (choices.one_in(8))
			return choices.number();
		return static_cast<std::uint32_t>(Sockets::fd(choices.below(Sockets::count)));
	}

	std::vector<std::byte> link_message(Choices &choices)
	{
		constexpr std::uint16_t commands[] = {RTM_NEWLINK, RTM_NEWLINK, RTM_DELLINK,
						      RTM_GETLINK, RTM_SETLINK};
		constexpr std::uint32_t mtus[] = {0, 68, 100, 1500, 65'564, 1U << 30, ~0U};
		static constexpr const char *kinds[] = {"glass", "glass", "glass", "veth", ""};
		ifinfomsg head = {};
		const auto command = choices.of(commands);
		const bool by_name = choices.one_in(2);

		/* Not the kinds of others, which are not under test. */
		if (!by_name)
			head.ifi_index =
				static_cast<int>(::if_nametoindex(links[choices.below(3)]));
		if (choices.one_in(4)) {
			head.ifi_flags = choices.one_in(2) ? IFF_UP : 0;
			head.ifi_change = IFF_UP;
		}
		Message message(command, any_flags(choices));
		message.put(head);
		if (by_name)
			message.attribute(IFLA_IFNAME, std::string_view(choices.of(links) +
									std::string(1, '\0')));
		if (choices.one_in(4))
			message.attribute_of(IFLA_MTU, choices.of(mtus));
		if (choices.one_in(8))
			message.attribute_of(IFLA_ADDRESS, std::array<std::uint8_t, 6>{
								   2, static_cast<std::uint8_t>(
									      choices.below(4))});
		if (choices.one_in(8))
			message.attribute_of(IFLA_NET_NS_FD,
					     static_cast<std::uint32_t>(there_->fd()));
		if (!choices.one_in(8))
			message.nest(IFLA_LINKINFO, [&] {
				message.attribute(IFLA_INFO_KIND,
						  std::string_view(choices.of(kinds)));
				message.nest(IFLA_INFO_DATA, [&] {
					if (choices.one_in(4))
						any_attributes(choices, message);
					else
						message.attribute_of(IFLA_GLASS_NODE,
								     any_node(choices));
				});
			});
		return message.take(choices);
	}

	static std::vector<std::byte> diag_message(Choices &choices)
	{
		constexpr std::uint8_t protocols[] = {0, 1, 2, 5, 3, 7, 255};
		constexpr std::uint32_t states[] = {0, ~0U, 1 << 1, 1 << 7, 1 << 10, 1 << 6};
		constexpr std::uint16_t commands[] = {SOCK_DIAG_BY_FAMILY, SOCK_DIAG_BY_FAMILY,
						      SOCK_DESTROY};
		glass_diag_req request = {};

		request.sdiag_family = static_cast<std::uint8_t>(glass::family());
		request.sdiag_protocol = choices.of(protocols);
		request.pad = choices.one_in(16);
		request.states = choices.of(states);
		Message message(choices.of(commands), any_flags(choices));
		const auto bytes = std::as_bytes(std::span(&request, 1));
		message.put_bytes(choices.one_in(16) ? bytes.first(choices.below(sizeof(request)))
						     : bytes);
		if (choices.one_in(8))
			any_attributes(choices, message);
		return message.take(choices);
	}

	static void set_option(Choices &choices, const glass::Fd &fd)
	{
		constexpr int options[] = {NETLINK_ADD_MEMBERSHIP, NETLINK_CAP_ACK, NETLINK_EXT_ACK,
					   NETLINK_GET_STRICT_CHK};
		const auto option = choices.of(options);
		const int value = option == NETLINK_ADD_MEMBERSHIP
					  ? static_cast<int>(choices.below(32))
					  : static_cast<int>(choices.below(2));

		::setsockopt(fd.get(), SOL_NETLINK, option, &value, sizeof(value));
	}

	/* Views of the same things. */
	static void read_file(Choices &choices)
	{
		static constexpr const char *names[] = {"glass", "glass_stat", "protocols"};
		const glass::Fd fd(
			::open((std::string("/proc/thread-self/net/") + choices.of(names)).c_str(),
			       O_RDONLY | O_CLOEXEC));
		std::array<char, 4096> buffer;

		::lseek(fd.get(), choices.of(std::array{0, 1, 80, 4000}), SEEK_SET);
		for (auto left = 1 + choices.below(4); left > 0; left--)
			if (::read(fd.get(), buffer.data(), 1 + choices.below(4096)) <= 0)
				break;
	}

	std::optional<Sockets> sockets_;
	std::optional<Namespace> there_;
	std::uint16_t family_ = 0;
};

} // namespace

std::unique_ptr<Target> make_netlink_target()
{
	return std::make_unique<NetlinkTarget>();
}

} // namespace fuzz
