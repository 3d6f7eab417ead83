#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Fuzzes: tests/fuzz.sh MINUTES [TARGET...]. Builds the targets of tests/fuzz with libFuzzer and
# sanitizers in build-fuzz, runs each for so many minutes, and prints what it reached. What it learns
# is kept in build-fuzz/corpus, inputs that fail in build-fuzz/findings. Inputs that reach what the
# corpus in tests/fuzz/corpus does not are added to it.
# Last line: fuzz: ok, or fuzz: N findings. Exit code 0 if there is none.
set -euo pipefail
cd "$(dirname "$0")/.."

all=(packet hello record cookie config accept worker guard)
usage() {
	echo "usage: tests/fuzz.sh MINUTES [TARGET...], targets: ${all[*]}" >&2
	exit 2
}
[[ ${1:-} =~ ^[1-9][0-9]*$ ]] || usage
minutes=$1
shift
[ $# -gt 0 ] || set -- "${all[@]}"
for target in "$@"; do
	[[ " ${all[*]} " == *" $target "* ]] || usage
done

[ "$(id -u)" != 0 ] || .ci/install-packages fuzz

build=$PWD/build-fuzz
# Configures and builds one tree: its folder, then options of meson setup.
make_tree() {
	local tree=$1
	shift
	if ! { CC=clang .ci/configure "$tree" "$@" &&
		ninja -C "$tree" -j "$(nproc)" fuzz-programs; } >"$build/build.log" 2>&1; then
		cat "$build/build.log"
		exit 1
	fi
}
mkdir -p "$build/log" "$build/findings"
make_tree "$build/libfuzzer" -Dfuzz=libfuzzer -Db_sanitize=address,undefined -Db_lundef=false \
	-Ddebug=true -Doptimization=1
make_tree "$build/coverage" -Dfuzz=coverage -Ddebug=true -Doptimization=1

# Frames of some KB reach no further than shorter ones, and take longer.
declare -A longest=([packet]=2048 [hello]=4096 [record]=4096 [cookie]=1024 [config]=4096 [accept]=1024 [worker]=16384
	[guard]=16384)

export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
# A fuzzer and its options, the log being that of its target: fuzz TARGET OPTION...
fuzz() {
	local target=$1 leaks=1
	shift
	# EAL keeps its tables to the end; the worker's buffers are counted by the target itself.
	[[ $target != worker && $target != guard ]] || leaks=0
	ASAN_OPTIONS=detect_leaks=$leaks "$build/libfuzzer/tests/fuzz/fuzz_$target" "$@"
}
# Adds the fewest inputs of the second folder that reach what the first one does not:
# merge TARGET FIRST SECOND [OPTION].
merge() {
	if ! fuzz "$1" -set_cover_merge=1 "${@:4}" "$2" "$3" >"$build/log/$1.merge" 2>&1; then
		cat "$build/log/$1.merge"
		exit 1
	fi
}

for target in "$@"; do
	echo "== $target, $minutes min"
	learnt=$build/corpus/$target
	corpus=tests/fuzz/corpus/$target
	log=$build/log/$target
	mkdir -p "$learnt"
	fuzz "$target" -max_total_time=$((60 * minutes)) -max_len="${longest[$target]}" -timeout=20 \
		-print_final_stats=1 -artifact_prefix="$build/findings/$target-" \
		"$learnt" "$corpus" >"$log" 2>&1 || true
	grep -E '^(==[0-9]+== ?ERROR|.*\.c:[0-9]+: .*\(not: |.*runtime error)' "$log" || true
	# What has been learnt is thinned out, and what reaches new edges is kept for good.
	rm -rf "$learnt.less"
	mkdir "$learnt.less"
	merge "$target" "$learnt.less" "$learnt"
	rm -r "$learnt"
	mv "$learnt.less" "$learnt"
	merge "$target" "$corpus" "$learnt" -use_counters=0
	LLVM_PROFILE_FILE=$log.profraw "$build/coverage/tests/fuzz/fuzz_$target" 0 \
		"$learnt" "$corpus" >"$log.replay" || true
done
exec /usr/bin/python3 tests/fuzz/report.py "$build" "$@"
