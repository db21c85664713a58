// SPDX-License-Identifier: GPL-2.0
#include "glass-ping/statistics.h"

#include <algorithm>
#include <cmath>

namespace glass::ping {

double milliseconds(Duration time)
{
	return std::chrono::duration<double, std::milli>(time).count();
}

void RoundTrips::add(Duration time)
{
	const double value = milliseconds(time);

	min_ = count_ ? std::min(min_, value) : value;
	max_ = std::max(max_, value);
	sum_ += value;
	sum_of_squares_ += value * value;
	count_++;
}

double RoundTrips::average() const
{
	return count_ ? sum_ / static_cast<double>(count_) : 0;
}

double RoundTrips::deviation() const
{
	if (!count_)
		return 0;
	const double variance =
		sum_of_squares_ / static_cast<double>(count_) - average() * average();
	return std::sqrt(std::max(variance, 0.0)); // rounding may leave less than nothing
}

double Statistics::loss() const
{
	if (!transmitted)
		return 0;
	return 100.0 * static_cast<double>(transmitted - received) /
	       static_cast<double>(transmitted);
}

} // namespace glass::ping
