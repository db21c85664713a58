#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""Runs glass-bench in a guest, and makes a table of what it measured.

    qemu/bench.py run OUT UNIT COMMAND...   COMMAND starts the guest; OUT gets the figures
    qemu/bench.py show FILE                 the table of a file, as Markdown
    qemu/bench.py check FILE BASELINE       is a cell of Glass more than 5 % worse?
    qemu/bench.py profile FOLDER UNIT COMMAND...   where the instructions of a cell go;
                                            FOLDER has the guest's monitor

A file is JSON: {"kernel", "unit", "cells": {cell: {kind: [median, least, most]}}}.
Every figure is a cost per operation, so less is better. A type of Glass competes
with the sockets of the same type; a pipe is shown beside, being no socket.
"""

import argparse
import collections
import json
import os
import select
import statistics
import subprocess
import sys

import bench_purposes
import exec_log

# The columns; the first one is of Glass.
TYPES = {
    "stream": ("glass-stream", "unix-stream", "tcp", "vsock-stream"),
    "seqpacket": ("glass-seqpacket", "unix-seqpacket", "vsock-seqpacket"),
    "dgram": ("glass-dgram", "unix-dgram", "udp"),
}
BESIDE = {"stream": ("pipe",), "seqpacket": (), "dgram": ()}
WORSE = 1.05


class Figures:
    """What was measured: by cell and kind."""

    def __init__(self, kernel, unit, cells):
        self.kernel = kernel
        self.unit = unit
        self.cells = cells

    @classmethod
    def read(cls, path):
        """From a file."""
        with open(path, encoding="utf-8") as file:
            return cls(**json.load(file))

    def write(self, path):
        """To a file, a cell to a line, so that differences can be read."""
        cells = ",\n".join(f"    {json.dumps(cell)}: {json.dumps(kinds)}"
                           for cell, kinds in self.cells.items())
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(f'{{\n  "kernel": {json.dumps(self.kernel)},\n'
                       f'  "unit": {json.dumps(self.unit)},\n'
                       f'  "cells": {{\n{cells}\n  }}\n}}\n')
        os.replace(path + ".new", path)

    def median(self, cell, kind):
        """The figure, or None."""
        return self.cells.get(cell, {}).get(kind, (None,))[0]

    def best_peer(self, cell, kinds):
        """Whoever of the others does it at the least cost, or None."""
        others = [kind for kind in kinds[1:] if kind in self.cells[cell]]
        return min(others, key=lambda kind: self.median(cell, kind), default=None)

    def ratio(self, cell, kinds):
        """The cost of Glass, as a multiple of the best peer's; None if one is missing."""
        own, peer = self.median(cell, kinds[0]), self.best_peer(cell, kinds)
        if own is None or peer is None:
            return None
        return own / self.median(cell, peer)


def collect(lines):
    """The figures in a report, and the errors; what is no figure is shown."""
    samples = {}
    errors = []
    for line in lines:
        if not line.startswith("{"):
            print(line, flush=True)
            continue
        said = json.loads(line)
        if "error" in said:
            errors.append(f"{said['cell']}/{said['kind']}: {said['error']}")
            continue
        kinds = samples.setdefault(said["cell"], {})
        kinds.setdefault(said["kind"], []).append(said["value"])
    return {cell: {kind: [round(statistics.median(values), 1), min(values), max(values)]
                   for kind, values in kinds.items()}
            for cell, kinds in samples.items()}, errors


def costs(figures, functions, cell, kind):
    """The part of a cell's cost that each function has."""
    every = sum(functions.values())
    return {name: count / every * figures.median(cell, kind)
            for name, count in functions.items()}


def profiles_of(lines, record):
    """What was executed in each cell: {cell: {kind: {function: instructions}}}.

    A line says that a cell begins now: record() returns how often which address is
    executed meanwhile. What is neither that nor a symbol is the rest.
    """
    executed, rest, symbols = {}, [], exec_log.Symbols()
    for line in lines:
        if symbols.feed(line):
            continue
        if '"begins": ' not in line:
            rest.append(line)
            continue
        said = json.loads(line)
        executed.setdefault(said["cell"], {})[said["kind"]] = record()
    return {cell: {kind: exec_log.by_function(addresses, symbols)
                   for kind, addresses in kinds.items()}
            for cell, kinds in executed.items()}, rest


def show_parts(title, heading, parts, names):
    """A column for each of the parts; the largest first, then what is left and all."""
    rows = [[name, *(f"{part.get(name, 0):.0f}" for part in parts)]
            for name in sorted(names, key=lambda name: -max(
                part.get(name, 0) for part in parts))]
    left = [sum(cost for name, cost in part.items() if name not in names) for part in parts]
    if any(left):
        rows.append(["the others", *(f"{cost:.0f}" for cost in left)])
    rows.append(["all", *(f"{sum(part.values()):.0f}" for part in parts)])
    print(f"\n### {title}\n")
    show_table(heading, rows)


def by_purpose(part):
    """The same cost, by what the functions are for."""
    sums = collections.Counter()
    for name, cost in part.items():
        sums[bench_purposes.purpose(name)] += cost
    return sums


def show_profile(figures, functions, cell, kinds):
    """Glass beside its best peer: what it is for, and the functions of 1 % or more."""
    peer = figures.best_peer(cell, kinds)
    shown = [kind for kind in (kinds[0], peer) if kind in functions]
    parts = [costs(figures, functions[kind], cell, kind) for kind in shown]
    sums = [by_purpose(part) for part in parts]
    title = f"{cell}: {figures.unit} per operation, by "
    show_parts(title + "purpose", ["for", *shown], sums, set().union(*sums))
    show_parts(title + "kernel function", ["function", *shown], parts,
               {name for part in parts for name, cost in part.items()
                if cost >= sum(part.values()) / 100})


