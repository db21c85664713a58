#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make mutants: do the tests notice when the module is wrong? Puts the small
# faults of qemu/mutants/ into a copy of the module, one at a time, and runs
# the tests. See mutants.py for the form of the list.
#
#   qemu/mutants.sh [PATTERN]        the faults whose "file: name" contains it
#   qemu/mutants.sh build FOLDER     (for mutants.py) FOLDER/glass.ko, and
#                                    FOLDER/glass.cpio, a layer for a guest

# shellcheck source=qemu/lib.sh
. "$(dirname "$0")/lib.sh"
load_kernel

# Not W=1, and no warning is an error: a fault may leave something unused. No
# BTF either, for speed.
build_mutant()
{
	local folder=$1 layer=$1/layer
	local place=$layer/usr/lib/modules/$KERNEL_ABI/extra

	kernel_make "$folder" CONFIG_DEBUG_INFO_BTF_MODULES= modules
	mkdir -p "$place"
	strip --strip-debug -o "$place/glass.ko" "$folder/glass.ko"
	pack "$layer" "$folder/glass.cpio"
}

if [[ ${1:-} == build ]]; then
	build_mutant "$2"
	exit
fi

prepare_guest tests
# What needs a kernel that looks for leaks and races runs where one was built.
if [[ $KERNEL == stock && -r $GLASS_CACHE/kernels/debug/info.sh ]]; then
	KERNEL=debug "$GLASS_TOP/qemu/build.sh"
	KERNEL=debug "$GLASS_TOP/qemu/initramfs.sh" tests ynl
fi
take_lock "$GLASS_TOP/build/mutants/lock" "make mutants"
exec "$GLASS_TOP/qemu/mutants.py" "${1:-}"
