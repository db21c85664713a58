#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Makes the guest's file system, as layers that the kernel unpacks one over
# the other, so that a small change repacks a small layer:
#
#   build/<kernel>/base.cpio    busybox, the real tools that tests need, their
#                               libraries, the stock kernel's modules
#   build/<kernel>/glass.cpio   glass.ko and the tools of Glass
#
# Those two every guest has; the others are made when they are asked for:
#
#   build/<kernel>/tests.cpio   the tests' modules, the collection
#   build/<kernel>/ynl.cpio     the kernel tree's own netlink client, and as much
#                               of Python as it needs; only its test asks for it
#   build/<kernel>/tools.cpio   bpftrace and perf, with LLVM
#
#   qemu/initramfs.sh [tests|ynl|tools]...
#
# Not compressed: in emulation, unpacking costs more than reading.

# shellcheck source=qemu/lib.sh
. "$(dirname "$0")/lib.sh"
load_kernel

GUEST=$GLASS_TOP/qemu/guest
MODULES=usr/lib/modules/$KERNEL_ABI
OWN_TOOLS=("$GLASS_TOP"/build/userspace/glass{-*,ctl})

# Real tools, where busybox's own are not enough or do not exist.
PROGRAMS=(
	bash bridge dash ip kmod nsenter perl setpriv sha256sum ss tc tcpdump
	timeout unshare
)
TERMINALS=(l/linux v/vt100 v/vt220 x/xterm x/xterm-256color)
PERL_MODULES=(strict warnings IO::Handle)	# for kselftest's prefix.pl

