// SPDX-License-Identifier: GPL-2.0
/*
 * glass-cat: netcat for AF_GLASS.
 */
#include <iostream>

#include "glass-cat/options.h"
#include "glass-cat/transfer.h"

int main(int argc, char **argv)
{
	const auto parsed = glass::cat::parse_options(argc, argv);

	if (const int *status = std::get_if<int>(&parsed))
		return *status;
	try {
		glass::cat::Transfer(std::get<glass::cat::Options>(parsed)).run();
	} catch (const glass::cat::Failure &failure) {
		std::cerr << "glass-cat: " << failure.what() << '\n';
		return 1;
	}
	return 0;
}
