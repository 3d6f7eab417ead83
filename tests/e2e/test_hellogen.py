#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The load generator of bench/hellogen against hellogate and against OpenSSL's s_server."""
from __future__ import annotations

import contextlib
import itertools
import json
import os
import pathlib
import re
import shutil
import signal
import textwrap
from typing import Iterator, Mapping

from harness import (BUILD, CL4, GW4, GW6, PORT, RUNTIME, SANITIZERS, SOURCE, Gateway, Net, Pki,
                     Process, Skip, check_sanitizers, command, configuration, gateway, need,
                     packets, process, run, running, target, until, wait_for_udp)
from line import preloaded

PKI = Pki()
HELLOGEN = BUILD / 'bench' / 'hellogen' / 'hellogen'
SOURCES4, SOURCES6 = '198.18.128.0/17', '2001:2:0:8000::/64'
_serial = itertools.count()


def certified() -> dict[str, object]:
    return {'certificate': PKI.leaf('server'), 'private_key': PKI.path('server.key')}


def hellogen(*options: object, netns: str | None = None, expect: int = 0) -> Process:
    """hellogen to its end."""
    p = Process([str(o) for o in (HELLOGEN, *options)], netns)
    try:
        assert p.wait() == expect, p.log()
        check_sanitizers(p.stderr)
    finally:
        p.kill()
    return p


def load(net: Net, device: str, *options: object, netns: str | None = None,
         expect: int = 0) -> Mapping:
    """What hellogen reports."""
    prefix = f'hg{os.getpid()}.gen{next(_serial)}'
    results = pathlib.Path(PKI.path(f'{prefix}.json'))
    try:
        # It ends as soon as all is sent and answered, however long that takes.
        hellogen('--device', device, '--json', results, '--seconds', 600, '--timeout', 30000,
                 *options, '--', '--no-huge', '--no-shconf', '-m', 256, f'--file-prefix={prefix}',
                 netns=netns or net.client, expect=expect)
    finally:
        shutil.rmtree(RUNTIME / prefix, ignore_errors=True)
    report = json.loads(results.read_text())
    assert report['schema'] == 1, report
    return report


def sound(report: Mapping) -> Mapping[str, int]:
    """The counters of a run in which every first hello had its faultless HVR."""
    counters = report['counters']
    told = {k: v for k, v in counters.items() if v}
    faults = {k: v for k, v in report['faults'].items() if v}
    assert not faults, (faults, told)
    first = sum(counters[f'{mode}_hellos'] for mode in ('flood', 'probe', 'replay'))
    assert counters['hvr'] == first > 0, told
    for name in ('hvr_faulty', 'unanswered', 'unsent', 'junk_answers', 'late'):
        assert counters[name] == 0, told
    amplified = report['amplification']['unproven']
    assert 0 < amplified['payload'] < 1 and 0 < amplified['ip'] < 1, amplified
    return counters


def drops(counters: Mapping[str, int]) -> int:
    return sum(v for k, v in counters.items() if k.startswith('drop_'))


class Memif:
    """A gateway and the device that reaches it through shared memory."""

    def __init__(self, net: Net) -> None:
        if 'thread' in SANITIZERS:
            raise Skip("ThreadSanitizer does not see the locks of EAL's interrupt thread")
        # A name of its own: a gateway without privileges leaves the file behind.
        path = PKI.path(f'memif{next(_serial)}')
        socket = f'socket={path},socket-abstract=no,rsize=12'
        self.port = {'device': f'net_memif0,role=server,{socket}',
                     'profile': SOURCE / 'pmd-config' / 'net_memif.ini'}
        self.device = f'net_memif0,role=client,{socket}'
        self.net = net

    def gateway(self):
        return gateway(self.net, {'echo': certified()}, port=self.port)


