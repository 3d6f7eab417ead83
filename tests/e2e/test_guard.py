#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A bridge between clients and a DTLS server of its own, each in a namespace (docs/guard.md)."""
from __future__ import annotations

import contextlib
import hashlib
import os
import re
import signal
import socket
import subprocess
import threading
import time
import types
from typing import Iterator

from harness import (BUILD, CL4, CL6, GW4, GW6, PORT, EchoServer, Gateway, Net, Pki, Process,
                     RawPort, SOURCE, command, configuration, dtls_client, echo_line, in_netns,
                     need, packets, process, run, running, s_client, slow)
from web import METRICS, samples
from web import ask as ask_metrics

PKI = Pki()
CERTIFICATE, KEY = PKI.leaf('server'), PKI.path('server.key')
SECRET_FILE = PKI.directory / 'secret'
SECRET_FILE.write_text(bytes(range(32)).hex() + '\n')
OFFLOADS = ('tx', 'off', 'rx', 'off', 'gso', 'off', 'tso', 'off', 'gro', 'off')


class Line(Net):
    """Three namespaces in a line: clients, bridge, server. The service's addresses are the server's."""

    def __init__(self, driver: str = 'af_packet', mtu: int = 1500, queues: int = 1) -> None:
        super().__init__(driver, queues)
        self.mtu = mtu
        self.server = f'hg{os.getpid()}s'
        self.lan_if, self.server_if = f'hgl{os.getpid()}', f'hgs{os.getpid()}'

    def namespaces(self) -> set[str]:
        return {self.client, self.gateway, self.server}

    def join(self) -> None:
        super().join()
        queues = ('numtxqueues', str(self.queues), 'numrxqueues', str(self.queues))
        command('ip', 'link', 'add', self.lan_if, 'netns', self.gateway, *queues, 'type', 'veth',
                'peer', 'name', self.server_if, 'netns', self.server, *queues)
        command('sysctl', '-qw', f'net.ipv6.conf.{self.lan_if}.disable_ipv6=1', netns=self.gateway)
        for namespace, interface in ((self.client, self.client_if), (self.gateway, self.gateway_if),
                                     (self.gateway, self.lan_if), (self.server, self.server_if)):
            command('ethtool', '-K', interface, *OFFLOADS, netns=namespace)
            command('ip', '-n', namespace, 'link', 'set', interface, 'mtu', str(self.mtu), 'up')
        self.serve(f'{GW4}/24', f'{GW6}/48')

    def serve(self, *addresses: str) -> None:
        """Gives addresses to the server's interface."""
        for address in addresses:
            command('ip', '-n', self.server, 'addr', 'add', address, 'dev', self.server_if,
                    *(['nodad'] if ':' in address else []))

    def settings(self, bind: str = f'{GW4}:{PORT}, [{GW6}]:{PORT}', **options) -> str:
        more, mtu = f',qpairs={self.queues}' if self.queues > 1 else '', None
        if self.mtu > 1500:
            # The driver wants buffers as long as its own frames.
            mtu, more = self.mtu + 200, ',framesz=9216,blocksz=36864,framecnt=64'
        def device(number: int, interface: str) -> dict[str, object]:
            return {'device': f'net_{self.driver}{number},iface={interface}{more}', 'mtu': mtu,
                    'profile': self.profile(), 'address': None}
        guards = {'server': {'mode': 'guard', 'bind': bind, 'upstream': None}} if bind else {}
        return configuration(self, guards, port=device(0, self.gateway_if),
                             sections={'port lan': device(1, self.lan_if)}, bridge='wan, lan',
                             cookie_secret=SECRET_FILE, **options)


@contextlib.contextmanager
def bridge(net: Line, **options) -> Iterator[Gateway]:
    with running(Gateway(net.settings(**options), netns=net.gateway), net) as g:
        yield g


@contextlib.contextmanager
def server(net: Line, *options: object) -> Iterator[Process]:
    """The example of a server that takes the gateway's cookies."""
    with process(str(BUILD / 'docs' / 'examples' / 'dtls_server'), *map(str, options), '::',
                 str(PORT), CERTIFICATE, KEY, str(SECRET_FILE), netns=net.server,
                 name='dtls_server') as p:
        p.expect('^dtls_server: ready')
        yield p


