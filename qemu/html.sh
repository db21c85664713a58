#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make test-html: makes pages of glassctl trace in the guest, and reads them here
# in a Chromium without a window. Pictures of them are left beside the pages.

# shellcheck source=qemu/lib.sh
. "$(dirname "$0")/lib.sh"
load_kernel

run=$BUILD/html

"$GLASS_TOP/qemu/setup.sh" only chromium chromium-driver fonts-dejavu-core python3-selenium ||
	exit
prepare_guest tools
mkdir -p "$run"
take_lock "$BUILD/html.lock" "a test of pages"
rm -f "$run"/*.{html,json,png}
say "booting Linux $KERNEL_ABI in QEMU, to trace in it"
GUEST_CLOCK=icount "$GLASS_TOP/qemu/guest.py" --folder "$run" -- \
	"$GLASS_TOP/qemu/boot.sh" "$run" GLASS_MODE=html >"$run/report" || {
	cut -c1-200 "$run/report" >&2
	fail "the guest could not trace"
}
while read -r name data; do
	[[ $name == *.html || $name == *.json ]] || continue
	base64 -d <<<"$data" | gunzip >"$run/$name"
done <"$run/report"
say "reading the pages in $(chromium --version 2>/dev/null)"
"$GLASS_TOP/userspace/glassctl/page_test.py" "$run"
note "the pages, and pictures of them: $run"
