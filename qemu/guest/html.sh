#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make test-html: pages of glassctl trace, each with the JSON of the same
# recording. The words of the first command are none that HTML likes; it sends
# datagrams and a stream, and has a connection refused.
#
# Reports the files as lines of base64.

set -euo pipefail

folder=/tmp/pages
mkdir "$folder"
modprobe glass

# page NAME WORD...: of glassctl trace.
page()
{
	local name=$1 file

	shift
	glassctl trace --html "$folder/$name.html" --json "$folder/$name.json" "$@"
	for file in "$folder/$name".{html,json}; do
		echo "${file##*/} $(gzip -c "$file" | base64 -w 0)"
	done
}

glass-cat --listen 5001 </dev/null >/dev/null &
glass-cat --type stream --listen 5002 </dev/null >/dev/null &
for port in 5001 5002; do
	until grep -q ":$port " /proc/net/glass; do
		sleep 0.1
	done
done
# shellcheck disable=SC2016 # the inner shell's
page trace -- sh -c 'words="<b> & \"hello\" </title>"
	echo "$words" | glass-cat 1:5001
	head -c 3000 /dev/zero | glass-cat --type stream 1:5002
	glass-cat --type stream 1:5003 </dev/null 2>/dev/null || true'
wait

# Of one call only, which fails; of none; and the tables.
page one --call connect -- sh -c 'echo hello | glass-cat --no-end 1:5003 2>/dev/null || true'
page none -- true
page beside --beside unix,tcp
