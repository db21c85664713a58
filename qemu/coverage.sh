#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2317 # functions are called by name
#
# make coverage: which lines of the module the selftests run, on the debug kernel
# (KERNEL=coverage): a table per file, and build/coverage/report/html with each line.
#
#   T=pattern   only what these tests run

# shellcheck source=qemu/lib.sh
. "$(dirname "$0")/lib.sh"

export KERNEL=coverage
BUILD=$GLASS_TOP/build/$KERNEL
OUT=$BUILD/report

# Each guest reports its counts as a line of base64 (guest/test.sh). The names of
# the objects in there are whole paths, of this machine's build folder.
unpack_counts()
{
	local report

	rm -rf "$OUT"
	mkdir -p "$OUT"
	for report in "$BUILD"/test/*/report.ktap; do
		guest=$OUT/$(basename "$(dirname "$report")")
		mkdir -p "$guest"
		sed -n 's/^# coverage //p' "$report" | base64 -d |
			tar -xz -C "$guest" --transform 's|.*/||'
		# Counts say nothing without the notes of the compiler.
		cp "$BUILD"/module/module/*.gcno "$guest/"
		lcov -q -c -d "$guest" -o "$guest.info"
	done
}

status=0
"$GLASS_TOP/qemu/setup.sh" only lcov
"$GLASS_TOP/qemu/test.sh" || status=$?
say "adding up"
slowly "the counts of the guests" "$OUT.log" unpack_counts || exit
options=()
for info in "$OUT"/*.info; do
	options+=(-a "$info")
done
lcov -q "${options[@]}" -o "$OUT/all.info"
# What the headers of the kernel bring is not ours.
lcov -q -e "$OUT/all.info" "$BUILD/module/module/*" -o "$OUT/glass.info"
genhtml -q -p "$BUILD/module" -o "$OUT/html" "$OUT/glass.info"
lcov --list "$OUT/glass.info" | sed 's/^/   /'
note "each line: $OUT/html/index.html"
exit "$status"
