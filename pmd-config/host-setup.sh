#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Prepares a host for hellogate: hugepages, a hugetlbfs mount, PCI devices bound to vfio-pci, CPUs
# without interrupts.
# What is changed is written down first, in /run/hellogate, and `undo` puts it back.
#
# For tests: HG_SYSFS=DIR makes DIR stand for /sys, DIR/proc for /proc, DIR/dev for /dev and
# DIR/run for /run/hellogate. Then no module is loaded, nothing is mounted, root is not needed, and
# what only a kernel can tell (did the driver really bind, is the device open) is not asked.
set -uo pipefail
export LC_ALL=C

fake=${HG_SYSFS:-}
sys=${fake:-/sys}
proc=${fake:+$fake/proc}
proc=${proc:-/proc}
state_dir=${fake:+$fake/run}
state_dir=${state_dir:-/run/hellogate}
state=$state_dir/host-setup.state
devices=$sys/bus/pci/devices
drivers=$sys/bus/pci/drivers
hugetlb_dir=$fake/dev/hugepages
max_pages=1048576

# Read only when it is needed, and from beside this file.
load_cpus()
{
	local beside

	beside=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
	# shellcheck source=pmd-config/host-cpus.sh
	. "$beside/host-cpus.sh" || die "cannot read $beside/host-cpus.sh"
}

dry_run=no
force=no
global=no

usage()
{
	cat <<'USAGE'
usage: host-setup.sh [OPTIONS] COMMAND

  hugepages N          reserve at least N pages of 2 MB on every NUMA node, mount hugetlbfs
  bind PCI [vfio-pci]  give a network device (0000:01:00.0 or 01:00.0) to vfio-pci
  cpus LIST            keep interrupts and kernel work off CPUs such as 2-3,6, and tell what
                       the kernel command line has to say for the rest
  status               show hugepages, mounts, CPUs, network devices, and what undo would put back
  undo                 put back drivers, hugepages, mounts, interrupts and kernel work

  --dry-run            print what would be written, change nothing
  --force              bind a device even though the host uses its interface
  --global             hugepages: N pages in all, placed by the kernel, not N on every node
  --help               this text

The number of hugepages is never lowered, except by undo. Exit status: 0 done, 2 refused or failed.
USAGE
}

die()
{
	printf 'host-setup.sh: %s\n' "$1" >&2
	exit 2
}

warn()
{
	printf 'host-setup.sh: warning: %s\n' "$1" >&2
}

say()
{
	printf '%s\n' "$1"
}

need_root()
{
	[ "$dry_run" = yes ] || [ -n "$fake" ] || [ "$(id -u)" = 0 ] ||
		die "$1 changes the host and needs root"
}

# Whoever runs second would write down the state that the first one made.
lock_state()
{
	[ "$dry_run" = no ] || return 0
	mkdir -p "$state_dir" || die "cannot make $state_dir"
	exec 9> "$state.lock" || die "cannot open $state.lock"
	flock -n 9 || die "another host-setup.sh is at work"
}

# write VALUE FILE: one write, as sysfs wants it.
write()
{
	if [ "$dry_run" = yes ]; then
		say "would write '$1' to $2"
		return 0
	fi
	{ printf '%s\n' "$1" > "$2"; } 2> /dev/null
}

run()
{
	if [ "$dry_run" = yes ]; then
		say "would run: $*"
	elif [ -z "$fake" ]; then
		"$@"
	fi
}

# remember KIND KEY WORDS...: replaces the line of that KIND and KEY.
remember()
{
	[ "$dry_run" = no ] || return 0
	if ! { forget "$1" "$2" && printf '%s\n' "$*" >> "$state"; }; then
		die "cannot write $state"
	fi
}

forget()
{
	[ "$dry_run" = no ] || return 0
	[ -e "$state" ] || return 0
	awk -v kind="$1" -v key="$2" '!($1 == kind && $2 == key)' "$state" > "$state.new" &&
		mv "$state.new" "$state"
}

