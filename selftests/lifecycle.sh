#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC3043,SC2317,SC2030,SC2031 # local; cases are functions, called by name in subshells
#
# Loading and unloading: by hand, by itself, refused, and over again.

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"

PORT=5000

# Looked up once: it takes longer than loading does.
GLASS_KO=$(module_file) || GLASS_KO=

# Each case begins without the module, and may leave it loaded.
begin()
{
	[ "$(id -u)" -eq 0 ] || skip "only root may load modules"
	[ "$GLASS_KO" ] || skip "no glass.ko: set GLASS_KO"
	unload_module
}

# Other tests find it loaded, as they did before.
after_all()
{
	unload_module
	[ -z "$GLASS_KO" ] || load_module
}

# Nothing may be left of a module that is not loaded.
expect_no_trace()
{
	local path

	for path in /sys/module/glass /sys/class/net/glass0 /proc/net/glass \
		/proc/net/glass_stat /proc/sys/net/glass; do
		[ ! -e "$path" ] || fail "$path is left"
	done
	expect_failure grep -i glass /proc/net/protocols /proc/modules /proc/net/ptype \
		/proc/slabinfo
}

# exchange [OPTION...]: something goes through, or the case fails.
exchange()
{
	start_receiver "$PORT" "$WORK/out" "$@"
	echo through | glass-cat "$@" "1:$PORT"
	expect_exit $! 0
	expect_equal "what arrived" "$(cat "$WORK/out")" through
}

# mark: what the kernel says from here on is new.
mark()
{
	MARK="selftest $$ $(cat /proc/uptime)"
	echo "$MARK" >/dev/kmsg
}

# expect_kernel_said PATTERN...: each of them, since mark.
expect_kernel_said()
{
	local pattern

	dmesg >"$WORK/dmesg"
	sed "1,/$MARK/d" "$WORK/dmesg" >"$WORK/said"
	for pattern; do
		grep -qiE -- "$pattern" "$WORK/said" && continue
		cat "$WORK/said"
		fail "the kernel log does not say '$pattern'"
	done
}

# expect_socket_error TEXT: what glass-cat says when it wants a socket.
expect_socket_error()
{
	expect_failure glass-cat -l "$PORT"
	expect_words "glass-cat: socket AF_GLASS: $1" "$WORK/failure"
}

test_without_the_module_the_family_is_not_supported()
{
	begin
	local helper

	helper=$(cat /proc/sys/kernel/modprobe)
	defer "echo $helper >/proc/sys/kernel/modprobe"
	echo /bin/false >/proc/sys/kernel/modprobe
	expect_socket_error "Address family not supported by protocol"
	expect_no_trace
}

test_a_socket_loads_the_module()
{
	begin
	modprobe -n net-pf-18 2>/dev/null || skip "modprobe does not know glass"
	# Also for a user who could not load it, nor set the device up.
	if command -v setpriv >/dev/null; then
		background setpriv --reuid 65534 --clear-groups glass-cat -l "$PORT"
	else
		background glass-cat -l "$PORT"
	fi
	wait_until is_loaded
	wait_until port_is_open "$PORT"
	echo hello | glass-cat "1:$PORT"
	expect_equal "family" "$(cat /sys/module/glass/parameters/family)" 18
}

test_unloading_is_refused_while_a_socket_is_open()
{
	local reader

	begin
	load_module
	background glass-cat -l "$PORT"
	wait_until port_is_open "$PORT"
	expect_failure rmmod glass
	expect_words "in use" "$WORK/failure"
	# It still works, and a process that is killed with unread data lets go too.
	mkfifo "$WORK/fifo"
	glass-cat -l 5001 --no-end >"$WORK/fifo" </dev/null &
	reader=$!
	exec 9<"$WORK/fifo"
	wait_until port_is_open 5001
	head -c 600000 /dev/zero | glass-cat --no-end 1:5001 &
	wait_until port_is_open 5001 ESTABLISHED
	expect_failure rmmod glass
	kill -KILL $! "$reader"
	echo hello | glass-cat "1:$PORT"
	wait
	rmmod glass
	expect_no_trace
}

# has_state STATE: is some connection in it?
has_state()
{
	grep -q " $1 " /proc/net/glass
}

