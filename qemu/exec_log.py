# SPDX-License-Identifier: GPL-2.0
"""Which instructions a guest executes: by QEMU's log, for as long as it is switched on.

With one instruction to a block of translation, and blocks not chained, QEMU logs
each instruction: "Trace 0: HOST [BASE/ADDRESS/FLAGS/CFLAGS] ...". That is exact, and
meets what runs with interrupts off too. Meanwhile the guest is a hundred times as
slow; where its clock counts instructions, it does not know.
"""

import bisect
import collections
import os
import re
import socket
import time

# Of Debian 12 and of Debian 13: what a monitor does not know, it says and ignores.
ON = ("singlestep on", "one-insn-per-tb on", "log exec,nochain")
OFF = ("log none", "singlestep off", "one-insn-per-tb off")
USER = "[user]"


class Symbols:
    """The kernel's functions, by where they begin."""

    LINE = re.compile(r"^([0-9a-f]{16}) (\w) (\S+)(?:\t(\[\w+\]))?$")

    def __init__(self):
        self.names = {}
        self.begins = []

    def feed(self, line):
        """Takes a line of /proc/kallsyms; False if it is none."""
        found = self.LINE.match(line)
        if found and found[2] in "tTwW":
            self.names[int(found[1], 16)] = " ".join(filter(None, found.group(3, 4)))
            self.begins = []
        return bool(found)

    def function(self, address):
        """Where that is."""
        if not address >> 63:
            return USER
        self.begins = self.begins or sorted(self.names)
        at = bisect.bisect_right(self.begins, address)
        return self.names[self.begins[at - 1]] if at else hex(address)


class ExecLog:
    """The log of a guest whose monitor is in a folder."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "exec.log")
        self.monitor = socket.socket(socket.AF_UNIX)
        self.monitor.settimeout(10)
        # Not by its whole name, which may be too long for a socket.
        back = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
        os.chdir(folder)
        try:
            self.monitor.connect("monitor")
        finally:
            os.fchdir(back)
            os.close(back)
        self.answer()

    def answer(self):
        """Waits until the monitor asks for the next command."""
        said = b""
        while not said.rstrip().endswith(b"(qemu)"):
            chunk = self.monitor.recv(4096)
            if not chunk:
                raise OSError("the guest has ended")
            said += chunk

    def ask(self, commands):
        """Has the monitor do them."""
        for command in commands:
            self.monitor.sendall(command.encode() + b"\n")
            self.answer()

    def record(self, size):
        """Logs until there are so many bytes, some 90 for an instruction."""
        time.sleep(0.2)  # until what is logged is in its stride
        self.ask((f"logfile {self.path}", *ON))
        while os.path.getsize(self.path) < size:
            time.sleep(0.02)
        self.ask(OFF)

    def addresses(self):
        """Of each instruction that was logged, in order."""
        return addresses_in(self.path)

    def close(self):
        """Leaves the monitor, and nothing of the log."""
        self.monitor.close()
        if os.path.exists(self.path):
            os.remove(self.path)


def addresses_in(path):
    """Of each instruction in the log there, in order."""
    with open(path, encoding="ascii", errors="replace") as log:
        for line in log:
            if line.startswith("Trace "):
                yield int(line.split("/", 2)[1], 16)


def by_function(addresses, symbols):
    """How often each function is met, when it is known how often each address is."""
    counts = collections.Counter()
    for address, count in addresses.items():
        counts[symbols.function(address)] += count
    return counts
