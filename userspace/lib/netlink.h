/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * A netlink socket that closes itself, and what goes over it, on libmnl.
 *
 * It speaks for any netlink protocol; control.h has what Glass says with it.
 */
#ifndef GLASS_LIB_NETLINK_H
#define GLASS_LIB_NETLINK_H

#include <linux/netlink.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/result.h"

struct mnl_socket;

namespace glass {

/** A request, put together from the front to the back. */
class NetlinkRequest
{
public:
	/** @p flags besides NLM_F_REQUEST and NLM_F_ACK, as NLM_F_DUMP. */
	explicit NetlinkRequest(std::uint16_t type, std::uint16_t flags = 0);

	/** Adds the protocol's own header, zero but for what the caller writes. Before attributes. */
	template <typename Header> Header &add_header()
	{
		return *static_cast<Header *>(add_space(sizeof(Header)));
	}
	NetlinkRequest &add(std::uint16_t attribute, std::uint32_t value);
	NetlinkRequest &add(std::uint16_t attribute, std::string_view value);
	NetlinkRequest &add(std::uint16_t attribute, std::span<const std::uint8_t> value);
	/** What is added until end() stands inside @p attribute. */
	NetlinkRequest &begin(std::uint16_t attribute);
	NetlinkRequest &end();

private:
	friend class Netlink;

	void *add_space(std::size_t size);
	nlmsghdr *header() { return reinterpret_cast<nlmsghdr *>(buffer_.data()); }

	alignas(nlmsghdr) std::array<char, 1024> buffer_ = {};
	std::vector<nlattr *> nests_;
	bool is_cut_ = false; /**< something did not fit */
};

/** The attributes of a message, or those nested in one of them. What is missing reads as zero. */
class NetlinkAttributes
{
public:
	/** Those behind the netlink header and @p header_size bytes of the protocol's. */
	NetlinkAttributes(const nlmsghdr &message, std::size_t header_size);
	/** Those in @p attribute. */
	explicit NetlinkAttributes(const nlattr &attribute);

	bool has(std::uint16_t type) const { return find(type) != nullptr; }
	std::uint16_t u16(std::uint16_t type) const;
	std::uint32_t u32(std::uint16_t type) const;
	std::uint64_t u64(std::uint16_t type) const;
	std::string text(std::uint16_t type) const;
	std::span<const std::uint8_t> bytes(std::uint16_t type) const;
	NetlinkAttributes nested(std::uint16_t type) const;
	/** Each attribute, whatever its type: the elements of a list. */
	const std::vector<const nlattr *> &all() const { return attributes_; }
	/** Each attribute of that type: the elements of a list that stands among others. */
	std::vector<const nlattr *> all(std::uint16_t type) const;

private:
	NetlinkAttributes() = default;
	void collect(const void *data, std::size_t size);
	const nlattr *find(std::uint16_t type) const;

	std::vector<const nlattr *> attributes_;
};

/** Owns a netlink socket. */
class Netlink
{
public:
	/** Is given each message of an answer. */
	using Handler = std::function<void(const nlmsghdr &)>;

	/** @p protocol: NETLINK_GENERIC, NETLINK_ROUTE … */
	static Result<Netlink> open(int protocol);

	/**
	 * Sends a request and waits until it is acknowledged or its dump is over.
	 *
	 * Errors: the kernel's, with its words in explanation(); EINTR for a
	 * dump that changed on its way; EMSGSIZE for a request that is too long.
	 */
	Result<void> request(NetlinkRequest &request, const Handler &answer = {});

	/** Begins to hear of what is sent to multicast group @p group. */
	Result<void> join(std::uint32_t group);
	/** Waits for messages of groups. Error: ENOBUFS when some were lost before. */
	Result<void> receive(const Handler &handler);

	/** The kernel's reason for the last failure in words; often empty. */
	const std::string &explanation() const noexcept { return explanation_; }
	/** The descriptor, still owned here. */
	int fd() const noexcept;

private:
	struct Close {
		void operator()(mnl_socket *socket) const noexcept;
	};

	explicit Netlink(mnl_socket *socket);
	Result<std::size_t> read();
	bool take_answer(const nlmsghdr &message, const Handler &answer);
	void take_explanation(const nlmsghdr &message, std::size_t header_size);

	std::unique_ptr<mnl_socket, Close> socket_;
	std::vector<char> buffer_;
	std::string explanation_;
	std::error_code error_; /**< of the request being answered */
	std::uint32_t sequence_ = 0;
	std::uint32_t port_ = 0;
};

} // namespace glass

#endif // GLASS_LIB_NETLINK_H
