/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * What glass-ping prints: the words of ping as it goes, or one JSON object.
 */
#ifndef GLASS_PING_VIEW_H
#define GLASS_PING_VIEW_H

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <system_error>

#include "glass-ping/options.h"
#include "glass-ping/statistics.h"

namespace glass::ping {

/** A reply, as it is shown. */
struct Reply {
	std::uint32_t node = 0;
	std::uint32_t sequence = 0;
	std::size_t bytes = 0; /**< data and the header of echoes */
	Duration time{0};
	bool is_duplicate = false;
	bool is_damaged = false;
};

/** Prints to standard output, and errors to standard error. */
class View
{
public:
	/** @p options outlive the view. */
	explicit View(const Options &options) : options_(options) {}

	void begin() const;
	void sent() const;
	void send_failed(std::error_code error) const;
	void reply(const Reply &reply);
	void end(const Statistics &statistics) const;

private:
	void end_text(const Statistics &statistics) const;
	void end_json(const Statistics &statistics) const;

	const Options &options_;
	nlohmann::ordered_json replies_ = nlohmann::ordered_json::array();
};

} // namespace glass::ping

#endif // GLASS_PING_VIEW_H
