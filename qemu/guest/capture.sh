#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make capture: what is to be seen of Glass in a capture, in few frames: each
# type, an echo, a refused connection, frames that are lost and overtaken. Each
# on a port of its own, which userspace/wireshark/dissector_test.py knows.
#
# Reports the capture, and what the kernel counted meanwhile, as lines of base64.

set -euo pipefail

if [[ ${1:-} != inside ]]; then
	modprobe glass
	exec unshare -n "$0" inside
fi

capture=/tmp/glass.pcap
bytes=/tmp/bytes

# listens PORT: has somebody bound it?
listens() { grep -q ":$1 " /proc/self/net/glass; }

# transfer PORT BYTES OPTION...
transfer()
{
	local port=$1 size=$2

	shift 2
	head -c "$size" "$bytes" >/tmp/in
	glass-cat "$@" --listen "$port" </dev/null >/tmp/out &
	until listens "$port"; do
		sleep 0.1
	done
	glass-cat "$@" "1:$port" </tmp/in >/dev/null
	wait $!
	cmp /tmp/in /tmp/out
}

retransmits() { awk '$1 == "GlassRetransmits" { print $2 }' /proc/self/net/glass_stat; }

head -c 100000 /dev/urandom >"$bytes"
ip link set glass0 mtu 576
tcpdump -i glass0 -Q in -s 2048 -B 16384 -U --immediate-mode -w "$capture" 2>/tmp/tcpdump.log &
tcpdump=$!
until grep -q 'listening on' /tmp/tcpdump.log; do
	sleep 0.1
done

# Sums are left to the device here.
transfer 5001 1500 --message-size 500
transfer 5002 5000 --type stream
transfer 5003 6000 --type seqpacket --message-size 2000
glass-ping -c 2 1 >/dev/null
glass-cat --type stream 1:5004 </dev/null 2>/dev/null && exit 1

# Here they are made. What ingress drops has been captured before: so each
# transmission is seen, those that are lost too.
before=$(retransmits)
tc qdisc add dev glass0 clsact
tc filter add dev glass0 ingress matchall action ok random determ drop 7
transfer 5005 12000 --type stream
echo "retransmits 5005 $(($(retransmits) - before))" >/tmp/facts
tc qdisc del dev glass0 clsact

before=$(retransmits)
tc qdisc add dev glass0 root netem delay 2ms reorder 30%
transfer 5006 12000 --type stream
echo "retransmits 5006 $(($(retransmits) - before))" >>/tmp/facts

# None was missed by the capture itself.
kill -INT "$tcpdump"
wait "$tcpdump" || true
grep -q "^0 packets dropped by kernel" /tmp/tcpdump.log
echo "capture $(base64 -w 0 "$capture")"
echo "facts $(base64 -w 0 /tmp/facts)"
