#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""Puts small faults into a copy of the module, and sees who notices.

qemu/mutants/FILE.txt lists the faults of module/FILE:

    fault: a frame without a checksum is let in
    tests: unit frame_test
    -	if (!hdr->csum)
    +	if (0)

A fault is what follows "fault:" up to the next one. Its lines behind "-" and
" " must stand in the file, in that order and once; those behind "+" and " "
take their place. Line numbers are not asked for, so other code may move. Lines
behind "#" and empty ones are for the reader. Before the lines may stand:

    tests:   the programs that should notice it, asked first; "unit" is the
             pure layer's test on this machine. By default all are asked
    cases:   of those programs, only the cases named so
    kernel:  debug, if only a kernel that looks for such faults can notice it
    unseen:  why no test can notice it. Then it must compile, and no more,
             unless the fault is asked for by its name

A fault that the first programs do not notice is shown to the whole collection.
The case that noticed it is asked again, alone; if it passes then, look at it: is
it the fault that it sees now and then, or a busy machine?
Exit status: 1 if one was not noticed, stands no more in the code or does not
compile, or if a source file has too few; 2 if the list cannot be read.
"""

import collections
import os
import re
import shutil
import signal
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
WORK = os.path.join(TOP, "build", "mutants")
LIST = os.path.join(TOP, "qemu", "mutants")
CACHE = os.environ["GLASS_CACHE"]
ENOUGH = 5      # faults per source file
FEW_LINES = 12  # of code; a file with fewer has nothing to break
FAILED = re.compile(r"^# *not ok \d+ (?!.*# SKIP)(.*)$")
KEYS = ("tests", "cases", "kernel", "unseen")


class Fault:
    """One entry of a list."""

    def __init__(self, file, number, name):
        self.file = file        # below module/
        self.where = f"qemu/mutants/{file}.txt:{number}"
        self.name = name
        self.keys = {}
        self.lines = []

    def __str__(self):
        return f"{self.file}: {self.name}"

    def apply(self, text):
        """The source with the fault in it; None if it cannot be put there."""
        old = "".join(line[1:] + "\n" for line in self.lines
                      if line[0] in " -")
        new = "".join(line[1:] + "\n" for line in self.lines
                      if line[0] in " +")
        if old == new or ("\n" + text).count("\n" + old) != 1:
            return None
        return ("\n" + text).replace("\n" + old, "\n" + new)[1:]


def refuse(text):
    """The list is wrong: say so and give up."""
    print(f"glass: {text}", file=sys.stderr)
    sys.exit(2)


def read_list(path, file):
    """The faults of one list."""
    faults = []
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            line = line.rstrip("\n")
            key, colon, value = line.partition(":")
            if line.startswith("#") or not line:
                continue
            if key == "fault" and colon:
                faults.append(Fault(file, number, value.strip()))
            elif not faults:
                refuse(f"{path}:{number}: no fault was named before")
            elif line[0] in "-+ ":
                faults[-1].lines.append(line)
            elif key in KEYS and colon and value.strip():
                faults[-1].keys[key] = value.strip()
            else:
                refuse(f"{path}:{number}: neither a key nor a line of code")
    return faults


def sources():
    """The files of the module that have code, as paths below module/."""
    for name in sorted(os.listdir(os.path.join(TOP, "module"))):
        if not name.endswith((".c", ".h")) or name.startswith("netlink_gen"):
            continue
        with open(os.path.join(TOP, "module", name), encoding="utf-8") as file:
            text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
        bodies = re.findall(r"^\{\n.*?^\}|TP_fast_assign\(.*?\t\),", text,
                            flags=re.S | re.M)
        lines = sum(body.count("\n") for body in bodies)
        if lines >= FEW_LINES:
            yield name


class Kernel:
    """A kernel under test, with a copy of the module for faults."""

    def __init__(self, name):
        self.name = name
        self.folder = os.path.join(WORK, name)
        self.build_folder = os.path.join(TOP, "build", name)
        self.tree = os.path.join(self.folder, "module")
        self.slow = 1
        with open(os.path.join(TOP, "qemu", "kernels", name + ".sh"),
                  encoding="utf-8") as file:
            found = re.search(r"^KERNEL_SLOWNESS=(\d+)", file.read(), re.M)
        if found:
            self.slow = int(found[1])
        shutil.copytree(os.path.join(TOP, "module"),
                        os.path.join(self.tree, "module"),
                        copy_function=copy_changed, dirs_exist_ok=True)
        copy_changed(os.path.join(TOP, "Kbuild"),
                     os.path.join(self.tree, "Kbuild"))
        with open(os.path.join(self.build_folder, "kselftest",
                               "kselftest-list.txt"), encoding="utf-8") as file:
            self.programs = [line.split(":")[1] for line in file.read().split()]

    @staticmethod
    def is_there(name):
        """Was it unpacked or built?"""
        return os.path.exists(os.path.join(CACHE, "kernels", name, "info.sh"))

    def write(self, file, text):
        """Gives the copy of a source file this text."""
        path = os.path.join(self.tree, "module", file)
        with open(path, encoding="utf-8") as old:
            if old.read() == text:
                return
        with open(path, "w", encoding="utf-8") as new:
            new.write(text)

    def build(self):
        """Builds the copy, and a layer for a guest; does it compile?"""
        with open(os.path.join(self.folder, "build.log"), "wb") as log:
            return not subprocess.run(
                [os.path.join(TOP, "qemu", "mutants.sh"), "build", self.tree],
                env={**os.environ, "KERNEL": self.name}, stdout=log,
                stderr=log, stdin=subprocess.DEVNULL, check=False).returncode

    def unit(self):
        """Runs the pure layer's tests; what noticed, or nothing."""
        folder = os.path.join(self.folder, "unit")
        os.makedirs(folder, exist_ok=True)
        run = subprocess.run(
            ["make", "-s", "-C", os.path.join(TOP, "selftests", "unit"),
             "O=" + folder, "MODULE=" + os.path.join(self.tree, "module"),
             "check"], capture_output=True, text=True, check=False)
        if not run.returncode:
            return ""
        for line in run.stdout.split("\n"):
            if line.startswith("not ok"):
                return "unit: " + line.split(" ", 3)[3]
        return "unit: it does not build"

    def guest(self, programs, cases=""):
        """Boots a guest with the copy; what noticed, or nothing.

        The first failed case ends it: a guest that goes on with a fault in it
        has nothing more to say.
        """
        folder = os.path.join(self.folder, "guest")
        report = os.path.join(folder, "report.ktap")
        os.makedirs(folder, exist_ok=True)
        open(report, "w", encoding="utf-8").close()
        words = ["GLASS_MODE=test", f"GLASS_DEADLINE={30 * self.slow}",
                 f"GLASS_TIMEOUT={60 * self.slow}",
                 "GLASS_TESTS=" + ",".join(programs)]
        if cases:
            words.append("GLASS_T=" + cases)
        command = [os.path.join(TOP, "qemu", "guest.py"), "--tests",
                   "--filtered", "--folder", folder,
                   "--silence", str(90 * self.slow), "--",
                   os.path.join(TOP, "qemu", "boot.sh"), folder, *words]
        layers = [os.path.join(self.build_folder, "tests.cpio"),
                  os.path.join(self.tree, "glass.cpio")]
        if "ynl.sh" in programs:
            layers.append(os.path.join(self.build_folder, "ynl.cpio"))
        env = {**os.environ, "KERNEL": self.name, "CI": "",
               "BOOT_LAYERS": " ".join(layers)}
        with subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, text=True) as run:
            try:
                with open(report, encoding="utf-8", errors="replace") as file:
                    noticed = self.first_failure(run, file)
            finally:
                run.terminate()
            words = run.stdout.read().strip().split("\n")
        if noticed or not run.returncode:
            return noticed
        faults = [line[len("FAILED "):] for line in words
                  if line.startswith("FAILED ")]
        return faults[-1] if faults else words[-1]

    @staticmethod
    def first_failure(run, report):
        """Follows the report of a guest to its first failed case, or its end."""
        program, rest, ended = "", "", False
        while not ended:
            ended = run.poll() is not None
            *lines, rest = (rest + report.read()).split("\n")
            for line in lines:
                if line.startswith("# selftests: "):
                    program = line.split()[-1]
                failed = FAILED.match(line)
                if failed:
                    return f"{program}: {failed[1].removeprefix('- ')}"
            if not ended:
                time.sleep(0.1)
        return ""