recalled()
{
	[ -e "$state" ] || return 0
	awk -v kind="$1" -v key="$2" '$1 == kind && $2 == key' "$state"
}

# --- hugepages ---------------------------------------------------------------------------------

page_counters()
{
	local node found=no

	if [ "$global" = no ]; then
		for node in "$sys"/devices/system/node/node[0-9]*; do
			[ -e "$node/hugepages/hugepages-2048kB/nr_hugepages" ] || continue
			say "$node/hugepages/hugepages-2048kB/nr_hugepages"
			found=yes
		done
	fi
	[ $found = yes ] || say "$sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"
}

# The kernel would squeeze everybody else to satisfy a number that cannot be satisfied.
check_memory()
{
	local wanted=$1 counter before kb=0 available

	shift
	for counter in "$@"; do
		before=$(cat "$counter" 2> /dev/null) ||
			die "this kernel has no 2 MB hugepages: no $counter"
		[ "$before" -ge "$wanted" ] || kb=$((kb + (wanted - before) * 2048))
	done
	available=$(awk '$1 == "MemAvailable:" { print $2 }' "$proc/meminfo" 2> /dev/null)
	available=${available:-0}
	[ $kb -lt "$available" ] || [ $kb = 0 ] ||
		die "$wanted pages need $((kb / 1024)) MB more, of $((available / 1024)) MB available"
}

hugetlb_mounts()
{
	[ -r "$proc/mounts" ] || return 0
	awk '$3 == "hugetlbfs" && (!/pagesize=/ || /pagesize=2M/) { print $2 }' "$proc/mounts"
}

reserve_pages()
{
	local counter=$1 wanted=$2 before now first

	before=$(cat "$counter")
	if [ "$before" -ge "$wanted" ]; then
		say "$counter: $before pages are there, $wanted are wanted: nothing to do"
		return 0
	fi
	# The number of the first call is the one to go back to.
	first=$(recalled pages "$counter" | awk '{ print $3 }')
	remember pages "$counter" "${first:-$before}" "$wanted"
	write "$wanted" "$counter" || die "cannot write $counter"
	[ "$dry_run" = no ] || return 0
	now=$(cat "$counter")
	if [ "$now" -lt "$wanted" ]; then
		write "$before" "$counter"
		if [ -n "$first" ]; then
			remember pages "$counter" "$first" "$before"
		else
			forget pages "$counter"
		fi
		die "$counter: the kernel found room for $now of $wanted pages; put back to $before"
	fi
	say "$counter: $before -> $now pages"
}

mount_hugetlbfs()
{
	local where

	where=$(hugetlb_mounts)
	if [ -n "$where" ]; then
		say "hugetlbfs is mounted on ${where//$'\n'/, }"
		return 0
	fi
	if [ ! -d "$hugetlb_dir" ]; then
		remember dir "$hugetlb_dir"
		run mkdir "$hugetlb_dir" || die "cannot make $hugetlb_dir"
	fi
	remember mount "$hugetlb_dir"
	run mount -t hugetlbfs -o pagesize=2M hugetlbfs "$hugetlb_dir" || {
		forget mount "$hugetlb_dir"
		die "cannot mount hugetlbfs on $hugetlb_dir"
	}
	[ "$dry_run" = yes ] || say "hugetlbfs: mounted on $hugetlb_dir"
}

