#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make run: boots the guest and shows the family at work on a file.
#
#   FILE=path   another one than the guest's kernel image

# shellcheck source=qemu/lib.sh
. "$(dirname "$0")/lib.sh"
load_kernel

file=${FILE:-}
if [[ $file ]]; then
	[[ -f $file && -r $file ]] || refuse "FILE=$file cannot be read"
	[[ -s $file ]] || refuse "FILE=$file is empty"
	file=$(realpath "$file")
fi
prepare_guest tools
file=${file:-$KERNEL_DIR/root/boot/vmlinuz-$KERNEL_ABI}
size=$(stat -Lc %s "$file")

# The guest holds the file twice, in 3/4 of its memory.
needed=$((512 + (size >> 20) * 3))
free=$(awk '/^MemAvailable/ { print int($2 / 1024) }' /proc/meminfo)
((needed < free)) ||
	refuse "FILE=$file is too large: the guest would need $needed MiB of memory, and $free are free"

name=$(basename "$file" | tr -c 'A-Za-z0-9_.+\n-' _)
take_lock "$BUILD/run.lock" "a demonstration"
say "booting Linux $KERNEL_ABI in QEMU, with $file as its disk"
export BOOT_DRIVE=$file
export GUEST_MEMORY=$((needed > 1536 ? needed : 1536))
exec "$GLASS_TOP/qemu/guest.py" --folder "$BUILD/run" -- \
	"$GLASS_TOP/qemu/boot.sh" "$BUILD/run" \
	GLASS_MODE=demo "GLASS_FILE=$name" "GLASS_SIZE=$size"
