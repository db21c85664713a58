#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC3043,SC2317 # local; functions are called by name
#
# glassctl, and the part of ip that knows links of kind glass: what they print,
# what they refuse, in which words.

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"

LLADDR=02:00:00:00:00:0c

# expect_output TEXT ARGUMENT...: glassctl prints exactly this.
expect_output()
{
	local text="$1"

	shift
	expect_equal "glassctl $*" "$(glassctl "$@" 2>&1)" "$text"
}

# expect_error TEXT COMMAND...: exit status 1, and these words.
expect_error()
{
	local text="$1" status=0 line=

	shift
	"$@" >"$WORK/out" 2>&1 </dev/null || status=$?
	IFS= read -r line <"$WORK/out"
	expect_equal "$*" "$line" "$text"
	expect_equal "exit status of $*" "$status" 1
}

test_help_and_version_are_no_errors()
{
	glassctl --help | grep -q "^Usage: glassctl"
	glassctl --version | grep -q "^glassctl [0-9]"
}

test_wrong_usage_exits_with_2()
{
	local line status

	while read -r line; do
		status=0
		# shellcheck disable=SC2086 # a line is some words
		glassctl $line >"$WORK/out" 2>"$WORK/err" || status=$?
		expect_equal "glassctl $line" "$status" 2
		[ ! -s "$WORK/out" ] || fail "glassctl $line printed something"
		expect_words "glassctl: " "$WORK/err"
	done <<-END

		nothing
		route add 12 dev lo lladdr 02:00:00:00:00
		route add 12 dev lo lladdr $LLADDR metric 3
		route del 4294967295
		fd
		fd nothing
		fd 0:1
		ops sctp
	END
}

test_info_and_stats() { in_namespace info_and_stats; }

info_and_stats()
{
	local family

	family=$(cat /sys/module/glass/parameters/family)
	expect_output "family            $family
wire version      1
ports             0
routes            1
route generation  2" info
	expect_output "{\"family\":$family,\"wire_version\":1,\"ports\":0,\"routes\":1,\"route_generation\":2}" \
		--json info
	expect_output "{}" stats --json

	start_receiver 5000 /dev/null --no-end
	echo hello | glass-cat --no-end 1:5000
	wait $!
	glassctl stats >"$WORK/stats"
	expect_equal stats "$(tr -s ' ' <"$WORK/stats")" "GlassOutFrames 1
GlassOutBytes 6
GlassInFrames 1
GlassInDelivered 1
GlassInBytes 6
GlassRouteLookups $(counter GlassRouteLookups)"
	# With zeros: what /proc has, in its order.
	glassctl stats --all | tr -s ' ' >"$WORK/stats"
	tr -s '[:blank:]' ' ' </proc/self/net/glass_stat >"$WORK/proc"
	cmp "$WORK/stats" "$WORK/proc"
	glassctl -j stats >"$WORK/json"
	expect_words '{"GlassOutFrames":1,"GlassOutBytes":6,"GlassInFrames":1,' "$WORK/json"
}

test_devices_and_routes() { in_namespace devices_and_routes; }

devices_and_routes()
{
	ip link add va type veth peer name vb
	glassctl dev add g1 node 7
	glassctl dev attach va node 9
	glassctl route add 12 lladdr "$LLADDR" dev va
	expect_output "DEV     NODE  KIND      MTU
glass0  1     glass     65564
g1      7     glass     65564
va      9     attached  1500" dev
	expect_output '[{"dev":"glass0","node":1,"kind":"glass","mtu":65564},{"dev":"g1","node":7,"kind":"glass","mtu":65564},{"dev":"va","node":9,"kind":"attached","mtu":1500}]' \
		--json dev show
	expect_output "NODE  TYPE   DEV     SOURCE  LLADDR
1     local  glass0  1       -
7     local  g1      7       -
9     local  va      9       -
12    link   va      9       $LLADDR" route show
	expect_output '[{"node":1,"type":"local","dev":"glass0","source":1,"lladdr":null},{"node":7,"type":"local","dev":"g1","source":7,"lladdr":null},{"node":9,"type":"local","dev":"va","source":9,"lladdr":null},{"node":12,"type":"link","dev":"va","source":9,"lladdr":"'"$LLADDR"'"}]' \
		route -j
	expect_output "NODE  TYPE  DEV  SOURCE  LLADDR
12    link  va   9       $LLADDR" route show 12

	glassctl route del 12
	glassctl dev detach va
	glassctl dev del g1
	expect_output "NODE  TYPE   DEV     SOURCE  LLADDR
1     local  glass0  1       -" route
	[ ! -e /proc/self/net/dev_snmp6/g1 ]
	[ -e /proc/self/net/dev_snmp6/va ]
}

