#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Clients of all kinds, floods and other traffic through a guard, and whose cookies are good."""
from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import time
import types
from typing import Iterator

from clock import Clock
from harness import (CL4, CL6, GW4, GW6, PATIENCE, PORT, SOURCE, EchoServer, Gateway, Process,
                     RawPort, command, configuration, dtls_client, echo_line, in_netns, kernel_ipv6,
                     need, packets, process, run, running, s_client, slow, target,
                     until)
from line import (CERTIFICATE, KEY, PKI, SECRET_FILE, Line, ask, bridge, cookie_of, finish,
                  is_server_hello, ping, server, signalled, tcp)


def verified(*options: str) -> list[str]:
    return ['-CAfile', PKI.path('ca.pem'), '-verify_return_error', '-verify_hostname', 'gw.test',
            *options]


def gnutls_cli(net: Line, host: str) -> contextlib.AbstractContextManager[Process]:
    return process('gnutls-cli', '--udp', '--port', str(PORT), '--x509cafile', PKI.path('ca.pem'),
                   '--sni-hostname', 'gw.test', '--verify-hostname', 'gw.test', host,
                   netns=net.client, name='gnutls-cli')


def coap_client(net: Line, host: str) -> contextlib.AbstractContextManager[Process]:
    return process('coap-client-openssl', '-v', '7', '-B', '3', '-C', PKI.path('ca.pem'),
                   f'coaps://{target(host)}/x', netns=net.client)


# Its own question, come back. Some releases answer that, others take it for multicast and do not.
COAP_ECHO = r'rec(v|eived) +[0-9]+ bytes\n.* c:GET '


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
            with gnutls_cli(net, host) as p:
                echo_line(p)
            with coap_client(net, host) as p:
                p.expect(COAP_ECHO)
        with process('ncat', '--udp', '--ssl', GW4, str(PORT), netns=net.client) as p:
            echo_line(p)  # its second hello comes in fragments
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
        assert counts['handshakes'] == 27 and counts['cookie_valid'] == 27, counts
        assert counts['cookie_none'] == counts['cookie_wrong_tag'] == 0, counts
        assert counters['guard_hellos'] >= 27 and counters['hvr'] >= 27, counters
        assert counters['forwarded'] == counters['arp_replies'] == 0, counters
        assert counters['drop_bridge_full'] == 0, counters
        # Both kernels leave them to cards that are not there, and neither has dropped any.
        assert counters['partial_checksums'] > counters['guard_datagrams'] > 0, counters
        for namespace in net.client, net.server:
            told = command('nstat', '-asz', 'UdpInCsumErrors', 'Udp6InCsumErrors', 'TcpInCsumErrors',
                           netns=namespace)
            assert re.findall(r'CsumErrors +(\d+)', told) == ['0'] * 3, told


def test_servers_with_one_peer() -> None:
    """As openssl s_server is one: DTLSv1_listen(), connect(), SSL_accept(), with the library."""
    need('gnutls-cli', 'coap-client-openssl')
    done = 0
    with Line() as net, bridge(net) as g:
        for host, address in ((GW4, GW4), (GW6, GW6), (GW4, f'::ffff:{GW4}')):
            for client, answer in ((s_client(net, *verified(), host=host), None),
                                   (gnutls_cli(net, host), None),
                                   (coap_client(net, host), COAP_ECHO)):
                with server(net, program='tests/e2e/one_peer', address=address) as s, client as p:
                    if answer:
                        p.expect(answer)
                    else:
                        echo_line(p)
                    counts = finish(s)
                done += 1
                assert counts['handshakes'] == counts['cookie_valid'] == 1, counts
                assert counts['cookie_none'] == counts['cookie_wrong_tag'] == 0, counts
        _, counters = g.stop()
        assert counters['guard_hellos'] >= done == 9 and counters['hvr'] >= done, counters


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
        assert stats['guard_hellos'] >= 30, stats
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
            signalled(g, net.settings(bind=bind, user='root'))
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
    with Line() as net, contextlib.closing(Clock(of_day_alone=True)) as clock, \
            server(net, '-r', 3600, '-l', 3600, env=clock.env) as s, \
            bridge(net, env=clock.env, key_rotation=3600, cookie_lifetime=3600) as g:
        first, done = g.telemetry('/hellogate/keys')['epoch'], 0
        for halves in range(5):
            clock.set(1800 * halves, g)
            with dtls_client(net, '--sessions', 4, '--datagrams', 2) as client:
                assert client.results()['received'] == 8
            done += 4
        assert g.telemetry('/hellogate/keys')['epoch'] == first + 2
        g.stop()
        assert finish(s)['handshakes'] == done