cmd_hugepages()
{
	local wanted=$1 counter counters

	if [[ ! $wanted =~ ^[0-9]{1,7}$ ]] || [ $((10#$wanted)) -gt $max_pages ]; then
		die "hugepages wants a number from 0 to $max_pages, not '$wanted'"
	fi
	wanted=$((10#$wanted))
	need_root hugepages
	lock_state
	mapfile -t counters < <(page_counters)
	check_memory "$wanted" "${counters[@]}"
	for counter in "${counters[@]}"; do
		reserve_pages "$counter" "$wanted"
	done
	mount_hugetlbfs
}

# --- PCI devices -------------------------------------------------------------------------------

driver_of()
{
	[ -e "$devices/$1/driver" ] || return 0
	basename "$(readlink -f "$devices/$1/driver")"
}

# Interfaces of a device; those of virtio devices are one level deeper.
interfaces_of()
{
	local path

	for path in "$devices/$1"/net/* "$devices/$1"/*/net/*; do
		[ -d "$path" ] || continue
		case $path in
		*/driver/net/* | */subsystem/net/*) continue ;;
		esac
		basename "$path"
	done
}

has_default_route()
{
	local zeros=00000000000000000000000000000000

	[ ! -r "$proc/net/route" ] ||
		awk -v dev="$1" '$1 == dev && $2 == "00000000" && $8 == "00000000" { found = 1 }
			END { exit !found }' "$proc/net/route" && return 0
	# 0x200 is a reject route, which every host has on lo.
	[ -r "$proc/net/ipv6_route" ] &&
		awk -v dev="$1" -v zeros=$zeros '$NF == dev && $1 == zeros && $2 == "00" &&
			substr($9, length($9) - 2, 1) !~ /[2367abef]/ { found = 1 }
			END { exit !found }' "$proc/net/ipv6_route"
}

is_up()
{
	local flags

	flags=$(cat "$sys/class/net/$1/flags" 2> /dev/null) || return 1
	[ $((flags & 1)) = 1 ]
}

# others_than NAMES: is there another interface of a real device?
others_than()
{
	local path name

	for path in "$sys"/class/net/*; do
		[ -e "$path/device" ] || continue
		name=$(basename "$path")
		[[ " $1 " == *" $name "* ]] || return 0
	done
	return 1
}

# Why the host would miss this device: one line, or nothing.
reason_to_keep()
{
	local pci=$1 names name upper

	case $(driver_of "$pci") in
	mlx4_core | mlx5_core)
		say "its DPDK driver works through the kernel driver, which must stay bound"
		return 0
		;;
	esac
	names=$(interfaces_of "$pci" | tr '\n' ' ')
	[ -n "$names" ] || return 0
	for name in $names; do
		for upper in "$sys/class/net/$name"/upper_*; do
			[ -e "$upper" ] || continue
			say "its interface $name is part of ${upper##*/upper_}"
			return 0
		done
		if is_up "$name" && has_default_route "$name"; then
			say "its interface $name is up and has the default route"
			return 0
		fi
	done
	others_than "$names" || say "$name is the only network interface of this host"
}

warn_about_iommu()
{
	local pci=$1 group peer mode

	group=$devices/$pci/iommu_group
	if [ ! -e "$group" ]; then
		mode=$(cat "$sys/module/vfio/parameters/enable_unsafe_noiommu_mode" 2> /dev/null)
		[ "$mode" = Y ] || [ "$mode" = 1 ] ||
			warn "$pci has no IOMMU, so vfio-pci will not take it until you write 1 to\
 /sys/module/vfio/parameters/enable_unsafe_noiommu_mode"
		warn "without an IOMMU the device, and any mistake in driving it, reaches all memory"
		return 0
	fi
	for peer in "$group"/devices/*; do
		[ -e "$peer" ] || continue
		peer=$(basename "$peer")
		[ "$peer" = "$pci" ] && continue
		case $(driver_of "$peer") in
		"" | vfio-pci | pcieport) ;;
		*) warn "$peer shares the IOMMU group of $pci and must be bound to vfio-pci too" ;;
		esac
	done
}

# hand_over PCI OVERRIDE DRIVER: takes the device from its driver, gives it to DRIVER ("-": none).
hand_over()
{
	local pci=$1 override=$2 driver=$3

	[ "$override" != "(null)" ] || override=
	write "$override" "$devices/$pci/driver_override" || return 1
	if [ -e "$devices/$pci/driver" ]; then
		write "$pci" "$devices/$pci/driver/unbind" || return 1
	fi
	[ "$driver" != - ] || return 0
	write "$pci" "$drivers/$driver/bind" || return 1
	[ "$dry_run" = yes ] || [ -n "$fake" ] || [ "$(driver_of "$pci")" = "$driver" ]
}

full_address()
{
	local pci=${1,,}

	[[ $pci =~ ^[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$ ]] && pci=0000:$pci
	[[ $pci =~ ^[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$ ]] || return 1
	say "$pci"
}

cmd_bind()
{
	local pci driver=$2 class reason before override first

	pci=$(full_address "$1") || die "'$1' is not a PCI address such as 0000:01:00.0"
	[ "$driver" = vfio-pci ] || die "devices are bound to vfio-pci only, not to '$driver'"
	[ -e "$devices/$pci" ] || die "there is no PCI device $pci"
	class=$(cat "$devices/$pci/class" 2> /dev/null)
	[[ $class == 0x02* ]] || die "$pci is not a network device (class ${class:-unknown})"
	before=$(driver_of "$pci")
	if [ "$before" = "$driver" ]; then
		say "$pci is bound to $driver: nothing to do"
		return 0
	fi
	reason=$(reason_to_keep "$pci")
	if [ -n "$reason" ]; then
		[ "$force" = yes ] ||
			die "$pci is not bound to $driver: $reason (--force does it anyway)"
		warn "$pci: $reason"
	fi
	need_root bind
	lock_state
	[ -e "$drivers/$driver" ] || run modprobe "$driver" ||
		die "the kernel module $driver cannot be loaded"
	warn_about_iommu "$pci"
	override=$(cat "$devices/$pci/driver_override" 2> /dev/null)
	# An earlier bind knows better what was there before it.
	first=$(recalled driver "$pci")
	[ -n "$first" ] || remember driver "$pci" "${before:--}" "${override:-(null)}"
	if ! hand_over "$pci" "$driver" "$driver"; then
		if hand_over "$pci" "${override:-(null)}" "${before:--}"; then
			[ -n "$first" ] || forget driver "$pci"
			die "$pci could not be bound to $driver and is back at ${before:-no driver}"
		fi
		die "$pci could not be bound to $driver, nor be given back to ${before:-no driver}"
	fi
	[ "$dry_run" = yes ] || say "$pci: ${before:-no driver} -> $driver"
}

# --- undo --------------------------------------------------------------------------------------

# Taking a device from a process that drives it would wait in the kernel until that process ends.
is_open()
{
	local group

	[ -z "$fake" ] && [ "$(driver_of "$1")" = vfio-pci ] || return 1
	group=$(basename "$(readlink -f "$devices/$1/iommu_group")")
	[ -n "$(find /proc/[0-9]*/fd \( -lname "/dev/vfio/$group" -o \
		-lname "/dev/vfio/noiommu-$group" \) -print -quit 2> /dev/null)" ]
}

undo_driver()
{
	local pci=$1 driver=$2 override=$3

	if [ ! -e "$devices/$pci" ]; then
		warn "$pci is gone: nothing to put back"
	elif is_open "$pci"; then
		warn "$pci is in use by a running process: stop it first"
		return 1
	elif ! hand_over "$pci" "$override" "$driver"; then
		warn "$pci could not be given back to $driver"
		return 1
	else
		[ "$dry_run" = yes ] || say "$pci: back at ${driver/#-/no driver}"
	fi
	forget driver "$pci"
}

undo_pages()
{
	local counter=$1 before=$2 set=$3 now

	now=$(cat "$counter" 2> /dev/null)
	if [ "$now" != "$set" ]; then
		warn "$counter is ${now:-gone}, not $set as it was left: not touched"
	elif ! write "$before" "$counter"; then
		warn "cannot write $counter"
		return 1
	else
		[ "$dry_run" = yes ] || say "$counter: $set -> $(cat "$counter") pages"
	fi
	forget pages "$counter"
}

undo_mount()
{
	if [ -n "$fake" ] || hugetlb_mounts | grep -qxF "$1"; then
		if ! run umount "$1"; then
			warn "$1 is in use and stays mounted"
			return 1
		fi
		[ "$dry_run" = yes ] || say "hugetlbfs: unmounted from $1"
	fi
	forget mount "$1"
}

undo_dir()
{
	run rmdir "$1" 2> /dev/null || warn "$1 is not empty and stays"
	forget dir "$1"
}

cmd_undo()
{
	local kind key first second failed=no lines line

	need_root undo
	if [ ! -s "$state" ]; then
		say "nothing to put back"
		return 0
	fi
	lock_state
	load_cpus
	# Last change first: a directory is made before it is mounted on.
	mapfile -t lines < <(tac "$state")
	for line in "${lines[@]}"; do
		read -r kind key first second <<< "$line"
		case $kind in
		driver) undo_driver "$key" "$first" "$second" || failed=yes ;;
		pages) undo_pages "$key" "$first" "$second" || failed=yes ;;
		mount) undo_mount "$key" || failed=yes ;;
		dir) undo_dir "$key" ;;
		value) undo_value "$key" "$first" "$second" || failed=yes ;;
		*) die "$state has a line that is not understood: $line" ;;
		esac
	done
	[ $failed = no ] || die "not everything could be put back; what is left stays in $state"
	[ "$dry_run" = yes ] || rm -f "$state"
}

