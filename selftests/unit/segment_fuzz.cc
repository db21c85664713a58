// SPDX-License-Identifier: GPL-2.0
// libFuzzer: what glass_segment_decode() accepts is what it says it is.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "tcb_host.h"

namespace {

void require(bool holds)
{
	if (!holds)
		std::abort();
}

} // namespace

// The first byte says how many of the others are payload.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
	if (!size)
		return 0;

	const std::uint32_t len = std::min<std::size_t>(data[0], size - 1);
	const std::uint32_t hlen = size - 1 - len;
	// Aligned as the caller promises, and not a byte longer: ASan watches.
	auto *const hdr = static_cast<std::uint8_t *>(std::malloc(hlen));
	alignas(4) std::array<std::uint8_t, GLASS_SEG_HDR_MAX> again;
	glass_segment seg;

	if (hlen)
		std::memcpy(hdr, data + 1, hlen);

	const glass_drop drop = glass_segment_decode(&seg, hdr, hlen, len);

	require(drop >= GLASS_DROP_NONE && drop < GLASS_DROP_MAX);
	if (drop == GLASS_DROP_NONE) {
		require(seg.window <= GLASS_WINDOW_MAX && seg.len == len);
		require(seg.sacks <= GLASS_SEG_SACKS);
		for (int i = 0; i < seg.sacks; i++)
			require(glass_seq_before(seg.sack[i].start, seg.sack[i].end));
		require(glass_segment_hlen(&seg) == hlen && hlen <= again.size());
		again.fill(0xff);
		glass_segment_encode(again.data(), &seg);
		// A window that is too large is taken for the largest.
		if (seg.window == GLASS_WINDOW_MAX)
			std::memcpy(again.data() + offsetof(glass_seg_hdr, window),
				    hdr + offsetof(glass_seg_hdr, window), 4);
		require(std::memcmp(again.data(), hdr, hlen) == 0);
	}
	std::free(hdr);
	return 0;
}
