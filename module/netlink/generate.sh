#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Makes, from glass.yaml and with the kernel's own generator:
#
#   module/uapi/linux/glass_netlink.h    what user space sees
#   module/netlink_gen.h, .c             policies and the operation table
#
#   module/netlink/generate.sh SOURCE [TOP]
#
# SOURCE is a kernel source tree (tools/net/ynl and Documentation/netlink are
# enough); the files are written below TOP, by default this repository.
set -euo pipefail

here=$(realpath "$(dirname "$0")")
source=$(realpath "$1")
top=${2:-$here/../..}

# The generator finds the schema beside the folder of the specification, and
# writes the path of the specification into what it makes.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/netlink"
cp "$source"/Documentation/netlink/*.yaml "$work/"
cp "$here/glass.yaml" "$work/netlink/"
touch "$work/MAINTAINERS" # it looks for the root of the tree by this

# generate MODE --header|--source FILE
generate()
{
	mkdir -p "$(dirname "$top/$3")"
	(cd "$work" && /usr/bin/python3 "$source/tools/net/ynl/ynl-gen-c.py" \
		--mode "$1" "$2" --spec "$work/netlink/glass.yaml" \
		-o "$(basename "$3")")
	sed "s,$work/,module/," "$work/$(basename "$3")" >"$top/$3"
}

generate uapi --header module/uapi/linux/glass_netlink.h
generate kernel --header module/netlink_gen.h
generate kernel --source module/netlink_gen.c
