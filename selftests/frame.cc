// SPDX-License-Identifier: GPL-2.0
#include "frame.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <concepts>

#include "helper.h"

namespace helper {

namespace {

/* struct virtio_net_hdr: linux/virtio_net.h has a member that is a keyword in C++. */
struct OffloadHeader {
	std::uint8_t flags;
	std::uint8_t gso_type;
	std::uint16_t hdr_len;
	std::uint16_t gso_size;
	std::uint16_t csum_start;
	std::uint16_t csum_offset;
};
constexpr std::uint8_t needs_csum = 1; /* VIRTIO_NET_HDR_F_NEEDS_CSUM */

/* Big endian numbers, one behind the other. */
class Writer
{
public:
	template <std::unsigned_integral T> void put(T number)
	{
		for (std::size_t i = sizeof(T); i-- > 0;)
			data_.push_back(static_cast<std::byte>(number >> (8 * i)));
	}
	void put_bytes(std::span<const std::byte> data)
	{
		data_.insert(data_.end(), data.begin(), data.end());
	}
	std::vector<std::byte> take() { return std::move(data_); }

private:
	std::vector<std::byte> data_;
};

} // namespace

std::uint16_t internet_checksum(std::span<const std::byte> data)
{
	std::uint64_t sum = 0;

	for (std::size_t i = 0; i < data.size(); i++)
		sum += std::to_integer<std::uint64_t>(data[i]) << (i % 2 ? 0 : 8);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return static_cast<std::uint16_t>(~sum);
}

std::vector<std::byte> Frame::bytes() const
{
	Writer writer;

	writer.put_bytes(std::as_bytes(std::span(destination)));
	writer.put_bytes(std::as_bytes(std::span(source)));
	writer.put(ethertype);
	writer.put(version);
	writer.put(hlen);
	writer.put(protocol);
	writer.put(flags);
	writer.put(csum.value_or(0));
	writer.put(reserved);
	writer.put(len.value_or(static_cast<std::uint32_t>(payload.size())));
	writer.put(src_node);
	writer.put(src_port);
	writer.put(dst_node);
	writer.put(dst_port);
	writer.put_bytes(payload);
	auto frame = writer.take();
	if (!csum) {
		const std::uint16_t sum = internet_checksum(frame);
		const std::uint16_t sent = htons(sum ? sum : 0xffff);

		std::copy_n(reinterpret_cast<const std::byte *>(&sent), sizeof(sent),
			    frame.begin() + ethernet_size + offsetof(glass_hdr, csum));
	}
	frame.insert(frame.end(), trailer.begin(), trailer.end());
	return frame;
}

Injector::Injector(const std::string &device, bool vnet_header)
	: fd_(static_cast<int>(must(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), "AF_PACKET")))
{
	sockaddr_ll address = {};
	const int on = vnet_header;

	address.sll_family = AF_PACKET;
	address.sll_ifindex = static_cast<int>(::if_nametoindex(device.c_str()));
	must(address.sll_ifindex ? 0 : -1, device.c_str());
	must(::bind(fd_.get(), reinterpret_cast<sockaddr *>(&address), sizeof(address)), "bind");
	must(::setsockopt(fd_.get(), SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)),
	     "PACKET_VNET_HDR");
}

void Injector::send(std::span<const std::byte> frame)
{
	must(::send(fd_.get(), frame.data(), frame.size(), 0), "send to AF_PACKET");
}

glass::Result<void> Injector::send_unsummed(std::span<const std::byte> frame, std::uint16_t start,
					    std::uint16_t offset)
{
	OffloadHeader header = {};
	std::array<iovec, 2> parts = {
		{{&header, sizeof(header)}, {const_cast<std::byte *>(frame.data()), frame.size()}}};

	header.flags = needs_csum;
	header.csum_start = start;
	header.csum_offset = offset;
	if (::writev(fd_.get(), parts.data(), parts.size()) < 0)
		return glass::last_error();
	return {};
}

} // namespace helper
