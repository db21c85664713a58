// SPDX-License-Identifier: GPL-2.0
#include "glassctl/view.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>
#include <iostream>

namespace glass::ctl {

std::string rate_text(double value)
{
	constexpr std::array units = {"", "k", "M", "G", "T"};
	std::array<char, 32> text;
	std::size_t unit = 0;

	while (value >= 999.5 && unit + 1 < units.size()) {
		value /= 1000;
		unit++;
	}
	std::snprintf(text.data(), text.size(), "%.3g%s", value, units[unit]);
	return text.data();
}

std::string cell_text(const Row &value)
{
	if (value.is_null())
		return "-";
	if (value.is_string())
		return value.get<std::string>();
	return value.is_number_float() ? rate_text(value.get<double>()) : value.dump();
}

namespace {

std::string heading_of(std::string key)
{
	for (char &letter : key)
		letter = static_cast<char>(std::toupper(static_cast<unsigned char>(letter)));
	return key;
}

void print_line(const std::vector<std::string> &cells, const std::vector<std::size_t> &widths)
{
	std::string line;

	for (std::size_t i = 0; i < cells.size(); i++) {
		line += cells[i];
		if (i + 1 < cells.size())
			line.append(std::max(widths[i], cells[i].size()) - cells[i].size() + 2,
				    ' ');
	}
	std::cout << line << '\n';
}

std::vector<std::string> headings_of(const std::vector<std::string> &columns)
{
	std::vector<std::string> headings;

	for (const auto &column : columns)
		headings.push_back(heading_of(column));
	return headings;
}

std::vector<std::string> cells_of(const std::vector<std::string> &columns, const Row &row)
{
	std::vector<std::string> cells;

	for (const auto &column : columns)
		cells.push_back(cell_text(row.at(column)));
	return cells;
}

} // namespace

std::size_t width_of(std::string_view text)
{
	return static_cast<std::size_t>(
		std::ranges::count_if(text, [](char letter) { return (letter & 0xc0) != 0x80; }));
}

std::string padded(std::string text, std::size_t width, bool to_right)
{
	const std::size_t missing = width - std::min(width, width_of(text));

	text.insert(to_right ? 0 : text.size(), missing, ' ');
	return text;
}

void View::print_object(const Row &object) const
{
	std::size_t width = 0;

	if (json_) {
		std::cout << object << '\n';
		return;
	}
	for (const auto &item : object.items())
		width = std::max(width, item.key().size());
	for (const auto &item : object.items()) {
		std::string key = item.key();

		std::replace(key.begin(), key.end(), '_', ' ');
		print_line({key, cell_text(item.value())}, {width});
	}
}

void View::print_rows(const std::vector<std::string> &columns, const std::vector<Row> &rows) const
{
	std::vector<std::vector<std::string>> lines = {headings_of(columns)};
	std::vector<std::size_t> widths(columns.size());

	if (json_) {
		std::cout << Row(rows) << '\n';
		return;
	}
	for (const auto &row : rows)
		lines.push_back(cells_of(columns, row));
	for (const auto &line : lines)
		for (std::size_t i = 0; i < line.size(); i++)
			widths[i] = std::max(widths[i], line[i].size());
	for (const auto &line : lines)
		print_line(line, widths);
}

void View::print_chain(const std::vector<Section> &sections) const
{
	Row object;
	std::string indent;

	for (const Section &section : sections) {
		const bool is_last = &section == &sections.back();
		std::size_t width = 0;

		object[section.key] = section.values;
		if (json_)
			continue;
		for (const auto &item : section.values.items())
			width = std::max(width, item.key().size());
		if (&section != &sections.front()) {
			std::cout << indent << "└─ ";
			indent += "   ";
		}
		std::cout << section.title << '\n';
		for (const auto &item : section.values.items()) {
			std::cout << indent << (is_last ? "   " : "│  ");
			print_line({item.key(), cell_text(item.value())}, {width});
		}
	}
	if (json_)
		std::cout << object << '\n';
}

void View::begin_stream(const std::vector<std::string> &columns,
			const std::vector<std::size_t> &widths)
{
	columns_ = columns;
	widths_ = widths;
	if (!json_)
		print_line(headings_of(columns), widths);
	std::cout.flush();
}

void View::print_next(const Row &row) const
{
	if (json_)
		std::cout << row << '\n';
	else
		print_line(cells_of(columns_, row), widths_);
	std::cout.flush();
}

} // namespace glass::ctl
