#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The other side of sessions: what upstreams learn of clients, local ports."""
from __future__ import annotations

import contextlib
import ipaddress
import re
import select
import socket
import struct
import time

import dtls
from harness import (CL4, CL6, GW4, GW6, PORT, EchoServer, Net, Pki, dtls_client, gateway, in_netns,
                     need, packets, process, run, run_client, slow, wait_for_udp)

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
        while self._end not in (ready := select.select([self.socket, self._end], [], [])[0]):
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
    psk = PKI.directory / 'crafted.psk'
    psk.write_text(dtls.PSK_FILE)
    jar = packets.CookieJar(bytes(range(32)), 3600)
    secret = PKI.directory / 'cookie.secret'
    secret.write_text(bytes(range(32)).hex() + '\n')
    with Net() as net, Recorder(net.gateway) as server, \
            gateway(net, coap(where(server), proxy_protocol='v2', psk_file=psk,
                              ciphers=dtls.CIPHERS), cookie_secret=secret) as g, \
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
            wait_for_udp(net, 5399, server)
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
            gateway(net, coap(where(server)), upstream_ports='40000-40000',
                    upstream_port_rest=1) as g:
        assert run_client(net)['received'] == 1
        with dtls_client(net, '--interactive', '--datagrams', 0) as client:
            client.expect('^done 0$')
            series, end = 0, time.monotonic() + slow(20)
            while g.stats()['upstream_rx'] < 2:
                assert time.monotonic() < end, g.stats()
                series += 1
                client.say('send 1')
                client.expect(f'^done {series}$')
                time.sleep(0.05)
            assert {port for _, port in server.peers} == {40000}
            client.say('close')
            client.results(expect=None)
        stats = g.stats()
        assert stats['upstream_no_port'] > 0, stats
        g.stop()


run(globals())
