// SPDX-License-Identifier: GPL-2.0
#include "frame.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <concepts>
#include <ostream>

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

class Reader
{
public:
	explicit Reader(std::span<const std::byte> data) : data_(data) {}
	template <std::unsigned_integral T> T get()
	{
		T number = 0;

		for (const auto byte : data_.first(sizeof(T)))
			number = static_cast<T>(number << 7 << 1 | std::to_integer<T>(byte));
		data_ = data_.subspan(sizeof(T));
		return number;
	}
	std::size_t left() const { return data_.size(); }

private:
	std::span<const std::byte> data_;
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

/* --- Segments ------------------------------------------------------------------------- */

void Segment::put_into(Frame &frame) const
{
	Writer writer;

	writer.put(seq);
	writer.put(ack);
	writer.put(window);
	writer.put(ts);
	writer.put(ts_echo);
	writer.put(flags);
	writer.put(sack_count.value_or(static_cast<std::uint8_t>(sacks.size())));
	writer.put(reserved);
	if (has_syn_part.value_or(flags & GLASS_SEG_SYN)) {
		writer.put(max_payload);
		writer.put(max_record);
	}
	for (const auto &[start, end] : sacks) {
		writer.put(start);
		writer.put(end);
	}
	frame.payload = writer.take();
	frame.hlen = static_cast<std::uint8_t>((sizeof(glass_hdr) + frame.payload.size()) / 4);
	frame.len = static_cast<std::uint32_t>(data.size());
	frame.payload.insert(frame.payload.end(), data.begin(), data.end());
}

std::optional<Segment> Segment::from(std::span<const std::byte> frame)
{
	Segment segment;
	std::size_t hlen;

	if (frame.size() < headers_size + sizeof(glass_seg_hdr) || internet_checksum(frame) != 0)
		return std::nullopt;
	hlen = 4 * std::to_integer<std::size_t>(frame[ethernet_size + 1]);
	if (hlen < sizeof(glass_hdr) + sizeof(glass_seg_hdr) || frame.size() < ethernet_size + hlen)
		return std::nullopt;
	segment.data.assign(frame.begin() + static_cast<std::ptrdiff_t>(ethernet_size + hlen),
			    frame.end());

	Reader reader(frame.subspan(headers_size, hlen - sizeof(glass_hdr)));
	segment.seq = reader.get<std::uint32_t>();
	segment.ack = reader.get<std::uint32_t>();
	segment.window = reader.get<std::uint32_t>();
	segment.ts = reader.get<std::uint32_t>();
	segment.ts_echo = reader.get<std::uint32_t>();
	segment.flags = reader.get<std::uint8_t>();
	const auto sack_count = reader.get<std::uint8_t>();
	segment.reserved = reader.get<std::uint16_t>();
	if (reader.left() != (segment.flags & GLASS_SEG_SYN ? sizeof(glass_seg_syn) : 0) +
				     sack_count * sizeof(glass_seg_sack))
		return std::nullopt;
	if (segment.flags & GLASS_SEG_SYN) {
		segment.max_payload = reader.get<std::uint32_t>();
		segment.max_record = reader.get<std::uint32_t>();
	}
	for (unsigned i = 0; i < sack_count; i++) {
		const auto start = reader.get<std::uint32_t>();

		segment.sacks.emplace_back(start, reader.get<std::uint32_t>());
	}
	return segment;
}

std::ostream &operator<<(std::ostream &out, const Segment &segment)
{
	static constexpr std::pair<int, char> letters[] = {{GLASS_SEG_SYN, 'S'},
							   {GLASS_SEG_FIN, 'F'},
							   {GLASS_SEG_RST, 'R'},
							   {GLASS_SEG_DEAF, 'D'},
							   {GLASS_SEG_ACK, '.'}};

	out << '[';
	for (const auto &[flag, letter] : letters)
		if (segment.flags & flag)
			out << letter;
	out << "] seq " << segment.seq << " ack " << segment.ack << " win " << segment.window
	    << " len " << segment.data.size();
	for (const auto &[start, end] : segment.sacks)
		out << " sack " << start << '-' << end;
	return out;
}

Injector::Injector(const std::string &device, bool vnet_header)
	: fd_(static_cast<int>(must(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), "AF_PACKET"))),
	  ifindex_(static_cast<int>(::if_nametoindex(device.c_str())))
{
	const int on = vnet_header;

	must(ifindex_ ? 0 : -1, device.c_str());
	bind_to(0);
	must(::setsockopt(fd_.get(), SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)),
	     "PACKET_VNET_HDR");
}

void Injector::bind_to(std::uint16_t ethertype)
{
	sockaddr_ll address = {};

	address.sll_family = AF_PACKET;
	address.sll_protocol = htons(ethertype);
	address.sll_ifindex = ifindex_;
	must(::bind(fd_.get(), reinterpret_cast<sockaddr *>(&address), sizeof(address)), "bind");
}

void Injector::listen()
{
	bind_to(ETH_P_GLASS);
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

std::optional<std::vector<std::byte>> Injector::receive(std::chrono::milliseconds patience)
{
	std::vector<std::byte> frame(1 << 17);
	pollfd fd = {fd_.get(), POLLIN, 0};

	if (must(::poll(&fd, 1, static_cast<int>(patience.count())), "poll") == 0)
		return std::nullopt;
	frame.resize(static_cast<std::size_t>(
		must(::recv(fd_.get(), frame.data(), frame.size(), 0), "receive from AF_PACKET")));
	return frame;
}

} // namespace helper