test_unloading_is_refused_while_a_connection_lives()
{
	local listener reader writer

	begin
	need tc
	load_module
	glass-cat --type stream -l "$PORT" &
	listener=$!
	defer "kill -KILL $listener 2>/dev/null"
	wait_until port_is_open "$PORT" LISTEN
	expect_failure rmmod glass
	expect_words "in use" "$WORK/failure"

	# Its reader stalls, so that there is more to be sent than has gone; and
	# does not end its own direction, because its input does not end.
	mkfifo "$WORK/fifo" "$WORK/silence"
	exec 9<>"$WORK/fifo" 8<>"$WORK/silence"
	glass-cat --type stream -l 5001 >"$WORK/fifo" <&8 &
	reader=$!
	defer "kill -KILL $reader 2>/dev/null"
	wait_until port_is_open 5001 LISTEN
	glass-cat --type stream 1:5001 </dev/zero &
	writer=$!
	defer "kill -KILL $writer 2>/dev/null"
	wait_until has_state ESTABLISHED
	kill -KILL "$listener"
	expect_failure rmmod glass
	expect_words "in use" "$WORK/failure"

	# Told if the case fails.
	defer "cat /proc/net/glass /sys/module/glass/refcnt"
	# Nobody has it open, but it has something to say still.
	tc qdisc add dev glass0 root netem loss 100%
	kill -KILL "$writer" "$reader"
	wait
	wait_until has_state FIN_WAIT1
	expect_failure rmmod glass
	expect_words "in use" "$WORK/failure"
	# Not for ever, even if nobody listens.
	echo 300 >/proc/sys/net/glass/user_timeout_ms
	wait_until rmmod glass
	expect_no_trace
}

test_unloading_works_with_connections_that_are_only_remembered()
{
	begin
	load_module
	echo 600000 >/proc/sys/net/glass/time_wait_ms
	start_receiver "$PORT" "$WORK/out" --type stream
	echo through | glass-cat --type stream "1:$PORT"
	expect_exit $! 0
	expect_equal "what arrived" "$(cat "$WORK/out")" through
	wait_until has_state TIME_WAIT
	rmmod glass
	expect_no_trace
	load_module
	expect_failure has_state TIME_WAIT
}

test_unloading_works_with_a_namespace_in_use()
{
	begin
	need unshare
	load_module
	background_namespace
	# With a device of its own and one of somebody else's that carries Glass.
	nsenter -t $! -n sh -ec "
		glassctl dev add g1 node 7
		ip link add va type veth peer name vb
		glassctl dev attach va node 9
		glassctl route add 12 dev va lladdr 02:00:00:00:00:0c"
	rmmod glass
	expect_no_trace
	load_module
	nsenter -t $! -n ip -o link show glass0 | grep -q "NOARP,UP"
}

test_a_taken_slot_fails_the_load()
{
	local family

	begin
	mark
	for family in 1 2; do
		expect_failure load_module family="$family"
		expect_words "Device or resource busy" "$WORK/failure"
		expect_no_trace
	done
	expect_kernel_said "glass.*family.* 1 is taken" "glass.*family.* 2 is taken"
}

test_a_family_out_of_range_fails_the_load()
{
	local family

	begin
	mark
	for family in 0 -1 46 ash; do
		expect_failure load_module family="$family"
		expect_words "Invalid" "$WORK/failure"
	done
	expect_no_trace
	expect_kernel_said "glass.* 0 is out of range" "glass.* -1 is out" "glass.* 46 is out" \
		"glass.*ash"
}

test_another_slot_works()
{
	begin
	mark
	load_module family=19
	expect_kernel_said "glass.*19"
	expect_equal "family" "$(cat /sys/module/glass/parameters/family)" 19
	exchange
}

test_a_foreign_glass0_fails_the_load()
{
	begin
	ip link add glass0 type dummy || skip "no dummy devices here"
	defer "ip link del glass0 type dummy 2>/dev/null"
	expect_failure load_module
	expect_failure ls -d /sys/module/glass
	expect_failure grep -i glass /proc/net/protocols /proc/slabinfo
	expect_failure ls /proc/net/glass
}

# objects: of the caches that sockets, devices and their tables come from. The
# kernel counts all of a page that a CPU keeps at hand as in use, so these are
# given back first.
objects()
{
	sync
	echo 3 >/proc/sys/vm/drop_caches
	for cache in /sys/kernel/slab/*/shrink; do
		echo 1 >"$cache"
	done
	awk '/^(kmalloc|skbuff|sock_inode|net_namespace|proc_dir|kernfs_node|percpu)/ {
		print $1, $2 }' /proc/slabinfo | sort
	awk '/^Percpu:/ { print "percpu-kB", $2 }' /proc/meminfo
}

# With sockets of each type; glass-ping has a raw one.
round()
{
	load_module
	exchange
	exchange --type stream
	exchange --type seqpacket
	glass-ping -c 1 1
	unload_module
}

test_rounds_of_loading_leave_nothing()
{
	local rounds=1 i

	begin
	[ "$SCALE" -lt 10 ] || rounds=200
	i=0
	while [ "$i" -lt "$rounds" ]; do
		# What is only made once is made in the first rounds.
		[ "$i" -ne 50 ] || objects >"$WORK/before"
		round
		i=$((i + 1))
	done
	expect_no_trace
	[ "$rounds" -ge 200 ] || return 0
	objects >"$WORK/after"
	# A leak of one object per round shows as 150.
	awk 'NR == FNR { was[$1] = $2; next }
		$1 in was && $2 - was[$1] > 100 { print $1, was[$1], $2; bad = 1 }
		END { exit bad }' "$WORK/before" "$WORK/after" ||
		fail "these grew with the rounds (name, before, after)"
}

run_cases "$@"