def finish(p: Process) -> dict[str, int]:
    """Stops a server: its counts."""
    p.popen.send_signal(signal.SIGTERM)
    assert p.wait() == 0, p.log()
    return {k: int(v) for k, v in re.findall(r'^([a-z_]+) (\d+)$', p.stdout, re.M)}


def verified(*options: str) -> list[str]:
    return ['-CAfile', PKI.path('ca.pem'), '-verify_return_error', '-verify_hostname', 'gw.test',
            *options]


def tcp(net: Line, host: str) -> None:
    """A megabyte each way over TCP: what arrives is what was sent."""
    data = hashlib.sha256(host.encode()).digest() * (1 << 15)
    family = socket.AF_INET6 if ':' in host else socket.AF_INET
    with in_netns(net.server):
        listener = socket.create_server((host, 4433), family=family)
    with in_netns(net.client):
        client = socket.socket(family, socket.SOCK_STREAM)
    with listener, client:
        client.settimeout(slow(20))
        client.connect((host, 4433))
        peer, _ = listener.accept()
        with peer:
            peer.settimeout(slow(20))
            for sender, receiver in ((client, peer), (peer, client)):
                thread = threading.Thread(target=sender.sendall, args=(data,))
                thread.start()
                got = b''
                while len(got) < len(data):
                    part = receiver.recv(1 << 16)
                    assert part, 'the connection is gone'
                    got += part
                thread.join()
                assert got == data, 'TCP data differ'


def ping(net: Line, host: str, size: int, *options: str) -> None:
    command('ping', '-q', '-c', '1', '-w', str(int(slow(10))), '-s', str(size), *options, host,
            netns=net.client)


def ask(net: Net, payload: bytes, host: str = GW4, port: int = PORT,
        source: int = 0) -> tuple[socket.socket, bytes]:
    """A datagram from the clients, and the answer; the socket is the caller's."""
    with in_netns(net.client):
        sock = socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(slow(10))
    sock.bind(('', source))
    sock.connect((host, port))
    sock.send(payload)
    return sock, sock.recv(65536)


def is_server_hello(datagram: bytes) -> bool:
    return datagram[0] == packets.HANDSHAKE and datagram[13] == packets.SERVER_HELLO


def cookie_of(datagram: bytes) -> bytes:
    assert datagram[0] == packets.HANDSHAKE and datagram[13] == packets.HELLO_VERIFY_REQUEST
    return datagram[-packets.COOKIE_SIZE:]


def test_clients() -> None:
    """Real clients and other traffic, both families; the server never sees a hello without cookie."""
    need('gnutls-cli', 'coap-client-openssl', 'ncat')
    with Line() as net, server(net) as s, bridge(net) as g, EchoServer(net.server, '::', 5000):
        for host in (GW4, GW6):
            ping(net, host, 56)
            ping(net, host, 1400)
            with s_client(net, *verified(), host=host) as p:
                echo_line(p)
            tcp(net, host)
            sock, answer = ask(net, packets.Hello().datagram(), host, 5000)
            sock.close()
            assert answer == packets.Hello().datagram(), answer.hex()
        with process('gnutls-cli', '--udp', '--port', str(PORT), '--x509cafile', PKI.path('ca.pem'),
                     '--sni-hostname', 'gw.test', '--verify-hostname', 'gw.test', GW4,
                     netns=net.client, name='gnutls-cli') as p:
            echo_line(p)
        with process('ncat', '--udp', '--ssl', GW4, str(PORT), netns=net.client) as p:
            echo_line(p)  # its second hello comes in fragments
        with process('coap-client-openssl', '-B', '3', '-C', PKI.path('ca.pem'),
                     f'coaps://{GW4}:{PORT}/x', netns=net.client) as p:
            p.expect('4.04')  # what it says to its own question, come back
        with dtls_client(net, '--sessions', 20, '--datagrams', 20, '--ca',
                         PKI.path('ca.pem')) as client:
            assert client.results()['received'] == 400
        told = command('ip', '-n', net.client, 'neigh', 'show')
        macs = command('ip', '-n', net.server, 'link', 'show', net.server_if)
        for host in (GW4, GW6):  # the server's own, not one of a gateway
            mac = re.search(rf'^{re.escape(host)} .*lladdr (\S+)', told, re.M).group(1)
            assert f'link/ether {mac}' in macs, (told, macs)
        _, counters = g.stop()
        counts = finish(s)
        assert counts['handshakes'] == 25 and counts['cookie_valid'] == 25, counts
        assert counts['cookie_none'] == counts['cookie_wrong_tag'] == 0, counts
        assert counters['guard_hellos'] == 25 and counters['hvr'] >= 25, counters
        assert counters['forwarded'] == counters['arp_replies'] == 0, counters
        assert counters['drop_bridge_full'] == 0, counters


