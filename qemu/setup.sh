#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Makes this machine ready: host tools by apt, and the kernel under test
# unpacked in the cache. Does nothing, quickly, when all is there.
#
#   qemu/setup.sh                   tools and kernel
#   qemu/setup.sh only PACKAGE...   these packages and nothing else
#   qemu/setup.sh update            forget which kernel was chosen, and choose again

# shellcheck source=qemu/lib.sh
. "$(dirname "$0")/lib.sh"

# Host tools, all from Debian.
TOOLS=(
	# building
	bc bison flex g++ libbpf-dev libcli11-dev libelf-dev libgtest-dev libmnl-dev
	libncurses-dev libssl-dev libtraceevent-dev liburing-dev make nlohmann-json3-dev
	pahole rsync
	# checking
	clang clang-format codespell llvm perl python3 python3-jsonschema python3-yaml
	shellcheck sparse tshark
	# what the guest is made of
	bash busybox-static cpio dash iproute2 kmod tcpdump util-linux
	xz-utils zstd
	# running
	procps qemu-system-x86
)
NEEDED_GIB=8

# os_release NAME: its value for this system, or nothing.
os_release()
{
	sed -nE "s/^$1=\"?([^\"]*)\"?$/\\1/p" /etc/os-release 2>/dev/null || true
}

check_system()
{
	local id version

	id=$(os_release ID)
	version=$(os_release VERSION_ID)
	case $id:$version in
	debian:12|debian:13) ;;
	*) refuse "this needs Debian 12 or 13, and here is ${id:-an unknown system} ${version}" ;;
	esac
	[[ $(dpkg --print-architecture) == amd64 ]] ||
		refuse "this needs an amd64 system, and here is $(dpkg --print-architecture)"
}

check_space()
{
	local free

	mkdir -p "$GLASS_CACHE" 2>/dev/null ||
		refuse "cannot make the cache folder $GLASS_CACHE (set GLASS_CACHE)"
	[[ -w $GLASS_CACHE ]] ||
		refuse "cannot write to the cache folder $GLASS_CACHE (set GLASS_CACHE)"
	free=$(df --output=avail -k "$GLASS_CACHE" | tail -n 1)
	((free >= NEEDED_GIB << 20)) ||
		refuse "less than $NEEDED_GIB GiB free at $GLASS_CACHE ($((free >> 20)) GiB; set GLASS_CACHE)"
}

check_root()
{
	((EUID == 0)) && return
	command -v sudo >/dev/null ||
		refuse "root or sudo is needed to install: $*"
	sudo -n true 2>/dev/null || [[ -t 0 ]] ||
		refuse "sudo asks for a password and there is no terminal; needed to install: $*"
}

# installed PACKAGE...: those of them that are.
installed()
{
	{ dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null ||
	  true; } | sed -n 's/^installed //p' | sort -u
}

# What is not installed of TOOLS, of the compiler that the kernel's headers
# want, and of clang's runtime, whose package has the version in its name.
missing_tools()
{
	local clang wanted=("${TOOLS[@]}")

	# shellcheck disable=SC2206 # a list, often empty
	wanted+=(${KERNEL_TOOLS:-})
	clang=$(dpkg-query -W -f '${Depends}' clang 2>/dev/null |
		grep -oE 'clang-[0-9]+' | head -n 1 || true)
	[[ $clang ]] && wanted+=("libclang-rt-${clang#clang-}-dev")
	comm -23 <(printf '%s\n' "${wanted[@]}" | sort -u) \
		<(installed "${wanted[@]}")
}

apt_install()
{
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
		--no-install-recommends --no-remove "$@"
}

