#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make soak HOURS=n: races calls against each other for that long, with another
# seed each time, and stops at the first fault; it says with which seed to see it
# again. Threads run side by side here, and by this machine's clock.
#
#   HOURS        how long, by default 1; a part of one is allowed (0.5)
#   GLASS_SEED   the first seed, by default one that nobody knows

# shellcheck source=qemu/lib.sh
. "$(dirname "$0")/lib.sh"

HOURS=${HOURS:-1}
[[ $HOURS =~ ^[0-9]+(\.[0-9]+)?$ ]] || refuse "HOURS=$HOURS: it must be a number of hours"
seed=${GLASS_SEED:-$RANDOM$RANDOM}
end=$((SECONDS + $(awk "BEGIN { print int($HOURS * 3600) }")))
runs=0

export GUEST_CLOCK=host GUESTS=1 T=race_test
export GLASS_SCALE=${GLASS_SCALE:-20}
while ((SECONDS < end)); do
	say "seed $seed, $(((end - SECONDS) / 60)) minutes left"
	GLASS_SEED=$seed "$GLASS_TOP/qemu/test.sh" ||
		fail "once more: GUEST_CLOCK=host GUESTS=1 GLASS_SCALE=$GLASS_SCALE GLASS_SEED=$seed KERNEL=$KERNEL make test T=race_test"
	seed=$((seed + 1000))
	runs=$((runs + 1))
done
note "$runs runs, no fault"