def test_flood_over_memif() -> None:
    """As many hellos as the rings hold, as fast as they go: none can be lost."""
    with Net() as net:
        memif = Memif(net)
        with memif.gateway() as g:
            report = load(net, memif.device, '--target', target(GW4), '--src', SOURCES4,
                          '--count', 3000)
            counters = sound(report)
            assert counters['flood_hellos'] == counters['unproven_out'] == 3000, counters
            assert report['cookie_bytes'] == {'min': 20, 'max': 20}, report
            assert report['rtt_us']['hvr']['n'] == 3000, report
            assert 0 < report['rtt_us']['hvr']['p50'] <= report['rtt_us']['hvr']['max'], report
            out = report['amplification']['unproven']
            assert out['payload_out'] == 205 * 3000 and out['payload_in'] == 48 * 3000, out
            assert out['ip_out'] == 233 * 3000 and out['ip_in'] == 76 * 3000, out
            _, stats = g.stop()
            assert stats['hvr'] == 3000 and stats['arp_replies'] >= 1, stats
            assert drops(stats) == stats['forwarded'] == 0, stats


def test_the_other_end_of_memif_goes() -> None:
    """It is killed while a worker is in the middle of a burst from there. The next one is served."""
    with Net() as net:
        memif = Memif(net)
        env = {**preloaded('failing_pools'), 'HG_FAILING_POOLS': 'receive-',
               'HG_FAILING_POOLS_STALL': '1'}
        with running(Gateway(configuration(net, {'echo': certified()}, port=memif.port),
                             netns=net.gateway, eal=['--mbuf-pool-ops-name=hg_failing'],
                             env=env), net) as g:
            def said(line: str, times: int) -> None:
                until(lambda: g.process.stderr.count(f'{line}\n') == times, g.log)

            for times in 1, 2, 3:
                before = g.stats()['hvr']
                prefix = f'hg{os.getpid()}.gen{next(_serial)}'
                with process(str(HELLOGEN), '--device', memif.device, '--target', target(GW4),
                             '--src', SOURCES4, '--seconds', '600', '--', '--no-huge', '--no-shconf',
                             '-m', '256', f'--file-prefix={prefix}', netns=net.client) as other:
                    g.wait_for(lambda s, n=before: s['hvr'] > n)
                    g.wait_for(lambda p: p['wan']['link_up'], command='/hellogate/ports')
                    g.process.popen.send_signal(signal.SIGURG)
                    said('pool receive-0 stalls', times)
                    other.kill()
                shutil.rmtree(RUNTIME / prefix, ignore_errors=True)
                g.wait_for(lambda p: not p['wan']['link_up'], command='/hellogate/ports')
                g.process.popen.send_signal(signal.SIGURG)
                said('pools work', times)
            g.stop()


def test_mix_over_memif() -> None:
    """Every probe gets its ServerHello, no junk gets anything, and both sides count the same."""
    with Net() as net:
        memif = Memif(net)
        with memif.gateway() as g:
            report = load(net, memif.device, '--target', target(GW4), '--src', SOURCES4,
                          '--rate', 'flood=1000,probe=50,junk=190', '--count', 2480,
                          '--probe-end', 'alert')
            counters = sound(report)
            assert counters['flood_hellos'] == 2000, counters
            assert counters['junk_packets'] == 380, counters
            assert counters['probe_hellos'] == counters['second_hellos'] == 100, counters
            assert counters['server_hellos'] == counters['closed'] == 100, counters
            assert counters['refused'] == counters['unverified'] == 0, counters
            assert report['rtt_us']['server_hello']['n'] == 100, report
            # An alert without protection ends nothing: anybody could send it.
            stats = g.wait_for(lambda s: s['ignored_clear'] == 100)
            assert stats['hvr'] == 2100 and stats['hello_new'] == 100, stats
            assert drops(stats) == 380, {k: v for k, v in stats.items() if v}
            g.stop()


def test_replay_over_memif() -> None:
    """One verified hello again and again: one session, no more answers than for one."""
    with Net() as net:
        memif = Memif(net)
        with memif.gateway() as g:
            report = load(net, memif.device, '--target', target(GW4), '--src', SOURCES4,
                          '--mix', 'replay', '--rate', 1000, '--count', 1000)
            counters = sound(report)
            assert counters['replay_hellos'] == 1, counters
            assert counters['replay_copies'] == 1000, counters
            assert counters['replay_answers'] >= 1, counters
            assert report['amplification']['proven']['payload'] < 1, report
            stats = g.wait_for(lambda s: s['cookie_valid'] == 1000)
            assert stats['sessions_opened'] == 1, stats
            g.stop()


