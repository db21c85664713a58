// SPDX-License-Identifier: GPL-2.0
#include "lib/netlink.h"

#include <libmnl/libmnl.h>
#include <sys/socket.h>

namespace glass {

namespace {

/* What the kernel puts into one datagram of a dump at most. */
constexpr std::size_t receive_size = 32768;

} // namespace

/* --- Requests ---------------------------------------------------------------- */

NetlinkRequest::NetlinkRequest(std::uint16_t type, std::uint16_t flags)
{
	nlmsghdr *message = mnl_nlmsg_put_header(buffer_.data());

	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
}

void *NetlinkRequest::add_space(std::size_t size)
{
	return mnl_nlmsg_put_extra_header(header(), size);
}

NetlinkRequest &NetlinkRequest::add(std::uint16_t attribute, std::uint32_t value)
{
	if (!mnl_attr_put_u32_check(header(), buffer_.size(), attribute, value))
		is_cut_ = true;
	return *this;
}

NetlinkRequest &NetlinkRequest::add(std::uint16_t attribute, std::string_view value)
{
	const std::string text(value);

	if (!mnl_attr_put_strz_check(header(), buffer_.size(), attribute, text.c_str()))
		is_cut_ = true;
	return *this;
}

NetlinkRequest &NetlinkRequest::add(std::uint16_t attribute, std::span<const std::uint8_t> value)
{
	if (!mnl_attr_put_check(header(), buffer_.size(), attribute, value.size(), value.data()))
		is_cut_ = true;
	return *this;
}

NetlinkRequest &NetlinkRequest::begin(std::uint16_t attribute)
{
	nests_.push_back(mnl_attr_nest_start_check(header(), buffer_.size(), attribute));
	if (!nests_.back())
		is_cut_ = true;
	return *this;
}

NetlinkRequest &NetlinkRequest::end()
{
	if (nests_.back())
		mnl_attr_nest_end(header(), nests_.back());
	nests_.pop_back();
	return *this;
}

/* --- Answers ----------------------------------------------------------------- */

NetlinkAttributes::NetlinkAttributes(const nlmsghdr &message, std::size_t header_size)
{
	const std::size_t size = mnl_nlmsg_get_payload_len(&message);
	const std::size_t skip = MNL_ALIGN(header_size);

	if (skip < size)
		collect(mnl_nlmsg_get_payload_offset(&message, header_size), size - skip);
}

NetlinkAttributes::NetlinkAttributes(const nlattr &attribute)
{
	collect(mnl_attr_get_payload(&attribute), mnl_attr_get_payload_len(&attribute));
}

void NetlinkAttributes::collect(const void *data, std::size_t size)
{
	const char *const end = static_cast<const char *>(data) + size;
	const auto *attribute = static_cast<const nlattr *>(data);

	while (mnl_attr_ok(attribute,
			   static_cast<int>(end - reinterpret_cast<const char *>(attribute)))) {
		attributes_.push_back(attribute);
		attribute = mnl_attr_next(attribute);
	}
}

const nlattr *NetlinkAttributes::find(std::uint16_t type) const
{
	for (const nlattr *attribute : attributes_)
		if (mnl_attr_get_type(attribute) == type)
			return attribute;
	return nullptr;
}

std::uint16_t NetlinkAttributes::u16(std::uint16_t type) const
{
	const nlattr *attribute = find(type);

	return attribute ? mnl_attr_get_u16(attribute) : 0;
}

std::uint32_t NetlinkAttributes::u32(std::uint16_t type) const
{
	const nlattr *attribute = find(type);

	return attribute ? mnl_attr_get_u32(attribute) : 0;
}

std::uint64_t NetlinkAttributes::u64(std::uint16_t type) const
{
	const nlattr *attribute = find(type);

	return attribute ? mnl_attr_get_u64(attribute) : 0;
}

std::string NetlinkAttributes::text(std::uint16_t type) const
{
	const auto data = bytes(type);
	const std::string text(reinterpret_cast<const char *>(data.data()), data.size());

	return text.substr(0, text.find('\0'));
}

std::span<const std::uint8_t> NetlinkAttributes::bytes(std::uint16_t type) const
{
	const nlattr *attribute = find(type);

	if (!attribute)
		return {};
	return {static_cast<const std::uint8_t *>(mnl_attr_get_payload(attribute)),
		mnl_attr_get_payload_len(attribute)};
}

std::vector<const nlattr *> NetlinkAttributes::all(std::uint16_t type) const
{
	std::vector<const nlattr *> found;

	for (const nlattr *attribute : attributes_)
		if (mnl_attr_get_type(attribute) == type)
			found.push_back(attribute);
	return found;
}

NetlinkAttributes NetlinkAttributes::nested(std::uint16_t type) const
{
	const nlattr *attribute = find(type);

	return attribute ? NetlinkAttributes(*attribute) : NetlinkAttributes();
}

/* --- The socket -------------------------------------------------------------- */

void Netlink::Close::operator()(mnl_socket *socket) const noexcept
{
	mnl_socket_close(socket);
}

Netlink::Netlink(mnl_socket *socket) : socket_(socket), buffer_(receive_size)
{
	port_ = mnl_socket_get_portid(socket);
}

Result<Netlink> Netlink::open(int protocol)
{
	std::unique_ptr<mnl_socket, Close> socket(mnl_socket_open2(protocol, SOCK_CLOEXEC));
	int on = 1;

	if (!socket || mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) < 0)
		return last_error();
	// Reasons in words, and no copy of the request with them.
	if (mnl_socket_setsockopt(socket.get(), NETLINK_EXT_ACK, &on, sizeof(on)) < 0 ||
	    mnl_socket_setsockopt(socket.get(), NETLINK_CAP_ACK, &on, sizeof(on)) < 0)
		return last_error();
	return Netlink(socket.release());
}

