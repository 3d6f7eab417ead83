#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Installs what is needed, builds, and runs every test: first as it is shipped, then with
# AddressSanitizer and UndefinedBehaviorSanitizer, then what is threaded with ThreadSanitizer, and last
# for AArch64 under an emulator. While one tree is tested the next one is built.
# HG_PLAIN=1: the first of the four alone. HG_QUICK=1: that, but for the suite `long`.
# Last line: N passed, N failed, N skipped. Exit code 0 if nothing failed.
set -euo pipefail
cd "$(dirname "$0")/.."

[ "$(id -u)" != 0 ] || .ci/install-packages tests

trees=(build)
if [ -z "${HG_QUICK:-}${HG_PLAIN:-}" ]; then
	trees+=(build-asan build-tsan build-aarch64)
fi
# Tests wait for events, not for the CPU, most of the time; none fails for want of it.
jobs=$(nproc) tests_at_once=$((2 * $(nproc)))
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'kill $(jobs -p) 2>/dev/null || true; exit 130' INT TERM
arm=$PWD/build-aarch64

# Options of meson setup, and what ninja is to build: all if nothing is said.
debug='-Dwerror=true -Dtests=true -Dbuildtype=debug -Doptimization=1'
declare -A options=(
	[build]='-Dwerror=true -Dtests=true'
	[build-asan]="$debug -Db_sanitize=address,undefined"
	[build-tsan]="$debug -Db_sanitize=thread"
	[build-aarch64]='-Dwerror=true -Dtests=true'
)
declare -A targets=([build-tsan]=e2e-programs)
# Options of meson test.
declare -A chosen=(
	[build]=${HG_QUICK:+--no-suite long}
	[build-asan]='--no-suite lint --no-suite loops'
	[build-tsan]='--suite e2e'
	[build-aarch64]='--suite unit --suite xcheck --suite fixtures --timeout-multiplier 4'
)

# Runs a step of a tree, and notes how long it took: seconds, and those of CPUs, user and system.
step() {
	local tree=$1 name=$2 code=0
	shift 2
	local TIMEFORMAT="$name %R %U %S"
	{ time "$@" 2>&3 || code=$?; } 3>&2 2>"$work/$tree.$name"
	mkdir -p "$tree/meson-logs"
	tail -n 1 "$work/$tree.$name" >>"$work/$tree.steps"
	return "$code"
}

# Configures and builds a tree. What it says is kept for the case that it fails.
compile() {
	local tree=$1 cross=()
	if [ "$tree" = build-aarch64 ]; then
		cross=(--cross-file build-aarch64/sysroot.ini --cross-file tests/aarch64.ini)
	fi
	[ ! -f "$tree/build.ninja" ] || cross=()
	# shellcheck disable=SC2086
	.ci/configure "$tree" "${cross[@]}" ${options[$tree]} && ninja -C "$tree" -j "$jobs" ${targets[$tree]:-}
}

# All trees, one after the other, behind the tests in their wish for the CPU. How each of them ended is
# in a file of its name: built, failed, or why it cannot be built here.
compile_all() {
	local tree why
	for tree in "${trees[@]}"; do
		if [ "$tree" = build-aarch64 ] && ! why=$(.ci/arm64-sysroot build-aarch64); then
			echo "skipped $why" >"$work/$tree.new"
		elif step "$tree" compile compile "$tree" >"$work/$tree.log" 2>&1; then
			echo built >"$work/$tree.new"
		else
			echo failed >"$work/$tree.new"
		fi
		mv "$work/$tree.new" "$work/$tree.end" # whole, or not there
		[ "$tree" != build ] || renice -n 5 -p "$BASHPID" >/dev/null 2>&1 || true
	done
}

check() {
	local tree=$1
	# shellcheck disable=SC2086
	meson test -C "$tree" --no-rebuild --print-errorlogs --num-processes "$tests_at_once" \
		${chosen[$tree]} || true
}

# The plain build with the oldest and the newest OpenSSL of its kind that can be had. Notes what cannot be
# had, and releases that were not what they should have been.
check_openssl() {
	local line
	while read -r line; do
		echo "$line"
		case $line in
		'skipped '*) told+=(--skipped "${line#skipped }") ;;
		'failed '*) told+=(--failed "${line#failed }") ;;
		esac
	done < <(tests/openssl.sh edges 2>&1)
}

# What the programs of a tree need in their environment.
surround() {
	case $1 in
	build) ;;
	build-aarch64)
		HG_WRAP="qemu-aarch64 -L $arm/sysroot -E HG_EMULATOR=1"
		HG_WRAP+=" -E LD_PRELOAD=$arm/tests/e2e/libtrouble.so" # for want of epoll_pwait2()
		# qemu has a thread of its own, which keeps its privileges, and no seccomp().
		export HG_SLOW=3 HG_WRAP HG_KERNEL=armv8 HG_USER=root HG_SECCOMP=off
		;;
	*)
		# EAL's and OpenSSL's global tables are never freed; leaks of ours are counted by pools and tables.
		export HG_SLOW=3 ASAN_OPTIONS=detect_leaks=0:abort_on_error=0
		export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
		[ "$1" != build-tsan ] ||
			export TSAN_OPTIONS="halt_on_error=1:second_deadlock_stack=1:suppressions=$PWD/tests/tsan.supp"
		;;
	esac
}

for tree in "${trees[@]}"; do
	rm -f "$tree"/meson-logs/{testlog.junit.xml,testlog.json,steps.txt,openssl-*.junit.xml}
done
compile_all &
reports=()
told=()
for tree in "${trees[@]}"; do
	until [ -f "$work/$tree.end" ]; do
		sleep 0.2
	done
	read -r end why <"$work/$tree.end"
	echo "== $tree"
	case $end in
	built)
		(surround "$tree" && step "$tree" test check "$tree")
		[ "$tree" != build ] || step build openssl check_openssl
		cp "$work/$tree.steps" "$tree/meson-logs/steps.txt"
		reports+=("$tree")
		;;
	failed)
		cat "$work/$tree.log"
		told+=(--failed "$tree: it does not build")
		;;
	*) told+=(--skipped "$tree: $why") ;;
	esac
done
wait
/usr/bin/python3 tests/summary.py "${told[@]}" "${reports[@]}"
