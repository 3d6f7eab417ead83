#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Installs what is needed, builds, and runs every test: first as it is shipped, then with
# AddressSanitizer and UndefinedBehaviorSanitizer, then what is threaded with ThreadSanitizer, and last
# for AArch64 under an emulator.
# Last line: N passed, N failed, N skipped. Exit code 0 if nothing failed.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(
	build-essential meson ninja-build pkg-config libdpdk-dev libssl-dev libcap-ng-dev libseccomp-dev libmicrohttpd-dev libcmocka-dev
	dpdk openssl gnutls-bin libcoap3-bin ncat socat coturn
	iproute2 ethtool iputils-ping procps python3 python3-matplotlib tshark clang-format mandoc valgrind
	debhelper systemd
	prometheus chromium dnsdist
)
[ "$(id -u)" != 0 ] || .ci/install-packages "${packages[@]}"

jobs=$(nproc)
reports=()
skipped=()
failed_builds=0
machine=() # options of meson setup that meson configure does not take

# Configures and builds a build tree: its name, then options of meson setup.
build() {
	local tree=$1
	shift
	if [ -f "$tree/build.ninja" ]; then
		meson configure "$tree" "$@"
	else
		meson setup "$tree" "${machine[@]}" "$@"
	fi && ninja -C "$tree" -j "$jobs"
}

# Runs the tests of a build tree: its name, then options of meson test.
check() {
	local tree=$1
	shift
	rm -f "$tree"/meson-logs/testlog.junit.xml
	# Two at a time: gateways of e2e tests all take the first CPUs.
	meson test -C "$tree" --no-rebuild --print-errorlogs --num-processes 2 "$@" || true
	reports+=("$tree/meson-logs/testlog.junit.xml")
}

run() {
	local tree=$1 options=$2
	shift 2
	echo "== $tree"
	# shellcheck disable=SC2086
	if build "$tree" $options >"$tree.log" 2>&1; then
		check "$tree" "$@"
	else
		cat "$tree.log"
		failed_builds=$((failed_builds + 1))
	fi
	rm -f "$tree.log"
}

run build '-Dwerror=true -Dtests=true'
if [ -z "${HG_QUICK:-}" ]; then
	export HG_SLOW=3
	# EAL's and OpenSSL's global tables are never freed; leaks of ours are counted by pools and tables.
	export ASAN_OPTIONS=detect_leaks=0:abort_on_error=0 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
	run build-asan '-Dwerror=true -Dtests=true -Dbuildtype=debug -Doptimization=1 -Db_sanitize=address,undefined' \
		--no-suite lint
	export TSAN_OPTIONS="halt_on_error=1:second_deadlock_stack=1:suppressions=$PWD/tests/tsan.supp"
	run build-tsan '-Dwerror=true -Dtests=true -Dbuildtype=debug -Doptimization=1 -Db_sanitize=thread' \
		--suite e2e
	if why=$(.ci/arm64-sysroot build-aarch64); then
		machine=(--cross-file build-aarch64/sysroot.ini --cross-file tests/aarch64.ini)
		HG_WRAP="qemu-aarch64 -L $PWD/build-aarch64/sysroot -E HG_EMULATOR=1"
		HG_WRAP+=" -E LD_PRELOAD=$PWD/build-aarch64/tests/e2e/libtrouble.so" # for want of epoll_pwait2()
		export HG_WRAP HG_KERNEL=armv8
		# qemu has a thread of its own, which keeps its privileges, and no seccomp().
		export HG_USER=root HG_SECCOMP=off
		run build-aarch64 '-Dwerror=true -Dtests=true' \
			--suite unit --suite xcheck --suite fixtures --timeout-multiplier 4
	else
		skipped=(--skipped "build-aarch64: $why")
	fi
fi
exec /usr/bin/python3 tests/summary.py "${skipped[@]}" "$failed_builds" "${reports[@]}"