test_errors_name_the_command_and_the_kernels_reason() { in_namespace refusals; }

refusals()
{
	ip link add va type veth peer name vb
	glassctl dev attach va node 9
	expect_error "glassctl: route add 12: No such device: device eth9" \
		glassctl route add 12 dev eth9 lladdr "$LLADDR"
	expect_error "glassctl: route add 12: Invalid argument: The device is not attached" \
		glassctl route add 12 dev vb lladdr "$LLADDR"
	expect_error "glassctl: route del 1: Device or resource busy: A device owns that node; delete or detach it" \
		glassctl route del 1
	expect_error "glassctl: dev add g1: File exists: The node has a route, or the device owns a node" \
		glassctl dev add g1 node 9
	expect_error "glassctl: dev del va: No such device: The device is only attached" \
		glassctl dev del va
	expect_error "glassctl: dev attach lo: Invalid argument: Only an Ethernet device carries Glass frames" \
		glassctl dev attach lo node 8
}

test_changes_need_the_administrator_of_the_namespace() { in_namespace permissions; }

permissions()
{
	need setpriv
	expect_error "glassctl: dev attach glass0: Operation not permitted: CAP_NET_ADMIN is needed" \
		setpriv --reuid 65534 --clear-groups glassctl dev attach glass0 node 8
	setpriv --reuid 65534 --clear-groups glassctl dev >"$WORK/dev"
	# Whoever makes a namespace is its administrator.
	setpriv --reuid 65534 --regid 65534 --clear-groups unshare -Urn sh -ec '
		glassctl dev add g1 node 7
		ip link add va type veth peer name vb
		glassctl dev attach va node 9
		glassctl route add 12 dev va lladdr 02:00:00:00:00:0c
		glassctl route' >"$WORK/route"
	expect_equal routes "$(wc -l <"$WORK/route")" 5
}


test_ss_shows_sockets_and_who_has_them() { in_namespace sockets; }

# expect_ss LINES ARGUMENT...: so many sockets are shown.
expect_ss()
{
	local lines="$1"

	shift
	glassctl ss "$@" >"$WORK/out"
	expect_equal "sockets of ss $*" "$(($(wc -l <"$WORK/out") - 1))" "$lines"
}

sockets()
{
	local listener client

	expect_ss 0
	start_receiver 5000 /dev/null --type stream
	listener=$!
	start_receiver 5001 /dev/null
	mkfifo "$WORK/input"
	# In a shell of its own, which may wait for the other end of the pipe.
	background sh -c "exec glass-cat --type stream 1:5000 <$WORK/input"
	client=$!
	exec 7>"$WORK/input"
	# Its input is at an end, so the listener closes its direction at once.
	wait_until port_is_open 5000 FIN_WAIT2

	# The listener, both ends of the connection, and the datagram socket.
	expect_ss 4
	expect_ss 3 --type stream
	expect_ss 1 --type dgram
	expect_ss 1 --state listen
	expect_ss 1 --state FIN_WAIT2
	expect_ss 3 --state listen --state fin_wait2 --state close_wait
	expect_ss 3 --port 5000
	expect_ss 0 --port 5002

	expect_ss 1 --state listen -p
	expect_words " *:5000 " "$WORK/out"
	expect_words " glass-cat/$listener/" "$WORK/out"
	expect_ss 1 --state close_wait -p
	expect_words " glass-cat/$client/" "$WORK/out"
	glassctl --json ss -p --state listen >"$WORK/json"
	expect_words "\"command\":\"glass-cat\"" "$WORK/json"
	expect_words "\"pid\":$listener" "$WORK/json"
	glassctl --json ss --state close_wait >"$WORK/json"
	expect_words "\"retrans\":0" "$WORK/json"
	expect_words "\"rto_us\":" "$WORK/json"

	exec 7>&-
	wait "$client"
	# Who closed first is remembered for a while.
	wait_until port_is_open 5000 TIME_WAIT
	expect_ss 1 --state time_wait
	expect_words " 1:5000 " "$WORK/out"
}

