#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make: builds ./glass.ko for the kernel that runs here.

# shellcheck source=qemu/lib.sh
. "$(dirname "$0")/lib.sh"

release=$(uname -r)
headers=/lib/modules/$release/build
folder=$GLASS_TOP/build/running-$release

dpkg --compare-versions "$release" ge 6.12 ||
	refuse "Glass needs Linux 6.12 or later, and $release runs here; 'make test' and 'make run' use a kernel in QEMU"
packages=(make pahole rsync)
if [[ ! -e $headers/Makefile ]]; then
	package=linux-headers-$release
	[[ $(apt-cache show "$package" 2>/dev/null) ]] ||
		refuse "the running kernel $release has no headers here, and apt knows no $package; 'make test' and 'make run' use a kernel in QEMU"
	packages+=("$package")
fi
"$GLASS_TOP/qemu/setup.sh" only "${packages[@]}"

take_lock "$folder/lock" "building in $folder"
say "building glass.ko for the running kernel, Linux $release"
sync_sources "$folder/module"
slowly "glass.ko" "$folder/build.log" \
	make -j"$(nproc)" -C "$headers" M="$folder/module" modules || exit
cp "$folder/module/glass.ko" "$GLASS_TOP/glass.ko"
note "done: insmod glass.ko"