def test_all_hellos_over_ipv6() -> None:
    """The target is found by neighbour discovery; fragmented hellos among the others."""
    hellos = hellogen('--list').stdout.partition('modes:')[0]
    names = re.findall(r'^  (\S+) ', hellos, re.M)
    assert len(names) == 14 and 'ncat' in names, names
    with Net() as net, gateway(net, {'echo': certified()}) as g:
        report = load(net, f'net_af_packet0,iface={net.client_if}', '--target', target(GW6),
                      '--src', SOURCES6, '--hello', ','.join(names), '--count', 1400,
                      '--rate', 2000, '--order', 'range')
        counters = sound(report)
        assert counters['flood_hellos'] == 1400, counters
        assert counters['unproven_out'] == 1600, counters  # two of them in two datagrams
        _, stats = g.stop()
        assert stats['hvr'] == 1400 and stats['neighbour_adverts'] >= 1, stats


def test_two_queues() -> None:
    """Answers come by any queue, and are counted once."""
    if (os.cpu_count() or 1) < 2:
        raise Skip('needs two CPUs')
    with Net() as net, gateway(net, {'echo': certified()}) as g:
        report = load(net, f'net_af_packet0,iface={net.client_if},qpairs=2', '--queues', 2,
                      '--target', target(GW4), '--src', SOURCES4, '--count', 2001, '--rate',
                      'flood=2000,probe=20', '--probe-end', 'alert')
        counters = sound(report)
        assert counters['hvr'] == 2001 and counters['refused'] == 0, counters
        assert counters['server_hellos'] == counters['probe_hellos'] > 10, counters
        g.stop()


def test_one_source() -> None:
    """With a source that comes again at once, an answer that comes after the next hello is late.
    So few that they fit into the rings at once."""
    with Net() as net, gateway(net, {'echo': certified()}) as g:
        report = load(net, f'net_af_packet0,iface={net.client_if}', '--target', target(GW4),
                      '--src', '198.18.128.5', '--ports', '5000-5001', '--count', 400)
        counters, faults = report['counters'], report['faults']
        assert not any(faults.values()), faults
        assert counters['late'] > 0 and counters['hvr'] > 0, counters
        assert counters['hvr'] + counters['unanswered'] == 400, counters
        _, stats = g.stop()
        assert counters['hvr'] + counters['late'] == stats['hvr'], (counters, stats)


class SummedNet(Net):
    """hellogen says of each checksum whether it is right: the server's kernel has to make them."""

    def join(self) -> None:
        super().join()
        command('ethtool', '-K', self.client_if, 'tx', 'off', netns=self.client)


def foreign(net: Net, *options: object) -> Mapping[str, int]:
    """hellogen against a server on the kernel's socket in the clients' namespace."""
    return sound(load(net, f'net_af_packet0,iface={net.gateway_if}', '--target', f'{CL4}:{PORT}',
                      '--src', '198.18.0.128/26', *options, netns=net.gateway))


def test_s_server() -> None:
    """OpenSSL's own server: its HVRs are sound, it finds the sources by ARP, and a probe gets its
    ServerHello: one, as the socket then belongs to that client."""
    with SummedNet() as net:
        PKI.leaf('server')
        with process('openssl', 's_server', '-dtls1_2', '-listen', '-accept', f'{CL4}:{PORT}',
                     '-cert', PKI.path('server.pem'), '-key', PKI.path('server.key'),
                     netns=net.client, name='s_server') as server:
            server.expect('^ACCEPT')
            # No more than the server's socket holds.
            counters = foreign(net, '--rate', 500, '--count', 100, '--hello',
                               'openssl,gnutls,coap-openssl,mbedtls,wolfssl')
            assert counters['flood_hellos'] == 100, counters
            assert counters['neighbour'] >= 1, counters
            counters = foreign(net, '--count', 1, '--mix', 'probe', '--probe-end', 'alert')
            assert counters['server_hellos'] == 1, counters
            server.expect('alert handshake failure')


