#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# make test: runs the collection with the kernel's own runner. Its last check
# is that the module can be unloaded when all tests are over.
#
#   GLASS_TESTS    programs to run, comma separated; default: all
#   GLASS_TIMEOUT  seconds per program, instead of what settings say

# shellcheck source=qemu/guest/module.sh
. /opt/module.sh

echo "# up after $(cut -d' ' -f1 /proc/uptime) s"
if ! said=$(modprobe glass 2>&1); then
	echo "Bail out! modprobe glass: $said; the kernel: $(dmesg | tail -n 1)"
	exit 1
fi

leaks_later

cd /opt/kselftest || exit
set --
if [ -n "${GLASS_TIMEOUT:-}" ]; then
	set -- --override-timeout "$GLASS_TIMEOUT"
fi
for name in $(echo "${GLASS_TESTS:-}" | tr , ' '); do
	# One that is not run by default.
	grep -qx "glass:$name" kselftest-list.txt || echo "glass:$name" >>kselftest-list.txt
	set -- "$@" --test "glass:$name"
done
./run_kselftest.sh "$@" || exit

if ! unload; then
	rmmod glass
	echo "Bail out! glass.ko cannot be unloaded after the tests"
	cat /proc/net/glass /proc/net/protocols
	exit 1
fi
look_for_leaks

# A module that counts which of its lines run (KERNEL=coverage) left the counts
# here. Their files are of no size before they are read.
gcov=/sys/kernel/debug/gcov
if [ -d $gcov ] && [ -n "$(find $gcov -name '*.gcda')" ]; then
	find $gcov -name '*.gcda' | while read -r name; do
		mkdir -p "/tmp/counts/${name%/*}"
		cat <"$name" >"/tmp/counts/$name"
	done
	echo "# coverage $(tar -C /tmp/counts -cz . | base64 -w 0)"
fi
exit 0
