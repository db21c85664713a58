#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make test-all: the selftests on each kernel, one after the other, and a table of
# what came of it. Fails if one of them does.
#
#   KERNELS   of qemu/kernels/; default: stock debug

# shellcheck source=qemu/lib.sh
. "$(dirname "$0")/lib.sh"

RUN=$GLASS_TOP/build/test-all
failed=0

# row KERNEL LINUX RESULT TIME
row() { printf '   %-8s %-22s %-48s %s\n' "$@"; }

mkdir -p "$RUN"
rm -f "$RUN"/*.log
table=$(row kernel Linux result time)
for KERNEL in ${KERNELS:-stock debug}; do
	export KERNEL
	began=$SECONDS
	say "testing with KERNEL=$KERNEL"
	"$GLASS_TOP/qemu/test.sh" 2>&1 | tee "$RUN/$KERNEL.log" || failed=1
	table+=$'\n'$(
		KERNEL_FILE=$GLASS_TOP/qemu/kernels/$KERNEL.sh
		load_kernel
		row "$KERNEL" "${KERNEL_ABI:-none}" "$(tail -n 1 "$RUN/$KERNEL.log")" \
			"$((SECONDS - began)) s")
done
echo "$table"
exit "$failed"
