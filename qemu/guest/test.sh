#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# make test: runs the collection with the kernel's own runner. Its last check
# is that the module can be unloaded when all tests are over.
#
#   GLASS_TESTS    programs to run, comma separated; default: all
#   GLASS_TIMEOUT  seconds per program, instead of what settings say

echo "# up after $(cut -d' ' -f1 /proc/uptime) s"
if ! said=$(modprobe glass 2>&1); then
	echo "Bail out! modprobe glass: $said; the kernel: $(dmesg | tail -n 1)"
	exit 1
fi

# It is asked at the end; looking by itself on the way only costs time.
kmemleak=/sys/kernel/debug/kmemleak
[ ! -w $kmemleak ] || echo scan=off >$kmemleak

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

# The kernel closes the descriptors of an io_uring ring some time after its
# process has ended.
unload()
{
	tries=10
	while [ -d /sys/module/glass ] && ! rmmod glass 2>/dev/null; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		sleep 0.5
	done
}

if ! unload; then
	rmmod glass
	echo "Bail out! glass.ko cannot be unloaded after the tests"
	cat /proc/net/glass /proc/net/protocols
	exit 1
fi

# A kernel that looks for leaks has to be asked. It reports what was lost at
# least 5 s ago and is found lost twice; the kernel log is where the host looks.
if [ -w $kmemleak ]; then
	echo "# looking for leaks"
	for _ in 1 2; do
		sleep 6
		echo scan >$kmemleak
	done
	while read -r line; do
		echo "$line" >/dev/kmsg
	done <$kmemleak
fi

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
