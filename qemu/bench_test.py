#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""Does bench.py read a report rightly, and notice a cell that got worse?"""

import contextlib
import io
import os
import tempfile
import unittest
from types import SimpleNamespace

import bench
import exec_log


def line(cell, kind, value):
    """As glass-bench says it."""
    return f'{{"cell": "{cell}", "kind": "{kind}", "value": {value}}}'


def check(then, now, partial=False):
    """The exit status and the words of the comparison of two sets of cells."""
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for name, cells in (("then", then), ("now", now)):
            paths.append(os.path.join(folder, name))
            bench.Figures("Linux", "instructions", cells).write(paths[-1])
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            status = bench.check(SimpleNamespace(
                file=paths[1], baseline=paths[0], partial=partial))
    return status, said.getvalue()


class Collecting(unittest.TestCase):
    """What a guest reports."""

    def test_the_median_counts_with_what_it_lies_between(self):
        """Three rounds of one cell, and one of another kind."""
        cells, errors = bench.collect([
            line("oneway-64", "tcp", 5.0), line("oneway-64", "tcp", 2.0),
            line("oneway-64", "udp", 7.0), line("oneway-64", "tcp", 3.0)])
        self.assertEqual(cells, {"oneway-64": {"tcp": [3.0, 2.0, 5.0],
                                               "udp": [7.0, 7.0, 7.0]}})
        self.assertEqual(errors, [])

    def test_an_error_is_told(self):
        """A cell that failed."""
        cells, errors = bench.collect(
            ['{"cell": "connect", "kind": "tcp", "error": "connect: no"}'])
        self.assertEqual((cells, errors), ({}, ["connect/tcp: connect: no"]))


class Profiling(unittest.TestCase):
    """What was executed."""

    def test_functions_share_the_cost_of_the_cell(self):
        """By what was executed after its line, and the symbols that come in the end."""
        executed = {0xffffffff81000004: 1, 0xffffffff8100000f: 2, 0xffffffffc0000000: 5,
                    0x401000: 2}
        profiles, rest = bench.profiles_of([
            line("a", "tcp", 1000.0), '{"cell": "a", "kind": "tcp", "begins": true}',
            "ffffffff81000000 T x", "ffffffff81000010 t y", "ffffffff81000020 D data",
            "ffffffffc0000000 t glass_z\t[glass]"], lambda: executed)
        figures = bench.Figures("Linux", "instructions", bench.collect(rest)[0])
        self.assertEqual(bench.costs(figures, profiles["a"]["tcp"], "a", "tcp"),
                         {"x": 300, "glass_z [glass]": 500, "[user]": 200})

    def test_costs_are_summed_by_what_they_are_for(self):
        """A part of Glass by its prefix, the kernel's by their names."""
        self.assertEqual(bench.by_purpose({
            "glass_dev_xmit [glass]": 1, "dev_receive [glass]": 2, "loopback_xmit": 4,
            "tx_push [glass]": 8, "__schedule": 16, "kfree": 32, "kfree_skbmem": 64,
            "[user]": 128, "what_else": 256}), {
                "the device": 7, "the transport": 8, "the scheduler": 16, "memory": 96,
                "user space": 128, bench.bench_purposes.OTHER: 256})

    def test_an_instruction_is_read_from_the_log(self):
        """As QEMU writes it; what else is there is none."""
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("Trace 0: 0x7f5a [00000000/ffffffff81000004/00c0b2/ff0001] _text\n"
                       "Stopped execution of TB chain before 0x7f [ffffffff81000008]\n")
            file.flush()
            self.assertEqual(list(exec_log.addresses_in(file.name)), [0xffffffff81000004])


class Comparing(unittest.TestCase):
    """With the peers, and with what was."""

    def test_only_peers_of_the_same_type_count(self):
        """A pipe is no peer of a stream, a datagram neither."""
        kinds = bench.TYPES["stream"]
        figures = bench.Figures("Linux", "ns", {"a": {
            "glass-stream": [8, 8, 8], "tcp": [10, 10, 10], "unix-stream": [16, 1, 20],
            "pipe": [1, 1, 1], "unix-dgram": [1, 1, 1]}, "b": {"tcp": [1, 1, 1]}})
        self.assertEqual(figures.best_peer("a", kinds), "tcp")
        self.assertEqual(figures.ratio("a", kinds), 0.8)
        self.assertIsNone(figures.ratio("b", kinds))

    def test_a_cell_that_got_worse_fails(self):
        """Six per cent are too many; a peer may do what it likes."""
        then = {"a": {"glass-stream": [100, 99, 101], "tcp": [100, 99, 101]},
                "b": {"glass-dgram": [100, 99, 101]}}
        now = {"a": {"glass-stream": [106, 105, 107], "tcp": [300, 300, 300]},
               "b": {"glass-dgram": [104, 103, 105]}}
        status, said = check(then, now)
        self.assertEqual(status, 1)
        self.assertIn("FAILED a/glass-stream: 100 before, 106 now", said)
        self.assertIn("1 cells more than 5 % worse", said)

    def test_a_cell_that_is_worse_within_its_spread_passes(self):
        """One of the rounds now costs what one did before."""
        self.assertEqual(check({"a": {"glass-stream": [100, 90, 112]}},
                               {"a": {"glass-stream": [110, 108, 120]}})[0], 0)

    def test_a_cell_that_got_better_passes(self):
        """And is told."""
        status, said = check({"a": {"glass-stream": [100, 1, 1]}},
                             {"a": {"glass-stream": [90, 1, 1]}})
        self.assertEqual(status, 0)
        self.assertIn("better: a/glass-stream", said)

    def test_a_cell_that_is_not_measured_fails(self):
        """Unless only some were asked for."""
        then = {"a": {"glass-stream": [100, 1, 1]}, "b": {"glass-dgram": [9, 1, 1]}}
        now = {"b": {"glass-dgram": [9, 1, 1]}}
        self.assertEqual(check(then, now)[0], 1)
        self.assertEqual(check(then, now, partial=True)[0], 0)


if __name__ == "__main__":
    unittest.main()
