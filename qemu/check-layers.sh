#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The layers of module/: a file includes headers of its own layer or a lower
# one; calls upwards go through an ops structure. A file that is not in this
# table has no layer yet, and that is an error too. And only compat.h (and
# Kbuild, by looking) may know which kernel it is built for.
#
#   qemu/check-layers.sh [FOLDER]     default: module/

cd "${1:-$(dirname "$0")/../module}" || exit

layers='
0 compat uapi
1 congestion drop rtt segment seq tcb wire
2 addr conn glass memory net pages port room route stats sysctl tap trace
3 control cred dev errqueue input listen output stamp timewait transport transport_queue transport_recovery transport_rx transport_segment transport_tx
4 connected dgram dgram_io family protosw raw seqpacket socket sockmap stream
5 anatomy diag members_gen netlink netlink_gen proc view
6 main
'

status=0
complain() { printf '%s\n' "$*"; status=1; }

# layer NAME: its number, or nothing.
layer()
{
	awk -v name="$1" '{ for (i = 2; i <= NF; i++) if ($i == name) print $1 }' \
		<<<"$layers"
}

for file in *.[ch]; do
	own=$(layer "${file%.*}")
	if [[ ! $own ]]; then
		complain "module/$file has no layer: add it to the table in $0"
		continue
	fi
	while IFS=: read -r line header; do
		theirs=$(layer "$(basename "$header" .h)")
		((${theirs:-9} <= own)) ||
			complain "module/$file:$line: layer $own includes $header of layer ${theirs:-?}"
	done < <(sed -nE '/^#include "/ { =; s/^#include "([^"]+)".*/\1/p }' "$file" |
		 paste -d: - -)
done

while read -r line; do
	complain "module/$line: only compat.h may ask for the kernel's version"
done < <(grep -nE 'LINUX_VERSION|KERNEL_VERSION|UTS_RELEASE' ./*.[ch] |
	 grep -v '^./compat\.h:' | sed 's,^\./,,')

exit "$status"
