#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make docs: reports pages with what their commands print here, as lines of
# base64.
#
#   GLASS_PAGES   their names, with commas

set -euo pipefail

modprobe glass
folder=/opt/kselftest/glass
PATH=$PATH:$folder
for page in ${GLASS_PAGES//,/ }; do
	unshare -n "$folder/tour.sh" --print "$folder/$page" >/tmp/page
	echo "page $page $(base64 -w 0 /tmp/page)"
done
