#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The other side of sessions: several upstreams and their health, what they learn of the client,
local ports."""
from __future__ import annotations

import contextlib
import ipaddress
import os
import re
import select
import signal
import socket
import struct
import subprocess

import dtls
from clock import movable
from harness import (CL4, CL6, GW4, GW6, PATIENCE, PORT, EchoServer, Gateway, Net, Pki, command,
                     configuration, dtls_client, gateway, in_netns, need, packets, process, run,
                     run_client, running, set_sysctl, slow, wait_for_udp)

PKI = Pki()
SERVED = {'certificate': PKI.leaf('server'), 'private_key': PKI.path('server.key')}


def where(*servers: EchoServer) -> str:
    return ', '.join(f'127.0.0.1:{s.port}' for s in servers)


def coap(upstream: str, **more: object) -> dict[str, dict[str, object]]:
    return {'coap': {**SERVED, 'upstream': upstream, **more}}


# ---- what the upstream learns

class Recorder(EchoServer):
    """Keeps what it receives, and sends back what follows a PROXY header."""

    def __init__(self, *arguments: object, **more: object) -> None:
        self.got: list[bytes] = []
        super().__init__(*arguments, **more)

    def _run(self) -> None:
        while self._end not in select.select([self.socket, self._end], [], [])[0]:
            data, peer = self.socket.recvfrom(65536)
            self.count += 1
            self.peers.add(peer)
            self.got.append(data)
            self.socket.sendto(parse_proxy(data)[2], peer)


def parse_proxy(data: bytes) -> tuple[tuple[str, int], tuple[str, int], bytes]:
    """proxy-protocol.txt, section 2.2: source, destination, what follows."""
    assert data[:12] == b'\r\n\r\n\0\r\nQUIT\n', data[:16]
    command_, family, length = struct.unpack('!BBH', data[12:16])
    assert command_ == 0x21, 'version 2, PROXY'
    size = {0x12: 4, 0x22: 16}[family]
    assert length == 2 * size + 4, 'no TLVs'
    block, rest = data[16:16 + length], data[16 + length:]
    ports = struct.unpack('!HH', block[2 * size:])
    hosts = [str(ipaddress.ip_address(block[i:i + size])) for i in (0, size)]
    return (hosts[0], ports[0]), (hosts[1], ports[1]), rest


def test_proxy_protocol() -> None:
    """The client's family counts, not the upstream's. What follows is unchanged."""
    with Net() as net, Recorder(net.gateway) as v4, Recorder(net.gateway, '::1') as v6:
        for server, upstream in ((v4, where(v4)), (v6, f'[::1]:{v6.port}')):
            with gateway(net, coap(upstream, proxy_protocol='v2')) as g:
                for host, client in ((GW4, CL4), (GW6, CL6)):
                    for port, size in ((41000, 16), (41001, 1200)):
                        server.got.clear()
                        told = run_client(net, '--source-port', port, '--datagrams', 5, '--size',
                                          size, host=host)
                        assert told['received'] == 5 and told['wrong'] == 0, told
                        assert len(server.got) == 5
                        for data in server.got:
                            source, destination, rest = parse_proxy(data)
                            assert source == (client, port) and destination == (host, PORT)
                            assert len(rest) == size, len(rest)
                g.stop()


def test_empty_datagrams() -> None:
    """An empty record makes no datagram, not even of a header alone; nor does an empty answer."""
    jar = packets.CookieJar(bytes(range(32)), 3600)
    secret = PKI.directory / 'cookie.secret'
    secret.write_text(bytes(range(32)).hex() + '\n')
    with Net() as net, Recorder(net.gateway) as server, \
            gateway(net, coap(where(server), proxy_protocol='v2', **dtls.settings(PKI)),
                    cookie_secret=secret) as g, \
            dtls.Peer(net, CL4, 42000, PORT, jar) as peer:
        client = peer.connect(bytes(32))
        peer.echo()
        peer.send(client.seal(b''))
        server.socket.sendto(b'', next(iter(server.peers)))
        g.wait_for(lambda s: s['upstream_rx'] + s['upstream_rx_dropped'] >= 2)
        peer.echo()
        assert {parse_proxy(data)[2] for data in server.got} == {b'echo 1', b'echo 2'}, server.got
        peer.close()
        g.wait_for(lambda s: s['sessions_closed'] == 1)
        g.stop()


DNSDIST = '''
setLocal("127.0.0.1:5399")
setProxyProtocolACL({"127.0.0.0/8"})
setACL("0.0.0.0/0")
setSecurityPollSuffix("")
function tell(dq)
    local text = dq.remoteaddr:toStringWithPort() .. " to " .. dq.localaddr:toStringWithPort()
    return DNSAction.SpoofRaw, string.char(#text) .. text
end
addAction(AllRule(), LuaAction(tell))
'''
QUERY = b'\x12\x34\x01\0\0\1\0\0\0\0\0\0' + b'\x07example\x03org\0' + b'\0\x10\0\1'  # TXT


def test_dnsdist_takes_the_header() -> None:
    """A server that was not made for this test tells its client whom it takes it for."""
    need('dnsdist')
    with Net() as net, gateway(net, coap('127.0.0.1:5399', proxy_protocol='v2')) as g:
        path = g.write('dnsdist.conf', DNSDIST)
        with process('dnsdist', '--supervised', '-C', str(path), '--disable-syslog',
                     netns=net.gateway) as server:
            wait_for_udp(net.gateway, 5399, server)
            with process('openssl', 's_client', '-quiet', '-dtls1_2', '-bind', f'{CL4}:43210',
                         '-connect', f'{GW4}:{PORT}', netns=net.client, name='s_client') as client:
                client.send(QUERY)
                client.expect(re.escape(f'{CL4}:43210 to {GW4}:{PORT}'), stream='out')
        stats = g.stats()
        assert stats['upstream_tx'] == stats['upstream_rx'] == 1, stats
        g.stop()


# ---- local ports

def test_ports_in_their_range_and_at_rest() -> None:
    with Net() as net, EchoServer(net.gateway) as server, contextlib.ExitStack() as later:
        with in_netns(net.gateway):
            taken = later.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            taken.bind(('127.0.0.1', 40002))
        with gateway(net, coap(where(server)), upstream_ports='40000-40005',
                     upstream_port_rest=3600) as g:
            for _ in range(2):
                assert run_client(net)['received'] == 1
            seen = {port for _, port in server.peers}
            assert len(seen) == 2 and seen <= {40000, 40001, 40003, 40004, 40005}, seen
            # Three are left, as one is somebody else's: of four sessions one has no port.
            with dtls_client(net, '--sessions', 4, '--interactive', '--datagrams', 0) as client:
                client.expect('^done 0$')
                stats = g.wait_for(lambda s: s['handshakes'] == 6)
                assert stats['upstream_no_port'] == stats['upstream_errors'] == 1, stats
                client.say('send 1')
                client.expect('^done 1$')
                g.wait_for(lambda s: s['upstream_rx'] == 5 and s['upstream_no_port'] == 2)
                client.say('close')
                client.results(expect=None)
            seen = {port for _, port in server.peers}
            assert seen == {40000, 40001, 40003, 40004, 40005}, seen
            stats = g.wait_for(lambda s: s['sessions_closed'] == 6)
            # All rest.
            with dtls_client(net, '--interactive', '--datagrams', 0) as client:
                client.expect('^done 0$')
                g.wait_for(lambda s: s['upstream_no_port'] == stats['upstream_no_port'] + 1)
            g.stop()


def test_port_is_used_again_after_its_rest() -> None:
    with Net() as net, EchoServer(net.gateway) as server, \
            movable(net, coap(where(server), idle_timeout=86400), upstream_ports='40000-40000',
                    upstream_port_rest=3600) as (g, clock):
        assert run_client(net)['received'] == 1
        g.wait_for(lambda s: s['sessions_closed'] == 1)
        with dtls_client(net, '--interactive', '--datagrams', 0) as client:
            client.expect('^done 0$')
            before = g.stats()['upstream_no_port']
            clock.pass_by(3000)
            client.say('send 1')
            client.expect('^done 1$')
            stats = g.wait_for(lambda s: s['upstream_no_port'] == before + 1)
            assert stats['upstream_rx'] == 1, stats
            clock.pass_by(601)
            client.say('echo 1')
            client.expect('^done 2$')
            assert {port for _, port in server.peers} == {40000}
            client.say('close')
            client.results(expect=None)
        stats = g.stats()
        assert stats['upstream_no_port'] == before + 1, stats
        g.stop()


# ---- several upstreams

CLIENTS = [f'198.18.0.{n}' for n in range(10, 26)]
UPSTREAMS = '/hellogate/upstreams'


def add_clients(net: Net) -> None:
    lines = ''.join(f'addr add {a}/24 dev {net.client_if}\n' for a in CLIENTS)
    subprocess.run(['ip', '-n', net.client, '-batch', '-'], input=lines, text=True, check=True,
                   timeout=slow(PATIENCE))


def states(g: Gateway) -> dict[int, list[str]]:
    """Of each upstream, by its port: state, sessions, seconds, reason."""
    rows = [row.split() for row in g.telemetry(UPSTREAMS)['upstreams']]
    return {int(row[0].rsplit(':', 1)[1]): row[1:] for row in rows}


def wait_for_state(g: Gateway, port: int, state: str) -> list[str]:
    g.wait_for(lambda _: states(g)[port][0] == state, command=UPSTREAMS)
    return states(g)[port]


def choices(net: Net, servers: list[EchoServer]) -> dict[str, int]:
    """Which server each client has, seen by what the servers get."""
    found = {}
    for client in CLIENTS:
        before = [s.count for s in servers]
        assert run_client(net, '--source', client, '--datagrams', 2)['received'] == 2
        grown = [n for n, s in enumerate(servers) if s.count != before[n]]
        assert len(grown) == 1 and servers[grown[0]].count == before[grown[0]] + 2, (client, grown)
        found[client] = grown[0]
    return found


def mix(value: int) -> int:
    mask = (1 << 64) - 1
    value = (value + 0x9e3779b97f4a7c15) & mask
    value = ((value ^ value >> 30) * 0xbf58476d1ce4e5b9) & mask
    value = ((value ^ value >> 27) * 0x94d049bb133111eb) & mask
    return value ^ value >> 31


def expected(client: str, *upstreams: tuple[str, int]) -> int:
    """docs/decisions/0009, written anew."""
    def number(address: str) -> int:
        return int(ipaddress.ip_address(address))

    name = mix(0xffffffff << 32 | number(client))
    weights = [mix(name ^ mix(mix(4 << 16 | port) ^ number(address)))
               for address, port in upstreams]
    return weights.index(max(weights))


def local(*servers: EchoServer) -> list[tuple[str, int]]:
    return [('127.0.0.1', s.port) for s in servers]


def test_each_client_has_its_upstream() -> None:
    """Whatever the order of the list and the core: another gateway of a fleet chooses the same."""
    with Net() as net, contextlib.ExitStack() as later:
        add_clients(net)
        servers = [later.enter_context(EchoServer(net.gateway)) for _ in range(3)]
        for order, cores in ((servers, 1), (servers[::-1], 2)):
            with gateway(net, coap(where(*order)), handshake_cores=cores) as g:
                assert choices(net, servers) == {c: expected(c, *local(*servers)) for c in CLIENTS}
                assert all(s[0] == 'up' for s in states(g).values()), states(g)
                g.wait_for(lambda _: all(s[1] == '0' for s in states(g).values()), command=UPSTREAMS)
                _, counters = g.stop()
                assert counters['upstream_moved'] == counters['upstream_errors'] == 0, counters


def test_one_goes_and_comes_back() -> None:
    """Its clients move with the datagram after the error, its new sessions at once, nobody else."""
    with Net() as net, contextlib.ExitStack() as later:
        add_clients(net)
        servers = [later.enter_context(EchoServer(net.gateway)) for _ in range(2)]
        before = {c: expected(c, *local(*servers)) for c in CLIENTS}
        mine = next(c for c in CLIENTS if before[c] == 0)
        other = next(c for c in CLIENTS if before[c] == 1)
        with movable(net, coap(where(*servers), upstream_retry=3600,
                               idle_timeout=86400)) as (g, clock), \
                dtls_client(net, '--interactive', '--source', mine) as client, \
                dtls_client(net, '--interactive', '--source', other) as bystander:
            for one in (client, bystander):
                one.expect('^done 0$')
            assert [s[:2] for s in states(g).values()] == [['up', '1']] * 2, states(g)
            servers[0].__exit__()
            client.say('send 1')
            client.expect('^done 1$')
            state = wait_for_state(g, servers[0].port, 'down')
            assert state[3] == 'connection_refused', state
            g.process.expect(rf'upstream 127\.0\.0\.1:{servers[0].port}: down: connection refused')
            client.say('echo 5')
            client.expect('^done 2$')
            bystander.say('echo 5')
            bystander.expect('^done 1$')
            stats = g.stats()
            assert stats['upstream_moved'] == 1, stats
            assert stats['upstream_tx_dropped'] == 1, stats  # the one that the error was for
            assert states(g)[servers[1].port][1] == '2', states(g)
            with EchoServer(net.gateway, port=servers[0].port) as again:
                assert run_client(net, '--source', mine)['received'] == 1
                assert again.count == 0, states(g)
                clock.pass_by(3600)
                while again.count == 0:
                    assert run_client(net, '--source', mine)['received'] == 1
                wait_for_state(g, again.port, 'up')
                g.process.expect(rf'upstream 127\.0\.0\.1:{again.port}: up')
                assert choices(net, [again, servers[1]]) == before
                client.say('echo 5')  # who has moved stays
                client.expect('^done 3$')
                for one in (client, bystander):
                    one.say('close')
                    assert one.results()['failed'] == 0
            stats = g.wait_for(lambda s: s['sessions_closed'] == s['handshakes'])
            assert stats['upstream_moved'] == 1, stats
            assert all(s[1] == '0' for s in states(g).values()), states(g)
            g.stop()


def test_all_down() -> None:
    """Then nobody moves: sessions live on, as with a single one."""
    with Net() as net, EchoServer(net.gateway) as one, EchoServer(net.gateway) as two:
        with gateway(net, coap(where(one, two), upstream_retry=3600)) as g, \
                dtls_client(net, '--interactive', '--datagrams', 0) as client:
            client.expect('^done 0$')
            for server in (one, two):
                server.__exit__()
            series = 0
            while any(s[0] != 'down' for s in states(g).values()):
                series += 1
                client.say('send 1')
                client.expect(f'^done {series}$')
                g.wait_for(lambda s: s['upstream_tx'] == series)  # none is on its way any more
                assert series < 1000, states(g)
            moved = g.stats()['upstream_moved']
            own = next(port for port, s in states(g).items() if s[1] == '1')
            with EchoServer(net.gateway, port=own) as again:
                client.say('echo 5')
                client.expect(f'^done {series + 1}$')
                assert again.count == 5
                assert states(g)[own][0] == 'up', states(g)
                assert g.stats()['upstream_moved'] == moved
            client.say('close')
            assert client.results()['failed'] == 0
            g.stop()


def test_host_that_is_gone() -> None:
    """No error of its own: the neighbour does not answer, and that is told only to who asks for it."""
    with Net() as net, EchoServer(net.gateway) as server:
        command('ip', '-n', net.gateway, 'link', 'add', 'dead0', 'type', 'veth', 'peer', 'name',
                'dead1')
        for name in ('dead0', 'dead1'):
            command('ip', '-n', net.gateway, 'link', 'set', name, 'up')
        command('ip', '-n', net.gateway, 'addr', 'add', '192.0.2.1/24', 'dev', 'dead0')
        set_sysctl(net.gateway, 'net/ipv4/neigh/dead0/mcast_solicit', 1)
        set_sysctl(net.gateway, 'net/ipv4/neigh/dead0/retrans_time_ms', 50)
        gone = ('192.0.2.77', 5683)
        mine = next(c for c in CLIENTS if expected(c, gone, *local(server)) == 0)
        with gateway(net, coap(f'192.0.2.77:5683, {where(server)}')) as g:
            def told() -> list[str]:
                return next(r.split() for r in g.telemetry(UPSTREAMS)['upstreams']
                            if r.startswith('192.0.2.77:'))
            add_clients(net)
            with dtls_client(net, '--interactive', '--source', mine, '--datagrams', 0) as client:
                client.expect('^done 0$')
                assert told()[1:3] == ['up', '1'], told()
                client.say('send 1')
                client.expect('^done 1$')
                g.wait_for(lambda _: told()[1] == 'down', command=UPSTREAMS)
                assert told()[4] == 'host_unreachable', told()
                client.say('echo 3')
                client.expect('^done 2$')
                client.say('close')
                client.results()
            assert run_client(net, '--source', mine)['received'] == 1
            g.stop()


def test_silence() -> None:
    """Many datagrams and never an answer: its clients get the other."""
    with Net() as net, EchoServer(net.gateway) as server:
        add_clients(net)
        with in_netns(net.gateway):
            silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            silent.bind(('127.0.0.1', 0))
        port = silent.getsockname()[1]
        with silent, contextlib.ExitStack() as later, \
                movable(net, coap(f'127.0.0.1:{port}, {where(server)}', upstream_silence=1800,
                                  upstream_retry=3600, idle_timeout=86400)) as (g, clock):
            upstreams = [('127.0.0.1', port), *local(server)]
            mine = [c for c in CLIENTS if expected(c, *upstreams) == 0][:3]
            clients = [later.enter_context(dtls_client(net, '--interactive', '--datagrams', 0,
                                                       '--source', c)) for c in mine]
            for client in clients:
                client.expect('^done 0$')
            assert states(g)[port][:2] == ['up', str(len(mine))], states(g)
            series = 0
            while states(g)[port][0] == 'up':
                assert series < 10, states(g)
                series += 1
                for client in clients:
                    client.say('send 1')
                    client.expect(f'^done {series}$')
                g.wait_for(lambda s: s['client_datagrams'] == series * len(clients))
                clock.pass_by(700)  # others follow all the time
            assert series > 3, series
            assert states(g)[port][3] == 'silent', states(g)
            for client in clients:
                client.say('echo 3')
                client.expect(f'^done {series + 1}$')
            assert states(g)[port][1] == '0', states(g)
            assert states(g)[server.port][:2] == ['up', str(len(mine))], states(g)
            for client in clients:
                client.say('close')
                client.results()
            g.stop()


def test_reload() -> None:
    """A session keeps its upstream, and so does an upstream its state; one that is gone from the file
    goes with its last session."""
    with Net() as net, contextlib.ExitStack() as later:
        servers = [later.enter_context(EchoServer(net.gateway)) for _ in range(2)]
        dead = later.enter_context(EchoServer(net.gateway))
        text = configuration(net, coap(where(dead), upstream_retry=3600), user='root')
        with running(Gateway(text, netns=net.gateway), net) as g, \
                dtls_client(net, '--interactive') as client:
            client.expect('^done 0$')
            dead.__exit__()
            client.say('send 1')
            client.expect('^done 1$')
            wait_for_state(g, dead.port, 'down')

            def reload(number: int, upstream: str) -> None:
                g.config.write_text(configuration(
                    net, coap(upstream, upstream_retry=3600), user='root'))
                os.kill(g.process.pid, signal.SIGHUP)
                g.process.expect(f'(?s)(: reloaded .*){{{number}}}', stream='err')

            reload(1, f'{where(dead)}, {where(*servers)}')
            assert states(g)[dead.port][:2] == ['down', '1'], states(g)
            assert {s.port for s in (dead, *servers)} == set(states(g))
            assert run_client(net, '--datagrams', 3)['received'] == 3
            reload(2, where(*servers))
            assert states(g)[dead.port][:2] == ['down', '1'], states(g)
            with EchoServer(net.gateway, port=dead.port) as again:
                client.say('echo 5')
                client.expect('^done 2$')
                assert again.count == 5 and sum(s.count for s in servers) == 3
            client.say('close')
            assert client.results()['failed'] == 0
            g.wait_for(lambda _: set(states(g)) == {s.port for s in servers}, command=UPSTREAMS)
            g.stop()


run(globals())