test_fd_draws_what_a_socket_is_made_of() { in_namespace anatomy; }

# socket_of PID: the number of its first descriptor that is a socket.
socket_of()
{
	local file

	for file in "/proc/$1/fd"/*; do
		case $(readlink "$file") in
		socket:*)
			echo "${file##*/}"
			return
			;;
		esac
	done
	fail "process $1 has no socket"
}

# value KEY: what $WORK/out says of it.
value()
{
	local key word rest

	while read -r key word rest; do
		[ "$key" != "│" ] || { key=$word && word=$rest; }
		if [ "$key" = "$1" ]; then
			echo "$word" | sed 's/^ *//'
			return
		fi
	done <"$WORK/out"
	fail "no $1"
}

anatomy()
{
	local listener fd inode

	start_receiver 5000 /dev/null --type stream
	listener=$!
	fd=$(socket_of "$listener")
	inode=$(readlink "/proc/$listener/fd/$fd")
	inode=${inode#socket:[}
	inode=${inode%]}
	glassctl fd "$listener:$fd" >"$WORK/out"
	expect_equal tree "$(sed -n '1p;s/^ *└─ //p' "$WORK/out")" "descriptor
struct file
struct dentry
struct inode
struct socket
struct sock
struct glass_sock"
	expect_equal fd "$(value fd)" "$fd"
	expect_equal pid "$(value pid)" "$listener"
	expect_equal command "$(value command)" glass-cat
	expect_equal f_op "$(value f_op)" socket_file_ops
	expect_equal d_name "$(value d_name)" "socket:[$inode]"
	expect_equal i_ino "$(value i_ino)" "$inode"
	expect_equal i_mode "$(value i_mode)" 0140777
	expect_equal s_magic "$(value s_magic)" 0x534f434b
	expect_equal ops "$(value ops)" glass_stream_ops
	expect_equal sk_prot "$(value sk_prot)" glass_stream_prot
	expect_equal sk_prot_name "$(value sk_prot_name)" GLASS-STREAM
	expect_equal sk_family "$(value sk_family)" AF_GLASS
	expect_equal sk_state "$(value sk_state)" LISTEN
	expect_equal sk_data_ready "$(value sk_data_ready)" sock_def_readable
	expect_equal local "$(value local)" "*:5000"
	# What the next thing hangs on stands to its left.
	expect_words "            └─ struct sock" "$WORK/out"
	expect_words "            │  ops    glass_stream_ops" "$WORK/out"
	glassctl fd "/proc/$listener/fd/$fd" >"$WORK/again"
	cmp "$WORK/out" "$WORK/again"

	glassctl --json fd "$listener:$fd" >"$WORK/json"
	expect_words "{\"descriptor\":{\"fd\":$fd,\"pid\":$listener,\"command\":\"glass-cat\"},\"file\":{\"f_op\":\"socket_file_ops\",\"f_flags\":\"O_RDWR\",\"f_pos\":0},\"dentry\":{\"d_name\":\"socket:[$inode]\"},\"inode\":{\"i_ino\":$inode,\"i_mode\":\"0140777\",\"i_uid\":0,\"s_type\":\"sockfs\",\"s_magic\":\"0x534f434b\"},\"socket\":{\"state\":\"SS_UNCONNECTED\",\"type\":\"SOCK_STREAM\"," "$WORK/json"
	expect_words '"glass":{"local":"*:5000","peer":"*:*"' "$WORK/json"

	# An inherited one, of another family, on its way to a device.
	need bash
	ip link set lo up
	bash -c 'exec 7<>/dev/udp/127.0.0.1/9; glassctl fd 7' >"$WORK/out"
	expect_equal sk_prot "$(value sk_prot)" udp_prot
	expect_equal sk_family "$(value sk_family)" AF_INET
	expect_equal state "$(value state)" SS_UNCONNECTED
	expect_equal sk_state "$(value sk_state)" ESTABLISHED
	expect_equal end "$(sed -n '/net_device/,$p' "$WORK/out" | tr -s ' ')" " └─ struct net_device
 ifindex 1
 name lo"
}

