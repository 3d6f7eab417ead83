#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Shows hellogate's main job on this machine: two network namespaces, the gateway in one, in the other
# a real DTLS client and a flood of ClientHellos from spoofed addresses. Last line: demo: ok
set -euo pipefail
cd "$(dirname "$0")/.."

hellos=${HG_DEMO_HELLOS:-200000}
address=198.18.0.1
mac=02:00:00:00:00:0a

fail() {
	echo "demo: $*" >&2
	exit 1
}

[ "$(id -u)" = 0 ] || fail "must run as root: it makes network namespaces"

.ci/install-packages demo

log=$(mktemp)
options=()
[ -f build/build.ninja ] || options=(-Dtests=false)
if ! { .ci/configure build "${options[@]}" && ninja -C build app/hellogate; } >"$log" 2>&1; then
	cat "$log"
	rm -f "$log"
	fail "the build failed"
fi
rm -f "$log"

# Everything from here on carries this process's number, and is taken away by name at the end.
gate=hgdemo$$g
client=hgdemo$$c
gate_if=hgd$$g
client_if=hgd$$c
prefix=hgdemo$$
work=$(mktemp -d)
gateway_pid=
client_pid=

cleanup() {
	for pid in $client_pid $gateway_pid; do
		kill -KILL "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	ip netns del "$gate" 2>/dev/null || true
	ip netns del "$client" 2>/dev/null || true
	rm -rf "$work" "/var/run/dpdk/$prefix"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# Waits until the file $1 has a line that matches $2, while process $3 lives.
wait_for() {
	for _ in $(seq 300); do
		if grep -q -- "$2" "$1" 2>/dev/null; then
			return 0
		fi
		kill -0 "$3" 2>/dev/null || return 1
		sleep 0.1
	done
	return 1
}

ip netns add "$gate"
ip netns add "$client"
ip -n "$gate" link add "$gate_if" type veth peer name "$client_if" netns "$client"
# The gateway's end has no address of the kernel's: DPDK alone answers there.
own_ipv6=/proc/sys/net/ipv6/conf/$gate_if/disable_ipv6
ip netns exec "$gate" sh -c "[ ! -e $own_ipv6 ] || echo 1 >$own_ipv6"
ip -n "$gate" link set "$gate_if" up
ip -n "$client" addr add 198.18.0.2/24 dev "$client_if"
ip -n "$client" link set "$client_if" up
# Answers to spoofed sources end here, whatever routes the client has.
ip -n "$client" route add blackhole 198.18.128.0/17

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=demo.test \
	-addext subjectAltName=DNS:demo.test -keyout "$work/server.key" -out "$work/server.pem" \
	2>/dev/null
openssl rand -hex 32 >"$work/secret"
cat >"$work/demo.conf" <<CONF
[gateway]
cookie-secret = secret
[port wan]
profile = $PWD/pmd-config/net_af_packet.ini
device  = net_af_packet0,iface=$gate_if
mac     = $mac
address = $address/24
[listener demo]
bind        = $address:5684
certificate = server.pem
private-key = server.key
upstream    = echo
CONF

ip netns exec "$gate" build/app/hellogate -c "$work/demo.conf" -- --no-huge -m 256 --no-shconf \
	--no-pci --no-telemetry --file-prefix="$prefix" >"$work/gateway.out" 2>"$work/gateway.err" &
gateway_pid=$!
wait_for "$work/gateway.out" '^hellogate: ready' "$gateway_pid" ||
	fail "the gateway does not start: $(cat "$work/gateway.err")"
sed -n 's/^hellogate: ready: /gateway: /p' "$work/gateway.out"

mkfifo "$work/to_client"
ip netns exec "$client" openssl s_client -dtls1_2 -connect "$address:5684" -servername demo.test \
	-CAfile "$work/server.pem" -verify_return_error -nocommands <"$work/to_client" \
	>"$work/client.out" 2>&1 &
client_pid=$!
exec {to_client}>"$work/to_client"

# Sends one line through the session and waits for its echo.
echo_line() {
	echo "$1" >&"$to_client"
	wait_for "$work/client.out" "^$1\$" "$client_pid" ||
		fail "no echo of '$1': $(tail -n 5 "$work/client.out")"
	echo "client: echo of '$1' came back"
}

wait_for "$work/client.out" 'Verify return code: 0 (ok)' "$client_pid" ||
	fail "the handshake did not complete: $(tail -n 5 "$work/client.out")"
echo "client: handshake complete, $(grep -m1 -o 'Cipher is .*' "$work/client.out"), certificate verified"
echo_line 'before the flood'

echo "flood:  $hellos ClientHellos from spoofed addresses"
ip netns exec "$client" /usr/bin/python3 bench/load/spoof.py --interface "$client_if" \
	--target "$address:5684" --mac "$mac" --count "$hellos" --rate 50000 --json >"$work/flood.json"
echo_line 'after the flood'

# The client learns of the end by close_notify, and ends too.
kill -TERM "$gateway_pid"
wait "$gateway_pid" || fail "the gateway ended with $?: $(cat "$work/gateway.err")"
gateway_pid=
wait "$client_pid" || true
client_pid=

/usr/bin/python3 - "$work/gateway.out" "$work/flood.json" "$hellos" <<'PYTHON'
import json
import sys

count = {}
for line in open(sys.argv[1]):
    name, _, value = line.rpartition(' ')
    if value.strip().isdigit():
        count[name] = int(value)
flood = json.load(open(sys.argv[2]))
hellos = int(sys.argv[3])
drops = sum(v for k, v in count.items() if k.startswith('drop_'))
rows = [
    ('packets received', count['rx']),
    ('ClientHellos without a cookie', count['cookie_none']),
    ('ClientHellos with a valid cookie', count['cookie_valid']),
    ('HelloVerifyRequests sent', count['hvr']),
    ('flood: hellos sent', flood['hellos']),
    ('flood: hellos per second', flood['hellos_per_second']),
    ('flood: answers seen', flood['answers']),
    ('flood: bytes out per byte in', flood['bytes_amplification']),
    ('handshakes completed', count['handshakes']),
    ('datagrams from clients', count['client_datagrams']),
    ('datagrams echoed', count['upstream_tx']),
    ('packets dropped, every reason', drops),
]
print()
for name, value in rows:
    print(f'  {name:36}{value:>12}')
print()
checks = {
    'one handshake': count['handshakes'] == 1,
    'two echoes': count['upstream_tx'] == 2,
    'every hello of the flood that arrived was answered':
        count['hvr'] == count['cookie_none'] >= hellos // 10,
    'no spoofed hello reached OpenSSL': count['sessions_opened'] == 1,
    'answers smaller than questions': flood['answer_bytes'] < flood['hello_bytes'],
    'books balance': count['rx'] == count['tx'] + count['forwarded'] + drops,
}
wrong = [name for name, good in checks.items() if not good]
if wrong:
    sys.exit('demo: not so: ' + ', '.join(wrong))
PYTHON
echo 'demo: ok'