@contextlib.contextmanager
def terminating(net: Line, **options) -> Iterator[Gateway]:
    """A gateway that speaks DTLS itself in the server's place."""
    command('ip', '-n', net.server, 'addr', 'flush', 'dev', net.server_if)
    kernel_ipv6(net.server, net.server_if)
    behind = types.SimpleNamespace(queues=1, profile=net.profile,
                                   device=lambda: f'net_af_packet0,iface={net.server_if}')
    config = configuration(behind, {'echo': {'certificate': CERTIFICATE, 'private_key': KEY}},
                           cookie_secret=SECRET_FILE, **options)
    with running(Gateway(config, netns=net.server)) as g:
        yield g
    kernel_ipv6(net.server, net.server_if, on=True)
    net.serve(f'{GW4}/24', f'{GW6}/48')
    for host in (GW4, GW6):  # another MAC address now
        command('ip', '-n', net.client, 'neigh', 'flush', 'to', host)


def test_guard_before_a_gateway_that_terminates() -> None:
    """Cookies cross to a gateway with the same secret, too."""
    with Line() as net, bridge(net) as g:
        with terminating(net) as terminates:
            for host in (GW4, GW6):
                with dtls_client(net, '--sessions', 5, '--datagrams', 10, host=host) as client:
                    assert client.results()['received'] == 50
            _, counters = terminates.stop()
        _, guard = g.stop()
    assert guard['guard_hellos'] >= 10 and guard['hvr'] >= 10, guard
    assert counters['hvr'] == 0 and counters['handshakes'] == 10, counters


def test_cookies_of_a_gateway_and_a_server_behind_a_guard() -> None:
    """A terminating gateway's cookie at guard and server, the server's at guard and gateway."""
    for binding, host in (('hello', GW4), ('address', GW6)):
        hello = packets.Hello(random=bytes([len(binding)] * 32))
        options = {'cookie_binding': binding, 'user': 'root'}
        with Line() as net, bridge(net, bind='', **options) as g:
            with terminating(net, cookie_binding=binding):
                of_gateway, answer = ask(net, hello.datagram(), host)
                to_server = hello.with_(cookie=cookie_of(answer)).datagram()
            with server(net, '-b', binding) as s:
                of_server, answer = ask(net, hello.datagram(), host)
                to_gateway = hello.with_(cookie=cookie_of(answer)).datagram()
                assert g.stats()['hvr'] == 0
                signalled(g, net.settings(**options))  # from here on there is a guard
                of_gateway.send(to_server)
                assert is_server_hello(of_gateway.recv(65536))
                counts = finish(s)
                assert counts['cookie_valid'] == counts['cookie_none'] == 1, counts
            with terminating(net, cookie_binding=binding) as terminates:
                of_server.send(to_gateway)
                assert is_server_hello(of_server.recv(65536))
                _, counters = terminates.stop()
                assert counters['cookie_valid'] == 1 and counters['hvr'] == 0, counters
            with of_gateway, of_server:
                _, counters = g.stop()
                assert counters['guard_hellos'] == 2 and counters['hvr'] == 0, counters


