/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * A terminal that shows samples, and the keys that change how.
 */
#ifndef GLASSCTL_WATCH_SCREEN_H
#define GLASSCTL_WATCH_SCREEN_H

#include <string>
#include <vector>

#include "glassctl/options.h"
#include "glassctl/sample.h"
#include "lib/result.h"

struct screen;

namespace glass::ctl {

/** The columns of sockets on a screen; the heading of each is its key. */
const std::vector<std::string> &watch_columns();

/** The terminal is the program's as long as this lives, and then as it was. */
class WatchScreen
{
public:
	/** Error: ENOTTY for no terminal, EINVAL for one that nothing is known of ($TERM). */
	static Result<WatchScreen> open(const WatchOptions &options);
	~WatchScreen();
	WatchScreen(WatchScreen &&other) noexcept;
	WatchScreen &operator=(WatchScreen &&) = delete;

	void draw(const Sample &sample);
	/** Takes the keys that were pressed. False: it shall be left. */
	bool take_keys();
	bool is_paused() const { return is_paused_; }

private:
	WatchScreen(const WatchOptions &options, ::screen *screen);
	void put(int line, const std::string &text, int attributes = 0) const;
	int draw_head(const Sample &sample) const;
	void draw_sockets(const Sample &sample, int line);
	void draw_foot(const Sample &sample) const;
	void sort_by_next(int step);

	const WatchOptions &options_;
	::screen *screen_ = nullptr;
	std::size_t column_ = 0; /* by which sockets are sorted */
	bool is_reversed_ = false;
	bool is_paused_ = false;
	int first_ = 0; /* socket that is shown */
	int page_ = 1;	/* sockets for which there is room */
};

} // namespace glass::ctl

#endif // GLASSCTL_WATCH_SCREEN_H
