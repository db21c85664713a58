// SPDX-License-Identifier: GPL-2.0
#include "glassctl/watch_screen.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "glassctl/sockets.h"
#include "glassctl/view.h"

// Its macros have names such as "move" and "timeout".
#define NCURSES_NOMACROS
#include <ncurses.h>

namespace glass::ctl {

namespace {

bool is_text(const std::string &column)
{
	return column == "type" || column == "state" || column == "local" || column == "peer";
}

/* Names from A, and numbers from the largest; those without a value come last. */
bool comes_before(const Row &left, const Row &right, const std::string &column)
{
	const Row &one = left.at(column);
	const Row &other = right.at(column);

	if (one.is_null() || other.is_null())
		return !one.is_null() && other.is_null();
	return is_text(column) ? one < other : other < one;
}

} // namespace

const std::vector<std::string> &watch_columns()
{
	static const std::vector<std::string> columns = [] {
		std::vector<std::string> all = socket_columns();

		for (const char *more : {"retrans_per_s", "drops", "drops_per_s"})
			all.emplace_back(more);
		return all;
	}();

	return columns;
}

Result<WatchScreen> WatchScreen::open(const WatchOptions &options)
{
	if (!::isatty(STDIN_FILENO) || !::isatty(STDOUT_FILENO))
		return std::make_error_code(std::errc::inappropriate_io_control_operation);
	::SCREEN *const screen = ::newterm(nullptr, stdout, stdin);
	if (!screen)
		return std::make_error_code(std::errc::invalid_argument);
	return WatchScreen(options, screen);
}

WatchScreen::WatchScreen(const WatchOptions &options, ::SCREEN *screen)
	: options_(options), screen_(screen)
{
	const auto &columns = watch_columns();
	const auto found = std::ranges::find(columns, options.sort);

	column_ = found == columns.end() ? 0 : static_cast<std::size_t>(found - columns.begin());
	::cbreak();
	::noecho();
	::keypad(::stdscr, TRUE);
	::nodelay(::stdscr, TRUE);
	::curs_set(0);
}

WatchScreen::WatchScreen(WatchScreen &&other) noexcept
	: options_(other.options_), screen_(std::exchange(other.screen_, nullptr)),
	  column_(other.column_), is_reversed_(other.is_reversed_), is_paused_(other.is_paused_),
	  first_(other.first_), page_(other.page_)
{
}

WatchScreen::~WatchScreen()
{
	if (!screen_)
		return;
	::endwin();
	::delscreen(screen_);
}

/* As much of it as there is room for. */
void WatchScreen::put(int line, const std::string &text, int attributes) const
{
	if (line < 0 || line >= ::getmaxy(::stdscr))
		return;
	::wattrset(::stdscr, attributes);
	::mvaddnstr(line, 0, text.c_str(), ::getmaxx(::stdscr));
	::wattrset(::stdscr, 0);
}

/* What the namespace does; the line below it. */
int WatchScreen::draw_head(const Sample &sample) const
{
	const auto rate = [&sample](const char *counter) {
		return rate_text(sample.rate(counter)) + "/s";
	};
	const auto way = [&](const std::string &name, const char *frames, const char *bytes) {
		return name + ' ' + rate(frames) + " frames, " + rate(bytes) + " bytes";
	};
	std::string drops;

	put(0,
	    "Glass: " + std::to_string(sample.sockets.size()) + " sockets, every " +
		    rate_text(options_.interval.count()) + " s, by " + watch_columns()[column_] +
		    (is_reversed_ ? " reversed" : "") + (is_paused_ ? ", PAUSED" : ""),
	    A_BOLD);
	put(1, way("out", "GlassOutFrames", "GlassOutBytes") + "   " +
		       way("in", "GlassInFrames", "GlassInBytes"));
	put(2, "retransmits " + rate("GlassRetransmits") + "   timeouts " + rate("GlassTimeouts") +
		       "   resets " + rate("GlassResetsOut"));
	for (const auto &[name, value] : sample.drops())
		drops +=
			"  " + name + ' ' + std::to_string(value) + " (" + rate(name.c_str()) + ')';
	put(3, drops.empty() ? "no drops" : "drops" + drops, drops.empty() ? 0 : A_BOLD);
	return 5;
}

void WatchScreen::draw_sockets(const Sample &sample, int line)
{
	const auto &columns = watch_columns();
	std::vector<std::size_t> widths;
	std::vector<Row> rows;
	std::string heading;

	for (const WatchedSocket &socket : sample.sockets)
		rows.push_back(watched_row(socket));
	std::ranges::stable_sort(rows, [&](const Row &left, const Row &right) {
		return is_reversed_ ? comes_before(right, left, columns[column_])
				    : comes_before(left, right, columns[column_]);
	});
	page_ = std::max(1, ::getmaxy(::stdscr) - line - 2);
	first_ = std::clamp(first_, 0, std::max(0, static_cast<int>(rows.size()) - page_));
	for (const auto &column : columns) {
		std::size_t width = column.size();

		for (const Row &row : rows)
			width = std::max(width, cell_text(row.at(column)).size());
		widths.push_back(width);
		heading += padded(column, width, !is_text(column)) + "  ";
	}
	put(line++, heading, A_REVERSE);
	for (std::size_t i = static_cast<std::size_t>(first_);
	     i < rows.size() && i < static_cast<std::size_t>(first_ + page_); i++) {
		std::string text;

		for (std::size_t at = 0; at < columns.size(); at++)
			text += padded(cell_text(rows[i].at(columns[at])), widths[at],
				       !is_text(columns[at])) +
				"  ";
		put(line++, text);
	}
}

void WatchScreen::draw_foot(const Sample &sample) const
{
	const int count = static_cast<int>(sample.sockets.size());
	std::string text = "q leave  s sort  r reverse  p pause  arrows move";

	if (count > page_)
		text += "   " + std::to_string(first_ + 1) + '-' +
			std::to_string(std::min(count, first_ + page_)) + " of " +
			std::to_string(count);
	put(::getmaxy(::stdscr) - 1, text, A_DIM);
}

void WatchScreen::draw(const Sample &sample)
{
	::werase(::stdscr);
	draw_sockets(sample, draw_head(sample));
	draw_foot(sample);
	::wrefresh(::stdscr);
}

void WatchScreen::sort_by_next(int step)
{
	const std::size_t count = watch_columns().size();

	column_ = (column_ + count + static_cast<std::size_t>(step)) % count;
	first_ = 0;
}

bool WatchScreen::take_keys()
{
	for (int key; (key = ::wgetch(::stdscr)) != ERR;)
		switch (key) {
		case 'q':
		case 'Q':
			return false;
		case 's':
			sort_by_next(1);
			break;
		case 'S':
			sort_by_next(-1);
			break;
		case 'r':
			is_reversed_ = !is_reversed_;
			break;
		case 'p':
		case ' ':
			is_paused_ = !is_paused_;
			break;
		case KEY_DOWN:
			first_++;
			break;
		case KEY_UP:
			first_--;
			break;
		case KEY_NPAGE:
			first_ += page_;
			break;
		case KEY_PPAGE:
			first_ -= page_;
			break;
		default:
			break; // KEY_RESIZE: the next drawing is as large
		}
	return true;
}

} // namespace glass::ctl
