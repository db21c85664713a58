/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * What glassctl prints: the same values as a table for people, or as JSON.
 */
#ifndef GLASSCTL_VIEW_H
#define GLASSCTL_VIEW_H

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace glass::ctl {

/** An object whose keys keep their order: a line of a table. */
using Row = nlohmann::ordered_json;

/** As many letters of UTF-8 as a terminal shows. */
std::size_t width_of(std::string_view text);
/** @p text with spaces behind it, or in front, until it has that width. */
std::string padded(std::string text, std::size_t width, bool to_right = false);

/** A number that need not be exact, as a rate: 1234567 is "1.23M". */
std::string rate_text(double value);
/** A value as it stands in a table; null is "-". */
std::string cell_text(const Row &value);

/** A thing on the way from one to the next, and its values. */
struct Section {
	std::string key;   /**< in JSON */
	std::string title; /**< for people */
	Row values;
};

/** Prints to standard output. */
class View
{
public:
	explicit View(bool json) : json_(json) {}

	/** One object: `key   value`, a line each. */
	void print_object(const Row &object) const;
	/** Rows with the same keys, of which there are @p columns; the keys are the headings. */
	void print_rows(const std::vector<std::string> &columns,
			const std::vector<Row> &rows) const;

	/** Each section below the one that leads to it, as a tree with one branch. */
	void print_chain(const std::vector<Section> &sections) const;

	/**
	 * Rows that come one by one, each seen at once: the headings now, with
	 * the columns' widths in characters. As JSON, each is a line.
	 */
	void begin_stream(const std::vector<std::string> &columns,
			  const std::vector<std::size_t> &widths);
	void print_next(const Row &row) const;

private:
	bool json_;
	std::vector<std::string> columns_;
	std::vector<std::size_t> widths_;
};

} // namespace glass::ctl

#endif // GLASSCTL_VIEW_H