def profile(args):
    """Starts the guest, logs what it executes in each cell, and shows it."""
    def record():
        log = exec_log.ExecLog(args.folder)
        try:
            log.record(args.megabytes << 20)
            # The next word of the guest comes when the cell is over.
            if select.select([guest.stdout], [], [], 0)[0]:
                sys.exit("bench.py: a cell was over too soon: it needs a larger SCALE")
            return collections.Counter(log.addresses())
        finally:
            log.close()

    with subprocess.Popen(args.command, stdout=subprocess.PIPE, text=True) as guest:
        profiles, rest = profiles_of((line.rstrip("\n") for line in guest.stdout), record)
    cells, errors = collect(rest)
    for error in errors:
        print("FAILED " + error)
    figures = Figures(args.kernel, args.unit, cells)
    for cell, functions in profiles.items():
        for kinds in TYPES.values():
            if kinds[0] in functions and cell in cells:
                show_profile(figures, functions, cell, kinds)
    return 1 if guest.returncode or errors or not profiles else 0


def run(args):
    """Starts the guest, and keeps what it reports."""
    with subprocess.Popen(args.command, stdout=subprocess.PIPE, text=True) as guest:
        cells, errors = collect(line.rstrip("\n") for line in guest.stdout)
    for error in errors:
        print("FAILED " + error)
    Figures(args.kernel, args.unit, cells).write(args.out)
    return 1 if guest.returncode or errors or not cells else 0


def number(entry):
    """A figure with its spread, if there is any to speak of."""
    if entry is None:
        return "–"
    median, least, most = entry
    spread = (most - least) / 2 / median * 100 if median > 0 else 0
    return f"{median:.0f}" + (f" ±{spread:.0f}%" if spread >= 1 else "")


def rows_of(figures, kinds):
    """The rows of a table."""
    for cell, entries in figures.cells.items():
        if kinds[0] not in entries:
            continue
        ratio = figures.ratio(cell, kinds)
        peer = figures.best_peer(cell, kinds)
        yield [cell, *(number(entries.get(kind))
                       for kind in kinds + BESIDE[kinds[0].removeprefix("glass-")]),
               f"{ratio:.2f} of {peer}" if peer else ""]


def show_table(heading, rows):
    """As Markdown that is a table to the eye too."""
    rows = [heading, *rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(heading))]
    rule = ["-" * widths[0]] + ["-" * (width - 1) + ":" for width in widths[1:]]
    for row in [heading, rule, *rows[1:]]:
        print("| " + " | ".join(
            text.ljust(width) if i == 0 else text.rjust(width)
            for i, (text, width) in enumerate(zip(row, widths))) + " |")


def show(args):
    """Prints a table for each type, and how many cells are won."""
    figures = Figures.read(args.file)
    won = total = 0
    for kind, kinds in TYPES.items():
        rows = list(rows_of(figures, kinds))
        if not rows:
            continue
        print(f"\n### {kind}: {figures.unit} per operation (memory: bytes per pair)\n")
        show_table(["cell", *kinds, *BESIDE[kind], "ratio to the best peer"], rows)
        ratios = [ratio for ratio in (figures.ratio(cell, kinds)
                                      for cell in figures.cells) if ratio]
        won += sum(ratio <= 1 for ratio in ratios)
        total += len(ratios)
    print(f"\nGlass is first in {won} of {total} cells ({figures.kernel}).")
    return 0


def check(args):
    """Compares the cells of Glass with what they were."""
    now, then = Figures.read(args.file), Figures.read(args.baseline)
    worse = better = 0
    for cell, entries in then.cells.items():
        for kind in entries:
            if not kind.startswith("glass-"):
                continue
            was, now_is = then.median(cell, kind), now.median(cell, kind)
            if now_is is None and args.partial:
                continue
            # What lies within what the rounds differ by says nothing.
            if now_is is None or (now_is > was * WORSE and now.cells[cell][kind][1]
                                  > entries[kind][2]):
                print(f"FAILED {cell}/{kind}: {was:.0f} before, "
                      + ("not measured" if now_is is None else f"{now_is:.0f} now"))
                worse += 1
            elif now_is < was / WORSE:
                print(f"   better: {cell}/{kind}: {was:.0f} before, {now_is:.0f} now")
                better += 1
    print(f"{worse} cells more than 5 % worse than {args.baseline}, {better} better")
    return 1 if worse else 0


def main():
    """Exit status: 0 done, 1 a cell failed or is worse."""
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(required=True)
    part = commands.add_parser("run")
    part.add_argument("--kernel", default="")
    part.add_argument("out")
    part.add_argument("unit")
    part.add_argument("command", nargs=argparse.REMAINDER)
    part.set_defaults(action=run)
    part = commands.add_parser("profile")
    part.add_argument("--kernel", default="")
    part.add_argument("--megabytes", type=int, default=256,
                      help="of log for each cell, some 90 bytes for an instruction")
    part.add_argument("folder")
    part.add_argument("unit")
    part.add_argument("command", nargs=argparse.REMAINDER)
    part.set_defaults(action=profile)
    part = commands.add_parser("show")
    part.add_argument("file")
    part.set_defaults(action=show)
    part = commands.add_parser("check")
    part.add_argument("file")
    part.add_argument("baseline")
    part.add_argument("--partial", action="store_true",
                      help="what was not measured now is not compared")
    part.set_defaults(action=check)
    args = parser.parse_args()
    return args.action(args)


if __name__ == "__main__":
    sys.exit(main())
