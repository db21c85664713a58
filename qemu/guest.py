#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""Runs guests, shows what they report, and judges how they ended.

A guest is a command (boot.sh) whose stdout is the guest's report, with the
logs in a folder: console.log, verdict. A guest that hangs, dies, gives no
verdict, or whose kernel complains makes the run fail, whatever the tests say.

A collection can be shared by several guests side by side, each with a folder
of its own below that of the run: "{folder}" in the command stands for it.
"""

import argparse
import fnmatch
import os
import re
import selectors
import signal
import socket
import subprocess
import sys
import time

import surface
from ktap import Collection

# What a kernel says when something is wrong.
COMPLAINT = re.compile(
    r"WARNING: |\bBUG\b|\bOops\b|Kernel panic|[Gg]eneral protection|"
    r"double fault|[Uu]nable to handle|UBSAN|KASAN|KCSAN|KFENCE|KMSAN|"
    r"refcount_t:|kmemleak: \d|unreferenced object|"
    r"possible (circular|recursive|irq)|inconsistent lock state|"
    r"suspicious RCU|held lock freed|bad unlock balance|"
    r"INFO: task .* blocked|detected stalls|self-detected stall|"
    r"soft lockup|hard LOCKUP|scheduling while atomic|"
    r"sleeping function called|list_(add|del) corruption|Bad page state|"
    r"unregister_netdevice: waiting|[Aa]ttempt to release|"
    r"still has objects|Objects remaining|leaked reference|ref_tracker|"
    r"ODEBUG|Call Trace:|caught \d+ leaks?")
KERNEL_LINE = re.compile(r"^\[ *\d+\.\d+\]")

# Bits of /proc/sys/kernel/tainted that a module of our kind sets by itself:
# out of tree, unsigned.
OUR_TAINT = 4096 | 8192


def note(text):
    """One line of progress."""
    print("   " + text, flush=True)


class PlainReport:
    """The report of a guest that runs no tests: shown as it comes."""

    def feed(self, line):
        """Takes one line."""
        print(line, flush=True)

    def tick(self):
        """Called every second or so."""

    def close(self):
        """The guest has ended."""


class TestReport:
    """The report of a guest that runs a collection: counted program by program.

    A program is shown when it has ended, so that guests do not mix their words.
    """

    def __init__(self, name, folder, filtered):
        self.name = name
        self.collection = Collection(filtered=filtered)
        self.seconds = {}  # per program that ended
        self.since = self.told = time.monotonic()
        # pylint: disable-next=consider-using-with # closed by close()
        self.raw = open(os.path.join(folder, "report.ktap"), "w",
                        encoding="utf-8")

    def feed(self, line):
        """Takes one line."""
        now = time.monotonic()
        self.raw.write(line + "\n")
        self.raw.flush()
        if line.startswith("# up after"):
            note(f"{self.name} is {line[2:]}")
        ended = self.collection.feed(line)
        if ended:
            self.seconds[ended.name] = now - self.since
            show_program(ended, now - self.since)
        if ended or line.startswith("# selftests:"):
            self.since = self.told = now

    def tick(self):
        """Tells what takes long."""
        now = time.monotonic()
        program = self.collection.program
        if program and now - self.told > 10:
            note(f"... {program.name}, {now - self.since:.0f} s")
            self.told = now

    def close(self):
        """The guest has ended, perhaps in the middle of a program."""
        if self.collection.program:
            show_program(
                self.collection.end_program(False, "", "it did not end"),
                time.monotonic() - self.since)
        self.raw.close()


class Guest:
    """A guest: its command, its report, and its end."""

    def __init__(self, args, number=0, programs=()):
        self.args = args
        self.name = f"guest {number}" if number else "the guest"
        self.programs = programs  # that it shall run
        self.folder = os.path.join(args.folder, str(number) if number else "")
        self.console = os.path.join(self.folder, "console.log")
        self.command = [word.replace("{folder}", self.folder.rstrip("/"))
                        for word in args.command]
        if programs:
            self.command.append("GLASS_TESTS=" + ",".join(programs))
        os.makedirs(self.folder, exist_ok=True)
        self.report = TestReport(self.name, self.folder, args.filtered) \
            if args.tests else PlainReport()
        self.process = None
        self.killed = ""
        self.spoke = False
        self.rest = b""  # of its report, less than a line
        self.started = self.last_word = 0.0

    def start(self):
        """Boots it."""
        # pylint: disable-next=consider-using-with # it outlives this function
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            start_new_session=True)
        os.set_blocking(self.process.stdout.fileno(), False)
        self.started = self.last_word = time.monotonic()

    def kill(self, why):
        """Ends the guest and remembers why."""
        if not self.killed:
            self.killed = why
            self.ask_where()
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def ask_where(self):
        """Has the kernel say on the console where it hangs: an NMI panics it."""
        path = os.path.join(self.folder, "monitor")
        try:
            with socket.socket(socket.AF_UNIX) as monitor:
                monitor.settimeout(3)
                monitor.connect(path)
                monitor.sendall(b"nmi\n")
                self.process.wait(timeout=3)
        except (OSError, subprocess.TimeoutExpired):
            pass  # it cannot even say that

    def watch(self):
        """Kills a guest that is silent, or runs, for too long.

        Only the report counts: a kernel that hangs may still complain.
        """
        now = time.monotonic()
        if now - self.last_word > self.args.silence:
            self.kill(f"it reported nothing for {self.args.silence} s")
        elif now - self.started > self.args.timeout:
            self.kill(f"it ran for more than {self.args.timeout} s")
        self.report.tick()

    def read(self):
        """Takes what there is of its report; False at its end."""
        chunk = self.process.stdout.read(65536)
        if chunk:
            self.last_word = time.monotonic()
            self.spoke = True
            *whole, self.rest = (self.rest + chunk).split(b"\n")
            self.feed(whole)
        return chunk != b""

    def feed(self, lines):
        """Passes lines on to the report."""
        for line in lines:
            self.report.feed(line.decode(errors="replace").rstrip("\r"))

    def died_in_boot(self):
        """Did it end before its first word, with nobody ending it?"""
        return not self.spoke and not self.killed

    def end(self):
        """Its report has ended: waits until it is gone itself."""
        if self.rest:
            self.feed([self.rest])
            self.rest = b""
        self.process.wait()
        self.process.stdout.close()

    def missing(self):
        """The programs that it should have run and did not."""
        return [name for name in self.programs
                if name not in self.report.seconds]

    def faults(self):
        """What is wrong with the guest itself, one line each."""
        verdict = ""
        path = os.path.join(self.folder, "verdict")
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                verdict = file.read().strip()
        found = re.match(r"^exit=(\d+) tainted=(\d+)$", verdict)
        if self.killed:
            yield f"{self.name} hung: {self.killed}"
        elif self.process.returncode:
            yield f"QEMU of {self.name} ended with status " \
                f"{self.process.returncode}"
        elif not found:
            yield f"{self.name} died: it gave no verdict"
        elif int(found[1]):
            yield f"the script of {self.name} ended with status {found[1]}"
        if found and int(found[2]) & ~OUR_TAINT:
            yield f"the kernel of {self.name} is tainted: {found[2]}"
        complaints = self.complaints()
        if complaints:
            more = len(complaints) - 1
            yield f"the kernel of {self.name} complained: {complaints[0]}" + \
                (f" (and {more} more lines)" if more else "")
        if self.args.tests:
            if self.report.collection.bail:
                yield self.report.collection.bail
            if self.missing():
                yield f"{self.name} did not run: {', '.join(self.missing())}"

    def complaints(self):
        """The lines of its kernel's log that tell of something wrong."""
        if not os.path.exists(self.console):
            return []
        with open(self.console, encoding="utf-8", errors="replace") as log:
            return [line.strip() for line in log
                    if KERNEL_LINE.match(line) and COMPLAINT.search(line)]


