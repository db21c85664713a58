/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * What Glass has in a namespace at a moment, and how fast it changes: the
 * values of `ss` and `stats`, and what became of them since the last look.
 */
#ifndef GLASSCTL_SAMPLE_H
#define GLASSCTL_SAMPLE_H

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "glassctl/options.h"
#include "glassctl/view.h"
#include "lib/control.h"
#include "lib/diag.h"

namespace glass::ctl {

/** A socket, and how fast its counters rise; no rate the first time that it is seen. */
struct WatchedSocket {
	SocketView view;
	std::optional<double> retransmits; /**< per second; of a connection */
	std::optional<double> drops;	   /**< per second */
};

/** One look. Rates are per second, of the time since the one before. */
struct Sample {
	std::chrono::steady_clock::time_point time;
	double seconds = 0; /**< since the one before; 0: there was none */
	std::vector<WatchedSocket> sockets;
	Counters counters;		     /**< all, in the kernel's order */
	std::map<std::string, double> rates; /**< by counter; all, or none the first time */

	/** 0 for what is not known. */
	double rate(const std::string &counter) const;
	/** Those that have dropped something: name and number. */
	Counters drops() const;
};

/** A socket's values by key: those of socket_row(), and the rates. */
Row watched_row(const WatchedSocket &socket);
/** A sample as one object: what docs/watch.md tells. @p begin: what its time counts from. */
Row sample_row(const Sample &sample, std::chrono::steady_clock::time_point begin);

/** Looks again and again. */
class Sampler
{
public:
	/** Throws Failure. */
	explicit Sampler(const Options &options);

	/** Throws Failure, too: the module may have gone. */
	Sample take();

private:
	/** What a socket is known by: its cookie; a connection without one by its ends. */
	using Identity = std::pair<std::uint64_t, std::string>;
	static Identity identity_of(const SocketView &socket);

	const Options &options_;
	Control control_;
	std::optional<std::chrono::steady_clock::time_point> last_;
	std::map<std::string, std::uint64_t> last_counters_;
	std::map<Identity, SocketView> last_sockets_;
};

} // namespace glass::ctl

#endif // GLASSCTL_SAMPLE_H
