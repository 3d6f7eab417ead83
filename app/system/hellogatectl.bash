# SPDX-License-Identifier: BSD-3-Clause
# Completion of hellogatectl for bash.
# shellcheck shell=bash

_hellogatectl() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
	local command='' words='' i
	local socket=()

	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--prefix | --socket)
			socket=("${COMP_WORDS[i]}" "${COMP_WORDS[i + 1]}")
			i=$((i + 1))
			;;
		-*) ;;
		*)
			command=${COMP_WORDS[i]}
			break
			;;
		esac
	done
	case $before in
	--prefix)
		words=$(cd /var/run/dpdk 2>/dev/null && printf '%s\n' */)
		mapfile -t COMPREPLY < <(compgen -W "${words//\//}" -- "$word")
		return
		;;
	--socket)
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		return
		;;
	--worker | --limit | --interval | --count)
		return
		;;
	esac
	case $command in
	'') words='stats sessions keys ports upstreams top --prefix --socket --json --help' ;;
	stats)
		words='--worker --nonzero --json --help'
		[[ $word == -* ]] || words=$(hellogatectl "${socket[@]}" stats 2>/dev/null | cut -d ' ' -f 1)
		;;
	sessions) words='--list --limit --json --help' ;;
	keys | ports | upstreams) words='--json --help' ;;
	top) words='--interval --count --json --help' ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

complete -F _hellogatectl hellogatectl