def share(programs, weights, guests):
    """Splits programs among guests, so that all end at about the same time.

    The longest first, each to who has least to do. Without a weight a program
    is taken for an average one. Within a guest, the order stays.
    """
    known = [weights[name] for name in programs if name in weights]
    average = sum(known) / len(known) if known else 1.0
    shares = [[0.0, []] for _ in range(guests)]
    for name in sorted(programs, key=lambda p: -weights.get(p, average)):
        least = min(shares, key=lambda s: s[0])
        least[0] += weights.get(name, average)
        least[1].append(name)
    return [sorted(names, key=programs.index) for _, names in shares if names]


def read_weights(path):
    """Seconds per program, as the last run left them there."""
    weights = {}
    if path and os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            for line in file:
                name, _, seconds = line.partition(" ")
                if re.match(r"^\d+(\.\d+)?$", seconds.strip()):
                    weights[name] = float(seconds)
    return weights


def write_weights(path, weights):
    """For the next run."""
    with open(path + ".new", "w", encoding="utf-8") as file:
        for name, seconds in sorted(weights.items()):
            file.write(f"{name} {seconds:.1f}\n")
    os.replace(path + ".new", path)


def expected_skips(path, kernel):
    """A predicate: is this skip on this kernel listed there?

    A line there is "kernel program case  # reason", each a shell pattern.
    """
    known = []
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            for line in file:
                words = line.partition("#")[0].split(None, 2)
                if len(words) == 3 and fnmatch.fnmatchcase(kernel, words[0]):
                    known.append((words[1], words[2].strip()))
    return lambda case: any(fnmatch.fnmatchcase(case.program, program) and
                            fnmatch.fnmatchcase(case.name, name)
                            for program, name in known)


