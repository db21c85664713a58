// SPDX-License-Identifier: GPL-2.0
// libFuzzer: what glass_wire_decode() accepts is what it says it is.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "wire_host.h"

namespace {

void require(bool holds)
{
	if (!holds)
		std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
	const auto *hdr = reinterpret_cast<const glass_hdr *>(data);
	glass_wire wire;
	glass_hdr again;

	const glass_drop drop = glass_wire_decode(&wire, hdr, size);
	require(drop >= GLASS_DROP_NONE && drop < GLASS_DROP_MAX);
	if (drop != GLASS_DROP_NONE)
		return 0;

	require(wire.hlen >= sizeof(*hdr) && wire.hlen + wire.len <= size);
	require(wire.src_node != GLASS_NODE_ANY && wire.src_port != GLASS_PORT_ANY);
	glass_wire_encode(&again, &wire);
	again.csum = hdr->csum;
	require(std::memcmp(&again, hdr, sizeof(again)) == 0);
	return 0;
}
