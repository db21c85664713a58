#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Builds what runs in the guest, below build/<kernel>/:
#
#   glass.ko      the module, for the kernel under test: W=1, no warnings
#   userspace/    the library and the tools
#   kselftest/    the collection, as the kernel's own install makes it
#
#   qemu/build.sh [module|userspace|selftests]...     default: all three

# shellcheck source=qemu/lib.sh
. "$(dirname "$0")/lib.sh"
load_kernel
[[ ${KERNEL_ABI:-} ]] || fail "the $KERNEL kernel is not set up: qemu/setup.sh"

LOG=$BUILD/log

build_module()
{
	local stamp=$BUILD/glass.ko

	fresh "$stamp" "$GLASS_TOP/Kbuild" "$GLASS_TOP/module" \
		"$GLASS_TOP/qemu/build.sh" "$KERNEL_DIR/info.sh" && return
	say "building glass.ko for Linux $KERNEL_ABI"
	rm -f "$stamp"
	sync_sources "$BUILD/module"
	slowly "glass.ko" "$LOG/module.log" kernel_make "$BUILD/module" \
		W=1 KCFLAGS=-Werror modules || exit
	# modpost only warns; so do objtool and pahole.
	if grep -iE '\bwarning\b' "$LOG/module.log" >&2; then
		fail "the module builds with warnings: $LOG/module.log"
	fi
	cp "$BUILD/module/glass.ko" "$stamp"
}

build_userspace()
{
	say "building the tools and the tests"
	slowly "userspace" "$LOG/userspace.log" \
		make -j"$(nproc)" -C "$GLASS_TOP/userspace" O="$BUILD/userspace" all || exit
}

build_selftests()
{
	build_userspace
	slowly "selftests" "$LOG/selftests.log" \
		make -j"$(nproc)" -C "$GLASS_TOP/selftests" \
			KSFT_DIR="$KERNEL_DIR/source/tools/testing/selftests" \
			USERSPACE="$BUILD/userspace" OUTPUT="$BUILD/selftests" \
			COLLECTION_PATH="$BUILD/kselftest" collection || exit
}

take_lock "$BUILD/lock" "building in build/$KERNEL"
mkdir -p "$BUILD"
for part in "${@:-module selftests}"; do
	for one in $part; do
		"build_$one"
	done
done