def copy_changed(source, target):
    """Copies a file with its time, unless the copy has the same text."""
    with open(source, "rb") as file:
        text = file.read()
    if os.path.exists(target):
        with open(target, "rb") as file:
            if file.read() == text:
                return target
    with open(target, "wb") as file:
        file.write(text)
    return target


def confirm(kernel, noticed):
    """Asks a case that failed once more: on a busy machine, time alone fails
    some. What a case that passes now had said is marked as said once.
    """
    program, _, case = noticed.partition(": ")
    case = case.partition(" # ")[0]
    if program in kernel.programs and case and \
       not kernel.guest([program], case):
        return noticed + ", but not when asked again"
    return noticed


def notice(kernel, fault):
    """Has the tests look for the fault that was built; who noticed it?"""
    first = fault.keys.get("tests", "").split()
    if "unit" in first:
        noticed = kernel.unit()
        if noticed:
            return noticed
    first = [name for name in first if name != "unit"]
    unknown = [name for name in first if name not in kernel.programs]
    if unknown:
        refuse(f"{fault.where}: there is no test {unknown[0]}")
    if first:
        noticed = kernel.guest(first, fault.keys.get("cases", ""))
        if noticed:
            return confirm(kernel, noticed)
        if "cases" in fault.keys:
            first = []
    return confirm(kernel, kernel.guest([name for name in kernel.programs
                                         if name not in first]))