install_tools()
{
	local missing before='' log=$GLASS_CACHE/log/apt.log

	# Twice: clang's runtime can be named only once clang is there.
	while mapfile -t missing < <(missing_tools) && ((${#missing[@]})); do
		[[ ${missing[*]} != "$before" ]] ||
			fail "apt says it installed $before, and it is still missing"
		before=${missing[*]}
		check_system
		check_space
		check_root "${missing[@]}"
		take_lock "$GLASS_CACHE/lock" "the setup"
		say "installing host tools: ${missing[*]}"
		# A foreign source that cannot be reached is not our business:
		# what counts is whether our packages can be installed.
		slowly -q "reading the package lists" "$log" \
			as_root apt-get -q update || true
		apt_install -s install "${missing[@]}" >"$log" 2>&1 ||
			refuse "apt cannot install them (no network, or the sources lack them): $(grep -m1 '^E:' "$log" || tail -n 1 "$log")"
		slowly -q "installing" "$log" apt_install install "${missing[@]}" ||
			refuse "apt could not install them (no network?): see $log"
	done
}

# ---- the kernel under test -------------------------------------------------

# A private apt state: the machine's lists and caches are neither needed up to
# date nor changed, and no root is needed. The sources and keys are those that
# the machine already trusts for Debian.
PRIVATE=$GLASS_CACHE/apt

private_apt()
{
	local tool=$1

	shift
	"$tool" -q -o "Dir::State=$PRIVATE/state" -o "Dir::Cache=$PRIVATE/cache" \
		-o "Dir::Etc::SourceList=$PRIVATE/sources.list" \
		-o Dir::Etc::SourceParts=/dev/null -o APT::Sandbox::User= \
		-o Acquire::Languages=none -o APT::Get::List-Cleanup=true \
		-o Acquire::Retries=3 "$@"
}

# debian_sources [SUITE...]: one "deb" line per Debian source of this machine, and
# one per SUITE of the same mirror.
debian_sources()
{
	local codename repo release component entry key file suite

	codename=$(os_release VERSION_CODENAME)
	# shellcheck disable=SC2016 # apt's own $(...)
	apt-get indextargets --format \
		'$(ORIGIN)|$(IDENTIFIER)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(SOURCESENTRY)' |
	while IFS='|' read -r origin kind repo release component entry; do
		[[ $origin == Debian && $kind == Packages ]] || continue
		file=${entry%:*}
		key=$(sed -nE 's/^Signed-By:[[:space:]]*(\/[^[:space:]]+).*/\1/ip;
			s/.*[[ ]signed-by=(\/[^] ]+).*/\1/ip' "$file" 2>/dev/null |
		      head -n 1)
		echo "deb ${key:+[signed-by=$key] }$repo $release $component"
		[[ $release == "$codename" ]] || continue
		for suite; do
			echo "deb ${key:+[signed-by=$key] }$repo $suite $component"
		done
	done | sort -u
}

# private_update [SUITE...]
private_update()
{
	mkdir -p "$PRIVATE/state/lists/partial" "$PRIVATE/cache/archives/partial"
	debian_sources "$@" >"$PRIVATE/sources.list"
	if [[ ! -s $PRIVATE/sources.list ]]; then
		# A machine that never ran apt-get update (a container).
		check_root "the package lists"
		slowly -q "reading the package lists" "$GLASS_CACHE/log/apt.log" \
			as_root apt-get -q update || true
		debian_sources "$@" >"$PRIVATE/sources.list"
	fi
	[[ -s $PRIVATE/sources.list ]] ||
		refuse "apt knows no Debian source on this machine, or has no network (apt-get update)"
	slowly -q "reading the package lists" "$GLASS_CACHE/log/update.log" \
		private_apt apt-get -o APT::Update::Error-Mode=any update ||
		refuse "the apt sources cannot be reached (no network?): see $GLASS_CACHE/log/update.log"
}

# versions PACKAGE: those that apt has, the one that it would install first
# (backports are never that one), then the newest first.
versions()
{
	private_apt apt-cache policy "$1" 2>/dev/null |
		sed -n 's/^  Candidate: //p' | grep -v '^(none)$' || true
	private_apt apt-cache madison "$1" 2>/dev/null |
		awk '$6 != "Sources" { print $3 }' | sort -uVr
}

# field PACKAGE=VERSION FIELD
field()
{
	private_apt apt-cache show --no-all-versions "$1" 2>/dev/null |
		sed -n "s/^$2: //p" | head -n 1
}

# Sets meta, version, abi from the first package of KERNEL_META that will do; abi
# is the series only, of a source.
choose_kernel()
{
	for meta in $KERNEL_META; do
		for version in $(versions "$meta"); do
			dpkg --compare-versions "$version" ge "$KERNEL_OLDEST" ||
				continue
			abi=$(field "$meta=$version" Depends |
			      grep -oE 'linux-(image|source)-[0-9][^ ,]*' |
			      head -n 1 || true)
			abi=${abi#linux-*-}
			[[ $abi ]] && return 0
		done
	done
	return 1
}

# download FOLDER PACKAGE=VERSION...: all of them, or nothing in FOLDER.
download()
{
	local folder=$1 package

	shift
	for package; do
		note "downloading ${package%%=*}, $(($(field "$package" Size) >> 20)) MiB"
		(cd "$folder" && slowly -q "${package%%=*}" "$GLASS_CACHE/log/download.log" \
			private_apt apt-get download "$package") ||
			refuse "could not download ${package%%=*} (no network?)"
	done
}

# The parts of the kernel's source that Debian packages nowhere else: the
# selftest runner, checkpatch and kernel-doc, and the netlink tools.
SOURCE_PARTS=(
	Documentation/netlink
	scripts/checkpatch.pl scripts/const_structs.checkpatch
	scripts/spelling.txt scripts/kernel-doc
	tools/include tools/net/ynl tools/scripts
	tools/testing/selftests/kselftest tools/testing/selftests/kselftest.h
	tools/testing/selftests/kselftest_harness.h
	tools/testing/selftests/lib.mk tools/testing/selftests/run_kselftest.sh
)

# unpack_source DEB FOLDER: the named parts, in one pass over the archive.
unpack_source()
{
	local deb=$1 folder=$2 tarball name

	tarball=$(dpkg-deb --fsys-tarfile "$deb" | tar -t |
		  grep -E '/linux-source-[0-9.]+\.tar\.xz$' || true)
	name=$(basename "$tarball" .tar.xz)
	mkdir -p "$folder"
	dpkg-deb --fsys-tarfile "$deb" | tar -xO "$tarball" | xz -dc -T0 |
		tar -x -C "$folder" --strip-components=1 \
			"${SOURCE_PARTS[@]/#/$name/}"
}

unpack_kernel()
{
	local debs=$1 to=$2 deb

	for deb in "$debs"/*.deb; do
		case $(basename "$deb") in
		linux-source*) unpack_source "$deb" "$to/source" ;;
		*) dpkg-deb -x "$deb" "$to/root" ;;
		esac
	done
	# Debian 12 has the modules in /lib, Debian 13 in /usr/lib.
	[[ -e $to/root/lib ]] || ln -s usr/lib "$to/root/lib"
	PATH=$PATH:/usr/sbin:/sbin depmod -b "$to/root" "$abi"
}

# configuration: a short word for what our own kernel is configured with.
configuration()
{
	cat "${KERNEL_CONFIG[@]}" | md5sum | cut -c1-8
}

# A kernel of our own configuration must be of this configuration.
kernel_is_there()
{
	[[ -r $KERNEL_DIR/info.sh ]] || return
	[[ ! ${KERNEL_CONFIG:-} ]] ||
		[[ $(readlink "$KERNEL_DIR") == *-$(configuration) ]]
}

fetch_kernel()
{
	local meta version abi series common kbuild tmp final backports

	kernel_is_there && return
	check_system
	check_space
	take_lock "$GLASS_CACHE/lock" "the setup"
	kernel_is_there && return	# another make did it
	say "looking for the $KERNEL_TREE kernel in the apt sources of this machine"
	backports=$(os_release VERSION_CODENAME)-backports
	private_update ${KERNEL_SUITE:+"$KERNEL_SUITE"}
	if ! choose_kernel; then
		note "not there: looking in $backports"
		private_update "$backports"
		choose_kernel ||
			refuse "neither the apt sources nor $backports have one of: $KERNEL_META, $KERNEL_OLDEST or later"
	fi

	mkdir -p "$GLASS_CACHE/kernels"
	if [[ ${KERNEL_CONFIG:-} ]]; then
		fetch_and_build_kernel
		return
	fi

	final=$GLASS_CACHE/kernels/$abi
	find "$GLASS_CACHE" -maxdepth 1 -name 'new.*' -exec rm -rf {} +
	if [[ ! -r $final/info.sh ]]; then
		series=$(cut -d. -f1,2 <<<"$version")
		common=$(field "linux-headers-$abi" Depends |
			 grep -oE 'linux-headers-[^ ,]*-common' | head -n 1)
		kbuild=$(field "linux-headers-$abi" Depends |
			 grep -oE 'linux-kbuild-[^ ,]*' | head -n 1)
		[[ $common && $kbuild ]] ||
			fail "linux-headers-$abi does not name its common part"
		tmp=$(mktemp -d "$GLASS_CACHE/new.XXXXXX")
		mkdir "$tmp/debs" "$tmp/kernel"
		say "fetching Linux $version ($abi)"
		download "$tmp/debs" "linux-image-$abi=$version" \
			"linux-headers-$abi=$version" "$common=$version" \
			"$kbuild=$version" "linux-source-$series=$version"
		slowly "unpacking" "$GLASS_CACHE/log/unpack.log" \
			unpack_kernel "$tmp/debs" "$tmp/kernel" || exit
		write_info >"$tmp/kernel/info.sh"
		rm -rf "$final"
		mv "$tmp/kernel" "$final"
		rm -rf "$tmp"
	fi
	ln -sfn "$abi" "$KERNEL_DIR"
	note "Linux $version is in $final"
}

# ---- a kernel built from source --------------------------------------------

# configured FILE OPTION...: does each hold in that .config? What is not known to
# this kernel is not set either.
configured()
{
	local config=$1 line wrong=0

	shift
	for line; do
		case $line in
		'#'*) line=${line#'# '}
		      grep -q "^${line%' is not set'}=" "$config" || continue ;;
		*) grep -qxF "$line" "$config" && continue ;;
		esac
		echo "not in the configuration: $line"
		wrong=1
	done
	return "$wrong"
}

# options FILE...: of configurations, each of which may change what those before say.
options()
{
	sed -nE 's/^(# )?(CONFIG_[A-Za-z0-9_]+)[= ].*/\2 &/p' "$@" |
		awk '{ name = $1; sub(/^[^ ]* /, ""); last[name] = $0 }
		     END { for (name in last) print last[name] }'
}

# configure SOURCE OBJECTS: tinyconfig and KERNEL_CONFIG, which must hold.
configure()
{
	local wanted

	make -s -C "$1" O="$2" tinyconfig
	"$1/scripts/kconfig/merge_config.sh" -m -O "$2" "$2/.config" "${KERNEL_CONFIG[@]}"
	make -s -C "$1" O="$2" olddefconfig
	mapfile -t wanted < <(options "${KERNEL_CONFIG[@]}")
	configured "$2/.config" "${wanted[@]}"
}

# Where it is built it must stay: the objects name their source by its path.
# So an unfinished one is known by its lack of info.sh, and begun again.
build_kernel()
{
	local final=$1 deb=$2 log=$GLASS_CACHE/log
	local source=$final/root/usr/src/linux objects=$final/root/usr/src/objects

	SOURCE_PARTS=('')
	slowly "unpacking the source" "$log/unpack.log" \
		unpack_source "$deb" "$source" || exit
	mkdir -p "$objects" "$final/root/boot"
	slowly "configuring" "$log/configure.log" \
		configure "$source" "$objects" || exit
	slowly "building Linux $version ($KERNEL_TREE)" "$log/kernel.log" \
		make -s -j"$(nproc)" -C "$source" O="$objects" bzImage modules || exit

	abi=$(<"$objects/include/config/kernel.release")
	cp "$objects/arch/x86/boot/bzImage" "$final/root/boot/vmlinuz-$abi"
	mkdir -p "$final/root/lib/modules/$abi"
	cp "$objects"/modules.{order,builtin,builtin.modinfo} \
		"$final/root/lib/modules/$abi/"
	PATH=$PATH:/usr/sbin:/sbin depmod -b "$final/root" "$abi"
	# Modules are built without these, and they are most of it.
	rm -rf "$source"/{drivers,sound,fs,samples} "$objects"/{drivers,sound,fs,net}
	ln -s root/usr/src/linux "$final/source"
	cat >"$final/info.sh" <<END
KERNEL_ABI='$abi'
KERNEL_VERSION='$version'
KERNEL_COMMON='usr/src/linux'
KERNEL_OBJECTS='usr/src/objects'
KERNEL_TOOLS=''
END
}

# Keyed by the version and by what it was configured with.
fetch_and_build_kernel()
{
	local key final tmp series

	series=$(cut -d. -f1,2 <<<"$version")
	key=$KERNEL_TREE-$version-$(configuration)
	final=$GLASS_CACHE/kernels/${key//[^A-Za-z0-9.+_-]/_}
	if [[ ! -r $final/info.sh ]]; then
		rm -rf "$final"
		tmp=$(mktemp -d "$GLASS_CACHE/new.XXXXXX")
		say "building Linux $version from source; this takes its time, once"
		download "$tmp" "linux-source-$series=$version"
		build_kernel "$final" "$tmp"/linux-source*.deb
		rm -rf "$tmp"
	fi
	ln -sfn "$(basename "$final")" "$KERNEL_DIR"
	note "Linux $version is in $final"
}

# What the other scripts want to know about an unpacked kernel. The compiler
# is the one that the headers package asks for.
write_info()
{
	local compiler

	compiler=$(field "linux-headers-$abi=$version" Depends |
		   grep -oE '\bgcc-[0-9]+(-for-host)?\b' | head -n 1 || true)
	cat <<EOF
KERNEL_ABI='$abi'
KERNEL_VERSION='$version'
KERNEL_COMMON='usr/src/$common'
KERNEL_OBJECTS='usr/src/linux-headers-$abi'
KERNEL_TOOLS='${compiler%-for-host}'
EOF
}

load_kernel
case ${1:-all} in
all)
	install_tools
	fetch_kernel
	load_kernel
	install_tools	# the compiler that this kernel wants
	;;
only)
	TOOLS=("${@:2}")
	KERNEL_TOOLS=
	install_tools
	;;
update)
	rm -f "$KERNEL_DIR"
	fetch_kernel
	;;
*)
	refuse "usage: qemu/setup.sh [all|only PACKAGE...|update]"
	;;
esac
