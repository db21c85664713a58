# SPDX-License-Identifier: GPL-2.0
"""Runs the kernel tree's netlink client (tools/net/ynl) on lines of arguments.

    ynl.py SPECIFICATION <LINES

Each line holds the arguments of one call of cli.py, without blanks inside; what
it prints goes to stdout, and then a line "exit N". One process makes all calls,
because Python takes longer to start in an emulated guest than all of them. The
words "listen GROUP" begin to collect a group's notifications; cli.py can do
that only by sleeping. The word "heard" prints and forgets them. "@listener" in
a line stands for the number of a descriptor, that of a netlink socket.
"""

import copy
import functools
import json
import sys

import cli
import yaml

# Each call reads the specification again, which costs more than all the rest.
parse = functools.cache(yaml.safe_load)
yaml.safe_load = lambda stream: copy.deepcopy(parse(stream.read()))

PLACE = ["--no-schema", "--spec", sys.argv[1], "--output-json"]
cli.exit = sys.exit  # the interactive one closes stdin
listener = cli.YnlFamily(sys.argv[1], "")


def notifications():
    """Those that have come; a list to 6.12's client, a queue to newer ones."""
    listener.check_ntf()
    came = listener.async_msg_queue
    if isinstance(came, list):
        heard = came.copy()
        came.clear()
        return heard
    return [came.get_nowait() for _ in range(came.qsize())]


for line in sys.stdin:
    words = line.replace("@listener", str(listener.sock.fileno())).split()
    if words[0] == "listen":
        listener.ntf_subscribe(words[1])
        continue
    if words[0] == "heard":
        for heard in notifications():
            print(json.dumps(heard, cls=cli.YnlEncoder))
        continue
    sys.argv[1:] = PLACE + words
    status = 0
    try:
        cli.main()
    except SystemExit as end:
        status = end.code
    print("exit", status, flush=True)
