#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""Draws what "make bench" measured: SVG files, and a page that shows them.

    qemu/bench_plot.py FILE FOLDER
"""

import argparse
import os
import re

import matplotlib

from bench import BESIDE, TYPES, Figures

matplotlib.use("svg")
# pylint: disable-next=wrong-import-position # the backend comes first
import matplotlib.pyplot as plt

UNITS = {"": 1, "K": 1024, "M": 1024 * 1024}
KINDS = [kind for name, kinds in TYPES.items() for kind in kinds + BESIDE[name]]


def points(figures, prefix, suffix, kind):
    """(number in the cell's name, median, least, most), by that number."""
    found = []
    for cell, kinds in figures.cells.items():
        name = re.fullmatch(rf"{prefix}-(\d+)([KM]?){suffix}", cell)
        if name and kind in kinds:
            found.append((int(name[1]) * UNITS[name[2]], *kinds[kind]))
    return sorted(found)


def draw(figures, path, title, axis, prefix, suffix, value):
    """A line for each kind over the number in the cells' names; False if there is none."""
    figure, axes = plt.subplots(figsize=(9, 5.5))
    for kind in KINDS:
        found = points(figures, prefix, suffix, kind)
        if not found:
            continue
        numbers = [point[0] for point in found]
        middle, low, high = ([value(point[0], point[i]) for point in found]
                             for i in (1, 2, 3))
        low, high = ([min(pair) for pair in zip(low, high)],
                     [max(pair) for pair in zip(low, high)])
        glass = kind.startswith("glass-")
        line, = axes.plot(numbers, middle, marker="o", label=kind,
                          linewidth=2.5 if glass else 1,
                          linestyle="-" if glass else "--")
        axes.fill_between(numbers, low, high, alpha=0.12, color=line.get_color())
    drawn = bool(axes.lines)
    if drawn:
        axes.set_xscale("log", base=10 if prefix.startswith("ports") else 2)
        axes.set_yscale("log")
        axes.set_title(title)
        axes.set_xlabel("bound ports" if prefix.startswith("ports") else "bytes of a message")
        axes.set_ylabel(axis)
        axes.grid(True, which="both", alpha=0.3)
        axes.legend(fontsize="small", ncol=2)
        figure.tight_layout()
        figure.savefig(path)
    plt.close(figure)
    return drawn


def main():
    """Draws each plot that there are figures for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("folder")
    args = parser.parse_args()
    figures = Figures.read(args.file)
    os.makedirs(args.folder, exist_ok=True)
    names = []

    def plot(name, *what):
        if draw(figures, os.path.join(args.folder, name), *what):
            names.append(name)

    for suffix, cpus in (("", "one processor"), ("@2", "two processors")):
        plot(f"oneway{suffix[1:]}.svg", f"One way, {cpus}", "MiB per second",
             "oneway", suffix, lambda size, cost: size / cost * 1e9 / 2**20)
        plot(f"roundtrip{suffix[1:]}.svg", f"Round trip, {cpus}", "microseconds",
             "roundtrip", suffix, lambda size, cost: cost / 1000)
    for what, said in (("named", "Binding a name"), ("any", "Binding any name"),
                       ("reach", "Reaching an old port")):
        plot(f"ports-{what}.svg", said, "microseconds", f"ports-{what}", "",
             lambda count, cost: cost / 1000)
    with open(os.path.join(args.folder, "index.html"), "w", encoding="utf-8") as page:
        page.write('<!DOCTYPE html>\n<html lang="en"><meta charset="utf-8">'
                   f"<title>Glass</title>\n<h1>Glass and its relatives, {figures.kernel}</h1>\n"
                   "<p>Medians; the shade goes from the least to the most.</p>\n")
        for name in names:
            page.write(f'<img src="{name}" alt="{name}">\n')
        page.write("</html>\n")


if __name__ == "__main__":
    main()
