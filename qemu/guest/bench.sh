#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# make bench, bench-count and profile: runs glass-bench, once for each word.
#
#   GLASS_BENCH   its options, with commas for spaces; "+" begins another run; with
#                 --profile, the kernel's symbols come last

for module in glass vsock_loopback; do
	modprobe $module || exit
done
for options in $(echo "$GLASS_BENCH" | tr + ' '); do
	# shellcheck disable=SC2046 # words
	glass-bench $(echo "$options" | tr , ' ') || exit
done
case $GLASS_BENCH in
*--profile*) cat /proc/kallsyms ;;
esac
