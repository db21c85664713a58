// SPDX-License-Identifier: GPL-2.0
#include "fuzz/target.h"

#include "helper.h"

namespace fuzz {

void Target::begin_round()
{
	helper::enter_new_namespace();
	/* Who is closed, and finds no way any more, gives up soon. */
	helper::write_file("/proc/sys/net/glass/user_timeout_ms", "1000");
	helper::write_file("/proc/sys/net/glass/time_wait_ms", "10");
}

/* As Choices::number() reads them. */
std::vector<Input> Target::words() const
{
	return {{0, 0, 0, 0},	 {0, 0, 0xff, 0xff},	  {0, 1, 0, 0}, {0x7f, 0xff, 0xff, 0xff},
		{0x80, 0, 0, 0}, {0xff, 0xff, 0xff, 0xff}};
}

std::unique_ptr<Target> make_target(std::string_view name)
{
	if (name == "calls")
		return make_calls_target();
	if (name == "frames")
		return make_frames_target();
	if (name == "netlink")
		return make_netlink_target();
	return nullptr;
}

} // namespace fuzz
