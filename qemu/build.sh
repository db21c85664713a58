#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Builds what runs in the guest. For the kernel under test, in build/<kernel>/:
#
#   glass.ko      the module: W=1, no warnings
#   test-modules/ protocols of selftests/modules/, built against glass.ko, and
#                 docs/minimal/, a family of its own
#   kselftest/    the collection, as the kernel's own install makes it
#
# And what no kernel makes a difference to, in build/:
#
#   userspace/    the library and the tools
#   selftests/    the programs of the collection
#
#   qemu/build.sh [module|test_modules|userspace|selftests]...     default: all

# shellcheck source=qemu/lib.sh
. "$(dirname "$0")/lib.sh"
MODULE_MAKE=()	# what else the kernel's description gives make
load_kernel
[[ ${KERNEL_ABI:-} ]] || fail "the $KERNEL kernel is not set up: qemu/setup.sh"

LOG=$BUILD/log

build_module()
{
	local stamp=$BUILD/glass.ko

	fresh "$stamp" "$GLASS_TOP/Kbuild" "$GLASS_TOP/module" \
		"$GLASS_TOP/qemu/build.sh" "$KERNEL_FILE" "$KERNEL_DIR/info.sh" && return
	say "building glass.ko for Linux $KERNEL_ABI"
	rm -f "$stamp"
	sync_sources "$BUILD/module"
	slowly "glass.ko" "$LOG/module.log" kernel_make "$BUILD/module" \
		W=1e "${MODULE_MAKE[@]}" modules || exit
	# modpost only warns; so do objtool and pahole.
	if grep -iE '\bwarning\b' "$LOG/module.log" >&2; then
		fail "the module builds with warnings: $LOG/module.log"
	fi
	cp "$BUILD/module/glass.ko" "$stamp"
}

# As somebody else would build a protocol: out of tree, with glass.ko's symbols.
build_test_modules()
{
	local stamp=$BUILD/test-modules.stamp folder name

	build_module
	fresh "$stamp" "$BUILD/glass.ko" "$GLASS_TOP/selftests/modules" \
		"$GLASS_TOP/docs/minimal" "$GLASS_TOP/qemu/build.sh" && return
	rm -f "$stamp"
	for folder in "$GLASS_TOP"/selftests/modules/*/ "$GLASS_TOP/docs/minimal/"; do
		name=$(basename "$folder")
		rsync -a --delete -f 'P *.o' -f 'P .*' -f 'P *.mod' "$folder" \
			"$BUILD/test-modules/$name/"
		slowly "$name.ko" "$LOG/$name.log" \
			kernel_make "$BUILD/test-modules/$name" GLASS="$BUILD/module" \
				KBUILD_EXTRA_SYMBOLS="$BUILD/module/Module.symvers" \
				W=1e modules || exit
		if grep -iE '\bwarning\b' "$LOG/$name.log" >&2; then
			fail "$name builds with warnings: $LOG/$name.log"
		fi
	done
	touch "$stamp"
}

build_userspace()
{
	take_lock "$GLASS_TOP/build/userspace/lock" "building in build/userspace"
	say "building the tools"
	slowly "userspace" "$LOG/userspace.log" \
		make -j"$(nproc)" -C "$GLASS_TOP/userspace" O="$GLASS_TOP/build/userspace" all || exit
}

build_selftests()
{
	build_userspace
	say "building the tests"
	slowly "selftests" "$LOG/selftests.log" \
		make -j"$(nproc)" -C "$GLASS_TOP/selftests" \
			KSFT_DIR="$KERNEL_DIR/source/tools/testing/selftests" \
			USERSPACE="$GLASS_TOP/build/userspace" OUTPUT="$GLASS_TOP/build/selftests" \
			COLLECTION_PATH="$BUILD/kselftest" collection || exit
}

# What was built for another version of this kernel, or for one that was
# configured otherwise, is of no use, however new it is.
forget_other_kernel()
{
	local version

	version=$(readlink -f "$KERNEL_DIR")
	[[ $(cat "$BUILD/kernel" 2>/dev/null) == "$version" ]] && return
	rm -rf "$BUILD"/{glass.ko,module,test-modules{,.stamp},base.cpio}
	echo "$version" >"$BUILD/kernel"
}

take_lock "$BUILD/lock" "building in build/$KERNEL"
forget_other_kernel
mkdir -p "$BUILD/test-modules"
for part in "${@:-test_modules selftests}"; do
	for one in $part; do
		"build_$one"
	done
done