def test_flood() -> None:
    """Of hellos without a good cookie none reaches the server, and clients connect meanwhile."""
    with Line() as net, server(net) as s, bridge(net) as g, RawPort(net) as raw:
        ping(net, GW4, 56)
        mac = command('ip', '-n', net.client, 'neigh', 'show', GW4).split()[4]
        heard = types.SimpleNamespace(client=net.server, client_if=net.server_if)
        with RawPort(heard) as tap, dtls_client(
                net, '--sessions', 3, '--datagrams', 30, '--rounds', 10) as client:
            for number in range(1, 3001):
                source = f'198.18.0.{10 + number % 200}'
                hello = packets.Hello(random=number.to_bytes(32, 'big'))
                if number % 2:
                    hello = hello.with_(cookie=b'\x20' + number.to_bytes(19, 'big'))
                raw.send(packets.ether(mac, raw.mac.hex(':'), packets.ETHER_IPV4, packets.ipv4(
                    source, GW4, packets.UDP, packets.udp(source, GW4, 1024 + number, PORT,
                                                          hello.datagram()))))
                if number % 100 == 0:  # no more than what the interface holds
                    g.wait_for(lambda c, n=number: c['hvr'] >= n)
            results = client.results()
            assert results['handshakes'] == 30 and results['received'] == 900, results
            stats = g.wait_for(lambda c: c['hvr'] >= 3030)
            while frame := tap.receive():
                packet = packets.parse(frame)
                assert packet.source in (CL4, GW4, CL6, None) or ':' in packet.source, frame.hex()
        assert stats['guard_hellos'] == 30, stats
        g.stop()
        counts = finish(s)
        assert counts['handshakes'] == counts['cookie_valid'] == 30, counts
        for name in ('none', 'wrong_tag', 'malformed', 'expired', 'unknown_epoch'):
            assert counts[f'cookie_{name}'] == 0, counts


def test_cookies_of_guard_and_library_are_the_same() -> None:
    """A guard comes, goes and comes again while a client is between its hellos (SIGHUP)."""
    hello = packets.Hello()
    with Line() as net, server(net) as s, bridge(net, bind='', user='root') as g:
        def reload(bind: str) -> None:
            g.config.write_text(net.settings(bind=bind, user='root'))
            before = g.process.stderr.count('reloaded /')
            g.process.popen.send_signal(signal.SIGHUP)
            g.process.expect(r'(?s)(: reloaded /.*){%d}' % (before + 1), stream='err')
        by_library, answer = ask(net, hello.datagram())
        assert g.stats()['hvr'] == 0
        reload(f'{GW4}:{PORT}')
        by_library.send(hello.with_(cookie=cookie_of(answer)).datagram())
        assert is_server_hello(by_library.recv(65536))
        by_guard, answer = ask(net, hello.datagram())
        assert g.stats()['hvr'] == 1 and g.stats()['guard_hellos'] == 1
        reload(f'{GW4}:{PORT}, [{GW6}]:{PORT}')  # one that stays, with an address more
        ask(net, hello.datagram(), GW6)[0].close()
        assert g.stats()['hvr'] == 2
        reload('')
        by_guard.send(hello.with_(cookie=cookie_of(answer)).datagram())
        assert is_server_hello(by_guard.recv(65536))
        with by_library, by_guard:
            assert g.stats()['guard_hellos'] == 1
        g.stop()
        counts = finish(s)
        assert counts['cookie_none'] == 1 and counts['cookie_valid'] == 2, counts


def test_cookies_across_rotation() -> None:
    """Keys change at guard and server twice while clients come and go."""
    with Line() as net, server(net, '-r', 3, '-l', 3) as s, \
            bridge(net, key_rotation=3, cookie_lifetime=3) as g:
        first, done = g.telemetry('/hellogate/keys')['epoch'], 0
        while g.telemetry('/hellogate/keys')['epoch'] < first + 2:
            with dtls_client(net, '--sessions', 4, '--datagrams', 2) as client:
                assert client.results()['received'] == 8
            done += 4
        g.stop()
        assert finish(s)['handshakes'] == done


