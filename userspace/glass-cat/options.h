/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * What the command line of glass-cat asks for.
 */
#ifndef GLASS_CAT_OPTIONS_H
#define GLASS_CAT_OPTIONS_H

#include <chrono>
#include <cstddef>
#include <optional>
#include <variant>

#include "lib/address.h"

namespace glass::cat {

/** A checked command line. */
struct Options {
	bool listen = false;	      /**< wait for a peer, instead of going to one */
	bool keep_open = false;	      /**< listen: serve one peer after the other */
	bool no_end = false;	      /**< neither send nor expect the end mark */
	bool verbose = false;	      /**< tell what happens on standard error */
	int type = 0;		      /**< SOCK_* */
	std::size_t message_size = 0; /**< bytes of input per message, at least 1 */
	/** After the end of the own input, wait this long for the peer's. */
	std::optional<std::chrono::seconds> quit_after;
	/** Give up when nothing happens for this long. */
	std::optional<std::chrono::seconds> idle_timeout;
	Address local;	/**< to bind; `*:*` leaves it to the kernel */
	Address remote; /**< to connect to, unless listening */
};

/** The options, or the status to exit with: what there is to say is already said. */
std::variant<Options, int> parse_options(int argc, char **argv);

} // namespace glass::cat

#endif // GLASS_CAT_OPTIONS_H
