# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2154
# A part of host-setup.sh: keeps interrupts and kernel work off CPUs that are for workers.

cpu_dir=$sys/devices/system/cpu
irq_dir=$proc/irq
workqueue_mask=$sys/devices/virtual/workqueue/cpumask

# expand 0-2,5: one number a line, in order; false if that is no list.
expand()
{
	local part first last

	[[ $1 =~ ^[0-9]{1,4}(-[0-9]{1,4})?(,[0-9]{1,4}(-[0-9]{1,4})?)*$ ]] || return 1
	for part in ${1//,/ }; do
		first=$((10#${part%-*}))
		last=$((10#${part#*-}))
		[ $first -le $last ] || return 1
		seq $first $last
	done | sort -nu
}

# collapse: numbers of lines into 0-2,5.
collapse()
{
	awk 'NR > 1 && $1 == last + 1 { last = $1; next }
		NR > 1 { printf "%s%s", sep, first (last > first ? "-" last : ""); sep = "," }
		{ first = last = $1 }
		END { if (NR) print sep first (last > first ? "-" last : "") }'
}

# without LIST OTHER: what is in LIST and not in OTHER.
without()
{
	comm -23 <(expand "$1" | sort) <(expand "$2" | sort) | sort -n | collapse
}

# mask LIST: in words of 32 bits, as the kernel reads it.
mask()
{
	local cpu words=(0) text='' i

	for cpu in $(expand "$1"); do
		for ((i = ${#words[@]}; i <= cpu / 32; i++)); do
			words[i]=0
		done
		words[cpu / 32]=$((words[cpu / 32] | 1 << cpu % 32))
	done
	for ((i = ${#words[@]} - 1; i >= 0; i--)); do
		text+=$(printf '%08x,' "${words[i]}")
	done
	say "${text%,}"
}

# set_value VALUE FILE: writes it, and down what was there before the first time.
set_value()
{
	local before first now

	before=$(cat "$2" 2> /dev/null) || return 1
	first=$(recalled value "$2" | awk '{ print $3 }')
	write "$1" "$2" || return 1
	[ "$dry_run" = no ] || return 0
	now=$(cat "$2")
	[ "$now" != "$before" ] || return 0
	remember value "$2" "${first:-$before}" "$now"
}

move_interrupts()
{
	local rest=$1 list=$2 file old new moved=0 stay=0

	if [ -e "$irq_dir/default_smp_affinity" ]; then
		set_value "$(mask "$rest")" "$irq_dir/default_smp_affinity" ||
			warn "cannot write $irq_dir/default_smp_affinity"
	fi
	for file in "$irq_dir"/[0-9]*/smp_affinity_list; do
		old=$(cat "$file" 2> /dev/null)
		[ -n "$old" ] || continue
		new=$(without "$old" "$list")
		[ "$new" != "$(expand "$old" | collapse)" ] || continue
		# The kernel does not let go of some: timers, and queues that it manages itself.
		if set_value "${new:-$rest}" "$file"; then
			moved=$((moved + 1))
		else
			stay=$((stay + 1))
		fi
	done
	[ "$dry_run" = yes ] || say "interrupts: $moved moved off CPUs $list, $stay stay where they are"
}

set_governors()
{
	local list=$1 cpu where count=0

	for cpu in $(expand "$list"); do
		where=$cpu_dir/cpu$cpu/cpufreq
		grep -qw performance "$where/scaling_available_governors" 2> /dev/null || continue
		[ "$(cat "$where/scaling_governor")" != performance ] || continue
		if set_value performance "$where/scaling_governor"; then
			count=$((count + 1))
		else
			warn "cannot write $where/scaling_governor"
		fi
	done
	[ "$dry_run" = yes ] || [ $count = 0 ] || say "governor: performance on $count CPUs"
}

# What only the kernel's command line can say, and whether it does.
show_kernel_options()
{
	local list=$1 rest=$2 option missing=''

	for option in "isolcpus=managed_irq,domain,$list" "nohz_full=$list" "rcu_nocbs=$list" \
		"irqaffinity=$rest"; do
		tr ' ' '\n' < "$proc/cmdline" 2> /dev/null | grep -qxF "$option" ||
			missing+=" $option"
	done
	if [ -z "$missing" ]; then
		say "kernel command line: has all that it can do"
	else
		say "kernel command line: add, and boot again:$missing"
	fi
}

cmd_cpus()
{
	local list online rest

	online=$(cat "$cpu_dir/online" 2> /dev/null) || die "there is no $cpu_dir/online"
	list=$(expand "$1" | collapse)
	if [ -z "$list" ] || ! expand "$1" > /dev/null; then
		die "cpus wants a list of CPUs such as 2-3,6, not '$1'"
	fi
	[ -z "$(without "$list" "$online")" ] || die "of the CPUs $list only $online are there"
	rest=$(without "$online" "$list")
	[ -n "$rest" ] || die "no CPU is left for the kernel: $list are all there are"
	need_root cpus
	lock_state
	move_interrupts "$rest" "$list"
	if [ -e "$workqueue_mask" ]; then
		if ! set_value "$(mask "$rest")" "$workqueue_mask"; then
			warn "cannot write $workqueue_mask"
		else
			[ "$dry_run" = yes ] || say "workqueues: on CPUs $rest"
		fi
	fi
	set_governors "$list"
	show_kernel_options "$list" "$rest"
}

undo_value()
{
	local file=$1 before=$2 set=$3 now

	now=$(cat "$file" 2> /dev/null)
	if [ "$now" != "$set" ]; then
		warn "$file is ${now:-gone}, not $set as it was left: not touched"
	elif ! write "$before" "$file"; then
		warn "cannot write $file"
		return 1
	fi
	forget value "$file"
}

show_cpus()
{
	printf 'CPUs: online %s, isolated %s, nohz_full %s\n' \
		"$(cat "$cpu_dir/online" 2> /dev/null || echo '?')" \
		"$(grep . "$cpu_dir/isolated" 2> /dev/null || echo none)" \
		"$(grep . "$cpu_dir/nohz_full" 2> /dev/null || echo none)"
}
