# SPDX-License-Identifier: GPL-2.0
"""Reads what run_kselftest.sh prints, and counts the cases in it.

The runner prints one result per program; each program's own KTAP stands before
it, every line after "# ". A case is a result that has no results below it, so
programs may nest suites by indentation as KTAP says. A program that fails
without a failed case (a crash, a timeout, a broken plan) counts as one.
"""

import re
from dataclasses import dataclass, field

RESULT = re.compile(r"^( *)(ok|not ok)\b *\d* *(?:- )?(.*)$")
PLAN = re.compile(r"^( *)1\.\.(\d+)(.*)$")
START = re.compile(r"^# selftests: [^ ]+: ([^ ]+)$")
END = re.compile(r"^(ok|not ok) \d+ selftests: [^ ]+: ([^ ]+)(?: # (.*))?$")
KEPT_LINES = 60  # of diagnostics before a failed case


@dataclass
class Case:
    """One case of a program and how it went."""
    program: str
    name: str
    status: str  # "passed", "failed", "skipped"
    reason: str = ""
    lines: list[str] = field(default_factory=list)


class Program:
    """A program under way: its cases so far."""

    def __init__(self, name):
        self.name = name
        self.cases = []
        self.lines = []  # since the last result
        self.unclaimed = []  # [indentation, failed] of results without parent
        self.planned = None
        self.ran = 0

    def feed(self, line):
        """Takes one line of the program's own output."""
        plan = PLAN.match(line)
        result = RESULT.match(line)
        if plan and not plan[1]:
            self.planned = (self.planned or 0) + int(plan[2])
        elif result:
            self.add_result(len(result[1]), result[2] == "ok", result[3])
        elif line.startswith("Bail out!"):
            self.cases.append(Case(self.name, "(bail out)", "failed", line))
        else:
            self.lines.append(line)
            del self.lines[:-KEPT_LINES]

    def add_result(self, indent, passed, text):
        """Takes a result line; one with results below it is no case."""
        name, _, directive = text.partition(" # ")
        skipped = directive.upper().startswith("SKIP")
        below = [bad for depth, bad in self.unclaimed if depth > indent]
        self.unclaimed = [u for u in self.unclaimed if u[0] <= indent]
        self.unclaimed.append((indent, not passed))
        self.ran += not indent
        if below and (passed or any(below)):
            self.lines = []
            return
        status = "skipped" if skipped else "passed" if passed else "failed"
        reason = directive[4:].strip() if skipped else directive
        kept = self.lines if status == "failed" else []
        self.cases.append(Case(self.name, name.strip(), status, reason, kept))
        self.lines = []

    def end(self, passed, directive, filtered):
        """The runner's word on the program, after all its output."""
        failed = any(c.status == "failed" for c in self.cases)
        reason = ""
        if not passed and not failed:
            reason = directive or "it failed"
        elif not failed and self.planned not in (None, self.ran):
            reason = f"it planned {self.planned} cases and ran {self.ran}"
        if reason:
            self.cases.append(Case(self.name, "(the program)", "failed",
                                   reason, self.lines))
        elif not self.cases and not (filtered and self.planned == 0):
            skipped = directive.upper().startswith("SKIP")
            self.cases.append(Case(self.name, "(the program)",
                                   "skipped" if skipped else "passed",
                                   " ".join(self.lines[-1:])))

    def count(self, status):
        """How many cases went that way."""
        return sum(c.status == status for c in self.cases)


class Collection:
    """The whole run. With filtered, a program may have no case to run."""

    def __init__(self, filtered=False):
        self.filtered = filtered
        self.cases = []
        self.program = None  # the one under way
        self.bail = ""

    def feed(self, line):
        """Takes one line; returns the program that it ended, if any."""
        start, end = START.match(line), END.match(line)
        if start and not self.program:
            self.program = Program(start[1])
        elif end:
            return self.end_program(end[1] == "ok", end[2], end[3] or "")
        elif line.startswith("Bail out!"):
            self.bail = line
        elif self.program and line.startswith("# "):
            self.program.feed(line[2:])
        return None

    def end_program(self, passed, name, directive=""):
        """Closes the program under way (or one that never spoke)."""
        program = self.program or Program(name)
        program.end(passed, directive, self.filtered)
        self.cases += program.cases
        self.program = None
        return program

    def count(self, status):
        """How many cases went that way."""
        return sum(c.status == status for c in self.cases)

    def forbid_skips(self, allowed):
        """Makes failures of the skipped cases that allowed() does not know."""
        for case in self.cases:
            if case.status == "skipped" and not allowed(case):
                case.status = "failed"
                case.reason = f"skipped ({case.reason}), and not listed " \
                    "in selftests/expected-skips"
