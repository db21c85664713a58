/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * The cells of the tables: an operation, and its figure for one kind.
 */
#ifndef GLASS_BENCH_CELL_H
#define GLASS_BENCH_CELL_H

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "glass-bench/clock.h"
#include "glass-bench/kind.h"

namespace glass::bench {

/** How all cells of a run are measured. */
struct Setting {
	Unit unit = Unit::Instructions;
	/** Two processes share processor 0, or the reader has processor 1 for itself. */
	bool two_cpus = false;
	/** How much each cell does: its count of operations is multiplied by that. */
	double scale = 1;
};

/** Takes a figure per operation; its row is the cell's name and that suffix. */
using Report = std::function<void(std::string_view suffix, double figure)>;

/** One row of the tables, or some that are measured together. */
struct Cell {
	std::string name;		       /**< "oneway-64", "roundtrip-16K", "ports" */
	std::function<bool(const Kind &)> has; /**< can that kind do it at all? */
	/** Reports its figures; throws std::system_error. */
	std::function<void(const Kind &, const Setting &, const Report &)> measure;
	bool once = false; /**< takes long, and gives the same in each round */
};

/** All rows, in the order of the tables. */
const std::vector<Cell> &cells();

// What the rows are made of; each appends its own.

/** Messages in one direction, and there and back. */
void add_transfers(std::vector<Cell> &cells);
/** Sockets that come and go, and idle ones. */
void add_lives(std::vector<Cell> &cells);
/** Names: bound, and reached, when there are many. */
void add_names(std::vector<Cell> &cells);

} // namespace glass::bench

#endif // GLASS_BENCH_CELL_H
