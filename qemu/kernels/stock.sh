# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0
#
# The stock cloud kernel of Debian: 6.12 where the machine's own apt sources
# have it, else what its backports have.

# Packages whose dependency is the kernel, best first, and the oldest version
# of the kernel that will do.
KERNEL_META="linux-image-6.12-cloud-amd64 linux-image-cloud-amd64"
KERNEL_OLDEST=6.12
