// SPDX-License-Identifier: GPL-2.0
/*
 * glassctl: Glass in a network namespace, seen and changed.
 */
#include <iostream>

#include "glassctl/commands.h"
#include "glassctl/options.h"

int main(int argc, char **argv)
{
	const auto parsed = glass::ctl::parse_options(argc, argv);

	if (const int *status = std::get_if<int>(&parsed))
		return *status;
	try {
		glass::ctl::run(std::get<glass::ctl::Options>(parsed));
	} catch (const glass::ctl::Failure &failure) {
		std::cerr << "glassctl: " << failure.what() << '\n';
		return 1;
	}
	return 0;
}