# --- status ------------------------------------------------------------------------------------

show_devices()
{
	local path pci names driver iommu any=no

	for path in "$devices"/*; do
		[[ $(cat "$path/class" 2> /dev/null) == 0x02* ]] || continue
		any=yes
		pci=$(basename "$path")
		driver=$(driver_of "$pci")
		names=$(interfaces_of "$pci" | paste -sd, -)
		iommu=no
		[ ! -e "$path/iommu_group" ] || iommu=yes
		printf '  %s  %s:%s  driver=%s  interface=%s  node=%s  iommu=%s\n' "$pci" \
			"$(cat "$path/vendor" 2> /dev/null)" "$(cat "$path/device" 2> /dev/null)" \
			"${driver:-none}" "${names:-none}" \
			"$(cat "$path/numa_node" 2> /dev/null || echo '?')" "$iommu"
	done
	[ $any = yes ] || say "  none"
}

cmd_status()
{
	local counter counters mounts

	say "hugepages of 2 MB:"
	mapfile -t counters < <(page_counters)
	for counter in "${counters[@]}"; do
		printf '  %s: %s reserved, %s free\n' "$counter" \
			"$(cat "$counter" 2> /dev/null || echo '?')" \
			"$(cat "${counter/%nr_hugepages/free_hugepages}" 2> /dev/null || echo '?')"
	done
	mounts=$(hugetlb_mounts | paste -sd, -)
	say "hugetlbfs: ${mounts:-not mounted}"
	load_cpus
	show_cpus
	say "network devices on PCI:"
	show_devices
	say "to put back by undo:"
	if [ -s "$state" ]; then
		sed 's/^/  /' "$state"
	else
		say "  nothing"
	fi
}

# --- command line ------------------------------------------------------------------------------

main()
{
	local words=()

	while [ $# -gt 0 ]; do
		case $1 in
		--help | -h)
			usage
			exit 0
			;;
		--dry-run) dry_run=yes ;;
		--force) force=yes ;;
		--global) global=yes ;;
		-*) die "unknown option '$1' (see --help)" ;;
		*) words+=("$1") ;;
		esac
		shift
	done
	set -- "${words[@]}"
	[ $# -gt 0 ] || die "a command is missing (see --help)"
	case $1:$# in
	hugepages:2) cmd_hugepages "$2" ;;
	bind:2) cmd_bind "$2" vfio-pci ;;
	bind:3) cmd_bind "$2" "$3" ;;
	cpus:2)
		load_cpus
		cmd_cpus "$2"
		;;
	status:1) cmd_status ;;
	undo:1) cmd_undo ;;
	hugepages:* | bind:* | cpus:* | status:* | undo:*)
		die "'$1' has the wrong number of arguments (see --help)"
		;;
	*) die "unknown command '$1' (see --help)" ;;
	esac
}

main "$@"
