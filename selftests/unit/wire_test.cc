// SPDX-License-Identifier: GPL-2.0
// The pure layer's header code, on the host: module/wire.c.
#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <random>
#include <vector>

#include <arpa/inet.h>

#include "wire_host.h"

namespace {

// A header without payload that glass_wire_decode() accepts.
glass_hdr valid_header(std::uint32_t payload = 0)
{
	const glass_wire wire = {
		.src_node = 1,
		.src_port = 5000,
		.dst_node = 1,
		.dst_port = 6000,
		.len = payload,
		.hlen = sizeof(glass_hdr),
		.protocol = GLASS_PROTO_DGRAM,
		.flags = 0,
	};
	glass_hdr hdr;

	std::memset(&hdr, 0xff, sizeof(hdr));
	glass_wire_encode(&hdr, &wire);
	hdr.csum = htons(1); // any but 0: decoding does not sum
	return hdr;
}

glass_drop decode(const glass_hdr &hdr, std::uint32_t frame_len)
{
	glass_wire wire;

	return glass_wire_decode(&wire, &hdr, frame_len);
}

// The Internet checksum as RFC 1071 words it: byte pairs, big endian.
std::uint16_t reference_sum(const std::vector<std::uint8_t> &bytes)
{
	std::uint32_t sum = 0;

	for (std::size_t i = 0; i < bytes.size(); i += 2)
		sum += bytes[i] << 8 | (i + 1 < bytes.size() ? bytes[i + 1] : 0);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

} // namespace

TEST(WireLayout, HeaderIsTheDocumentedOne)
{
	EXPECT_EQ(sizeof(glass_hdr), 28u);
	EXPECT_EQ(offsetof(glass_hdr, csum), 4u);
	EXPECT_EQ(offsetof(glass_hdr, len), 8u);
	EXPECT_EQ(offsetof(glass_hdr, src_node), 12u);
	EXPECT_EQ(offsetof(glass_hdr, dst_port), 24u);
	EXPECT_EQ(sizeof(sockaddr_glass), 16u);
}

TEST(WireEncode, WritesEveryByteInNetworkOrder)
{
	const glass_wire wire = {
		.src_node = 0x01020304,
		.src_port = 0x05060708,
		.dst_node = 0x090a0b0c,
		.dst_port = 0x0d0e0f10,
		.len = 0x11121314,
		.hlen = 28,
		.protocol = 2,
		.flags = 0,
	};
	const std::array<std::uint8_t, 28> expected = {
		1,    7,    2,	  0,	0,    0,    0,	  0,	0x11, 0x12, 0x13, 0x14, 0x01, 0x02,
		0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x10,
	};
	glass_hdr hdr;

	std::memset(&hdr, 0xff, sizeof(hdr));
	glass_wire_encode(&hdr, &wire);
	EXPECT_EQ(std::memcmp(&hdr, expected.data(), expected.size()), 0);
}

TEST(WireDecode, ReturnsWhatWasEncoded)
{
	std::mt19937 random(20260101);

	for (int round = 0; round < 10000; round++) {
		const glass_wire in = {
			.src_node = static_cast<std::uint32_t>(random() >> 1),
			.src_port = static_cast<std::uint32_t>(random() >> 1),
			.dst_node = static_cast<std::uint32_t>(random()),
			.dst_port = static_cast<std::uint32_t>(random()),
			.len = static_cast<std::uint32_t>(random() % 100000),
			.hlen = static_cast<std::uint16_t>(28 + random() % 220 * 4),
			.protocol = static_cast<std::uint8_t>(random()),
			.flags = 0,
		};
		glass_hdr hdr;
		glass_wire out;

		glass_wire_encode(&hdr, &in);
		hdr.csum = htons(1);
		ASSERT_EQ(glass_wire_decode(&out, &hdr, in.hlen + in.len), GLASS_DROP_NONE);
		ASSERT_EQ(out.src_node, in.src_node);
		ASSERT_EQ(out.src_port, in.src_port);
		ASSERT_EQ(out.dst_node, in.dst_node);
		ASSERT_EQ(out.dst_port, in.dst_port);
		ASSERT_EQ(out.len, in.len);
		ASSERT_EQ(out.hlen, in.hlen);
		ASSERT_EQ(out.protocol, in.protocol);
	}
}

TEST(WireDecode, EveryShorterFrameIsShort)
{
	const glass_hdr hdr = valid_header();

	for (std::uint32_t len = 0; len < sizeof(hdr); len++) {
		// Only as many bytes as the frame has: ASan sees a read beyond.
		const std::vector<std::uint8_t> frame(reinterpret_cast<const std::uint8_t *>(&hdr),
						      reinterpret_cast<const std::uint8_t *>(&hdr) +
							      len);
		glass_wire wire;

		EXPECT_EQ(glass_wire_decode(&wire,
					    reinterpret_cast<const glass_hdr *>(frame.data()), len),
			  GLASS_DROP_SHORT);
	}
	EXPECT_EQ(decode(hdr, sizeof(hdr)), GLASS_DROP_NONE);
}

TEST(WireDecode, EveryOtherVersionIsRefused)
{
	for (int version = 0; version < 256; version++) {
		glass_hdr hdr = valid_header();

		hdr.version = version;
		EXPECT_EQ(decode(hdr, sizeof(hdr)),
			  version == GLASS_WIRE_VERSION ? GLASS_DROP_NONE : GLASS_DROP_VERSION);
	}
}

TEST(WireDecode, HeaderLengthLiesBetweenTheHeaderAndTheFrame)
{
	for (unsigned int words = 0; words < 256; words++) {
		glass_hdr hdr = valid_header();
		const bool possible = words * 4 >= sizeof(hdr) && words * 4 <= 200;

		hdr.hlen = words;
		hdr.len = htonl(possible ? 200 - words * 4 : 0);
		EXPECT_EQ(decode(hdr, 200), possible ? GLASS_DROP_NONE : GLASS_DROP_HLEN) << words;
	}
}

TEST(WireDecode, UndefinedBitsAreRefused)
{
	for (int bit = 1; bit < 8; bit++) {
		glass_hdr hdr = valid_header();

		hdr.flags = 1 << bit;
		EXPECT_EQ(decode(hdr, sizeof(hdr)), GLASS_DROP_FLAGS);
	}
	for (int bit = 0; bit < 16; bit++) {
		glass_hdr hdr = valid_header();

		hdr.reserved = htons(1 << bit);
		EXPECT_EQ(decode(hdr, sizeof(hdr)), GLASS_DROP_RESERVED);
	}
}

TEST(WireDecode, LengthAgreesWithTheFrame)
{
	const glass_hdr hdr = valid_header(100);

	EXPECT_EQ(decode(hdr, sizeof(hdr) + 99), GLASS_DROP_LENGTH);
	EXPECT_EQ(decode(hdr, sizeof(hdr) + 100), GLASS_DROP_NONE);
	EXPECT_EQ(decode(hdr, sizeof(hdr) + 101), GLASS_DROP_LENGTH);
	EXPECT_EQ(decode(valid_header(0xffffffff), sizeof(hdr)), GLASS_DROP_LENGTH);
	EXPECT_EQ(decode(valid_header(0xffffffe4), sizeof(hdr)), GLASS_DROP_LENGTH);
}

TEST(WireDecode, PaddingIsAllowedUpToEthernetsMinimum)
{
	const glass_hdr hdr = valid_header(3);

	EXPECT_EQ(decode(hdr, 46), GLASS_DROP_NONE);
	EXPECT_EQ(decode(hdr, 47), GLASS_DROP_LENGTH);
}

TEST(WireDecode, NoSumIsForThoseWhoSaySo)
{
	for (unsigned int protocol = 0; protocol < 256; protocol++) {
		const bool is_reliable =
			protocol == GLASS_PROTO_STREAM || protocol == GLASS_PROTO_SEQPACKET;
		glass_hdr hdr = valid_header();

		hdr.protocol = protocol;
		hdr.flags = GLASS_HDR_F_NO_CSUM;
		EXPECT_EQ(decode(hdr, sizeof(hdr)),
			  is_reliable ? GLASS_DROP_FLAGS : GLASS_DROP_CHECKSUM);
		hdr.csum = 0;
		EXPECT_EQ(decode(hdr, sizeof(hdr)),
			  is_reliable ? GLASS_DROP_FLAGS : GLASS_DROP_NONE);
	}
}

TEST(WireEncode, FlagsAreThoseOfTheDecoded)
{
	glass_hdr hdr = valid_header();
	glass_wire wire;
	glass_hdr again;

	hdr.flags = GLASS_HDR_F_NO_CSUM;
	hdr.csum = 0;
	ASSERT_EQ(glass_wire_decode(&wire, &hdr, sizeof(hdr)), GLASS_DROP_NONE);
	EXPECT_EQ(wire.flags, GLASS_HDR_F_NO_CSUM);
	glass_wire_encode(&again, &wire);
	EXPECT_EQ(std::memcmp(&again, &hdr, sizeof(hdr)), 0);
}

TEST(WireDecode, NoSumIsNoFrame)
{
	glass_hdr hdr = valid_header();

	hdr.csum = 0;
	EXPECT_EQ(decode(hdr, sizeof(hdr)), GLASS_DROP_CHECKSUM);
}

TEST(WireDecode, WildcardIsNobody)
{
	glass_hdr hdr = valid_header();

	hdr.src_node = htonl(GLASS_NODE_ANY);
	EXPECT_EQ(decode(hdr, sizeof(hdr)), GLASS_DROP_SOURCE);
	hdr = valid_header();
	hdr.src_port = htonl(GLASS_PORT_ANY);
	EXPECT_EQ(decode(hdr, sizeof(hdr)), GLASS_DROP_SOURCE);
}

TEST(WireFold, IsTheOnesComplementSum)
{
	EXPECT_EQ(glass_wire_fold(0), 0);
	EXPECT_EQ(glass_wire_fold(0xffff), 0xffff);
	EXPECT_EQ(glass_wire_fold(0x10000), 1);
	EXPECT_EQ(glass_wire_fold(0x1ffff), 1);
	EXPECT_EQ(glass_wire_fold(0xffffffff), 0xffff);
}

TEST(WirePseudoSum, IsTheSumOfTheEthernetHeader)
{
	std::mt19937 random(42);

	for (int round = 0; round < 1000; round++) {
		std::vector<std::uint8_t> bytes(ETH_HLEN);
		ethhdr eth;

		for (auto &byte : bytes)
			byte = random();
		std::memcpy(&eth, bytes.data(), sizeof(eth));
		// Ours sums words as they lie in memory (RFC 1071, 2(B)).
		EXPECT_EQ(ntohs(glass_wire_fold(glass_wire_pseudo_sum(&eth))),
			  reference_sum(bytes));
	}
}
