# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0
#
# As debug, of the newest Linux whose source Debian has, for its next release or
# this one.

. "$GLASS_TOP/qemu/kernels/debug.sh"
KERNEL_META=linux-source
KERNEL_OLDEST=7.0
KERNEL_SUITE=trixie-backports
KERNEL_CONFIG+=("$GLASS_TOP/qemu/kernels/newest.config")
