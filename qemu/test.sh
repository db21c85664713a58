#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Boots guests side by side and runs the collection there, shared among them;
# the last line counts, and the exit status is the truth.
#
#   T=pattern     the programs whose name contains it, else the cases
#   GLASS_SCALE   how much the tests do: 1 (make test), 10 (make test-long)
#   GLASS_SEED    what tests with chance in them begin with; by default 1
#   GUESTS        how many guests share the programs; default: as many as
#                 this machine has processors (at most 4) and memory for
#   TOOLS=1       instead of all that: the programs that need large tools in
#                 the guest (make test-tools); T=pattern: those cases of them
#   FAST_PATH=0   frames take the long way over Glass devices
#   GUEST_CLOCK   icount (default here) or host: see boot.sh
#   CI=true       a skip is a failure unless selftests/expected-skips lists it

# shellcheck source=qemu/lib.sh
. "$(dirname "$0")/lib.sh"
load_kernel

T=${T:-}
export GLASS_SCALE=${GLASS_SCALE:-1}
export GUEST_CLOCK=${GUEST_CLOCK:-icount}
RUN=$BUILD/test
LIST=$BUILD/kselftest/kselftest-list.txt

[[ $T =~ ^[A-Za-z0-9_.:/+-]*$ ]] ||
	refuse "T=$T: only letters, digits and _.:/+- can be asked for"
[[ ${GUESTS:-1} =~ ^[1-9][0-9]?$ ]] ||
	refuse "GUESTS=$GUESTS: it must be a number, 1 to 99"
prepare_guest tests

# known_durations: a file with how long the programs take, for a first run here. If
# it has grown old, guests end at other times, and no more.
known_durations()
{
	local file=$GLASS_TOP/qemu/kernels/$KERNEL.durations

	[[ -s $file ]] || file=$GLASS_TOP/qemu/kernels/debug.durations
	echo "$file"
}

options=(--tests --folder "$RUN" --earlier "$GLASS_TOP/build/unit/unit.ktap"
	 --expected-skips "$GLASS_TOP/selftests/expected-skips"
	 --list "$LIST" --weights "$BUILD/durations"
	 --first-weights "$(known_durations)")
words=(GLASS_MODE=test "GLASS_SCALE=$GLASS_SCALE")
guest=("$GLASS_TOP/qemu/boot.sh" "{folder}")

# A program that does more, or on a slower kernel, gets more time; settings say
# how much at scale 1. A guest that is silent for longer than a program may run
# hangs. Both are long for the sake of a busy machine: a case that hangs is
# ended much sooner, by its own deadline.
patience=$((GLASS_SCALE * ${KERNEL_SLOWNESS:-1}))
options+=(--silence "${GUEST_SILENCE:-$((patience * 270))}"
	  --timeout "${GUEST_TIMEOUT:-$((patience * 1200))}")
if ((patience > 1)); then
	words+=("GLASS_TIMEOUT=$((patience * 240))")
fi
words+=("GLASS_DEADLINE=$((patience * 60))")
[[ ${GLASS_SEED:-} ]] && words+=("GLASS_SEED=$GLASS_SEED")
# modprobe reads it there.
[[ ${FAST_PATH:-} ]] && words+=("glass.fast_path=$FAST_PATH")
[[ ${CI:-} == true ]] && options+=(--ci)

# T names programs, on this machine or in the guest; else cases of any.
unit=(unit unit-fuzz)
programs=
if [[ ${TOOLS:-} ]]; then
	options+=(--filtered)
	programs=scripts.sh
	options+=(--programs "$programs")
	unit=()
	if [[ $T ]]; then
		words+=("GLASS_T=$T")
	fi
elif [[ $T ]]; then
	options+=(--filtered)
	mapfile -t unit < <(printf '%s\n' "${unit[@]}" | grep -F -- "$T" || true)
	programs=$(sed 's/^glass://' "$LIST" | grep -F -- "$T" | paste -sd, || true)
	if [[ $programs ]]; then
		options+=(--programs "$programs")
	elif ((${#unit[@]})); then
		guest=()
	else
		export GLASS_T=$T
		words+=("GLASS_T=$T")
		unit=(unit)
	fi
else
	# Only a whole run can tell whether each test of that page ran.
	options+=(--surface "$GLASS_TOP/docs/surface.md")
fi

# guests: how many of them. A boot costs as much as a few programs.
guests()
{
	local cpus memory few=4

	cpus=$(nproc)
	memory=$(awk '/^MemAvailable/ { print int($2 / 1024) }' /proc/meminfo)
	memory=$((memory / (${GUEST_MEMORY:-1536} + 256)))
	if [[ $programs ]]; then
		few=$(tr ',' '\n' <<<"$programs" | wc -l)
		few=$(((few + 2) / 3))
	fi
	printf '%s\n' 4 "$few" "$cpus" "$((memory > 0 ? memory : 1))" |
		sort -n | head -n 1
}
# The netlink client and its Python are large; one test needs them.
if [[ ! ${programs:-} || ,$programs, == *,ynl.sh,* ]]; then
	BOOT_LAYERS+=" $BUILD/ynl.cpio"
fi
if [[ ${TOOLS:-} ]]; then
	"$GLASS_TOP/qemu/setup.sh" only bpftrace linux-perf
	"$GLASS_TOP/qemu/initramfs.sh" tools
	BOOT_LAYERS+=" $BUILD/tools.cpio"
	export GUEST_MEMORY=${GUEST_MEMORY:-2560}
fi

take_lock "$BUILD/test.lock" "a test run"
rm -rf "$RUN" "$GLASS_TOP/build/unit/unit.ktap"
if ((${#unit[@]})); then
	say "testing the pure layer on this machine"
	"$GLASS_TOP/qemu/unit.sh" "${unit[@]}"
fi
if ((${#guest[@]})); then
	GUESTS=${GUESTS:-$(guests)}
	options+=(--guests "$GUESTS")
	say "booting Linux $KERNEL_ABI in QEMU, guests: $GUESTS"
	guest+=("${words[@]}")
fi
exec "$GLASS_TOP/qemu/guest.py" "${options[@]}" -- "${guest[@]}"
