/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * What glass-ping counts.
 */
#ifndef GLASS_PING_STATISTICS_H
#define GLASS_PING_STATISTICS_H

#include <cstdint>

#include "glass-ping/options.h"

namespace glass::ping {

/** Round-trip times, in milliseconds. */
class RoundTrips
{
public:
	void add(Duration time);

	double min() const { return min_; }
	double max() const { return max_; }
	double average() const;
	/** The standard deviation, as ping's mdev. */
	double deviation() const;

private:
	std::uint64_t count_ = 0;
	double min_ = 0;
	double max_ = 0;
	double sum_ = 0;
	double sum_of_squares_ = 0;
};

/** A whole run. */
struct Statistics {
	std::uint64_t transmitted = 0;
	std::uint64_t received = 0;   /**< each at most once */
	std::uint64_t duplicates = 0; /**< what came once more */
	std::uint64_t damaged = 0;    /**< came with other data than was sent; not received */
	std::uint64_t errors = 0;     /**< calls of send that failed */
	Duration elapsed{0};
	RoundTrips round_trips;

	/** In percent. */
	double loss() const;
};

/** @p time in milliseconds. */
double milliseconds(Duration time);

} // namespace glass::ping

#endif // GLASS_PING_STATISTICS_H
