// SPDX-License-Identifier: GPL-2.0
#include "glassctl/beside.h"

#include <algorithm>
#include <map>

#include "glassctl/view.h"
#include "lib/layer.h"

namespace glass::ctl {

namespace {

/** A function, and how often the call came by. */
struct Visit {
	std::string function;
	int count = 0;

	std::string text() const
	{
		return count > 1 ? function + " ×" + std::to_string(count) : function;
	}
};

/** What one side did in a call, by layer, each in the order of the first visits. */
struct Column {
	std::string heading; /**< kind, result */
	int functions = 0;
	std::size_t frames = 0;
	std::map<Layer, std::vector<Visit>> layers;
};

/** One call on all sides. */
struct Comparison {
	std::string name;
	std::vector<Column> columns;
};

Column column_of(const std::string &kind, const Call &call)
{
	Column column;

	column.heading = kind + " = " + (call.result.empty() ? "?" : call.result);
	column.frames = call.frames.size();
	for (const Step &step : call.steps) {
		if (step.is_noise)
			continue;
		std::vector<Visit> &visits = column.layers[step.layer];
		auto visit = std::ranges::find(visits, step.function, &Visit::function);

		if (visit == visits.end())
			visit = visits.insert(visits.end(), {step.function, 0});
		visit->count++;
		column.functions++;
	}
	return column;
}

/* The scenario is the same for all: their calls are, one by one. */
std::vector<Comparison> compare(const std::vector<Side> &sides)
{
	std::vector<Comparison> comparisons;
	std::size_t count = SIZE_MAX;

	for (const Side &side : sides)
		count = std::min(count, side.trace.calls.size());
	for (std::size_t i = 0; i < count; i++) {
		Comparison comparison;

		comparison.name = '#' + std::to_string(i + 1) + ' ' + sides[0].trace.calls[i].name;
		for (const Side &side : sides)
			comparison.columns.push_back(column_of(side.kind, side.trace.calls[i]));
		comparisons.push_back(std::move(comparison));
	}
	return comparisons;
}

std::string totals_text(const Column &column)
{
	std::string text = std::to_string(column.functions) + " functions";

	if (column.frames)
		text += ", " + std::to_string(column.frames) +
			(column.frames == 1 ? " frame" : " frames");
	return text;
}

/** A line of a table: a cell for each side. */
struct Line {
	std::vector<std::string> cells;
	Layer layer = Layer::SystemCall;
	std::size_t height = 0; /**< at a layer's first line: of how many */
};

std::vector<Line> lines_of(const Comparison &comparison)
{
	std::vector<Line> lines;

	for (std::size_t number = 0; number < layers; number++) {
		const auto layer = static_cast<Layer>(number);
		const auto visits_of = [layer](const Column &column) {
			const auto found = column.layers.find(layer);

			return found == column.layers.end() ? std::vector<Visit>() : found->second;
		};
		std::size_t height = 0;

		for (const Column &column : comparison.columns)
			height = std::max(height, visits_of(column).size());
		for (std::size_t i = 0; i < height; i++) {
			Line line{{}, layer, i ? 0 : height};

			for (const Column &column : comparison.columns) {
				const auto visits = visits_of(column);

				line.cells.push_back(i < visits.size() ? visits[i].text() : "");
			}
			lines.push_back(std::move(line));
		}
	}
	return lines;
}

void print(const Comparison &comparison, const TextStyle &style, std::string &out)
{
	constexpr std::size_t layer_width = 11;
	std::vector<Line> lines(2);
	std::vector<std::size_t> widths;

	for (const Column &column : comparison.columns) {
		lines[0].cells.push_back(column.heading);
		lines[1].cells.push_back(totals_text(column));
	}
	for (Line &line : lines_of(comparison))
		lines.push_back(std::move(line));
	for (std::size_t i = 0; i < comparison.columns.size(); i++) {
		std::size_t width = 0;

		for (const Line &line : lines)
			width = std::max(width, width_of(line.cells[i]));
		widths.push_back(width);
	}
	out += (style.is_coloured ? "\033[1m" : "") + comparison.name +
	       (style.is_coloured ? "\033[0m" : "") + '\n';
	for (const Line &line : lines) {
		const auto layer = line.height ? layer_title(line.layer) : "";
		std::string text = "  " + padded(std::string(layer), layer_width);

		for (std::size_t i = 0; i < line.cells.size(); i++)
			text += "  " + padded(line.cells[i], widths[i]);
		out += text.substr(0, text.find_last_not_of(' ') + 1) + '\n';
	}
	out += '\n';
}

/* Names of functions have nothing that HTML would take for its own. */
std::string html_table(const Comparison &comparison)
{
	std::string out = "<table class=\"beside\">\n<thead><tr>" + column_head("Layer");

	for (const Column &column : comparison.columns)
		out += column_head(column.heading + "<br><span class=\"faint\">" +
				   totals_text(column) + "</span>");
	out += "</tr></thead>\n";
	for (const Line &line : lines_of(comparison)) {
		if (line.height) // the end of a body may be left out
			out += "<tbody>\n<tr><th scope=\"rowgroup\" rowspan=\"" +
			       std::to_string(line.height) + "\">" + layer_badge(line.layer) +
			       "</th>";
		else
			out += "<tr>";
		for (const std::string &cell : line.cells)
			out += "<td><code>" + cell + "</code></td>";
		out += "</tr>\n";
	}
	return out + "</table>\n";
}

} // namespace

std::string beside_text(const std::vector<Side> &sides, const TextStyle &style)
{
	std::string out;

	for (const Comparison &comparison : compare(sides))
		print(comparison, style, out);
	return out;
}

std::string beside_html(const std::vector<Side> &sides)
{
	const std::string title = "The same calls, side by side";
	std::string out = html_head(title) + "<main>\n<h1>" + title +
			  "</h1>\n<p>By layer: the functions that each kind ran, as they were "
			  "first called. Noise is left out.</p>\n";
	int number = 0;

	for (const Comparison &comparison : compare(sides)) {
		const std::string id = "call-" + std::to_string(++number);

		out += "<details open class=\"call\"><summary><h2 id=\"" + id + "\">" +
		       comparison.name + "</h2></summary>\n" + scroll_box(id) +
		       html_table(comparison) + "</div>\n</details>\n";
	}
	return out + "</main>\n</body>\n</html>\n";
}

std::string beside_json(const std::vector<Side> &sides)
{
	std::string out;

	for (const Side &side : sides) {
		std::string trace = trace_json(side.trace);

		trace.pop_back(); // the newline
		out += (out.empty() ? "[" : ",") + ("{\"kind\":\"" + side.kind + "\",\"trace\":") +
		       trace + '}';
	}
	return out + "]\n";
}

} // namespace glass::ctl
