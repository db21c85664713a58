#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make fuzz: looks in the guest for inputs that the module does not stand, and keeps
# those that reach what none has reached before. See docs/fuzzing.md.
#
#   MINUTES     how long, by default 2, for all targets together
#   FUZZ        only that one: calls, frames or netlink
#   SEED        what chance begins with, by default one that nobody knows
#   INPUT       a file that an earlier run left: only what is in it, once more
#
# The corpus is kept in GLASS_CACHE/fuzz/, a file for each target; what led to a fault
# in build/<kernel>/fuzz/faults/. How much of each function was reached is left in
# build/<kernel>/fuzz/coverage.

# shellcheck source=qemu/lib.sh
. "$(dirname "$0")/lib.sh"
load_kernel

MINUTES=${MINUTES:-2}
INPUT=${INPUT:-}
seed=${SEED:-$RANDOM$RANDOM}
targets=(calls frames netlink)
corpus=$GLASS_CACHE/fuzz
run=$BUILD/fuzz
memory=$run/memory

[[ $KERNEL == debug ]] ||
	refuse "KERNEL=$KERNEL: only the debug kernel tells what of the module was reached"
[[ $MINUTES =~ ^[0-9]+(\.[0-9]+)?$ ]] ||
	refuse "MINUTES=$MINUTES: it must be a number of minutes"
[[ $seed =~ ^[0-9]+$ ]] || refuse "SEED=$seed: it must be a number"
if [[ ${FUZZ:-} ]]; then
	[[ " ${targets[*]} " == *" $FUZZ "* ]] ||
		refuse "FUZZ=$FUZZ: it is one of ${targets[*]}"
	targets=("$FUZZ")
fi
if [[ $INPUT ]]; then
	[[ -s $INPUT && -r $INPUT ]] || refuse "INPUT=$INPUT cannot be read"
	INPUT=$(realpath "$INPUT")
fi

# The module once more, so that it tells KCOV where it is; what it compares there,
# which this kernel's KCOV can tell too, only costs time.
build_module()
{
	local stamp=$run/glass.ko

	fresh "$stamp" "$BUILD/glass.ko" "$0" && return
	say "building glass.ko with KCOV"
	sync_sources "$run/module"
	slowly "glass.ko" "$run/module.log" \
		kernel_make "$run/module" KCOV_INSTRUMENT=y \
			CFLAGS_KCOV=-fsanitize-coverage=trace-pc modules || exit
	cp "$run/module/glass.ko" "$stamp"
	# Where a call is, is a block; by function. What is there only while the
	# module is loaded or unloaded does not count.
	objdump -dr "$stamp" | awk '
		/^Disassembly of section/ { is_text = $4 ~ /^\.text/ }
		/^[0-9a-f]+ <.*>:$/ { name = substr($2, 2, length($2) - 3) }
		is_text && /__sanitizer_cov_trace_pc/ { blocks[name]++ }
		END { for (name in blocks) print name, blocks[name] }' |
		sort >"$run/blocks"
}

# What the guest has over its files: the module, and what the fuzzer begins with.
make_layer()
{
	local root=$run/layer modules=$run/layer/usr/lib/modules/$KERNEL_ABI/extra target

	rm -rf "$root"
	mkdir -p "$root/opt/fuzz/corpus" "$modules"
	strip --strip-debug -o "$modules/glass.ko" "$run/glass.ko"
	PYTHONPATH=$GLASS_TOP/qemu python3 -B -c \
		'import guest; print(guest.COMPLAINT.pattern)' >"$root/opt/fuzz/complaint"
	if [[ $INPUT ]]; then
		cp "$INPUT" "$root/opt/fuzz/input"
	fi
	for target in "${targets[@]}"; do
		touch "$corpus/$target"
		cp "$corpus/$target" "$root/opt/fuzz/corpus/"
	done
	pack "$root" "$run/layer.cpio"
}

# keep TARGET: what the report says of its corpus.
keep()
{
	awk -v target="$1" '
		FILENAME == ARGV[2] { if (!($2 in gone)) print; next }
		$1 == "-" target { gone[$2] }
		$1 == "+" target { print target, $2 }' "$run/report" "$corpus/$1" |
		awk '!seen[$0]++' >"$corpus/$1.new"
	mv "$corpus/$1.new" "$corpus/$1"
}

# show_coverage: by function, and of all.
show_coverage()
{
	awk '
		FNR == NR { all[$1] = $2; total += $2; next }
		/^@/ {
			target = substr($1, 2)
			reached[target] += $3
			if ($3 > best[$2])
				best[$2] = $3
		}
		END {
			for (target in reached)
				printf "   %s reached %d of %d blocks (%d %%)\n", target,
					reached[target], total, 100 * reached[target] / total
			for (name in all)
				printf "%s %d of %d\n", name, best[name], all[name] >coverage
		}' coverage="$run/coverage.new" "$run/blocks" "$run/report"
	sort "$run/coverage.new" >"$run/coverage"
	rm "$run/coverage.new"
	note "$(grep -c ' 0 of ' "$run/coverage") of $(wc -l <"$run/coverage") functions were not reached by one target or another: $run/coverage"
}

prepare_guest tests
take_lock "$run/lock" "fuzzing"
mkdir -p "$corpus" "$run/faults"
build_module
make_layer
rm -f "$memory"
truncate -s 256K "$memory"
seconds=$(awk "BEGIN { print int($MINUTES * 60 / ${#targets[@]}) }")
if [[ $INPUT ]]; then
	say "booting Linux $KERNEL_ABI in QEMU, for $INPUT"
else
	say "booting Linux $KERNEL_ABI in QEMU, to fuzz ${targets[*]}, $seconds s each, from seed $seed"
fi
# One processor, which is faster than each of two: one thread has all to do.
export GUEST_CLOCK=${GUEST_CLOCK:-host} GUEST_CPUS=${GUEST_CPUS:-1} BOOT_MEMORY=$memory
BOOT_LAYERS+=" $run/layer.cpio"
status=0
# Lines about inputs and functions are not for people.
"$GLASS_TOP/qemu/guest.py" --folder "$run" \
	--timeout "$((seconds * ${#targets[@]} + 900))" -- \
	"$GLASS_TOP/qemu/boot.sh" "$run" GLASS_MODE=fuzz panic_on_warn=1 \
	"GLASS_FUZZ_TARGETS=$(IFS=,; echo "${targets[*]}")" \
	"GLASS_FUZZ_SECONDS=$seconds" "GLASS_FUZZ_SEED=$seed" |
	tee "$run/report" | sed -u '/^[-+@]/d' || status=$?
if [[ ! $INPUT ]]; then
	for target in "${targets[@]}"; do
		keep "$target"
	done
fi
if ((status == 0)); then
	[[ $INPUT ]] || show_coverage
	note "no fault"
	exit
fi
if [[ ! $INPUT ]] && tr -d '\0' <"$memory" >"$run/round" && [[ -s $run/round ]]; then
	INPUT=$run/faults/$(tail -n 1 "$run/round" | cut -d ' ' -f 1)-$(
		sha256sum "$run/round" | cut -c1-12)
	mv "$run/round" "$INPUT"
	note "$(wc -l <"$INPUT") inputs ran in the last round, in this order: $INPUT"
fi
[[ ! $INPUT ]] || note "once more: make fuzz INPUT=$INPUT"
exit "$status"
