/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * Glass frames made by hand, and put on a device by AF_PACKET.
 *
 * This is a second implementation of the wire format, on purpose: it shares
 * nothing with the module's but the structure in the UAPI header.
 */
#ifndef GLASS_SELFTESTS_FRAME_H
#define GLASS_SELFTESTS_FRAME_H

#include <linux/glass.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lib/fd.h"
#include "lib/result.h"

namespace helper {

using MacAddress = std::array<std::uint8_t, 6>;

constexpr std::size_t ethernet_size = 14;
constexpr std::size_t headers_size = ethernet_size + sizeof(glass_hdr);

/** A frame, field by field, in host byte order. As it stands, a valid empty datagram. */
struct Frame {
	MacAddress destination = {0x02, 0x67, 0, 0, 0, 1};
	MacAddress source = {0x02, 0x67, 0, 0, 0, 1};
	std::uint16_t ethertype = ETH_P_GLASS;
	std::uint8_t version = GLASS_WIRE_VERSION;
	std::uint8_t hlen = sizeof(glass_hdr) / 4;
	std::uint8_t protocol = GLASS_PROTO_DGRAM;
	std::uint8_t flags = 0;
	std::optional<std::uint16_t> csum; /**< the right one unless set */
	std::uint16_t reserved = 0;
	std::optional<std::uint32_t> len; /**< the payload's unless set */
	std::uint32_t src_node = GLASS_NODE_LOCAL;
	std::uint32_t src_port = 4000;
	std::uint32_t dst_node = GLASS_NODE_LOCAL;
	std::uint32_t dst_port = 5000;
	std::vector<std::byte> payload;
	std::vector<std::byte> trailer; /**< behind the payload, not summed */

	/** The frame as it goes over the wire. */
	std::vector<std::byte> bytes() const;
};

/** A segment of STREAM or SEQPACKET, field by field, in host byte order. */
struct Segment {
	std::uint8_t flags = 0;
	std::uint32_t seq = 0;
	std::uint32_t ack = 0;
	std::uint32_t window = 0;
	std::uint32_t ts = 0;
	std::uint32_t ts_echo = 0;
	std::vector<std::byte> data = {};
	std::vector<std::pair<std::uint32_t, std::uint32_t>> sacks = {};
	std::uint32_t max_payload = 0; /**< with SYN */
	std::uint32_t max_record = 0;  /**< with SYN */
	std::uint16_t reserved = 0;
	std::optional<std::uint8_t> sack_count = {}; /**< how many there are unless set */
	std::optional<bool> has_syn_part = {};	     /**< as the flag says unless set */

	/** Becomes what @p frame carries behind struct glass_hdr. */
	void put_into(Frame &frame) const;
	/** Out of a frame from the wire, which is right in every respect; else nothing. */
	static std::optional<Segment> from(std::span<const std::byte> frame);
};
/** As tcpdump prints one of TCP. */
std::ostream &operator<<(std::ostream &out, const Segment &segment);

/** Internet checksum (RFC 1071) over @p data, in host byte order. */
std::uint16_t internet_checksum(std::span<const std::byte> data);

/** A packet socket on one device. */
class Injector
{
public:
	/** With @p vnet_header, each frame carries what struct virtio_net_hdr says. */
	explicit Injector(const std::string &device = "glass0", bool vnet_header = false);

	/** Puts a frame on the device as if it were sent there. */
	void send(std::span<const std::byte> frame);
	/**
	 * The same, its checksum left to the device: from @p start on, to be put
	 * @p offset behind that. Error: EINVAL where the kernel knows better, as
	 * with a start that would cut an IP header.
	 */
	glass::Result<void> send_unsummed(std::span<const std::byte> frame, std::uint16_t start,
					  std::uint16_t offset);
	/** Hears what arrives at the device from now on. */
	void listen();
	/** The next Glass frame that arrives at the device; none if none does in time. */
	std::optional<std::vector<std::byte>> receive(std::chrono::milliseconds patience);

private:
	void bind_to(std::uint16_t ethertype);

	glass::Fd fd_;
	int ifindex_;
};

} // namespace helper

#endif // GLASS_SELFTESTS_FRAME_H
