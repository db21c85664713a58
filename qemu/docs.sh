#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make docs: makes what the pages in docs/ show of commands anew, in the guest.
# selftests/tour.sh tells which pages, and what is put there.

# shellcheck source=qemu/lib.sh
. "$(dirname "$0")/lib.sh"
load_kernel

pages=(tour.md trace.md)
run=$BUILD/docs

prepare_guest tests
mkdir -p "$run"
take_lock "$BUILD/docs.lock" "the documentation"
say "booting Linux $KERNEL_ABI in QEMU, to run what the documentation shows"
GUEST_CLOCK=icount "$GLASS_TOP/qemu/guest.py" --silence 600 --folder "$run" -- \
	"$GLASS_TOP/qemu/boot.sh" "$run" GLASS_MODE=docs \
	"GLASS_PAGES=$(IFS=,; echo "${pages[*]}")" >"$run/report" || {
	grep -v '^page ' "$run/report" >&2
	fail "the guest could not make them"
}
for page in "${pages[@]}"; do
	sed -n "s/^page $page //p" "$run/report" | base64 -d >"$run/$page"
	[[ -s $run/$page ]] || fail "the guest reported no $page: $run/report"
	if cmp -s "$run/$page" "$GLASS_TOP/docs/$page"; then
		note "docs/$page is as it was"
	else
		cp "$run/$page" "$GLASS_TOP/docs/$page"
		note "docs/$page is new"
	fi
done
