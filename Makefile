# Two commands do everything on a fresh Debian with a Rust toolchain, build-essential and git:
#   make demo   builds the release binary and shows it at work against a local CloudWatch double
#   make test   installs what the tests need and runs them all

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.PHONY: demo demo-cluster fleet test release simulation tools lint unit docs package package-all reproducible emulated guest guests guest-packages test-guest bench soak footprint fuzz clean

CARGO ?= cargo
VENV := target/venv
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

demo: release
	$(CARGO) build --locked --example cloudwatch-double
	tests/demo.sh

# Three agents, a MariaDB server and the double: the leader is killed, the next one frozen.
demo-cluster: release target/.apt-installed
	$(CARGO) build --locked --example cloudwatch-double
	tests/demo-cluster.sh

# 1,000 and 10,000 simulated members of a cluster against a MariaDB server: docs/cluster-scale.md.
fleet: target/.apt-installed
	$(CARGO) build --locked --example fleet
	target/debug/examples/fleet --members 1000
	target/debug/examples/fleet --members 10000

# Without this machine's paths in it, so that others get the same bytes.
release:
	RUSTFLAGS="$$(packaging/remap.sh)" $(CARGO) build --locked --release

# The core under a simulated clock, optimised (tests/simulation.rs runs it).
simulation:
	$(CARGO) build --locked --profile simulation --example simulation

# The guests last and alone: an emulated processor takes all that it is given.
test: tools lint docs unit guests

# What Debian and PyPI give; nothing is installed that is there already.
tools: $(VENV)/.installed target/.apt-installed target/mysql/.unpacked

# Installs the Debian packages that the rule's first file lists.
define install-packages
	mkdir -p target
	missing=$$(for package in $$(grep -v '^#' $<); do \
	    dpkg-query -W -f='$${Status}' "$$package" 2>/dev/null | grep -q 'ok installed' || echo "$$package"; done); \
	if [ -n "$$missing" ]; then \
	    $(SUDO) apt-get update -q; \
	    $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $$missing; \
	fi
	touch $@
endef

target/.apt-installed: tests/apt.txt
	$(install-packages)

target/.apt-packaging: packaging/apt.txt
	$(install-packages)

target/.apt-emulated: packaging/apt-emulated.txt
	$(install-packages)

target/.apt-guest: tests/guest/apt.txt
	$(install-packages)

# A second server for the tests of named locks. Where it can't be had, they say that they run without.
target/mysql/.unpacked: tests/unpack-mysql.sh target/.apt-installed
	if timeout 60 tests/unpack-mysql.sh target/mysql >target/mysql.log 2>&1; then touch $@; else \
	    rm -rf target/mysql; \
	    echo "MySQL can't be unpacked, so named locks are tested on MariaDB only (target/mysql.log says why)"; fi

$(VENV)/.installed: tests/moto/requirements.txt tests/aws/requirements.txt target/.apt-installed
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install -q --disable-pip-version-check -r tests/moto/requirements.txt -r tests/aws/requirements.txt
	touch $@

lint:
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings

docs:
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps --document-private-items -q

# The footprint is the release binary's. Most tests wait more than they work: eight share two cores.
unit: tools release simulation
	RUST_TEST_THREADS=4 tests/side-by-side.py

# What cross-compiling needs of PyPI.
target/venv-packaging/.installed: packaging/requirements.txt target/.apt-packaging
	python3 -m venv target/venv-packaging
	target/venv-packaging/bin/pip install -q --disable-pip-version-check -r packaging/requirements.txt
	touch $@

# target/portable/KIND/cwmem, as it is packed: for glibc 2.26 and later, or static.
portable-%: target/venv-packaging/.installed
	packaging/portable.sh $*

# A .deb and an .rpm for this machine's architecture in target/package.
ARCHITECTURE := $(shell uname -m)
package: portable-$(ARCHITECTURE)
	packaging/package.sh --binary target/portable/$(ARCHITECTURE)/cwmem
	$(check-packages)

# The packages of both architectures, and for both a tarball with a static binary.
package-all: portable-x86_64 portable-aarch64 portable-x86_64-musl portable-aarch64-musl
	for kind in x86_64 aarch64 x86_64-musl aarch64-musl; do \
	    packaging/package.sh --binary target/portable/$$kind/cwmem \
	        --generator target/portable/$(ARCHITECTURE)/cwmem; \
	done
	$(check-packages)

define check-packages
	lintian --allow-root --fail-on error,warning target/package/*.deb
	rpmlint --strict --config packaging/rpm/rpmlint.toml target/package/*.rpm
endef

# Whether two builds of the last commit, from nothing, in other folders, give the same bytes.
reproducible:
	packaging/reproducible.sh

# The aarch64 binary and the parsers' tests under QEMU's user emulation.
emulated: portable-aarch64 release target/.apt-emulated
	packaging/emulated.sh target/release/cwmem

# A Debian 12 and a Debian 13 with a real systemd, booted side by side in QEMU, and a bare root file system
# of each for apt: the packages of this build installed, upgraded and removed, the agent killed, hung,
# reloaded, short of memory. Images are made once and kept in target/guest.
guests: guest-packages
	$(call boot-guests,target/guest/packages)

# The same on what `make package` makes.
test-guest: package target/.apt-guest
	$(CARGO) build --locked --example cloudwatch-double
	$(call boot-guests,target/package)

# One of them: make guest SUITE=trixie
SUITE ?= bookworm
guest: guest-packages guest-in-$(SUITE)

guest-packages: release target/.apt-installed target/.apt-guest
	rm -rf target/guest/packages
	packaging/package.sh --quick --out target/guest/packages
	$(CARGO) build --locked --example cloudwatch-double

define boot-guests
$(MAKE) --no-print-directory --jobs=2 --output-sync=target GUEST_PACKAGES=$(1) guest-in-bookworm guest-in-trixie
endef

GUEST_PACKAGES := target/guest/packages
guest-in-%:
	mkdir -p target/guest
	$(SUDO) tests/guest/image.sh $*
	$(SUDO) tests/guest/bare.sh --packages $(GUEST_PACKAGES) $*
	tests/guest/run.sh --packages $(GUEST_PACKAGES) --suite $*

bench:
	$(CARGO) bench --locked

# The property tests with a hundred times as many cases, the footprint over ten minutes, a million
# simulated hours, 300,000 lives of a cluster, two hours of twenty agents under faults, ten thousand kills, and a disk that stands still for two minutes.
soak: tools footprint simulation
	target/simulation/examples/simulation --seeds 0..41667 --hours 24
	CWMEM_CLUSTER_SEEDS=0..300000 $(CARGO) test --locked --test cluster_simulation two_thousand -- --nocapture
	CWMEM_CLUSTER_SECONDS=7200 $(CARGO) test --locked --test cluster no_fault -- --nocapture
	PROPTEST_CASES=25600 $(CARGO) test --locked --lib
	CWMEM_KILLS=10000 CWMEM_FROZEN=120 $(CARGO) test --locked --test delivery -- --nocapture

# The resident size, threads, descriptors, wake-ups and CPU time of the release binary over ten minutes.
footprint: release
	CWMEM_FOOTPRINT=600 $(CARGO) test --locked --test footprint -- --nocapture

# A minute a parser, with a nightly toolchain and cargo-fuzz.
fuzz:
	for target in $$($(CARGO) +nightly fuzz list); do \
	    $(CARGO) +nightly fuzz run $$target -- -max_total_time=60; \
	done

clean:
	$(CARGO) clean
