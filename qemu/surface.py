#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""Reads pages that say what holds, and holds them against the tests.

The tables of docs/surface.md say what a socket of each type can do, those of
docs/security.md who can do what, and which test proves it. Each row must be
true: a test that it names exists in selftests/ (looked at by "make check",
without a guest), and, of docs/surface.md, it ran and passed (looked at by
guest.py after a whole "make test").

    qemu/surface.py selftests PAGE...     does each test exist?
"""

import os
import re
import sys
from dataclasses import dataclass

TYPES = ["STREAM", "SEQPACKET", "DGRAM", "RAW"]
HEAD = ["facility", *TYPES, "test"]
CLAIM_HEAD = ["who", "what", "test"]  # of all types
# It works, is refused with this errno, makes no sense here, is not done.
CELL = re.compile(r"^(yes|E[A-Z0-9]+|-|missing)$")
# "program Suite.Case" of a program in C++; "area.case" of a shell test.
TEST = re.compile(r"^`(?:(\w+) (\w+\.\w+)|((\w+)\.\w+))`$")
# How GoogleTest names an instance: Prefix/Suite.Case/Parameter.
INSTANCE = re.compile(r"^(?:\w+/)?(\w+\.\w+)(?:/(.*))?$")


@dataclass
class Row:
    """A facility."""
    line: int
    facility: str
    cells: list[str]  # one per type
    tests: list[tuple[str, str]]  # program, case

    @property
    def missing(self):
        """Is there a type for which it is not done?"""
        return "missing" in self.cells

    def claims(self):
        """The types of which it says something."""
        return [name for name, cell in zip(TYPES, self.cells)
                if cell not in ("missing", "-")]


class Surface:
    """The tables of a page: their rows, and what is wrong with them."""

    def __init__(self, text, name="surface.md"):
        self.name = name
        self.rows = []
        self.wrong = []
        in_table = False
        for number, line in enumerate(text.splitlines(), 1):
            words = [word.strip() for word in line.strip().split("|")[1:-1]]
            if not line.startswith("|"):
                in_table = False
            elif words in (HEAD, CLAIM_HEAD):
                in_table, head = True, words
            elif in_table and not set(line) <= set("|- :"):
                self.add_row(number, words, head)
        if not self.rows:
            self.wrong.append(f"{name}: no table")

    def add_row(self, number, words, head):
        """Takes the cells of one line of a table."""
        if len(words) != len(head):
            self.say(number, f"{len(words)} columns, not {len(head)}")
            return
        cells = words[1:-1] if head == HEAD else \
            ["missing" if words[-1] == "missing" else "yes"]
        row = Row(number, words[0], cells, [])
        for cell in row.cells:
            if not CELL.match(cell):
                self.say(number, f"'{cell}' is none of yes, E..., -, missing")
        for word in words[-1].split(", ") if words[-1] != "missing" else []:
            found = TEST.match(word)
            if found:
                row.tests.append((found[1], found[2]) if found[1] else
                                 (found[4] + ".sh", found[3]))
            else:
                self.say(number, f"{word} names no test")
        if bool(row.tests) != bool(row.claims()):
            self.say(number, "a test and nothing that it proves"
                     if row.tests else "no test proves it")
        self.rows.append(row)

    def say(self, line, what):
        """Keeps a fault."""
        self.wrong.append(f"{self.name}:{line}: {what}")

    def missing(self):
        """How many rows are not done."""
        return sum(row.missing for row in self.rows)

    def look_for(self, folder):
        """Says which tests do not exist in the folder of the tests."""
        sources = {}
        for row in self.rows:
            for program, case in row.tests:
                if program not in sources:
                    sources[program] = read_source(folder, program)
                if not exists(sources[program], case):
                    self.say(row.line, f"there is no test {program} {case}")

    def compare(self, cases, is_expected=lambda case: False):
        """Says which tests did not run, or were skipped, in a whole run.

        A failed one needs no word here, nor a skip that is expected on this
        kernel: another one runs it. Of a test with an instance for each type,
        those of all types that the row speaks of must have run.
        """
        ran = {}
        for case in cases:
            found = INSTANCE.match(case.name)
            if found and (case.status != "skipped" or is_expected(case)):
                ran.setdefault((case.program, found[1]), set()).add(
                    (found[2] or "").upper())
        for row in self.rows:
            proved = set()
            for program, case in row.tests:
                instances = ran.get((program, case), set())
                if not instances:
                    self.say(row.line, f"{program} {case} did not run")
                proved |= instances
            if proved and proved <= set(TYPES):
                for name in row.claims():
                    if name not in proved:
                        self.say(row.line, f"no test ran for {name}")


def read_source(folder, program):
    """The text of a test program, or nothing."""
    path = os.path.join(folder, program)
    path += "" if program.endswith(".sh") else ".cc"
    if not os.path.exists(path):
        return ""
    with open(path, encoding="utf-8") as file:
        return file.read()


def exists(source, case):
    """Does a program have this case?"""
    suite, name = case.split(".")
    return re.search(
        rf"^(TEST(_[FP])?\({suite},\s*{name}\)|test_{name}\(\))", source,
        re.MULTILINE) is not None


def read(path):
    """The page at a path."""
    with open(path, encoding="utf-8") as file:
        return Surface(file.read(), os.path.relpath(path))


def main():
    """Exit status: 0 each test exists, 1 something is wrong."""
    wrong = []
    for path in sys.argv[2:]:
        page = read(path)
        page.look_for(sys.argv[1])
        wrong += page.wrong
    for fault in wrong:
        print(fault)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