def test_guard_before_a_gateway_that_terminates() -> None:
    """Cookies cross to a gateway with the same secret, too."""
    with Line() as net:
        command('ip', '-n', net.server, 'addr', 'flush', 'dev', net.server_if)
        command('sysctl', '-qw', f'net.ipv6.conf.{net.server_if}.disable_ipv6=1', netns=net.server)
        behind = types.SimpleNamespace(
            queues=1, profile=net.profile,
            device=lambda: f'net_af_packet0,iface={net.server_if}')
        config = configuration(behind, {'echo': {'certificate': CERTIFICATE, 'private_key': KEY}},
                               cookie_secret=SECRET_FILE)
        with running(Gateway(config, netns=net.server)) as terminates, bridge(net) as g:
            for host in (GW4, GW6):
                with dtls_client(net, '--sessions', 5, '--datagrams', 10, host=host) as client:
                    assert client.results()['received'] == 50
            _, guard = g.stop()
            _, counters = terminates.stop()
        assert guard['guard_hellos'] == 10 and guard['hvr'] >= 10, guard
        assert counters['hvr'] == 0 and counters['handshakes'] == 10, counters


def test_only_whom_it_knows() -> None:
    """guard-unproved = drop: a session works, and what has shown no cookie is not heard."""
    with Line() as net, server(net) as s, bridge(net, guard_unproved='drop') as g:
        with dtls_client(net, '--sessions', 5, '--datagrams', 20) as client:
            assert client.results()['received'] == 100
        with in_netns(net.client), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for _ in range(10):
                stranger.sendto(packets.record(bytes(40), kind=packets.APPLICATION_DATA, epoch=1),
                                (GW4, PORT))
            g.wait_for(lambda c: c['drop_guard_unproved'] == 10)
        g.stop()
        counts = finish(s)
        assert counts['handshakes'] == 5 and counts['ignored'] == 0, counts


def ctl(g: Gateway, *words: object) -> str:
    done = subprocess.run([str(SOURCE / 'app' / 'hellogatectl'), '--prefix', g.prefix,
                           *map(str, words)], capture_output=True, text=True, timeout=slow(60),
                          check=True)
    return done.stdout


def test_two_workers() -> None:
    """A pair of queues each: all of a 4-tuple is one worker's, so that it knows whom it knows."""
    with Line(queues=2) as net, server(net) as s, bridge(net, guard_unproved='drop') as g:
        for host in (GW4, GW6):
            tcp(net, host)
            with dtls_client(net, '--sessions', 40, '--datagrams', 5, host=host) as client:
                assert client.results()['received'] == 200
        ports = g.telemetry('/hellogate/ports')
        assert all(port['queues'] == 2 for port in ports.values()), ports
        assert re.search(r'(?m)^wan +up +lan +2 .*\nlan +up +wan +2 ', ctl(g, 'ports'))
        with process('ping', '-f', '-q', GW4, netns=net.client):
            told = ctl(g, 'top', '--count', 1, '--interval', 0.5)
        for name in ('frames to the servers', 'frames to the clients'):
            assert re.search(rf'(?m)^{name} +[1-9]', told), told
        assert re.search(r'(?m)^guarded, verified +0/s', told), told
        workers = [g.telemetry(f'/hellogate/worker,{n}') for n in (0, 1)]
        # 80 sessions all by one of two queues: once in 2^79 runs.
        assert all(w['guard_hellos'] and w['bridged_to_clients'] for w in workers), workers
        _, counters = g.stop()
        assert counters['guard_hellos'] == 80 and counters['drop_guard_unproved'] == 0, counters
        assert finish(s)['handshakes'] == 80


