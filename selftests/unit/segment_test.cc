// SPDX-License-Identifier: GPL-2.0
// The header of segments: module/segment.c.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include <arpa/inet.h>

#include "tcb_host.h"

namespace {

glass_segment acknowledgement(int sacks)
{
	glass_segment seg = {};

	seg.seq = 0x01020304;
	seg.ack = 0x05060708;
	seg.window = 0x090a0b0c;
	seg.ts = 0x0d0e0f10;
	seg.ts_echo = 0x11121314;
	seg.flags = GLASS_SEG_ACK;
	seg.sacks = sacks;
	for (std::uint32_t i = 0; i < GLASS_SEG_SACKS; i++)
		seg.sack[i] = {0x15161718 + 100 * i, 0x15161718 + 100 * i + 50};
	return seg;
}

glass_segment syn()
{
	glass_segment seg = {};

	seg.seq = 7;
	seg.flags = GLASS_SEG_SYN;
	seg.max_payload = 0x0a0b0c0d;
	seg.max_record = 0x01000002;
	return seg;
}

std::vector<std::uint8_t> encode(const glass_segment &seg)
{
	std::vector<std::uint8_t> bytes(glass_segment_hlen(&seg), 0xff);

	glass_segment_encode(bytes.data(), &seg);
	return bytes;
}

// The bytes stand at the end of an allocation of their own: ASan sees a read
// beyond them.
glass_drop decode(const std::vector<std::uint8_t> &bytes, std::uint32_t len = 0,
		  glass_segment *seg = nullptr)
{
	const std::vector<std::uint8_t> exact(bytes.begin(), bytes.end());
	glass_segment unused;

	return glass_segment_decode(seg ? seg : &unused, exact.data(), exact.size(), len);
}

void expect_same(const glass_segment &a, const glass_segment &b)
{
	EXPECT_EQ(a.seq, b.seq);
	EXPECT_EQ(a.ack, b.ack);
	EXPECT_EQ(a.window, b.window);
	EXPECT_EQ(a.ts, b.ts);
	EXPECT_EQ(a.ts_echo, b.ts_echo);
	EXPECT_EQ(a.len, b.len);
	EXPECT_EQ(a.flags, b.flags);
	ASSERT_EQ(a.sacks, b.sacks);
	for (int i = 0; i < a.sacks; i++) {
		EXPECT_EQ(a.sack[i].start, b.sack[i].start);
		EXPECT_EQ(a.sack[i].end, b.sack[i].end);
	}
	if (a.flags & GLASS_SEG_SYN) {
		EXPECT_EQ(a.max_payload, b.max_payload);
		EXPECT_EQ(a.max_record, b.max_record);
	}
}

constexpr std::size_t flags_at = offsetof(glass_seg_hdr, flags);
constexpr std::size_t sacks_at = offsetof(glass_seg_hdr, sacks);

} // namespace

TEST(Segment, LayoutIsTheDocumentedOne)
{
	const std::vector<std::uint8_t> expected = {
		1,  2,	3,  4,	5, 6, 7, 8, 9,	  10,	11,   12,   13,	  14,	15,   16,
		17, 18, 19, 20, 2, 1, 0, 0, 0x15, 0x16, 0x17, 0x18, 0x15, 0x16, 0x17, 0x4a,
	};

	EXPECT_EQ(sizeof(glass_seg_hdr), 24u);
	EXPECT_EQ(encode(acknowledgement(1)), expected);

	const std::vector<std::uint8_t> opening = encode(syn());

	ASSERT_EQ(opening.size(), 32u);
	EXPECT_EQ(opening[flags_at], GLASS_SEG_SYN);
	EXPECT_EQ(opening[24], 0x0a);
	EXPECT_EQ(opening[31], 0x02);
}

TEST(Segment, ReturnsWhatWasEncoded)
{
	std::mt19937 random(9293);

	for (int round = 0; round < 10000; round++) {
		const auto any = [&] { return static_cast<std::uint32_t>(random()); };
		glass_segment in = {}, out;

		in.seq = any();
		in.ack = any();
		in.window = any() % (GLASS_WINDOW_MAX + 1);
		in.ts = any();
		in.ts_echo = any();
		if (round % 4 == 0) {
			in.flags = GLASS_SEG_SYN | (round % 8 ? GLASS_SEG_ACK : 0);
			in.max_payload = any() | 1;
			in.max_record = any();
		} else {
			in.flags = any() & (GLASS_SEG_ACK | GLASS_SEG_FIN | GLASS_SEG_RST);
			in.sacks = in.flags & GLASS_SEG_ACK ? any() % (GLASS_SEG_SACKS + 1) : 0;
			in.len = any() % 100000;
			for (int i = 0; i < in.sacks; i++) {
				in.sack[i].start = any();
				in.sack[i].end = in.sack[i].start + 1 + any() % 0x7ffffffe;
			}
		}
		ASSERT_EQ(decode(encode(in), in.len, &out), GLASS_DROP_NONE);
		expect_same(in, out);
		if (HasFailure())
			return;
	}
}

TEST(Segment, SpanCountsSynAndFin)
{
	glass_segment seg = syn();

	EXPECT_EQ(glass_segment_span(&seg), 1u);
	seg = acknowledgement(0);
	EXPECT_EQ(glass_segment_span(&seg), 0u);
	seg.len = 10;
	EXPECT_EQ(glass_segment_span(&seg), 10u);
	seg.flags |= GLASS_SEG_FIN;
	EXPECT_EQ(glass_segment_span(&seg), 11u);
}

