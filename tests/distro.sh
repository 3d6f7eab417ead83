#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# usage: distro.sh [--installed] SUITE[+security] [COMMAND [ARGUMENT...]]
# Makes that Debian system (bookworm, trixie, testing, ...) bare, lays a clone of HEAD into it as /root/hellogate,
# and runs there both commands of the README, or COMMAND, as root, in namespaces of its own for mounts, network
# and processes. It has main alone, or with +security its security updates too; --installed: it has the packages
# of tests/run.sh from the beginning. Variables that begin with HG_, and proxies, are passed on.
# Bare systems, 200 MB each, are kept in HG_DISTRO_CACHE (/var/cache/hellogate/distro), and never written to.
# Last line: that of tests/run.sh, where app/demo.sh counts as a test, or that of COMMAND.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)

usage() {
	sed -n 's/^# usage: /usage: tests\//p' "$0" >&2
	exit 2
}
skip() {
	echo "distro.sh: skipped: $*"
	echo '0 passed, 0 failed, 1 skipped'
	exit 0
}
fail() {
	echo "distro.sh: $*" >&2
	exit 1
}

# What runs in the box, with the root that is given, before anything of that system does.
box() {
	local root=$1 network=$2 device
	read -r pid _ </proc/self/stat # there still is the host's /proc
	echo "$pid" >"$root/../pid"
	mount --bind "$root" "$root" # ip netns exec wants / to be a mount point
	mount -t proc proc "$root/proc"
	mount -t tmpfs -o mode=755 run "$root/run"
	mount -t tmpfs -o mode=755 dev "$root/dev"
	mkdir -p "$root/dev/net" "$root/dev/pts" "$root/dev/shm" "$root/run/lock"
	for device in null zero full random urandom tty net/tun kvm vhost-net; do
		[ ! -c "/dev/$device" ] || cp -a "/dev/$device" "$root/dev/$device"
	done
	mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts "$root/dev/pts"
	ln -s pts/ptmx "$root/dev/ptmx"
	ln -s /proc/self/fd "$root/dev/fd"
	for device in 0:stdin 1:stdout 2:stderr; do
		ln -s "/proc/self/fd/${device%:*}" "$root/dev/${device#*:}"
	done
	mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
	if [ "$(cat /proc/sys/vm/nr_hugepages 2>/dev/null || echo 0)" != 0 ]; then
		mkdir "$root/dev/hugepages"
		mount -t hugetlbfs hugepages "$root/dev/hugepages"
	fi
	# Packages come over the host's network, everything else has one of its own.
	if [ "$network" = own ]; then
		touch "$root/run/host-network"
		mount --bind /proc/self/ns/net "$root/run/host-network"
		unshare --net "$0" --in-network "$root" "${@:3}"
	else
		enter "$root" "${@:3}"
	fi
}
enter() {
	mount -t sysfs sysfs "$1/sys" # shows the interfaces of the network that it was mounted in
	cd "$1"
	chroot . "${@:2}"
}
case ${1:-} in
	--in-box)
		box "${@:2}"
		exit
		;;
	--in-network)
		ip link set lo up
		enter "${@:2}"
		exit
		;;
esac

installed=
[ "${1:-}" != --installed ] || { installed=yes && shift; }
[[ ${1:-} =~ ^[a-z][a-z0-9-]*(\+security)?$ ]] || usage
system=$1
suite=${system%+security}
shift

[ "$(id -u)" = 0 ] || skip 'only root can make a system'
command -v dpkg >/dev/null || skip 'this host is no Debian, and has no debootstrap'
unshare --mount --pid --net --fork true 2>/dev/null || skip 'this host allows no namespaces'
told=$("$here/.ci/install-packages" distro 2>&1) || skip "debootstrap cannot be installed: ${told##*$'\n'}"
[ -e "/usr/share/debootstrap/scripts/$suite" ] || { echo "distro.sh: debootstrap knows no suite $suite" >&2 && exit 2; }

# The mirrors of this host, if it is a Debian itself; otherwise debootstrap has one.
mirrors() {
	local ID='' VERSION_CODENAME=''
	# shellcheck source=/dev/null
	. /etc/os-release
	[ "$ID" = debian ] || return 0
	apt-get indextargets --format "\$(RELEASE) \$(COMPONENT) \$(REPO_URI)" 'Created-By: Packages' 2>/dev/null |
		sed -n "s:^$VERSION_CODENAME$1 main ::p" | sed 's:/*$::;q'
}
mirror=$(mirrors '')
mirror=${mirror:-$(sed -n 's/^ *DEF_MIRROR="\(.*\)"/\1/p' /usr/sbin/debootstrap | head -n 1)}
security=$(mirrors -security)
security=${security:-$mirror-security}

cache=${HG_DISTRO_CACHE:-/var/cache/hellogate/distro}
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
# What a run that was killed left behind: nobody holds its lock.
for old in "$cache"/run.*; do
	[ -d "$old" ] || continue
	exec {lock}>"$old/lock"
	! flock -n "$lock" || rm -rf "$old"
	exec {lock}>&-
done
work=$(mktemp -d "$cache/run.XXXXXX")
exec {lock}>"$work/lock"
flock "$lock"