# add_libraries ROOT: what the programs below ROOT/usr/bin and ROOT/opt link.
add_libraries()
{
	local root=$1 library

	# ldd fails for what is not dynamic.
	{ find "$root/usr/bin" "$root/opt" -type f -executable \
		-exec ldd {} + 2>/dev/null || true; } |
		grep -oE '/[^ ]+\.so[^ ]*' | sort -u |
	while read -r library; do
		for layer in "$BUILD/base" "$BUILD/glass" "$root"; do
			[[ -e $layer/usr/${library#/usr/} ]] && continue 2
		done
		install -D "$library" "$root/usr/${library#/usr/}"
	done
}

# add_extra ROOT FILE.ko...: modules that the kernel did not come with. The index,
# which names all there are, is made beside the base layer's.
add_extra()
{
	local root=$1 name

	shift
	mkdir -p "$root/$MODULES/extra"
	for name; do
		strip --strip-debug -o "$root/$MODULES/extra/$(basename "$name")" "$name"
	done
	cp "$root/$MODULES"/extra/*.ko "$BUILD/base/$MODULES/extra/"
	depmod -b "$BUILD/base/usr" "$KERNEL_ABI"
	cp "$BUILD/base/$MODULES"/modules.* "$root/$MODULES/"
}

# Places the kernel's modules, their dependencies first, in ROOT, unpacked.
add_modules()
{
	local root=$1 name path

	mkdir -p "$root/$MODULES/extra"
	cp "$KERNEL_DIR/root/lib/modules/$KERNEL_ABI"/modules.{order,builtin*} \
		"$root/$MODULES/"
	while read -r name; do
		/sbin/modprobe -d "$KERNEL_DIR/root" -S "$KERNEL_ABI" \
			--show-depends "$name" 2>/dev/null ||
			note "this kernel has no module $name" >&2
	done <"$GUEST/modules" | sed -nE 's/^insmod ([^ ]+).*/\1/p' | sort -u |
	while read -r path; do
		name=${path##*/kernel/}
		mkdir -p "$root/$MODULES/kernel/$(dirname "$name")"
		case $path in
		*.xz) xz -dc "$path" >"$root/$MODULES/kernel/${name%.xz}" ;;
		*.zst) zstd -qdc "$path" >"$root/$MODULES/kernel/${name%.zst}" ;;
		*) cp "$path" "$root/$MODULES/kernel/$name" ;;
		esac
	done
}

make_base()
{
	local root=$BUILD/base name

	rm -rf "$root" "$BUILD/glass"
	mkdir -p "$root"/{usr/bin,usr/lib64,etc,proc,sys,dev,tmp,run,root,opt,var}
	ln -s usr/bin "$root/bin"
	ln -s usr/bin "$root/sbin"
	ln -s usr/lib "$root/lib"
	ln -s usr/lib64 "$root/lib64"
	ln -s bin "$root/usr/sbin"
	ln -s ../run "$root/var/run"

	cp "$(command -v busybox)" "$root/usr/bin/busybox"
	for name in $(busybox --list | grep -vx busybox); do
		ln -s busybox "$root/usr/bin/$name"
	done
	for name in "${PROGRAMS[@]}"; do
		rm -f "$root/usr/bin/$name"
		cp "$(PATH=$PATH:/usr/sbin:/sbin command -v "$name")" \
			"$root/usr/bin/$name"
	done
	for name in modprobe insmod rmmod lsmod modinfo depmod; do
		ln -sf kmod "$root/usr/bin/$name"
	done
	ln -sf dash "$root/usr/bin/sh"

	for name in "${TERMINALS[@]}"; do
		install -D -m 644 "/lib/terminfo/$name" "$root/usr/lib/terminfo/$name"
	done
	# shellcheck disable=SC2016 # perl's own variables
	perl -e 'eval "require $_" or die for @ARGV;
		 print map "$_\n", values %INC, @DynaLoader::dl_shared_objects' \
		"${PERL_MODULES[@]}" |
		cpio --quiet -pdL "$root"
	add_libraries "$root"
	add_modules "$root"
	depmod -b "$root/usr" "$KERNEL_ABI"
	cp "$GUEST"/{passwd,group,profile} "$root/etc/"
	install "$GUEST/init" "$root/init"
	cp "$GUEST"/*.sh "$root/opt/"
	pack "$root" "$BUILD/base.cpio"
}

make_glass()
{
	local root=$BUILD/glass

	rm -rf "$root" "$BUILD/base/$MODULES/extra"
	mkdir -p "$root/usr/bin" "$root/opt" "$BUILD/base/$MODULES/extra"
	add_extra "$root" "$BUILD/glass.ko"
	cp "${OWN_TOOLS[@]}" "$root/usr/bin/"
	strip -g "$root"/usr/bin/*
	add_libraries "$root"
	pack "$root" "$BUILD/glass.cpio"
}

# The collection has copies of the tools; here the ones of that layer do.
make_tests()
{
	local root=$BUILD/tests name

	rm -rf "$root"
	mkdir -p "$root/usr/bin" "$root/opt"
	add_extra "$root" "$BUILD"/test-modules/*/*.ko
	cp -a "$BUILD/kselftest" "$root/opt/kselftest"
	for name in "${OWN_TOOLS[@]##*/}"; do
		ln -sf "/usr/bin/$name" "$root/opt/kselftest/glass/$name"
	done
	find "$root/opt/kselftest" -type f -executable -size +100k -exec strip -g {} +
	add_libraries "$root"
	pack "$root" "$BUILD/tests.cpio"
}

# Sources would cost the guest their compilation, so there are none.
make_ynl()
{
	local root=$BUILD/ynl client=$KERNEL_DIR/source/tools/net/ynl name path

	# Since 6.13.
	[[ ! -d $client/pyynl ]] || client+=/pyynl
	rm -rf "$root"
	mkdir -p "$root/usr/bin" "$root/opt/ynl"
	cp -r "$client"/{cli.py,lib} "$root/opt/ynl/"
	cp /usr/bin/python3 "$root/usr/bin/python3"
	(cd "$root/opt/ynl" && /usr/bin/python3 -B -E -s - <<-'END'
		import contextlib, io, sys, traceback
		sys.path.insert(0, ".")
		import cli
		sys.argv = ["cli", "--help"]
		with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):
		    cli.main()
		for module in list(sys.modules.values()):
		    path = getattr(module, "__file__", None) or ""
		    if path.startswith("/") and (path.endswith(".py") or "/lib-dynload/" in path):
		        print(path)
	END
	) | while read -r path; do
		install -D -m 644 "$path" "$root$path"
	done
	for name in "$root/usr/lib" "$root/opt"; do
		/usr/bin/python3 -m compileall -q -b -s "$root" \
			--invalidation-mode unchecked-hash "$name"
		find "$name" -name '*.py' -delete
	done
	add_libraries "$root"
	pack "$root" "$BUILD/ynl.cpio"
}

# What takes most of the room are LLVM and clang.
make_tools()
{
	local root=$BUILD/tools name

	rm -rf "$root"
	mkdir -p "$root/usr/bin" "$root/opt"
	for name in bpftrace perf; do
		cp "$(command -v "$name")" "$root/usr/bin/$name"
	done
	add_libraries "$root"
	pack "$root" "$BUILD/tools.cpio"
}

take_lock "$BUILD/lock" "building in build/$KERNEL"
fresh "$BUILD/base.cpio" "$GUEST" "$KERNEL_DIR/info.sh" "$0" || make_base
fresh "$BUILD/glass.cpio" "$BUILD/base.cpio" "$BUILD/glass.ko" "${OWN_TOOLS[@]}" || make_glass
for layer; do
	case $layer in
	tests)
		fresh "$BUILD/tests.cpio" "$BUILD/glass.cpio" \
			"$BUILD/test-modules.stamp" "$BUILD/kselftest" || make_tests
		;;
	ynl) fresh "$BUILD/ynl.cpio" "$BUILD/base.cpio" /usr/bin/python3 || make_ynl ;;
	tools) fresh "$BUILD/tools.cpio" "$BUILD/base.cpio" || make_tools ;;
	*) refuse "usage: qemu/initramfs.sh [tests|ynl|tools]..." ;;
	esac
done
