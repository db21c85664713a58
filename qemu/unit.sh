#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Runs the pure layer's unit tests and its fuzzer on this machine, with
# sanitizers, and leaves what they said in build/unit/unit.ktap, in the words
# of the kselftest runner.
#
#   qemu/unit.sh [unit] [unit-fuzz]     default: both

# shellcheck source=qemu/lib.sh
. "$(dirname "$0")/lib.sh"

OUT=$GLASS_TOP/build/unit
RUNS=$((200000 * ${GLASS_SCALE:-1}))

# report NAME TARGET: makes it, and writes its output and result as the runner.
report()
{
	local name=$1 target=$2 status=0

	slowly -q "$name" "$OUT/$name.log" \
		make -s -C "$GLASS_TOP/selftests/unit" O="$OUT" RUNS="$RUNS" \
			"$target" || status=$?
	{
		echo "# selftests: glass: $name"
		# What the fuzzer says on its way is of no interest, unless it
		# failed.
		if [[ $target != fuzz ]] || ((status)); then
			sed 's/^/# /' "$OUT/$name.log"
		fi
		if ((status)) && grep -q 'Error 4$' "$OUT/$name.log" &&
		   ! grep -q '^not ok' "$OUT/$name.log"; then
			echo "ok 1 selftests: glass: $name # SKIP"
		elif ((status)); then
			echo "not ok 1 selftests: glass: $name # exit=$status"
		else
			echo "ok 1 selftests: glass: $name"
		fi
	} >>"$OUT/unit.ktap"
}

(($#)) || set -- unit unit-fuzz
take_lock "$OUT/lock" "building in $OUT"
: >"$OUT/unit.ktap"
for name; do
	case $name in
	unit) report unit check ;;
	unit-fuzz) report unit-fuzz fuzz ;;
	esac
done
