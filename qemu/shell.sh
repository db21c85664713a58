#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# make shell: an interactive shell in the guest.

# shellcheck source=qemu/lib.sh
. "$(dirname "$0")/lib.sh"
load_kernel

[[ -t 0 ]] || refuse "make shell needs a terminal"
size=$(stty size)
say "booting Linux $KERNEL_ABI; 'exit' or Ctrl-A X ends it"
BOOT_SHELL=1 "$GLASS_TOP/qemu/boot.sh" "$BUILD/shell" \
	quiet GLASS_MODE=shell "GLASS_ROWS=${size% *}" "GLASS_COLUMNS=${size#* }"
stty sane