def try_fault(kernel, fault, wanted):
    """The fault's fate, and more about it."""
    path = os.path.join(TOP, "module", fault.file)
    with open(path, encoding="utf-8") as file:
        right = file.read()
    wrong = fault.apply(right)
    if wrong is None:
        return "GONE", f"its code stands not, or not once, in module/" \
            f"{fault.file}: {fault.where}"
    if not kernel:
        return "not run", "there is no debug kernel in the cache"
    kernel.write(fault.file, wrong)
    try:
        if not kernel.build():
            return "BROKEN", "it does not compile: " \
                f"{os.path.join(kernel.folder, 'build.log')}"
        if "unseen" in fault.keys and not wanted:
            return "excused", fault.keys["unseen"]
        noticed = notice(kernel, fault)
    finally:
        kernel.write(fault.file, right)
    if noticed.endswith(" again"):
        return "once", "noticed by " + noticed
    if noticed:
        return "noticed", "by " + noticed
    if "unseen" in fault.keys:
        return "excused", fault.keys["unseen"]
    return "UNSEEN", fault.where


def check_numbers(faults):
    """Has every file enough faults? Returns how many have not."""
    numbers = collections.Counter(fault.file for fault in faults)
    few = [name for name in sources() if numbers[name] < ENOUGH]
    for name in few:
        print(f"   FEW      module/{name} has {numbers[name]} faults, and "
              f"should have {ENOUGH}")
    return len(few)


def main():
    """Exit status: see above."""
    # So that what was begun is ended: the guest, and the fault in the copy.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    every = []
    for name in sorted(os.listdir(LIST)):
        file = name.removesuffix(".txt")
        if not os.path.exists(os.path.join(TOP, "module", file)):
            refuse(f"qemu/mutants/{name}: there is no module/{file}")
        every += read_list(os.path.join(LIST, name), file)
    faults = [fault for fault in every if wanted in str(fault)]
    if not faults:
        refuse(f"M={wanted}: there is no such fault")

    ours = os.environ["KERNEL"]
    kernels = {name: Kernel(name) if name == ours or Kernel.is_there(name)
               else None for name in {ours, *(fault.keys.get("kernel", ours)
                                              for fault in faults)}}
    print(f"== putting {len(faults)} faults into the module, one at a time",
          flush=True)
    if not kernels[ours].build():
        refuse(f"the module does not build: {kernels[ours].folder}/build.log")
    # Else every fault would be noticed.
    noticed = kernels[ours].guest(kernels[ours].programs) if not wanted else ""
    if noticed:
        refuse(f"the tests fail without a fault: {noticed}")

    fates = collections.Counter()
    for fault in faults:
        since = time.monotonic()
        kernel = kernels[fault.keys.get("kernel", ours)]
        fate, more = try_fault(kernel, fault, wanted)
        fates[fate] += 1
        print(f"   {fate:8} {fault}\n            {more}, "
              f"{time.monotonic() - since:.0f} s", flush=True)
    if not wanted:
        fates["FEW"] = check_numbers(every)
    print(", ".join(f"{number} {fate}" for fate, number in fates.items()
                    if number))
    return 1 if any(fates[fate] for fate in ("UNSEEN", "GONE", "BROKEN",
                                             "FEW")) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