def show_program(program, seconds=None):
    """The line that a finished program gets, and what failed in it."""
    failed, skipped = program.count("failed"), program.count("skipped")
    if not program.cases:
        return
    text = f"{program.count('passed')} passed"
    text += f", {failed} failed" if failed else ""
    text += f", {skipped} skipped" if skipped else ""
    word = "FAIL" if failed else "ok"
    text += f", {seconds:.1f} s" if seconds is not None else ""
    note(f"{word:4} {program.name:24} {text}")
    for case in program.cases:
        if case.status == "failed":
            print(f"not ok {case.name}"
                  + (f" ({case.reason})" if case.reason else ""))
            for line in case.lines:
                print("     | " + line, flush=True)


def add_earlier(collection, path):
    """Counts what ran on the host before: the same format, in a file."""
    if not os.path.exists(path):
        return
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            ended = collection.feed(line.rstrip("\n"))
            if ended:
                show_program(ended)


def show_outcome(collection):
    """The skipped cases, then the failed ones."""
    for case in collection.cases:
        if case.status == "skipped":
            note(f"skipped {case.program}: {case.name} ({case.reason})")
    for case in collection.cases:
        if case.status == "failed":
            print(f"FAILED {case.program}: {case.name}"
                  + (f" ({case.reason})" if case.reason else ""))


def check_surface(path, collection, is_expected):
    """What is wrong with that page after a whole run; counts what is missing."""
    page = surface.read(path)
    page.compare(collection.cases, is_expected)
    note(f"{page.name}: {page.missing()} of {len(page.rows)} rows missing")
    return page.wrong


