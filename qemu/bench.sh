#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
#   qemu/bench.sh count|clock|profile
#
# make bench-count: the instructions that an operation costs, on Glass and on its
# relatives. The guest's time is counted in instructions, so its time-stamp counter
# is; idle=poll, because the clock jumps over what a processor sleeps.
#
# make profile: where those of CELL go, by kernel function, on Glass and on its
# best peer; by QEMU's log of each instruction, for some three million of them.
#
# make bench: the time by the clock, on one processor and on two; with plots. In
# emulation that says little, and differs from run to run: see the spread.
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
RUN=$BUILD/bench-guest
CELL=${CELL:-}
SCALE_ASKED=${SCALE:-}
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

# start_guest ACTION PLACE UNIT OPTIONS WORD...: boots the guest, which runs
# glass-bench, for an action of bench.py; WORDs go to the kernel's command line.
start_guest()
{
	"$GLASS_TOP/qemu/bench.py" "$1" --kernel "Linux $KERNEL_ABI" "$2" "$3" \
		"$GLASS_TOP/qemu/guest.py" --folder "$RUN" --silence 1500 --timeout 3000 -- \
		"$GLASS_TOP/qemu/boot.sh" "$RUN" GLASS_MODE=bench "GLASS_BENCH=$4" "${@:5}"
}

bench_count()
{
	local out=$BUILD/bench-count.json failed=

	say "counting instructions on Linux $KERNEL_ABI in QEMU; all cells take some minutes"
	export GUEST_CLOCK=icount GUEST_CPUS=1 BOOT_ACCEL=tcg
	start_guest run "$out" instructions \
		"$(options --instructions --rounds "${ROUNDS:-3}")" idle=poll || failed=1
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

profile()
{
	[[ $CELL ]] || refuse "CELL= is missing: CELL=oneway-1K, CELL=roundtrip-64/glass"
	say "logging instructions on Linux $KERNEL_ABI in QEMU"
	export GUEST_CLOCK=icount GUEST_CPUS=1 BOOT_ACCEL=tcg
	# More of it: it has to be in its stride when the log begins, and outlast it.
	SCALE=${SCALE_ASKED:-20}
	start_guest profile "$RUN" instructions \
		"$(options --instructions --profile --rounds "${ROUNDS:-1}")" idle=poll
}

bench_clock()
{
	local out=$BUILD/bench.json rounds=${ROUNDS:-5} failed='' one two

	say "measuring on Linux $KERNEL_ABI in QEMU; all cells take some minutes"
	one=$(options --rounds "$rounds")
	# What one process does alone needs no second one.
	two=$(CELL=${CELL:-oneway,roundtrip,1M,flows} options --rounds "$rounds" --cpus 2)
	export GUEST_CLOCK=host GUEST_CPUS=2
	start_guest run "$out" nanoseconds "$one+$two" || failed=1
	"$GLASS_TOP/qemu/bench.py" show "$out"
	"$GLASS_TOP/qemu/bench_plot.py" "$out" "$BUILD/bench"
	note "the figures: $out; the plots: $BUILD/bench/index.html"
	[[ ! $failed ]] || fail "not every cell could be measured"
}

case ${1:-} in
count) action=bench_count ;;
profile) action=profile ;;
clock)
	action=bench_clock
	"$GLASS_TOP/qemu/setup.sh" only python3-matplotlib || exit
	;;
*) refuse "usage: qemu/bench.sh count|clock|profile" ;;
esac
prepare_guest tools
take_lock "$BUILD/bench.lock" "a measurement"
export GUEST_FEATURES=-erms,-fsrm
"$action"
