// SPDX-License-Identifier: GPL-2.0
/*
 * A row of calls on a few sockets, on a device whose ways vary: frames take the short
 * way or the long one, are cut small, or have none at all.
 */
#include <optional>

#include "calls.h"
#include "fuzz/target.h"
#include "helper.h"
#include "network.h"

namespace fuzz {

namespace {

using namespace helper;

constexpr int types[] = {SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM, SOCK_RAW};

class CallsTarget : public Target
{
public:
	void begin_round() override
	{
		Target::begin_round();
		/* It takes as long as many calls. */
		sockets_.emplace();
		is_usual_ = true;
	}

	void execute(std::span<const std::uint8_t> input) override
	{
		Choices choices(input);
		auto &sockets = *sockets_;

		surround(choices.below(8));
		make_state(choices, sockets, choices.of(types));
		make_calls(choices, sockets);
		sockets.close_all();
	}

	/* Each kind of call, on each socket. */
	std::vector<Input> words() const override
	{
		auto words = Target::words();

		for (std::size_t i = 0; i < calls().size(); i++)
			for (int which = 0; which < Sockets::count; which++)
				words.push_back({static_cast<std::uint8_t>(i),
						 static_cast<std::uint8_t>(which)});
		return words;
	}

private:
	void surround(std::uint32_t kind)
	{
		if (!is_usual_) {
			set_device_up(true);
			set_device_mtu(GLASS_MTU_DEFAULT);
			set_fast_path(true);
		}
		is_usual_ = kind < 4;
		switch (kind) {
		case 4:
			set_fast_path(false);
			break;
		case 5:
			set_device_mtu(1500);
			break;
		case 6:
			set_device_mtu(100);
			break;
		case 7:
			set_device_up(false);
			break;
		default:
			break;
		}
	}

	std::optional<Sockets> sockets_;
	bool is_usual_ = true; /* no other surroundings than those at the beginning */
};

} // namespace

std::unique_ptr<Target> make_calls_target()
{
	return std::make_unique<CallsTarget>();
}

} // namespace fuzz