def test_ip_fragments() -> None:
    """Over AF_XDP, which leaves them as they are: to other ports they pass, to a guard as told."""
    with Line('af_xdp') as net, EchoServer(net.server, '::', 5000) as other, \
            EchoServer(net.server, '::', PORT) as guarded:
        with bridge(net) as g:
            for host in (GW4, GW6):
                ping(net, host, 5000)
                sock, answer = ask(net, bytes(4000), host, 5000)
                assert answer == bytes(4000)
                sock.close()
            for host, counter in ((GW4, 'drop_ipv4_fragment'), (GW6, 'drop_ipv6_extension')):
                family = socket.AF_INET6 if ':' in host else socket.AF_INET
                with in_netns(net.client), socket.socket(family, socket.SOCK_DGRAM) as sock:
                    sock.sendto(bytes(4000), (host, PORT))
                    g.wait_for(lambda c, name=counter: c[name] == 1)
            g.stop()
        assert other.count == 2 and guarded.count == 0
        with bridge(net, guard_fail='open') as g:
            for host in (GW4, GW6):
                sock, answer = ask(net, bytes(4000), host)
                assert answer == bytes(4000)
                sock.close()
            assert g.stats()['guard_unjudged'] == 2
            g.stop()
        assert guarded.count == 2


def test_jumbo_frames() -> None:
    with Line(mtu=9000) as net, EchoServer(net.server, '::', 5000), bridge(net) as g:
        for host in (GW4, GW6):
            ping(net, host, 8900, '-M', 'do')
            tcp(net, host)
        long_hello = packets.Hello(extensions=packets.extension(21, bytes(8000))).datagram()
        sock, answer = ask(net, long_hello)
        sock.close()
        assert len(cookie_of(answer)) == packets.COOKIE_SIZE
        _, counters = g.stop()
        assert counters['drop_frame_chained'] == 0 and counters['hvr'] == 1, counters


def test_stop_in_traffic() -> None:
    """SIGTERM while frames come from both sides: the books are right, and no buffer is lost."""
    with Line() as net, bridge(net) as g:
        ping(net, GW4, 56)
        with process('ping', '-f', '-q', GW4, netns=net.client) as one, \
                process('ping', '-f', '-q', CL4, netns=net.server) as two:
            g.wait_for(lambda c: c['bridged_to_clients'] > 200)
            g.stop()
            assert one.alive() and two.alive()


def links(net: Net) -> dict[str, bool]:
    """Of both taps: is the interface up?"""
    told = command('ip', '-n', net.gateway, '-o', 'link', 'show')
    return {name: 'UP' in flags.split(',')
            for name, flags in re.findall(r'^\d+: (hgtap\d): <([^>]*)>', told, re.M)}


def wait_for_links(net: Net, **wanted: bool) -> None:
    end = time.monotonic() + slow(15)
    while links(net) != wanted:
        assert time.monotonic() < end, links(net)
        time.sleep(0.05)


def test_links_are_mirrored() -> None:
    with Net('tap') as net:
        config = configuration(
            net, {}, port={'address': None}, sections={'port lan': {
                'device': 'net_tap1,iface=hgtap1', 'profile': net.profile()}},
            bridge='wan, lan', user='root', metrics=f'{METRICS[0]}:{METRICS[1]}')
        with running(Gateway(config, netns=net.gateway)) as g:
            wait_for_links(net, hgtap0=True, hgtap1=True)
            for one, other in (('hgtap0', 'hgtap1'), ('hgtap1', 'hgtap0')):
                for _ in range(2):
                    command('ip', '-n', net.gateway, 'link', 'set', one, 'down')
                    wait_for_links(net, **{one: False, other: False})
                    cut, held = ('wan', 'lan') if one == 'hgtap0' else ('lan', 'wan')
                    g.wait_for(lambda p, up=cut, down=held: not p[up]['link_held'] and
                               p[down]['link_held'] and not p[down]['link_up'],
                               command='/hellogate/ports')
                    assert re.search(rf'(?m)^{cut} +down +{held} ', ctl(g, 'ports'))
                    assert re.search(rf'(?m)^{held} +held +{cut} ', ctl(g, 'ports'))
                    told = samples(ask_metrics(net).text)
                    for name in (cut, held):
                        assert told[f'hellogate_port_link_held{{port="{name}"}}'] == (name == held)
                    command('ip', '-n', net.gateway, 'link', 'set', one, 'up')
                    wait_for_links(net, **{one: True, other: True})
                    g.wait_for(lambda p: p['wan']['link_up'] and p['lan']['link_up'],
                               command='/hellogate/ports')
            g.stop()
        told = re.findall(r'port (\w+): link (held down|released)', g.process.stderr)
        pair = lambda name: [(name, 'held down'), (name, 'released')] * 2  # noqa: E731
        assert told == pair('lan') + pair('wan'), told


run(globals())
