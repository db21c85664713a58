#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""Does surface.py notice a page that says more than the tests prove?"""

import os
import tempfile
import unittest

from ktap import Case
from surface import Surface

HEAD = """| facility | STREAM | SEQPACKET | DGRAM | RAW | test |
| --- | --- | --- | --- | --- | --- |
"""


def page(*rows):
    """A page with one table of these rows."""
    return Surface("# Title\n\n" + HEAD + "\n".join(rows) + "\n")


def ran(*names, status="passed", program="x_test"):
    """Cases of a run."""
    return [Case(program, name, status) for name in names]


class Reading(unittest.TestCase):
    """What a page may look like."""

    def test_rows_and_missing_ones(self):
        """Each row is a facility; one cell that is missing makes it missing."""
        surface = page("| a | yes | yes | EOPNOTSUPP | - | `x_test S.C` |",
                       "| b | yes | missing | - | - | `x_test S.C`, `cat.c` |",
                       "| c | missing | missing | missing | - | missing |")
        self.assertEqual(surface.wrong, [])
        self.assertEqual([row.missing for row in surface.rows],
                         [False, True, True])
        self.assertEqual(surface.missing(), 2)
        self.assertEqual(surface.rows[1].tests,
                         [("x_test", "S.C"), ("cat.sh", "cat.c")])

    def test_claims_are_of_all_types(self):
        """A table of who can do what has a test in each row, or misses one."""
        surface = Surface("| who | what | test |\n| --- | --- | --- |\n"
                          "| a user | can | `x_test S.C` |\n"
                          "| a host | cannot | missing |\n"
                          "| root | may | x_test |\n")
        self.assertEqual([row.missing for row in surface.rows],
                         [False, True, False])
        self.assertEqual(surface.wrong,
                         ["surface.md:5: x_test names no test",
                          "surface.md:5: no test proves it"])

    def test_other_tables_are_left_alone(self):
        """A table with another head is not ours."""
        surface = Surface("| option | errno |\n| --- | --- |\n| a | b |\n\n"
                          + HEAD + "| a | yes | - | - | - | `x_test S.C` |")
        self.assertEqual(surface.wrong, [])
        self.assertEqual(len(surface.rows), 1)

    def test_what_is_malformed_is_told(self):
        """Each of these rows has one fault."""
        for row in ("| a | yes | yes | yes | `x_test S.C` |",
                    "| a | perhaps | - | - | - | `x_test S.C` |",
                    "| a | yes | - | - | - | x_test S.C |",
                    "| a | yes | - | - | - | `x_test` |",
                    "| a | yes | - | - | - | missing |",
                    "| a | missing | - | - | - | `x_test S.C` |"):
            with self.subTest(row):
                faults = page(row).wrong
                self.assertTrue(faults)
                self.assertTrue(faults[0].startswith("surface.md:5: "))

    def test_no_table_is_a_fault(self):
        """A page whose tables lost their heads proves nothing."""
        self.assertEqual(Surface("words\n").wrong, ["surface.md: no table"])


class Existing(unittest.TestCase):
    """What "make check" looks at."""

    def faults(self, row):
        """Of a page with that row, in a folder with one test of each kind."""
        surface = page(row)
        with tempfile.TemporaryDirectory() as folder:
            for name, text in (("x_test.cc", "TEST_P(S,\n       C)\n{"),
                               ("cat.sh", "test_c()\n{")):
                with open(os.path.join(folder, name), "w",
                          encoding="utf-8") as file:
                    file.write(text)
            surface.look_for(folder)
        return surface.wrong

    def test_tests_are_found(self):
        """In C++ and in shell."""
        self.assertEqual(
            self.faults("| a | yes | - | - | - | `x_test S.C`, `cat.c` |"), [])

    def test_what_does_not_exist_is_told(self):
        """Neither another case nor another program."""
        for test in ("`x_test S.D`", "`x_test T.C`", "`y_test S.C`", "`cat.d`",
                     "`dog.c`"):
            with self.subTest(test):
                self.assertEqual(
                    len(self.faults(f"| a | yes | - | - | - | {test} |")), 1)


class Running(unittest.TestCase):
    """What a whole run is held against."""

    ROW = "| a | yes | EPERM | missing | - | `x_test S.C` |"

    def faults(self, cases, row=ROW):
        """Of a page with that row after such a run."""
        surface = page(row)
        surface.compare(cases)
        return surface.wrong

    def test_what_ran_is_right(self):
        """Plain, or with a prefix and a parameter."""
        for names in (["S.C"], ["P/S.C/1", "P/S.C/2"], ["S.C/Only"],
                      ["Types/S.C/Stream", "Types/S.C/Seqpacket"]):
            with self.subTest(names):
                self.assertEqual(self.faults(ran(*names)), [])

    def test_what_did_not_run_is_told(self):
        """No such case, one of another program, a skipped one."""
        for cases in ([], ran("S.D"), ran("S.C", program="y_test"),
                      ran("S.C", status="skipped")):
            with self.subTest(cases):
                self.assertEqual(self.faults(cases),
                                 ["surface.md:5: x_test S.C did not run"])

    def test_a_skip_that_is_expected_is_right(self):
        """Another kernel runs it."""
        surface = page(self.ROW)
        surface.compare(ran("S.C", status="skipped"), lambda case: True)
        self.assertEqual(surface.wrong, [])

    def test_each_type_must_have_run(self):
        """Where there is an instance for each."""
        self.assertEqual(self.faults(ran("Types/S.C/Stream")),
                         ["surface.md:5: no test ran for SEQPACKET"])

    def test_a_failed_one_is_told_elsewhere(self):
        """It fails the run by itself."""
        self.assertEqual(self.faults(ran("S.C", status="failed")), [])


if __name__ == "__main__":
    unittest.main(verbosity=0)