test_fd_says_why_not() { in_namespace anatomy_refusals; }

anatomy_refusals()
{
	local listener fd

	need setpriv
	start_receiver 5000 /dev/null
	listener=$!
	fd=$(socket_of "$listener")
	expect_error "glassctl: fd 0: Socket operation on non-socket: The descriptor is not a socket" \
		glassctl fd 0
	# Its own descriptors do not stand in for those that the caller has not.
	expect_error "glassctl: fd 3: Bad file descriptor: 3" glassctl fd 3 3>&-
	expect_error "glassctl: ops: Bad file descriptor: 3" glassctl ops stream 3 3>&-
	expect_error "glassctl: fd $listener:99: Bad file descriptor: $listener:99" \
		glassctl fd "$listener:99"
	expect_error "glassctl: fd $listener:$fd: Operation not permitted: $listener:$fd: You may not look into that process" \
		setpriv --reuid 65534 --clear-groups glassctl fd "$listener:$fd"
	expect_error "glassctl: ops: Operation not permitted: raw" \
		setpriv --reuid 65534 --clear-groups --inh-caps=-all glassctl ops raw
}

test_ops_stand_side_by_side() { in_namespace operations; }

# columns OPTION...: what glassctl ops prints, each column by one blank.
columns() { glassctl ops "$@" | tr -s ' ' >"$WORK/out"; }

operations()
{
	local listener fd

	columns
	expect_equal headings "$(head -n 3 "$WORK/out")" "MEMBER STREAM SEQPACKET DGRAM RAW
(table) glass_stream_ops glass_seqpacket_ops glass_dgram_ops glass_raw_ops
owner glass glass glass glass"
	expect_words "release glass_sk_release glass_sk_release glass_sk_release glass_sk_release" \
		"$WORK/out"
	expect_words "mmap sock_no_mmap sock_no_mmap sock_no_mmap sock_no_mmap" "$WORK/out"

	# The table that the books have of IPv4.
	columns tcp udp ip-raw
	expect_equal IPv4 "$(head -n 10 "$WORK/out")" "MEMBER TCP UDP IP-RAW
(table) inet_stream_ops inet_dgram_ops inet_sockraw_ops
owner - - -
release inet_release inet_release inet_release
bind inet_bind inet_bind inet_bind
connect inet_stream_connect inet_dgram_connect inet_dgram_connect
socketpair sock_no_socketpair sock_no_socketpair sock_no_socketpair
accept inet_accept sock_no_accept sock_no_accept
getname inet_getname inet_getname inet_getname
poll tcp_poll udp_poll datagram_poll"
	expect_words "listen inet_listen sock_no_listen sock_no_listen" "$WORK/out"

	start_receiver 5000 /dev/null
	listener=$!
	fd=$(socket_of "$listener")
	columns --proto unix "$listener:$fd"
	expect_equal transports "$(head -n 4 "$WORK/out")" "MEMBER UNIX $listener:$fd
(table) unix_stream_proto glass_dgram_prot
owner - glass
close unix_close glass_dgram_close"
	expect_words "sendmsg - glass_dgram_sendmsg" "$WORK/out"
	glassctl -j ops --proto unix dgram >"$WORK/json"
	expect_words '[{"member":"(table)","unix":"unix_stream_proto","dgram":"glass_dgram_prot"},{"member":"owner","unix":null,"dgram":"glass"},{"member":"close","unix":"unix_close","dgram":"glass_dgram_close"},' \
		"$WORK/json"
}

test_monitor_prints_changes_as_they_come() { in_namespace monitor; }

