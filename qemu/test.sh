#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Boots the guest and runs the collection there; the last line counts, and the
# exit status is the truth.
#
#   T=pattern     the programs whose name contains it, else the cases
#   GLASS_SCALE   how much the tests do: 1 (make test), 10 (make test-long)
#   CI=true       a skip is a failure unless selftests/expected-skips lists it

# shellcheck source=qemu/lib.sh
. "$(dirname "$0")/lib.sh"
load_kernel

T=${T:-}
export GLASS_SCALE=${GLASS_SCALE:-1}
RUN=$BUILD/test
LIST=$BUILD/kselftest/kselftest-list.txt

[[ $T =~ ^[A-Za-z0-9_.:/+-]*$ ]] ||
	refuse "T=$T: only letters, digits and _.:/+- can be asked for"
prepare_guest

options=(--tests --folder "$RUN" --earlier "$GLASS_TOP/build/unit/unit.ktap"
	 --expected-skips "$GLASS_TOP/selftests/expected-skips")
words=(GLASS_MODE=test "GLASS_SCALE=$GLASS_SCALE")
guest=("$GLASS_TOP/qemu/boot.sh" "$RUN")

# A program that does more, or on a slower kernel, gets more time; settings say
# how much at scale 1. A guest that is silent for longer than a program may run
# hangs.
patience=$((GLASS_SCALE * ${KERNEL_SLOWNESS:-1}))
options+=(--silence "${GUEST_SILENCE:-$((patience * 150))}"
	  --timeout "${GUEST_TIMEOUT:-$((patience * 900))}")
if ((patience > 1)); then
	words+=("GLASS_TIMEOUT=$((patience * 120))"
		"GLASS_DEADLINE=$((patience * 30))")
fi
[[ ${CI:-} == true ]] && options+=(--ci)

# T names programs, on this machine or in the guest; else cases of any.
unit=(unit unit-fuzz)
if [[ $T ]]; then
	options+=(--filtered)
	mapfile -t unit < <(printf '%s\n' "${unit[@]}" | grep -F -- "$T" || true)
	programs=$(sed 's/^glass://' "$LIST" | grep -F -- "$T" | paste -sd, || true)
	if [[ $programs ]]; then
		words+=("GLASS_TESTS=$programs")
	elif ((${#unit[@]})); then
		guest=()
	else
		export GLASS_T=$T
		words+=("GLASS_T=$T")
		unit=(unit)
	fi
fi

take_lock "$BUILD/test.lock" "a test run"
rm -f "$GLASS_TOP/build/unit/unit.ktap"
if ((${#unit[@]})); then
	say "testing the pure layer on this machine"
	"$GLASS_TOP/qemu/unit.sh" "${unit[@]}"
fi
if ((${#guest[@]})); then
	say "booting Linux $KERNEL_ABI in QEMU"
	guest+=("${words[@]}")
fi
exec "$GLASS_TOP/qemu/guest.py" "${options[@]}" -- "${guest[@]}"
