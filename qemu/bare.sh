#!/bin/bash
# shellcheck disable=SC2317 # functions are called by name
# SPDX-License-Identifier: GPL-2.0
#
# make bare-test: do the README's commands work on a bare machine? For each
# Debian, in a chroot with nothing but git and make, a fresh clone of HEAD runs
# make run and make test. Prints what each took and fetched.
#
#   qemu/bare.sh [12|13]...     default: both
#
#   BARE_FOLDER  where the chroots go, 12 GiB each; default: the cache folder
#
# Needs root: it mounts, in a mount namespace of its own, so that nothing stays
# mounted however it ends. What it made is removed, after a failure too. Mirror, proxy and keys are those of this machine's apt.

# shellcheck source=qemu/lib.sh
. "$(dirname "$0")/lib.sh"

PROGRAMS=(make git)	# what the README asks for
COMMANDS=(run test)	# of make
declare -A CODENAMES=([12]=bookworm [13]=trixie)

WORK=${BARE_FOLDER:-$GLASS_CACHE}/bare

# The mirror of this machine's own Debian; any release is there.
mirror()
{
	# shellcheck disable=SC2016 # apt's own $(...)
	apt-get indextargets --format '$(ORIGIN) $(REPO_URI) $(RELEASE)' |
		grep -vE -e '(-security|-updates|-backports)$' |
		sed -n 's/^Debian \([^ ]*\) .*/\1/p' | head -n 1
}

# Lazily, because what still runs below must not keep us; the innermost first.
unmount_all()
{
	local place

	while read -r place; do
		umount -l "$place"
	done < <(awk -v top="$1/" 'index($2, top) == 1 { print $2 }' \
		/proc/mounts | sort -r)
}

# What still runs for us, and in a chroot of ours.
end_all()
{
	local process

	for process in $(jobs -p); do
		kill "$process" 2>/dev/null || true
	done
	for process in /proc/[0-9]*; do
		if [[ $(readlink "$process/root") == "$WORK/"* ]]; then
			kill -KILL "${process#/proc/}" || true
		fi
	done 2>/dev/null
}

clean_up()
{
	end_all
	unmount_all "$WORK"
	# Never through a mount that is still there.
	rm -rf --one-file-system "$WORK"
}

# make_root FOLDER CODENAME MIRROR
make_root()
{
	local root=$1 codename=$2 mirror=$3 name security

	debootstrap --variant=minbase \
		--include="ca-certificates,$(IFS=,; echo "${PROGRAMS[*]}")" \
		"$codename" "$root" "$mirror"
	security=${mirror%/}-security
	printf 'deb %s %s main\n' "$mirror" "$codename" "$mirror" "$codename-updates" \
		>"$root/etc/apt/sources.list"
	# Where the mirror has it beside the archive, as Debian's own hosts do.
	if [[ ${mirror%/} == */debian ]]; then
		printf 'deb %s %s main\n' "$security" "$codename-security" \
			>>"$root/etc/apt/sources.list"
	fi
	# How this machine reaches its mirror: proxies, retries, certificates.
	apt-config dump | grep -E '^Acquire::(http|https|Retries|ForceIPv)' \
		>"$root/etc/apt/apt.conf.d/90host" || true
	cp -L /etc/resolv.conf "$root/etc/resolv.conf"
	cp -L /etc/hosts "$root/etc/hosts"
	if [[ -d /usr/local/share/ca-certificates ]]; then
		cp -rL /usr/local/share/ca-certificates "$root/usr/local/share/"
	fi
	if [[ -r /etc/ssl/certs/ca-certificates.crt ]]; then
		cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
	fi
	for name in proc sys dev; do
		mount --rbind "/$name" "$root/$name"
	done
	git clone -q --no-local "$GLASS_TOP" "$root/root/glass"
}

# Bytes that came in by any device since the machine's start, but for lo.
received()
{
	awk -F '[: ]+' 'NR > 2 && $2 != "lo" { sum += $3 } END { printf "%d\n", sum }' \
		/proc/net/dev
}

# inside FOLDER COMMAND...: in the chroot, with root's own environment and the
# machine's proxies.
inside()
{
	local root=$1 name
	local -a environment=(HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin
			      TERM="${TERM:-dumb}")

	shift
	for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
		[[ ${!name:-} ]] && environment+=("$name=${!name}")
	done
	env -i "${environment[@]}" chroot "$root" "$@" </dev/null
}

# try_release VERSION MIRROR: both commands; prints what each took.
try_release()
{
	local version=$1 mirror=$2 root=$WORK/$1 command since bytes
	local log=$GLASS_CACHE/log/bare-$1.log status=0

	say "a bare Debian $version"
	mkdir -p "$WORK"
	slowly "debootstrap" "$log" make_root "$root" "${CODENAMES[$version]}" \
		"$mirror" || return
	for command in "${COMMANDS[@]}"; do
		since=$SECONDS
		bytes=$(received)
		slowly "make $command" "$log" inside "$root" \
			make --no-print-directory -C /root/glass "$command" || status=1
		note "$(tail -n 1 "$log")"
		note "Debian $version, make $command: $((SECONDS - since)) s, $((($(received) - bytes) >> 20)) MiB, status $status"
		((status)) && break
	done
	unmount_all "$root"
	rm -rf --one-file-system "$root"
	return "$status"
}

((EUID == 0)) || refuse "make bare-test mounts and chroots: run it as root"
[[ ${BARE_NAMESPACE:-} ]] ||
	BARE_NAMESPACE=1 exec unshare --mount --propagation private "$0" "$@"
(($#)) || set -- 12 13
for version; do
	[[ ${CODENAMES[$version]:-} ]] || refuse "there is no Debian $version here"
done
"$GLASS_TOP/qemu/setup.sh" only debootstrap git
mirror=$(mirror)
[[ $mirror ]] || refuse "apt knows no Debian source on this machine (apt-get update)"
take_lock "$GLASS_CACHE/bare.lock" "make bare-test"
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
clean_up
failed=0
for version; do
	try_release "$version" "$mirror" || failed=1
done
exit "$failed"
