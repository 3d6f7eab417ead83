#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# run.sh NAME [options of that benchmark]: installs what is needed, builds, and runs one benchmark.
# run.sh all: runs them all, one after the other, and makes the report. Without a name it lists them.
# The results go to bench/results/NAME.json.
set -euo pipefail
cd "$(dirname "$0")/.."

tree=build-bench
# Benchmarks import each other as bench.ROOM.FILE, and nothing of the folder that they are in by its bare
# name (-P): there hmac.py would stand before Python's hmac.
python=(env "PYTHONPATH=$PWD" /usr/bin/python3 -P)

# What writes a result of its own name is a benchmark, and report is what becomes of the results; the
# first line of a description says what it does.
list() {
	local file name
	for file in bench/measure/*.py; do
		name=$(basename "$file" .py)
		if [ "$name" = report ] || grep -qF "result.write('$name'," "$file"; then
			printf '%-15s%s\n' "$name" "$(sed -n 's/^"""//p' "$file" | head -n 1 | tr -d '"')"
		fi
	done
}

if [ $# = 0 ] || [ "$1" = --help ] || [ "$1" = -h ]; then
	echo "usage: bench/run.sh NAME [options of that benchmark, or --help]"
	list
	printf '%-15s%s\n' all 'All of them, and the report.'
	exit 0
fi
name=$1
shift
if [ "$name" = all ]; then
	if [ $# != 0 ]; then
		echo "bench/run.sh: all takes no options" >&2
		exit 2
	fi
	failed=0
	for name in $(list | cut -d ' ' -f 1 | grep -vxF report) report; do
		echo "== $name"
		bench/run.sh "$name" || failed=1
	done
	printf 'all of it took %d min %d s\n' $((SECONDS / 60)) $((SECONDS % 60))
	exit "$failed"
fi
if ! list | cut -d ' ' -f 1 | grep -qxF -e "$name"; then
	echo "bench/run.sh: there is no benchmark '$name'; without a name it lists them" >&2
	exit 2
fi

if [ "$name" = report ]; then # it measures nothing, so there is nothing to build
	[ "$(id -u)" != 0 ] || .ci/install-packages bench-report
	exec "${python[@]}" bench/measure/report.py "$@"
fi
if [ "$(id -u)" = 0 ]; then
	.ci/install-packages bench
	case $name in
		amplification | flood)
			.ci/install-packages bench-peers
			;;
	esac
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! {
	.ci/configure "$tree" -Dtests=false -Dbench=true &&
		ninja -C "$tree" -j "$(nproc)"
} >"$log" 2>&1; then
	tail -n 40 "$log" >&2
	exit 1
fi
HG_SOURCE=$PWD HG_BUILD=$PWD/$tree "${python[@]}" "bench/measure/$name.py" "$@"
