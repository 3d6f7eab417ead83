#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# usage: soak.sh HOURS [RATE]
# Installs what is needed, builds, and runs a gateway for so many hours, or a part of one, under a
# flood and with clients that come and go: what it holds must not grow. With RATE, in packets a
# second, the flood has that rate and clients rest between their sessions; without, there is as much
# as the machine can take. Samples go to build/soak.csv.
# Last line: soak: ok, or soak: failed: REASON.
set -euo pipefail
if ! [[ ${1:-} =~ ^[0-9]*\.?[0-9]+$ && ${2:-0} =~ ^[0-9]+$ ]] || [ $# -gt 2 ]; then
	echo "usage: $0 HOURS [RATE]" >&2
	exit 2
fi
cd "$(dirname "$0")/.."
if [ "$(id -u)" != 0 ]; then
	echo 'soak: failed: needs root: network namespaces and raw sockets'
	exit 1
fi

.ci/install-packages soak
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { .ci/configure build -Dtests=true && ninja -C build; } >"$log" 2>&1; then
	cat "$log"
	echo 'soak: failed: it does not build'
	exit 1
fi
export HG_BUILD=$PWD/build HG_SOURCE=$PWD PYTHONDONTWRITEBYTECODE=1
/usr/bin/python3 tests/e2e/soak.py "$@"