monitor()
{
	ip link add va type veth peer name vb
	background glassctl route monitor --count 4 >"$WORK/table"
	table=$!
	background glassctl route monitor --count 4 --json >"$WORK/json"
	json=$!
	wait_until joined 2
	wait_until grep -q EVENT "$WORK/table"
	glassctl dev attach va node 9
	glassctl route add 12 dev va lladdr "$LLADDR"
	# Its routes go after its name.
	ip link del va
	expect_exit "$table" 0
	expect_exit "$json" 0
	expect_equal table "$(tr -s ' ' <"$WORK/table")" "EVENT NODE TYPE DEV SOURCE LLADDR
added 9 local va 9 -
added 12 link va 9 $LLADDR
removed 9 local va 9 -
removed 12 link va 9 $LLADDR"
	expect_equal JSON "$(head -n 2 "$WORK/json")" '{"event":"added","node":9,"type":"local","dev":"va","source":9,"lladdr":null}
{"event":"added","node":12,"type":"link","dev":"va","source":9,"lladdr":"'"$LLADDR"'"}'
}

# joined COUNT: are so many sockets members of generic netlink (16) groups?
joined()
{
	local socket protocol pid groups rest joined=0

	# shellcheck disable=SC2034 # each word needs a name
	while read -r socket protocol pid groups rest; do
		[ "$protocol" != 16 ] || [ "$groups" = 00000000 ] || joined=$((joined + 1))
	done </proc/self/net/netlink
	[ "$joined" -eq "$1" ]
}

# has_read_all PID: does PID wait for the next event, with none in its queue?
# What happens before is lost in silence: after an overrun netlink delivers
# nothing until the queue was emptied, and tells of it once (netlink_overrun()).
has_read_all()
{
	local socket protocol pid groups rmem rest

	# shellcheck disable=SC2034 # each word needs a name
	while read -r socket protocol pid groups rmem rest; do
		[ "$protocol" != 16 ] || [ "$groups" = 00000000 ] ||
			[ "$rmem" = 0 ] || return 1
	done </proc/self/net/netlink
	grep -q "^State:.S" "/proc/$1/status"
}

test_monitor_says_when_it_missed_changes()
{
	local setting=/proc/sys/net/core/rmem_default before

	# Room for some three events. It is the machine's, not a namespace's.
	before=$(cat "$setting")
	defer "echo $before >$setting"
	echo 2304 >"$setting"
	in_namespace monitor_too_slowly
}

monitor_too_slowly()
{
	local monitor node

	ip link add va type veth peer name vb
	glassctl dev attach va node 9
	background glassctl route monitor >"$WORK/out" 2>"$WORK/err"
	monitor=$!
	defer "kill -CONT $monitor 2>/dev/null"
	wait_until joined 1
	kill -STOP "$monitor"
	for node in 12 13 14; do
		glassctl route add "$node" dev va lladdr "$LLADDR"
	done
	ip link del va # four events at once
	kill -CONT "$monitor"
	wait_until grep -q . "$WORK/err"
	expect_equal words "$(cat "$WORK/err")" \
		"glassctl: route monitor: some changes were missed"
	# And it goes on.
	wait_until has_read_all "$monitor"
	glassctl dev add g1 node 7
	wait_until grep -q "added *7 *local" "$WORK/out"
}

test_ip_knows_the_kind() { in_namespace plugin; }

plugin()
{
	IP_LIB_DIR=$(cd "$(dirname "$0")" && pwd)
	export IP_LIB_DIR
	ip link add g1 type glass node 7
	ip -d -o link show g1 >"$WORK/link"
	expect_words "glass node 7 " "$WORK/link"
	expect_words "link/ether 02:67:00:00:00:07" "$WORK/link"
	ip -d -j link show glass0 >"$WORK/link"
	expect_words '"info_kind":"glass","info_data":{"node":1}' "$WORK/link"
	expect_failure ip link add g2 type glass
	expect_words "Which node shall the device own?" "$WORK/failure"
	expect_failure ip link add g2 type glass node 4294967295
	expect_words "is no node" "$WORK/failure"
	expect_failure ip link add g2 type glass node 8 colour red
	expect_words 'unexpected "colour"' "$WORK/failure"
	expect_words "glass node NODE" "$WORK/failure"
	ip link del g1
	[ ! -e /sys/class/net/g1 ]
	ip link add g1 address 02:00:00:00:00:99 type glass node 7
	ip -o link show g1 >"$WORK/link"
	expect_words "link/ether 02:00:00:00:00:99" "$WORK/link"
}

run_cases "$@"