def test_cookies_of_former_keys() -> None:
    """Of the previous key and of the former secret: good at guard and server; others are asked."""
    now = int(time.time())
    # In the second quarter of a key's time: what is of the previous one is not too old for long.
    rotation = next(r for r in range(3600, 9999) if r // 4 < now % r < r // 2)
    before = now - now % rotation - 1
    former = PKI.directory / 'former'
    former.write_text(bytes(32).hex() + '\n')
    new, old = (packets.CookieJar(s, rotation) for s in (bytes(range(32)), bytes(32)))
    strange, hello = packets.CookieJar(bytes([9] * 32), rotation), packets.Hello()
    cases = ((new, now, True), (old, now, True), (new, before, True), (old, before, True),
             (strange, now, False), (new, now - 2 * rotation, False), (new, now + 60, False))
    good = 0
    with Line() as net, server(net, '-r', rotation, '-l', rotation, '-p', former) as s, \
            bridge(net, key_rotation=rotation, cookie_lifetime=rotation,
                   cookie_secret_previous=former) as g:
        for number, (jar, issued, accepted) in enumerate(cases):
            for client, host in ((CL4, GW4), (CL6, GW6)):
                flow = packets.Flow(client, 45000 + number, host, PORT)
                cookie = jar.mint(flow, hello.bound(), issued)
                sock, answer = ask(net, hello.with_(cookie=cookie).datagram(), host,
                                   source=flow.source_port)
                sock.close()
                assert is_server_hello(answer) == accepted, (number, host, answer.hex())
                good += accepted
        _, counters = g.stop()
        counts = finish(s)
        assert counters['guard_hellos'] == counts['cookie_valid'] == good, (counters, counts)
        assert counters['hvr'] == 2 * len(cases) - good, counters
        assert counts['cookie_wrong_tag'] == counts['cookie_none'] == 0, counts


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


def test_forgets_who_is_silent() -> None:
    """After guard-timeout, and two seconds at most beyond it."""
    with Line() as net, EchoServer(net.server, '::', PORT) as guarded, \
            contextlib.closing(Clock()) as clock, \
            bridge(net, env=clock.env, guard_unproved='drop', guard_timeout=3600) as g:
        sock, answer = ask(net, packets.Hello().datagram())
        with sock:
            sock.send(packets.Hello(cookie=cookie_of(answer)).datagram())
            sock.recv(65536)  # it has passed, and come back
            record = packets.record(bytes(40), kind=packets.APPLICATION_DATA, epoch=1)
            clock.pass_by(3000)
            sock.send(record)
            sock.recv(65536)
            clock.pass_by(3602)
            sock.send(record)
            g.wait_for(lambda c: c['drop_guard_unproved'] == 1)
        g.stop()
        assert guarded.count == 2


def ctl(g: Gateway, *words: object) -> str:
    done = subprocess.run([str(SOURCE / 'app' / 'show' / 'hellogatectl'), '--prefix', g.prefix,
                           *map(str, words)], capture_output=True, text=True, timeout=slow(PATIENCE),
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
            told = ''

            def flows() -> bool:
                """In an interval in which ping had a CPU."""
                nonlocal told
                told = ctl(g, 'top', '--count', 1, '--interval', 0.5)
                return all(re.search(rf'(?m)^{name} +[1-9]', told)
                           for name in ('frames to the servers', 'frames to the clients'))

            until(flows, lambda: told)
        assert re.search(r'(?m)^guarded, verified +0/s', told), told
        workers = [g.telemetry(f'/hellogate/worker,{n}') for n in (0, 1)]
        # 80 sessions all by one of two queues: once in 2^79 runs.
        assert all(w['guard_hellos'] and w['bridged_to_clients'] for w in workers), workers
        _, counters = g.stop()
        assert counters['guard_hellos'] == 80 and counters['drop_guard_unproved'] == 0, counters
        assert finish(s)['handshakes'] == 80


def test_ports_with_unequal_queues() -> None:
    """Both have as many as the lesser."""
    with Line(queues=2) as net:
        wan, lan = net.settings().split('[port lan]')
        text = f'{wan}[port lan]{lan.replace(",qpairs=2", "")}'
        with running(Gateway(text, netns=net.gateway), net) as g:
            ports = g.telemetry('/hellogate/ports')
            assert [port['queues'] for port in ports.values()] == [1, 1], ports
            g.stop()


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


def test_frames_of_all_kinds() -> None:
    """Broadcast, multicast, discovery and tags over AF_XDP: frame by frame, in order, both ways."""
    own = '02:01:00:00:00:07'

    def frames(source: str, other: str) -> list[bytes]:
        group = ('224.0.0.251', 'ff02::fb')
        v4 = packets.ipv4(source, group[0], packets.UDP,
                          packets.udp(source, group[0], 5353, 5353, b'mdns'))
        shout = packets.ipv4(source, '255.255.255.255', packets.UDP, packets.udp(
            source, '255.255.255.255', 68, PORT, packets.Hello().datagram()))
        plain = packets.ipv4(source, other, 132, bytes(200))  # SCTP, to the server itself too
        everybody = 'ff:ff:ff:ff:ff:ff'
        return [packets.ether(to, own, kind, payload) for to, kind, payload in (
            (everybody, packets.ETHER_ARP, bytes(range(28)) + bytes(18)),
            (everybody, packets.ETHER_IPV4, shout),
            ('01:00:5e:00:00:fb', packets.ETHER_IPV4, v4),
            ('33:33:ff:00:00:01', packets.ETHER_IPV6, bytes([0x60]) + bytes(39) + bytes(24)),
            ('01:80:c2:00:00:0e', 0x88CC, bytes(46)),  # LLDP
            ('01:80:c2:00:00:00', 38, bytes(46)),  # spanning tree
            ('02:01:00:00:00:08', 0x8864, bytes(60)),  # PPPoE
            ('02:01:00:00:00:08', packets.ETHER_IPV4, plain),
            ('02:01:00:00:00:08', 0x8100, b'\x20\x05\x08\x00' + plain),
            ('02:01:00:00:00:08', 0x88A8, b'\x00\x64\x81\x00\x20\x05\x08\x00' + plain),
            ('02:01:00:00:00:08', 0x88A8, b'\x00\x64\x88\xa8\x00\x65\x81\x00\x00\x07'
             + b'\x08\x00' + plain),
            ('02:01:00:00:00:08', 0x88B5, bytes(i % 251 for i in range(1486))))]

    with Line('af_xdp') as net, bridge(net) as g:
        there = types.SimpleNamespace(client=net.server, client_if=net.server_if)
        with RawPort(net) as one, RawPort(there) as other:
            for sender, receiver, sent in ((one, other, frames(CL4, GW4)),
                                           (other, one, frames(GW4, CL4))):
                for frame in sent:
                    sender.send(frame)
                got = [receiver.wait_for(lambda f: f[6:12].hex(':') == own) for _ in sent]
                for number, (expected, frame) in enumerate(zip(sent, got)):
                    assert frame == expected, (number, expected.hex(), frame.hex())
        _, counters = g.stop()
        assert counters['hvr'] == counters['guard_datagrams'] == 0, counters
        assert sum(v for k, v in counters.items() if k.startswith('drop_')) == 0, counters


def test_a_device_that_takes_tags_off() -> None:
    """They are put back before anything is looked at, and before anything goes on."""
    def tagged(destination: str, port: int) -> bytes:
        return packets.ether('02:01:00:00:00:08', own, 0x8100, b'\x20\x05\x08\x00' + packets.ipv4(
            CL4, destination, packets.UDP, packets.udp(CL4, destination, 4000, port,
                                                       packets.Hello().datagram())))

    own = '02:01:00:00:00:07'
    with Line() as net, bridge(net, preload='tag_stripper') as g, RawPort(net) as one:
        there = types.SimpleNamespace(client=net.server, client_if=net.server_if)
        with RawPort(there) as other:
            for sent in (tagged(GW4, PORT + 1), tagged(GW4, PORT + 1)[:12] + bytes(48)):
                one.send(sent)
                assert other.wait_for(lambda f: f[6:12].hex(':') == own) == sent
            one.send(tagged(GW4, PORT))
            answer = one.wait_for(lambda f: f[:6].hex(':') == own)
            assert answer[12:18] == tagged(GW4, PORT)[12:18], answer.hex()
            assert cookie_of(packets.parse(answer).payload)
        ping(net, GW4, 56)
        g.stop()


def test_beside_a_gateway_that_terminates() -> None:
    """A port of its own in the same process: it is no way round, and knows no guarded address."""
    with Line() as net, server(net) as s:
        text = net.settings(user='root') + (
            '[port own]\ndevice = net_tap2,iface=hgtap2\naddress = 203.0.113.1/24\n'
            f'[listener own]\nbind = 203.0.113.1:{PORT}\nupstream = echo\n'
            f'certificate = {CERTIFICATE}\nprivate-key = {KEY}\n')
        with running(Gateway(text, netns=net.gateway), net) as g:
            command('ip', '-n', net.gateway, 'addr', 'add', '203.0.113.2/24', 'dev', 'hgtap2')
            command('ip', '-n', net.gateway, 'route', 'add', GW4, 'via', '203.0.113.1')
            inside = types.SimpleNamespace(client=net.gateway)
            with dtls_client(inside, '--sessions', 2, '--datagrams', 5, host='203.0.113.1') as c:
                assert c.results()['received'] == 10
            with dtls_client(net, '--sessions', 3, '--datagrams', 5) as c:
                assert c.results()['received'] == 15
            before = g.stats()
            with in_netns(net.gateway), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.sendto(packets.Hello().datagram(), (GW4, PORT))
                after = g.wait_for(lambda c: c['drop_destination'] > before['drop_destination'])
            assert after['hvr'] == before['hvr'], after
            _, counters = g.stop()
        counts = finish(s)
        assert counts['handshakes'] == 3 <= counters['guard_hellos'], (counts, counters)
        assert counters['handshakes'] == 2, counters


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
        # guard-fail = closed, but net_af_packet cannot.
        told = re.findall(r'port (\w+): the device cannot set its link down', g.process.stderr)
        assert sorted(told) == ['lan', 'wan'], told


run(globals(), ipv6=True)