box_pid=
cleanup() {
	# Its mounts, networks and processes are in namespaces that end with the first process of the box.
	if [ -n "$box_pid" ]; then
		[ ! -s "$work/pid" ] || kill -KILL "$(cat "$work/pid")" 2>/dev/null || true
		kill -KILL "$box_pid" 2>/dev/null || true
		wait "$box_pid" 2>/dev/null || true
	fi
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

passed_on=()
while IFS= read -r name; do
	passed_on+=("$name=${!name}")
done < <(compgen -e | grep -E '^(HG_.*|TERM|.*_proxy|.*_PROXY)$' | grep -vx HG_DISTRO_CACHE)

# Runs a command in the system at $work/root: in_box own|host COMMAND...; host is for the host's network.
in_box() {
	local code=0
	: >"$work/pid"
	# Not in the foreground, for a trap waits for what is; SIGINT is as it was all the same.
	env -i --default-signal=INT,QUIT HOME=/root "${passed_on[@]}" \
		PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child \
		"$here/tests/distro.sh" --in-box "$work/root" "$@" <&0 {lock}>&- &
	box_pid=$!
	wait "$box_pid" || code=$?
	box_pid=
	return "$code"
}

# The pristine system, made if it is not there.
pristine() {
	exec {making}>"$cache/$suite.lock"
	flock "$making"
	if [ ! -d "$cache/$suite" ]; then
		echo "distro.sh: making $suite from $mirror"
		mkdir "$work/new"
		unshare --mount --pid --fork --kill-child --mount-proc \
			debootstrap --variant=minbase "$suite" "$work/new" "$mirror" >"$work/log" 2>&1 {lock}>&- {making}>&- &
		box_pid=$!
		if ! wait "$box_pid"; then
			box_pid=
			tail -n 5 "$work/log" >&2
			fail "debootstrap cannot make $suite"
		fi
		box_pid=
		mv "$work/new" "$cache/$suite"
	fi
	exec {making}>&-
}

reachable() {
	/usr/lib/apt/apt-helper download-file "$1/dists/$2/InRelease" "$work/InRelease" >/dev/null 2>&1
}
reachable "$mirror" "$suite" || skip "$mirror cannot be reached, or has no $suite"
[ "$system" = "$suite" ] || reachable "$security" "$suite-security" ||
	skip "$security cannot be reached, or has no $suite-security"

pristine
from=$cache/$suite
# One with packages is good for the lists that it was made for.
with_packages=$cache/$system.$(cat "$here/.ci/packages" "$here/.ci/install-packages" | sha256sum | cut -c 1-12)
[ -z "$installed" ] || [ ! -d "$with_packages" ] || from=$with_packages
root=$work/root
cp -a --reflink=auto "$from" "$root"
cp -L /etc/resolv.conf "$root/etc/resolv.conf"
echo "deb $mirror $suite main" >"$root/etc/apt/sources.list"
# Nothing is started in the name of a package, and nothing has to outlive a crash of the host.
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/distro"
# A mirror may lag behind this host's clock: what it has is signed all the same.
echo 'Acquire::Check-Valid-Until "false";' >"$root/etc/apt/apt.conf.d/99distro"
if [ "$system" != "$suite" ]; then
	echo "deb $security $suite-security main" >>"$root/etc/apt/sources.list"
	in_box host sh -c 'apt-get update && apt-get -y dist-upgrade' >"$work/log" 2>&1 ||
		{ tail -n 5 "$work/log" >&2 && fail "the security updates of $suite cannot be installed"; }
fi

git=(git -c safe.directory='*' -C "$here")
[ -z "$("${git[@]}" status --porcelain)" ] ||
	echo 'distro.sh: the tree has changes that are not committed: they are left out'
"${git[@]}" -c advice.detachedHead=false clone -q --no-local --depth 1 "file://$here" "$root/root/hellogate"

if [ -n "$installed" ] && [ "$from" != "$with_packages" ]; then
	in_box host sh -c 'cd /root/hellogate && .ci/install-packages tests' || fail 'the packages cannot be installed'
	cp -a --reflink=auto "$root" "$work/new"
	rm -rf "$work/new/root/hellogate" "$cache/$system".????????????
	mv "$work/new" "$with_packages"
fi
# shellcheck disable=SC2016 # the system's shell fills it in
printf '#!/bin/sh\nexec nsenter --net=/run/host-network /usr/bin/apt-get "$@"\n' >"$root/usr/local/sbin/apt-get"
chmod 755 "$root/usr/local/sbin/apt-get"

in_checkout=(sh -c 'cd /root/hellogate && exec "$@"' sh)
code=0
if [ $# -gt 0 ]; then
	in_box own "${in_checkout[@]}" "$@" || code=$?
	exit "$code"
fi
demo=0
in_box own "${in_checkout[@]}" app/demo.sh || demo=$?
exec {out}> >(tee "$work/out")
tee=$!
in_box own "${in_checkout[@]}" tests/run.sh >&"$out" 2>&1 || code=$?
exec {out}>&-
wait "$tee"
if [[ $(tail -n 1 "$work/out") =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed,\ ([0-9]+)\ skipped$ ]]; then
	counts=("${BASH_REMATCH[@]:1}")
else
	counts=(0 1 0)
fi
if [ "$demo" = 0 ]; then
	counts[0]=$((counts[0] + 1))
else
	counts[1]=$((counts[1] + 1))
	echo "failed app/demo.sh: it ended with $demo"
fi
printf '%d passed, %d failed, %d skipped\n' "${counts[@]}"
[ "$code" = 0 ] && [ "$demo" = 0 ]