def test_gnutls_serv() -> None:
    """GnuTLS's own server, one handshake after the other. It numbers every HVR 0."""
    need('gnutls-serv')
    with SummedNet() as net:
        PKI.leaf('server')
        with process('gnutls-serv', '--udp', '--port', str(PORT), '--x509certfile',
                     PKI.path('server.pem'), '--x509keyfile', PKI.path('server.key'),
                     netns=net.client, name='gnutls-serv') as server:
            wait_for_udp(net.client, PORT, server)
            counters = foreign(net, '--rate', 200, '--count', 100, '--plain-numbers')
            assert counters['flood_hellos'] == 100, counters
            counters = foreign(net, '--rate', 4, '--count', 4, '--mix', 'probe', '--window', 1,
                               '--hello', 'gnutls,openssl', '--probe-end', 'alert',
                               '--plain-numbers')
            assert counters['server_hellos'] == counters['probe_hellos'] == 4, counters


# Reads hellos on CL4:PORT. HVR is sound but for its record sequence number, which is 0.
SERVER = f"""
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(({CL4!r}, {PORT}))
HVR = bytes.fromhex('16feff00000000000000000023' '030000170000000000000017' 'feff14') + 20 * b'c'
n = 0
while True:
    hello, peer = s.recvfrom(2048)
    n += 1
"""


@contextlib.contextmanager
def scripted(net: Net, answer: str) -> Iterator[Process]:
    """A server that does what a few lines say with every hello."""
    with process('/usr/bin/python3', '-u', '-c', SERVER + textwrap.indent(answer, '    '),
                 netns=net.client, name='server') as server:
        wait_for_udp(net.client, PORT, server)
        yield server


def test_faults_are_found() -> None:
    """A server that answers without an HVR, or with a wrong one, is told of; the exit code is 1."""
    # Whatever overtakes something while the kernel asks for an address is the same as that.
    answer = 'for _ in range(2): s.sendto(HVR + bytes(400) if n % 2 else hello, peer)'
    with SummedNet() as net, scripted(net, answer):
        report = load(net, f'net_af_packet0,iface={net.gateway_if}', '--target', f'{CL4}:{PORT}',
                      '--src', '198.18.0.128/26', '--count', 20, '--rate', 50, netns=net.gateway,
                      expect=1)
        counters, faults = report['counters'], report['faults']
        assert counters['hvr'] == counters['hvr_faulty'] == 10, counters
        # Of the first hello number 0 is right.
        assert faults['record_seq'] == 9 and faults['trailing'] == faults['larger'] == 10, faults
        assert faults['unasked'] == 10 and faults['extra'] == 20, faults
        assert report['amplification']['unproven']['payload'] > 2, report


def test_second_hello() -> None:
    """It is the first with the cookie, message_seq 1 and the next record sequence number."""
    answer = ('print(hello.hex())\n'
              'hvr = HVR[:5] + hello[5:11] + HVR[11:]\n'
              's.sendto(bytes.fromhex("15fefd0000000000000000000202") + b"(" if hello[18] else hvr,'
              ' peer)\n')
    for plain in ((), ('--plain-numbers',)):
        with SummedNet() as net, scripted(net, answer) as server:
            report = load(net, f'net_af_packet0,iface={net.gateway_if}', '--target',
                          f'{CL4}:{PORT}', '--src', '198.18.0.128/26', '--mix', 'probe',
                          '--count', 3, *plain, netns=net.gateway)
            counters = sound(report)
            assert counters['second_hellos'] == counters['alerts'] == 3, counters
            server.expect(r'(?:^\w+\n){6}')
            hellos = [bytes.fromhex(line) for line in server.stdout.splitlines()]
        first = {h[25:59]: h for h in hellos if h[18] == 0}
        second = {h[25:59]: h for h in hellos if h[18] == 1}
        assert len(first) == 3 and first.keys() == second.keys(), hellos
        for key, hello in first.items():
            (kind, epoch, number, message), = packets.records(hello)
            (kind2, epoch2, number2, message2), = packets.records(second[key])
            assert (kind2, epoch2, number2) == (kind, epoch, number + 1), (hello, second[key])
            body, cookie = message[12:], b'\x14' + 20 * b'c'
            assert message2[12:] == body[:35] + cookie + body[36:], (hello, second[key])
        numbers = sorted(int.from_bytes(h[5:11], 'big') for h in first.values())
        assert numbers == ([0, 0, 0] if plain else [0, 16, 32]), numbers


