# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
#
# How the module ends, for what loads it: sourced, never run.

kmemleak=/sys/kernel/debug/kmemleak

# leaks_later: a kernel that looks for leaks is asked at the end; looking by itself on
# the way only costs time.
leaks_later()
{
	[ ! -w $kmemleak ] || echo scan=off >$kmemleak
}

# unload: the kernel closes the descriptors of an io_uring ring some time after its
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

# look_for_leaks: what was lost at least 5 s ago is reported when it is found lost
# twice; the kernel log is where the host looks.
look_for_leaks()
{
	[ -w $kmemleak ] || return 0
	echo "# looking for leaks"
	for _ in 1 2; do
		sleep 6
		echo scan >$kmemleak
	done
	while read -r line; do
		echo "$line" >/dev/kmsg
	done <$kmemleak
}
