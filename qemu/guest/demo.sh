#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make run: two ordinary processes move a file through sockets of AF_GLASS, of
# each type, and everything on the way is shown.
#
#   GLASS_FILE   what the file is called on the host
#   GLASS_SIZE   how many bytes of /dev/vda are the file

set -euo pipefail

port=4000
file=/tmp/${GLASS_FILE##*/}
copy=/tmp/copy
frames=/tmp/frames

step() { printf '\n-- %s\n' "$*"; }
show() { printf '   $ %s\n' "$*"; "$@" 2>&1 | sed 's/^/   /'; }
counter() { cat "/sys/class/net/glass0/statistics/$1"; }

step "a stock kernel, which knows nothing of Glass"
show uname -sr
modprobe virtio_blk
head -c "$GLASS_SIZE" /dev/vda >"$file"

step "the module is loaded; the family has a number, and its device is up"
show insmod "/lib/modules/$(uname -r)/extra/glass.ko"
show cat /sys/module/glass/parameters/family
show ip link show glass0

step "the file that is to be moved, and the device's counters before"
show ls -lh "$file"
show ip -s link show glass0

step "one process listens at port $port, another one sends the file to it"
tcpdump -i glass0 -Q in -nn -e -x -s 64 -c 3 -l >"$frames" 2>/tmp/tcpdump.log &
tcpdump=$!
until grep -q 'listening on' /tmp/tcpdump.log; do
	kill -0 "$tcpdump"
	sleep 0.1
done
frames_before=$(counter rx_packets)
bytes_before=$(counter rx_bytes)

printf '   $ glass-cat --verbose --listen %s > %s &\n' "$port" "$copy"
glass-cat --verbose --listen "$port" >"$copy" 2>/tmp/receiver.log &
receiver=$!
until grep -q ":$port " /proc/net/glass; do
	kill -0 "$receiver"
	sleep 0.1
done
show cat /proc/net/glass
printf '   $ glass-cat --verbose 1:%s < %s\n' "$port" "$file"
begin=$(cut -d' ' -f1 /proc/uptime)
glass-cat --verbose "1:$port" <"$file" >/dev/null 2>/tmp/sender.log || failed=1
wait "$receiver" || failed=1
end=$(cut -d' ' -f1 /proc/uptime)
sed 's/^/   receiver: /' /tmp/receiver.log
sed 's/^/   sender:   /' /tmp/sender.log
if [[ ${failed:-} ]]; then
	echo "   the transfer failed"
	exit 1
fi

step "the first frames of it, as tcpdump captured them on glass0"
wait "$tcpdump" || true
sed 's/^/   /' "$frames"

step "the device's counters after"
show ip -s link show glass0
show grep -v ' 0$' /proc/net/glass_stat
echo "   $(($(counter rx_packets) - frames_before)) frames, $(($(counter rx_bytes) - bytes_before)) bytes on glass0 in $(echo "$end $begin" | awk '{ printf "%.1f", $1 - $2 }') s (emulated)"

step "the same file at both ends"
show sha256sum "$file" "$copy"
cmp "$file" "$copy"

# move TYPE: the file crosses in a connection of that type; what it took.
move()
{
	local type=$1 retransmits

	retransmits=$(awk '$1 == "GlassRetransmits" { print $2 }' /proc/net/glass_stat)
	rm -f "$copy"
	glass-cat --type "$type" --listen "$port" >"$copy" 2>/tmp/receiver.log &
	receiver=$!
	until grep -q ":$port .* LISTEN" /proc/net/glass; do
		kill -0 "$receiver"
		sleep 0.1
	done
	printf '   $ glass-cat --type %s 1:%s < %s\n' "$type" "$port" "$file"
	glass-cat --type "$type" --verbose "1:$port" <"$file" 2>/tmp/sender.log \
		>/dev/null &
	sender=$!
	if ((${2:-0})); then
		sleep 0.3
		show glassctl ss --port "$port"
	fi
	wait "$sender"
	wait "$receiver"
	sed -n 's/^.*: sent/   sent/p' /tmp/sender.log
	cmp "$file" "$copy"
	echo "   equal; segments sent again: $(($(awk '$1 == "GlassRetransmits" { print $2 }' \
		/proc/net/glass_stat) - retransmits))"
}

step "the same file through connections: bytes, then messages"
move stream
move seqpacket

step "and once more, while the device loses every tenth frame"
modprobe sch_netem
show tc qdisc add dev glass0 root netem loss 10%
move stream 1
show tc -s qdisc show dev glass0
tc qdisc del dev glass0 root

step "the same file at both ends"
show sha256sum "$file" "$copy"
echo "   equal"
