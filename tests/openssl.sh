#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Runs tests with other releases of OpenSSL than the one that is installed:
#
#   tests/openssl.sh                        with each that the package sources offer
#   tests/openssl.sh edges                  with the oldest and the newest of these
#   tests/openssl.sh 3.0.17-1~deb12u2       with that package
#   tests/openssl.sh /opt/openssl/lib       with libssl and libcrypto of a folder
#
# Behind it: names of tests, as meson test -C build --list has them. Without any, the unit tests of lib/tls.
# Packages are unpacked in $HG_OPENSSL_CACHE, or /var/cache/hellogate, or that of the user. The build
# is $HG_BUILD, or build. The last line is "openssl: N passed, N failed", the exit code 0 if none failed.
# A release that cannot be had is a line "skipped openssl RELEASE: REASON".
set -euo pipefail
cd "$(dirname "$0")/.."

which=${1:-all}
[ $# = 0 ] || shift
tests=("$@")
[ $# != 0 ] || tests=('unit records' 'unit session' 'unit flight' 'unit limits' 'unit backoff' 'unit tls' 'unit ticket' 'unit context')
build=${HG_BUILD:-build}
if [ -n "${HG_OPENSSL_CACHE:-}" ]; then
	cache=$HG_OPENSSL_CACHE
elif [ "$(id -u)" = 0 ]; then
	cache=/var/cache/hellogate
else
	cache=${XDG_CACHE_HOME:-$HOME/.cache}/hellogate
fi
passed=0
failed=0

skip() {
	echo "skipped openssl $1: $2"
}

# The package that libssl.so.3 comes from here, or nothing.
package() {
	local name
	for name in libssl3t64 libssl3; do
		if [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ]; then
			echo "$name"
			return
		fi
	done
}

# Versions of a package that can be had, oldest first, but for the one that is installed.
offered() {
	local version own
	own=$(dpkg-query -W -f '${Version}' "$1")
	apt-cache madison "$1" 2>/dev/null | cut -d '|' -f 2 | tr -d ' ' | sort -u |
		while read -r version; do
			[ "$version" = "$own" ] || echo "$version"
		done | sort -V
}

# Fetches and unpacks a version of a package, once; prints the folder with the libraries in it.
unpacked() {
	local name=$1 version=$2 home part
	home=$cache/$name-${version//:/_}
	if [ ! -d "$home" ]; then
		mkdir -p "$cache"
		part=$(mktemp -d "$cache/part.XXXXXX")
		if ! (cd "$part" && apt-get download "$name=$version" >/dev/null 2>&1 &&
			dpkg -x ./*.deb tree) || ! mv -T "$part/tree" "$home"; then
			rm -rf "$part"
			return 1
		fi
		rm -rf "$part"
	fi
	dirname "$(find "$home" -name 'libssl.so.3' | head -n 1)"
}

# What a program would load from a folder: "3.0.17", or nothing if it is not from there.
loaded() {
	local folder=$1 libraries
	libraries=$(LD_LIBRARY_PATH=$folder ldd "$build/tests/unit/test_session")
	[[ $libraries == *"libssl.so.3 => $folder/"* ]] || return 0
	LD_LIBRARY_PATH=$folder /usr/bin/python3 - <<-'END'
		import ctypes
		crypto = ctypes.CDLL('libcrypto.so.3')
		crypto.OpenSSL_version.restype = ctypes.c_char_p
		ctypes.CDLL('libssl.so.3')
		print(crypto.OpenSSL_version(0).decode().split()[1])
	END
}

# Runs the tests with the libraries of a folder: its label, the folder, the version that it must be.
run() {
	local label=$1 folder=$2 wanted=$3 version log
	version=$(loaded "$folder")
	if [ -z "$version" ] || { [ -n "$wanted" ] && [ "$version" != "$wanted" ]; }; then
		echo "failed openssl $label: what is loaded is ${version:-another library}"
		failed=$((failed + 1))
		return
	fi
	log=openssl-$version
	rm -f "$build/meson-logs/$log.junit.xml"
	echo "== openssl $version"
	if LD_LIBRARY_PATH=$folder meson test -C "$build" --no-rebuild --print-errorlogs --num-processes 2 \
		--logbase "$log" "${tests[@]}"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
	fi
}

# A package version: 3.0.17-1~deb12u2.
run_version() {
	local name=$1 version=$2 folder
	if folder=$(unpacked "$name" "$version"); then
		run "$version" "$folder" "${version%%-*}"
	else
		skip "$version" "$name=$version cannot be fetched"
	fi
}

name=$(package)
case $which in
/* | ./* | ../*)
	run "$which" "$(realpath "$which")" ''
	;;
all | edges)
	versions=()
	[ -z "$name" ] || mapfile -t versions < <(offered "$name")
	if [ ${#versions[@]} = 0 ]; then
		skip "$which" 'the package sources offer no other libssl3'
	elif [ "$which" = edges ] && [ ${#versions[@]} -gt 2 ]; then
		versions=("${versions[0]}" "${versions[-1]}")
	fi
	for version in "${versions[@]}"; do
		run_version "$name" "$version"
	done
	;;
*)
	if [ -n "$name" ]; then
		run_version "$name" "$which"
	else
		skip "$which" 'there is no package libssl3'
	fi
	;;
esac
echo "openssl: $passed passed, $failed failed"
[ "$failed" = 0 ]