def run_guests(guests):
    """Runs guests side by side, each to its end.

    Emulating several processors in as many threads, QEMU before 8.2 may keep
    code that the kernel has patched since ("Oops: int3"): it takes the page
    under its protection only after it translated it. About one boot in 60 dies
    of that. A guest that died before its first word, and so before glass.ko
    was there, says nothing about Glass: it is booted once more.
    """
    selector = selectors.DefaultSelector()
    running = []
    again = set()

    def start(guest):
        guest.start()
        running.append(guest)
        selector.register(guest.process.stdout, selectors.EVENT_READ, guest)

    try:
        for guest in guests:
            start(guest)
        while running:
            for key, _ in selector.select(timeout=1):
                guest = key.data
                if guest.read():
                    continue
                selector.unregister(key.fileobj)
                running.remove(guest)
                guest.end()
                if guest.died_in_boot() and guest not in again:
                    note(f"{guest.name} died in its boot "
                         f"({list(guest.faults())[-1]}); booting once more")
                    again.add(guest)
                    start(guest)
                else:
                    guest.report.close()
            for guest in running:
                guest.watch()
    except BaseException:
        for guest in running:
            guest.killed = "interrupted"
            guest.kill("")
        raise


def make_guests(args):
    """The guests of this run, with what each of them shall do."""
    if not args.command:
        return []
    if not args.guests:
        return [Guest(args)]
    with open(args.list, encoding="utf-8") as file:
        everything = [line.strip().partition(":")[2] for line in file]
    programs = args.programs.split(",") if args.programs else everything
    weights = read_weights(args.first_weights) | read_weights(args.weights)
    shares = share(programs, weights, args.guests)
    return [Guest(args, number, names)
            for number, names in enumerate(shares, 1)]


def main():
    """Exit status: 0 passed, 1 failed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", required=True)
    parser.add_argument("--silence", type=int, default=180,
                        help="seconds without a report: the guest hangs")
    parser.add_argument("--timeout", type=int, default=900,
                        help="seconds that the guest may run")
    parser.add_argument("--tests", action="store_true",
                        help="the report is a kselftest run: count it")
    parser.add_argument("--guests", type=int, default=0,
                        help="how many shall share the programs")
    parser.add_argument("--list", default="",
                        help="the collection's kselftest-list.txt")
    parser.add_argument("--programs", default="",
                        help="those of the list that shall run, with commas")
    parser.add_argument("--weights", default="",
                        help="a file: how long each took, read and written")
    parser.add_argument("--first-weights", default="",
                        help="a file: how long each takes, of which that does not say it yet")
    parser.add_argument("--filtered", action="store_true")
    parser.add_argument("--expected-skips", default="")
    parser.add_argument("--ci", action="store_true",
                        help="a skip that is not expected is a failure")
    parser.add_argument("--surface", default="",
                        help="a page whose tests must all have run")
    parser.add_argument("--earlier", default="",
                        help="a file with the report of tests on the host")
    parser.add_argument("command", nargs="*",
                        help="starts the guest; without, there is none")
    args = parser.parse_args()

    os.makedirs(args.folder, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    collection = Collection(filtered=args.filtered)
    add_earlier(collection, args.earlier)
    guests = make_guests(args)
    run_guests(guests)
    faults = []
    logs = []  # of the guests to look at
    for guest in guests:
        wrong = list(guest.faults())
        faults += wrong
        failed = 0
        if args.tests:
            failed = guest.report.collection.count("failed")
            collection.cases += guest.report.collection.cases
        if wrong or failed:
            logs.append(guest.console)

    if args.weights and not args.filtered:
        write_weights(args.weights, read_weights(args.weights) | {
            name: seconds for guest in guests
            for name, seconds in guest.report.seconds.items()})
    is_expected = expected_skips(args.expected_skips,
                                 os.environ.get("KERNEL", "stock"))
    if args.ci:
        collection.forbid_skips(is_expected)
    if args.surface:
        faults += check_surface(args.surface, collection, is_expected)
    if args.tests and not collection.cases and not faults:
        faults.append("there is no such test")
    show_outcome(collection)
    for fault in faults:
        print("FAILED " + fault)
    failed = collection.count("failed") + len(faults)
    log = "the console log: " + ", ".join(logs)
    if not args.tests:
        print(log if faults else "", end="\n" if faults else "")
    else:
        if logs and not faults:
            note(log)
        print(f"{collection.count('passed')} passed, {failed} failed, "
              f"{collection.count('skipped')} skipped"
              + (f"; {log}" if faults and logs else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
