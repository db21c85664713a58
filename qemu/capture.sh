#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make capture: makes the capture that the dissector is tested with anew, in the
# guest, and tests with it. What is committed is what a run of this left.

# shellcheck source=qemu/lib.sh
. "$(dirname "$0")/lib.sh"
load_kernel

folder=$GLASS_TOP/userspace/wireshark
run=$BUILD/capture

# take NAME FILE: the report's line of that name, decoded.
take()
{
	sed -n "s/^$1 //p" "$run/report" | base64 -d >"$2.new"
	[[ -s $2.new ]] || fail "the guest reported no $1: $run/report"
	mv "$2.new" "$2"
}

prepare_guest tools
mkdir -p "$run"
take_lock "$BUILD/capture.lock" "a capture"
say "booting Linux $KERNEL_ABI in QEMU, to capture in it"
GUEST_CLOCK=icount "$GLASS_TOP/qemu/guest.py" --folder "$run" -- \
	"$GLASS_TOP/qemu/boot.sh" "$run" GLASS_MODE=capture >"$run/report" || {
	grep -v '^capture ' "$run/report" >&2
	fail "the guest could not capture"
}
take capture "$folder/glass.pcap"
take facts "$folder/glass.facts"
"$folder/dissector_test.py"
