#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""Runs a guest, shows what it reports, and judges how it ended.

The guest is a command (boot.sh) whose stdout is the guest's report, with the
logs in a folder: console.log, verdict. A guest that hangs, dies, gives no
verdict, or whose kernel complains makes the run fail, whatever the tests say.
"""

import argparse
import os
import re
import selectors
import signal
import socket
import subprocess
import sys
import time

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


class Guest:
    """A running guest: lines of its report, and its end."""

    def __init__(self, args):
        self.args = args
        self.console = os.path.join(args.folder, "console.log")
        self.killed = ""
        self.spoke = False
        # pylint: disable-next=consider-using-with # it outlives this function
        self.process = subprocess.Popen(
            args.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            start_new_session=True)
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
        path = os.path.join(self.args.folder, "monitor")
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
        if now - self.started > self.args.timeout:
            self.kill(f"it ran for more than {self.args.timeout} s")

    def lines(self):
        """The lines of its report as they come; None at least every second."""
        out = self.process.stdout
        os.set_blocking(out.fileno(), False)
        selector = selectors.DefaultSelector()
        selector.register(out, selectors.EVENT_READ)
        rest = b""
        while True:
            chunk = b""
            if selector.select(timeout=1):
                chunk = out.read(65536)
                if chunk == b"":
                    break
                self.last_word = time.monotonic()
                self.spoke = True
            self.watch()
            *whole, rest = (rest + (chunk or b"")).split(b"\n")
            for line in whole:
                yield line.decode(errors="replace").rstrip("\r")
            yield None
        if rest:
            yield rest.decode(errors="replace")
        self.process.wait()

    def faults(self):
        """What is wrong with the guest itself, one line each."""
        verdict = ""
        path = os.path.join(self.args.folder, "verdict")
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                verdict = file.read().strip()
        found = re.match(r"^exit=(\d+) tainted=(\d+)$", verdict)
        if self.killed:
            yield f"the guest hung: {self.killed}"
        elif self.process.returncode:
            yield f"QEMU ended with status {self.process.returncode}"
        elif not found:
            yield "the guest died: it gave no verdict"
        elif int(found[1]):
            yield f"the guest's script ended with status {found[1]}"
        if found and int(found[2]) & ~OUR_TAINT:
            yield f"the kernel is tainted: {found[2]}"
        with open(self.console, encoding="utf-8", errors="replace") as log:
            complaints = [line.strip() for line in log
                          if KERNEL_LINE.match(line) and COMPLAINT.search(line)]
        if complaints:
            more = len(complaints) - 1
            yield f"the kernel complained: {complaints[0]}" + \
                (f" (and {more} more lines)" if more else "")


def expected_skips(path):
    """A predicate: is this skip listed there, as "program case  # reason"?"""
    known = set()
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            for line in file:
                words = line.partition("#")[0].split(None, 1)
                if len(words) == 2:
                    known.add((words[0], words[1].strip()))
    return lambda case: (case.program, case.name) in known


def show_program(program, seconds=None):
    """The line that a finished program gets."""
    failed, skipped = program.count("failed"), program.count("skipped")
    if not program.cases:
        return
    text = f"{program.count('passed')} passed"
    text += f", {failed} failed" if failed else ""
    text += f", {skipped} skipped" if skipped else ""
    word = "FAIL" if failed else "ok"
    text += f", {seconds:.1f} s" if seconds is not None else ""
    note(f"{word:4} {program.name:24} {text}")


def add_earlier(collection, path):
    """Counts what ran on the host before: the same format, in a file."""
    if not os.path.exists(path):
        return
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            ended = collection.feed(line.rstrip("\n"))
            if ended:
                show_program(ended)


def run_guest_tests(guest, args, collection):
    """Shows and counts a collection while it runs."""
    since = told = time.monotonic()
    with open(os.path.join(args.folder, "report.ktap"), "w",
              encoding="utf-8") as raw:
        for line in guest.lines():
            now = time.monotonic()
            if line is None:
                if collection.program and now - told > 5:
                    note(f"... {collection.program.name}, {now - since:.0f} s")
                    told = now
                continue
            raw.write(line + "\n")
            raw.flush()
            if line.startswith("# up after"):
                note("the guest is " + line[2:])
            ended = collection.feed(line)
            if ended:
                show_program(ended, now - since)
            if ended or line.startswith("# selftests:"):
                since = told = now
    if collection.program:
        show_program(collection.end_program(False, "", "it did not end"),
                     time.monotonic() - since)


def show_failures(collection):
    """The failed cases with their diagnostics, then the skipped ones."""
    for case in collection.cases:
        if case.status == "failed":
            print(f"\nFAILED {case.program}: {case.name}"
                  + (f" ({case.reason})" if case.reason else ""))
            for line in case.lines:
                print("   " + line)
    for case in collection.cases:
        if case.status == "skipped":
            note(f"skipped {case.program}: {case.name} ({case.reason})")


def boot_guest(args, collection):
    """Runs a guest to its end; returns it, and what is wrong with it."""
    guest = Guest(args)
    try:
        if args.tests:
            run_guest_tests(guest, args, collection)
        else:
            for line in guest.lines():
                if line is not None:
                    print(line, flush=True)
    except BaseException:
        guest.killed = "interrupted"
        guest.kill("")
        raise
    return guest, list(guest.faults())


def run_guest(args, collection):
    """Runs the guest; returns what is wrong with it.

    Emulating several processors in as many threads, QEMU 7.2 lets a kernel
    that patches its own code panic during boot, about once in 60 times ("Oops:
    int3"). A guest that died before its first word, and so before glass.ko was
    there, says nothing about Glass: it is booted once more.
    """
    guest, faults = boot_guest(args, collection)
    if faults and not guest.spoke and not guest.killed:
        note(f"the guest died in its boot ({faults[-1]}); booting once more")
        _, faults = boot_guest(args, collection)
    return faults


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
    parser.add_argument("--filtered", action="store_true")
    parser.add_argument("--expected-skips", default="")
    parser.add_argument("--ci", action="store_true",
                        help="a skip that is not expected is a failure")
    parser.add_argument("--earlier", default="",
                        help="a file with the report of tests on the host")
    parser.add_argument("command", nargs="*",
                        help="starts the guest; without, there is none")
    args = parser.parse_args()

    os.makedirs(args.folder, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    collection = Collection(filtered=args.filtered)
    add_earlier(collection, args.earlier)
    faults = []
    if args.command:
        faults = run_guest(args, collection)

    if args.ci:
        collection.forbid_skips(expected_skips(args.expected_skips))
    if collection.bail:
        faults.append(collection.bail)
    if args.tests and not collection.cases and not faults:
        faults.append("there is no such test")
    show_failures(collection)
    for fault in faults:
        print("FAILED " + fault)
    failed = collection.count("failed") + len(faults)
    log = f"the console log: {os.path.join(args.folder, 'console.log')}"
    if not args.tests:
        print(log if faults else "", end="\n" if faults else "")
    else:
        if failed and not faults and args.command:
            note(log)
        print(f"{collection.count('passed')} passed, {failed} failed, "
              f"{collection.count('skipped')} skipped"
              + (f"; {log}" if faults and args.command else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