def test_pcap() -> None:
    """The file holds the hellos, every checksum right; the same seed, the same file."""
    path, again = PKI.path('hellos.pcap'), PKI.path('again.pcap')
    for name in (path, again):
        hellogen('--write-pcap', name, '--target', target(GW4), '--src', SOURCES4, '--dst-mac',
                 '02:00:00:00:00:0a', '--count', 200, '--seed', 5)
    frames = packets.read_pcap(path)
    assert frames == packets.read_pcap(again) and len(frames) == 200, len(frames)
    randoms, peers = set(), set()
    for frame in frames:
        packet = packets.parse(frame)
        assert packet.destination == GW4 and packet.destination_port == PORT, packet
        udp = packet.transport
        pseudo = packets.pseudo_header(packet.source, GW4, packets.UDP, len(udp))
        assert packets.ones_sum(pseudo, udp) == 0, frame.hex()
        assert packets.ones_sum(packet.network[:20]) == 0, frame.hex()
        (kind, epoch, _, fragment), = packets.records(packet.payload)
        assert (kind, epoch, fragment[0]) == (packets.HANDSHAKE, 0, packets.CLIENT_HELLO), frame
        randoms.add(fragment[14:46])
        peers.add((packet.source, packet.source_port))
    assert len(randoms) == len(peers) == 200


def test_help_and_readme() -> None:
    """Every option is in --help and in the page; so is every counter and every fault."""
    text = hellogen('--help').stdout
    options = re.findall(r'^  (--[a-z-]+) ', text, re.M)
    page = (SOURCE / 'bench' / 'hellogen' / 'README.md').read_text()
    sources = SOURCE / 'bench' / 'hellogen'
    names = [n for file in ('counters.h', 'check.h') for n in
             re.findall(r'^\tX\(\w+, (\w+), ', (sources / file).read_text(), re.M)]
    assert len(options) > 20 and len(names) > 40, (options, names)
    missing = [word for word in options + names if f'`{word}' not in page]
    assert not missing, missing


def test_errors() -> None:
    """One sentence, exit code 2."""
    good = ('--target', target(GW4), '--src', SOURCES4, '--dst-mac', '02:00:00:00:00:0a')
    eal = ('--', '--no-huge', '--no-shconf', '-m', '128', f'--file-prefix=hg{os.getpid()}.err')
    for options, reason in (
            ((), 'option --target is missing'),
            ((*good, '--device', 'net_none0', *eal), 'DPDK cannot create device net_none0'),
            # By its name a profile of the source is found.
            ((*good, '--device', 'net_none0', '--profile', 'net_memif', *eal),
             'DPDK cannot create device net_none0'),
            ((*good, '--device', 'net_ring0', '--queues', 17, '--', '--lcores=(0-17)@0', *eal[1:]),
             'the device and its profile have 16'),
            ((*good, '--device', 'net_ring0', '--profile', '/none.ini'), '/none.ini'),
            ((*good, '--write-pcap', '/none/x'), '/none/x: No such file or directory'),
            ((*good, '--hello-file', '/none'), '/none: No such file or directory')):
        p = hellogen(*options, expect=2)
        assert p.stdout == '' and re.fullmatch(r'hellogen: .*\.\n', p.stderr), p.log()
        assert reason in p.stderr, p.log()
    shutil.rmtree(RUNTIME / f'hg{os.getpid()}.err', ignore_errors=True)


run(globals())
