#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# make fuzz: the fuzzer on one target after the other, or on an input that led to a
# fault. Its last check is that the module can be unloaded, and has lost no memory.
#
#   GLASS_FUZZ_TARGETS   comma separated
#   GLASS_FUZZ_SECONDS   for each of them
#   GLASS_FUZZ_SEED
#
# In /opt/fuzz: complaint; input, or a folder corpus with a file for each target.

# shellcheck source=qemu/guest/module.sh
. /opt/module.sh

folder=/opt/kselftest/glass
leaks_later
modprobe glass || exit
# Whoever asks for what nobody has would wait for a process that looks for a module.
echo >/proc/sys/kernel/modprobe
if [ -e /opt/fuzz/input ]; then
	$folder/fuzzer --complaint /opt/fuzz/complaint --replay /opt/fuzz/input || exit
else
	for target in $(echo "$GLASS_FUZZ_TARGETS" | tr , ' '); do
		$folder/fuzzer --complaint /opt/fuzz/complaint --seconds "$GLASS_FUZZ_SECONDS" \
			--seed "$GLASS_FUZZ_SEED" "$target" $folder/seeds/"$target" \
			/opt/fuzz/corpus/"$target" || exit
	done
fi
if ! unload; then
	echo "glass.ko cannot be unloaded"
	cat /proc/net/glass /proc/net/protocols
	exit 1
fi
look_for_leaks
exit 0
