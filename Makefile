# SPDX-License-Identifier: GPL-2.0
# Glass: a socket family in one loadable module. "make help" lists what there is.
#
# Everything heavier than a line is a script in qemu/.

KERNEL ?= stock
FILE   ?=
T      ?=
M      ?=
export KERNEL KERNELS FILE T HOURS CELL ROUNDS SCALE CHECK SAVE GLASS_CACHE GLASS_SCALE \
	GLASS_SEED GUESTS GUEST_CPUS GUEST_MEMORY GUEST_CLOCK FAST_PATH MINUTES FUZZ INPUT SEED

.PHONY: all help modules userspace selftests run shell test test-all test-long test-tools test-html \
	soak fuzz coverage bench bench-count profile check analyze capture docs mutants bare-test \
	update clean

all: modules

help:
	@echo 'On this machine, with its running kernel:'
	@echo '  make             glass.ko (same as "make modules"); then: insmod glass.ko'
	@echo '  make userspace   the library and the tools, in build/userspace'
	@echo '  make selftests   the kselftest collection, in build/$(KERNEL)/kselftest'
	@echo 'In QEMU, with a kernel from Debian'"'"'s packages (KERNEL=stock, or debug: built'
	@echo 'from source, looks for faults; now: $(KERNEL)):'
	@echo '  make run         two processes move a file over glass0; FILE=path: this one'
	@echo '  make shell       an interactive shell in the guest'
	@echo '  make test        the selftests; T=pattern: programs, else cases, named so;'
	@echo '                   FAST_PATH=0: without the fast path over the device'
	@echo '  make test-all    the same on each kernel, and a table; KERNELS="a b": those of'
	@echo '                   qemu/kernels/, by default stock and debug'
	@echo '  make test-long   the same selftests, doing more (GLASS_SCALE=10)'
	@echo '  make test-tools  docs/scripts: bpftrace and perf, in a larger guest'
	@echo '  make test-html   pages of glassctl trace, in a Chromium without a window'
	@echo '  make coverage    which lines of the module they run, on the debug kernel'
	@echo '  make soak        races of calls for HOURS=n, with ever new seeds'
	@echo '  make fuzz        inputs that nobody thought of, led by coverage, on the debug'
	@echo '                   kernel: MINUTES=n (2); FUZZ=calls, frames or netlink: only'
	@echo '                   that; SEED=n; INPUT=path: what led to a fault, once more'
	@echo '  make bench-count instructions per operation, beside AF_UNIX, TCP, UDP, vsock;'
	@echo '                   CELL=a,b: only those; CHECK=1: none 5 % worse than before?'
	@echo '  make profile     where those of CELL=name go, by kernel function'
	@echo '  make bench       the same cells by the clock, on one and two CPUs, with plots'
	@echo 'The sources:'
	@echo '  make check       what must hold before a commit'
	@echo '  make analyze     the static analyzers of clang and gcc, ten minutes'
	@echo '  make capture     captures in the guest what the Wireshark dissector is tested'
	@echo '                   with; to be committed'
	@echo '  make docs        runs in the guest what docs/tour.md and docs/trace.md show,'
	@echo '                   and puts the output there; to be committed'
	@echo '  make mutants     do the tests notice faults? M=pattern: only those'
	@echo '  make bare-test   the README'"'"'s commands on a bare Debian 12 and 13'
	@echo '  make clean       removes build/ and glass.ko; the cache stays'
	@echo '  make update      takes the newest kernel that Debian has'
	@echo 'The cache is GLASS_CACHE=$(or $(GLASS_CACHE),~/.cache/glass).'

modules:
	@qemu/native.sh

userspace:
	@qemu/setup.sh only g++ libbpf-dev libcli11-dev libmnl-dev libncurses-dev \
		libtraceevent-dev make nlohmann-json3-dev
	@$(MAKE) -C userspace O=$(CURDIR)/build/userspace

selftests:
	@qemu/setup.sh && qemu/build.sh selftests

run:
	@qemu/demo.sh

shell:
	@qemu/shell.sh

test:
	@qemu/test.sh

test-all:
	@qemu/test-all.sh

test-tools: export TOOLS := 1
test-tools:
	@qemu/test.sh

test-html:
	@qemu/html.sh

test-long: export GLASS_SCALE := $(or $(GLASS_SCALE),10)
test-long:
	@qemu/test.sh

soak:
	@qemu/soak.sh

fuzz: export KERNEL := debug
fuzz:
	@qemu/fuzz.sh

coverage:
	@qemu/coverage.sh

bench:
	@qemu/bench.sh clock

profile:
	@qemu/bench.sh profile

bench-count:
	@qemu/bench.sh count

check:
	@qemu/setup.sh && qemu/check.sh

analyze:
	@qemu/setup.sh && qemu/check.sh analyze

capture:
	@qemu/capture.sh

docs:
	@qemu/docs.sh

mutants:
	@qemu/mutants.sh "$(M)"

bare-test:
	@qemu/bare.sh

update:
	@qemu/setup.sh update

clean:
	rm -rf build glass.ko
