#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# make shell: an interactive shell in the guest.

# shellcheck source=qemu/lib.sh
. "$(dirname "$0")/lib.sh"
load_kernel

[[ -t 0 && -t 1 ]] || refuse "make shell needs a terminal"
prepare_guest tests
folder=$(mktemp -d "$BUILD/shell.XXXXXX")
settings=$(stty -g)
trap 'stty "$settings"; rm -rf "$folder"' EXIT

say "booting Linux $KERNEL_ABI in QEMU; 'exit' or Ctrl-A X ends it"
read -r rows columns < <(stty size)
BOOT_SHELL=1 "$GLASS_TOP/qemu/boot.sh" "$folder" quiet GLASS_MODE=shell \
	"GLASS_ROWS=$rows" "GLASS_COLUMNS=$columns"