TEST(Segment, EveryOtherLengthIsRefused)
{
	for (const glass_segment &seg :
	     {acknowledgement(0), acknowledgement(GLASS_SEG_SACKS), syn()}) {
		const std::vector<std::uint8_t> whole = encode(seg);

		for (std::size_t len = 0; len <= whole.size() + 40; len++) {
			std::vector<std::uint8_t> bytes = whole;

			bytes.resize(len);
			EXPECT_EQ(decode(bytes),
				  len == whole.size() ? GLASS_DROP_NONE : GLASS_DROP_HLEN)
				<< len;
		}
	}
}

TEST(Segment, UndefinedBitsAreRefused)
{
	for (int bit = 0; bit < 8; bit++) {
		std::vector<std::uint8_t> bytes = encode(acknowledgement(0));

		bytes[flags_at] |= 1 << bit;
		if (!(GLASS_SEG_FLAGS >> bit & 1)) {
			EXPECT_EQ(decode(bytes), GLASS_DROP_FLAGS) << bit;
		}
	}
	for (int bit = 0; bit < 16; bit++) {
		std::vector<std::uint8_t> bytes = encode(acknowledgement(0));

		bytes[offsetof(glass_seg_hdr, reserved) + bit / 8] |= 1 << bit % 8;
		EXPECT_EQ(decode(bytes), GLASS_DROP_RESERVED) << bit;
	}
}

TEST(Segment, NotMoreRangesThanFour)
{
	for (int sacks = 0; sacks < 256; sacks++) {
		std::vector<std::uint8_t> bytes = encode(acknowledgement(GLASS_SEG_SACKS));

		bytes[sacks_at] = sacks;
		bytes.resize(24 + sacks * 8, 1);
		EXPECT_EQ(decode(bytes),
			  sacks <= GLASS_SEG_SACKS ? GLASS_DROP_NONE : GLASS_DROP_SEGMENT)
			<< sacks;
	}
}

TEST(Segment, NotMorePayloadThanAWindow)
{
	const std::vector<std::uint8_t> bytes = encode(acknowledgement(0));

	EXPECT_EQ(decode(bytes, GLASS_WINDOW_MAX), GLASS_DROP_NONE);
	EXPECT_EQ(decode(bytes, GLASS_WINDOW_MAX + 1), GLASS_DROP_SEGMENT);
	EXPECT_EQ(decode(bytes, 0xffffffff), GLASS_DROP_SEGMENT);
}

TEST(Segment, AWindowThatIsTooLargeIsTheLargest)
{
	for (const std::uint32_t window :
	     {GLASS_WINDOW_MAX - 1, GLASS_WINDOW_MAX, GLASS_WINDOW_MAX + 1, 0xffffffffu}) {
		glass_segment seg = acknowledgement(0), out;

		seg.window = window;
		ASSERT_EQ(decode(encode(seg), 0, &out), GLASS_DROP_NONE);
		EXPECT_EQ(out.window, std::min(window, GLASS_WINDOW_MAX));
	}
}

TEST(Segment, ASynStandsAlone)
{
	for (const int flag : {GLASS_SEG_FIN, GLASS_SEG_RST}) {
		std::vector<std::uint8_t> bytes = encode(syn());

		bytes[flags_at] |= flag;
		EXPECT_EQ(decode(bytes), GLASS_DROP_SEGMENT);
	}

	std::vector<std::uint8_t> bytes = encode(syn());

	EXPECT_EQ(decode(bytes, 1), GLASS_DROP_SEGMENT);
	bytes[flags_at] |= GLASS_SEG_ACK;
	EXPECT_EQ(decode(bytes), GLASS_DROP_NONE);
	bytes[sacks_at] = 1;
	EXPECT_EQ(decode(bytes), GLASS_DROP_SEGMENT);

	glass_segment seg = syn();

	seg.max_payload = 0;
	EXPECT_EQ(decode(encode(seg)), GLASS_DROP_SEGMENT);
	seg.max_payload = 1;
	seg.max_record = 0;
	EXPECT_EQ(decode(encode(seg)), GLASS_DROP_NONE);
}

TEST(Segment, RangesAreNeitherEmptyNorInverted)
{
	const struct {
		std::uint32_t start, end;
		bool is_valid;
	} cases[] = {
		{5, 6, true},		{5, 5, false},		{6, 5, false},
		{0xffffffff, 0, true},	{0, 0xffffffff, false}, {0, 0x7fffffff, true},
		{0, 0x80000001, false},
	};

	for (int place = 0; place < GLASS_SEG_SACKS; place++) {
		for (const auto &it : cases) {
			glass_segment seg = acknowledgement(GLASS_SEG_SACKS);

			seg.sack[place] = {it.start, it.end};
			EXPECT_EQ(decode(encode(seg)),
				  it.is_valid ? GLASS_DROP_NONE : GLASS_DROP_SEGMENT)
				<< it.start << " " << it.end;
		}
	}
}

TEST(Segment, RangesBelongToAnAck)
{
	glass_segment seg = acknowledgement(1);

	seg.flags = GLASS_SEG_FIN;
	EXPECT_EQ(decode(encode(seg)), GLASS_DROP_SEGMENT);
}
