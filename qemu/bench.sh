#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make bench-count: the instructions that an operation costs, on Glass and on its
# relatives. The guest's time is counted in instructions, so its time-stamp counter
# is; idle=poll, because the clock jumps over what a processor sleeps.
#
#   CELL=a,b    only cells with one of these in CELL/KIND ("oneway-64/glass-stream")
#   ROUNDS=n    how often each is measured, all in turn; the median counts
#   SCALE=x     how much each does
#   CHECK=1     fails when a cell of Glass is more than 5 % worse than the baseline
#   SAVE=1      the figures become the baseline, docs/bench-count.json

# shellcheck source=qemu/lib.sh
. "$(dirname "$0")/lib.sh"
load_kernel

BASELINE=$GLASS_TOP/docs/bench-count.json
RUN=$BUILD/bench
CELL=${CELL:-}
SCALE=${SCALE:-1}

[[ $CELL =~ ^[A-Za-z0-9/,-]*$ ]] || refuse "CELL=$CELL: names of cells, with commas"
[[ ! ${CHECK:-} || -s $BASELINE ]] || refuse "CHECK=$CHECK: there is no baseline; SAVE=1 makes one"
[[ ${ROUNDS:-1} =~ ^[1-9][0-9]?$ ]] || refuse "ROUNDS=$ROUNDS: it must be a number, 1 to 99"
[[ $SCALE =~ ^[0-9]+(\.[0-9]+)?$ ]] || refuse "SCALE=$SCALE: it must be a number"

# options WORD...: for glass-bench, as the guest wants them.
options()
{
	local cell cells

	IFS=, read -ra cells <<<"$CELL"
	for cell in "${cells[@]}"; do
		set -- "$@" --cell "$cell"
	done
	(IFS=,; echo "$*,--scale,$SCALE")
}

# measure OUT UNIT OPTIONS WORD...: boots the guest, which runs glass-bench.
measure()
{
	"$GLASS_TOP/qemu/bench.py" run --kernel "Linux $KERNEL_ABI" "$1" "$2" \
		"$GLASS_TOP/qemu/guest.py" --folder "$RUN" --silence 1500 --timeout 3000 -- \
		"$GLASS_TOP/qemu/boot.sh" "$RUN" GLASS_MODE=bench "GLASS_BENCH=$3" "${@:4}"
}

bench_count()
{
	local out=$BUILD/bench-count.json failed=

	say "counting instructions on Linux $KERNEL_ABI in QEMU; all cells take some minutes"
	export GUEST_CLOCK=icount GUEST_CPUS=1 BOOT_ACCEL=tcg
	measure "$out" instructions "$(options --instructions --rounds "${ROUNDS:-3}")" \
		idle=poll || failed=1
	"$GLASS_TOP/qemu/bench.py" show "$out"
	note "the figures: $out"
	[[ ! ${failed:-} ]] || fail "not every cell could be measured"
	if [[ ${CHECK:-} ]]; then
		"$GLASS_TOP/qemu/bench.py" check "$out" "$BASELINE" ${CELL:+--partial} || exit
	fi
	if [[ ${SAVE:-} ]]; then
		[[ ! $CELL ]] || refuse "SAVE=1 with CELL=$CELL: a baseline has all cells"
		cp "$out" "$BASELINE"
		note "they are the baseline now: docs/bench-count.json"
	fi
}

prepare_guest
take_lock "$BUILD/bench.lock" "a measurement"
export GUEST_FEATURES=-erms,-fsrm
bench_count
