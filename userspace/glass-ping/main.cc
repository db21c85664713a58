// SPDX-License-Identifier: GPL-2.0
/*
 * glass-ping: ping for AF_GLASS.
 */
#include <iostream>

#include "glass-ping/options.h"
#include "glass-ping/ping.h"

int main(int argc, char **argv)
{
	const auto parsed = glass::ping::parse_options(argc, argv);

	if (const int *status = std::get_if<int>(&parsed))
		return *status;
	try {
		return glass::ping::Ping(std::get<glass::ping::Options>(parsed)).run() ? 0 : 1;
	} catch (const glass::ping::Failure &failure) {
		std::cerr << "glass-ping: " << failure.what() << '\n';
		return glass::ping::exit_error;
	}
}