int Netlink::fd() const noexcept
{
	return mnl_socket_get_fd(socket_.get());
}

Result<std::size_t> Netlink::read()
{
	const ssize_t size = mnl_socket_recvfrom(socket_.get(), buffer_.data(), buffer_.size());

	if (size < 0)
		return last_error();
	return static_cast<std::size_t>(size);
}

Result<void> Netlink::request(NetlinkRequest &request, const Handler &answer)
{
	nlmsghdr *const message = request.header();
	bool is_over = false;

	explanation_.clear();
	error_.clear();
	if (request.is_cut_)
		return std::make_error_code(std::errc::message_size);
	message->nlmsg_seq = ++sequence_;
	if (mnl_socket_sendto(socket_.get(), message, message->nlmsg_len) < 0)
		return last_error();
	while (!is_over) {
		const auto size = read();

		if (!size)
			return size.error();
		int left = static_cast<int>(*size);
		const auto *part = reinterpret_cast<const nlmsghdr *>(buffer_.data());
		for (; mnl_nlmsg_ok(part, left); part = mnl_nlmsg_next(part, &left))
			if (part->nlmsg_seq == sequence_ && part->nlmsg_pid == port_)
				is_over = take_answer(*part, answer) || is_over;
	}
	return error_;
}

/* One message of the answer to the request; is it the last? */
bool Netlink::take_answer(const nlmsghdr &message, const Handler &answer)
{
	int error = 0;

	if (message.nlmsg_flags & NLM_F_DUMP_INTR)
		error_ = std::make_error_code(std::errc::interrupted);
	switch (message.nlmsg_type) {
	case NLMSG_ERROR:
		error = static_cast<const nlmsgerr *>(mnl_nlmsg_get_payload(&message))->error;
		take_explanation(message, sizeof(nlmsgerr));
		break;
	case NLMSG_DONE:
		if (mnl_nlmsg_get_payload_len(&message) >= sizeof(error))
			error = *static_cast<const int *>(mnl_nlmsg_get_payload(&message));
		take_explanation(message, sizeof(error));
		break;
	default:
		if (answer && message.nlmsg_type >= NLMSG_MIN_TYPE)
			answer(message);
		return false;
	}
	if (error)
		error_ = {-error, std::system_category()};
	return true;
}

void Netlink::take_explanation(const nlmsghdr &message, std::size_t header_size)
{
	if (message.nlmsg_flags & NLM_F_ACK_TLVS)
		explanation_ = NetlinkAttributes(message, header_size).text(NLMSGERR_ATTR_MSG);
}

Result<void> Netlink::join(std::uint32_t group)
{
	if (mnl_socket_setsockopt(socket_.get(), NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
		return last_error();
	return {};
}

Result<void> Netlink::receive(const Handler &handler)
{
	const auto size = read();

	if (!size)
		return size.error();
	int left = static_cast<int>(*size);
	const auto *part = reinterpret_cast<const nlmsghdr *>(buffer_.data());
	for (; mnl_nlmsg_ok(part, left); part = mnl_nlmsg_next(part, &left))
		if (part->nlmsg_type >= NLMSG_MIN_TYPE)
			handler(*part);
	return {};
}

} // namespace glass
