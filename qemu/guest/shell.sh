#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# make shell: the module loaded, a shell with job control.

modprobe glass
echo
echo "glass.ko is loaded; the selftests: /opt/kselftest/run_kselftest.sh"
echo "'exit' or Ctrl-A X ends the guest."
cd /root || exit
exec bash -l
