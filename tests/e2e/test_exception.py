#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The exception path: what is not for a listener goes to the kernel, and the kernel's frames out.

The kernel is that of the gateway's namespace. Its interface has the listeners' addresses."""
from __future__ import annotations

import contextlib
import os
import pathlib
import re
import signal
import socket
import struct
import threading
import time
import types
from typing import Iterator

from harness import (CL4, CL6, GW4, GW6, PATIENCE, PORT, SOURCE, Gateway, Net, Pki, Process,
                     RawPort, command, configuration, dtls_client, gateway, in_netns, need_ipv6,
                     neighbour, packets, process, run, run_client, set_sysctl, slow, until)

PKI = Pki()
ECHO = {'certificate': PKI.leaf('server'), 'private_key': PKI.path('server.key')}
TAP = 'hgexc0'
STRANGER = '02:00:00:00:5e:01'
OTHER = PORT + 1  # no listener has it
ARP = packets.ether(packets.BROADCAST, STRANGER, packets.ETHER_ARP, packets.arp(
    1, STRANGER, '198.18.0.77', '00:00:00:00:00:00', GW4))
CHUNK, CHUNKS = os.urandom(65536), 64


class KernelNet(Net):
    """With an interface for the gateway's kernel, which is not to take the listeners' address for
    its own on the one that it shares with the gateway."""

    def join(self) -> None:
        super().join()
        if self.driver == 'tap':
            return
        # A veth hands segments of 64 KB over as they are, which no port takes.
        command('ethtool', '-K', self.client_if, 'tso', 'off', netns=self.client)
        for name in ('all', self.gateway_if):
            set_sysctl(self.gateway, f'net/ipv4/conf/{name}/rp_filter', 1)

    def started(self) -> None:
        if self.driver != 'tap':  # in one namespace two interfaces cannot have the addresses
            self.set_up()

    def set_up(self) -> None:
        command('ip', '-n', self.gateway, 'addr', 'add', f'{GW4}/24', 'dev', TAP)
        command('ip', '-n', self.gateway, 'addr', 'add', f'{GW6}/48', 'dev', TAP, 'nodad')
        command('ip', '-n', self.gateway, 'link', 'set', TAP, 'up')

    def flags(self, name: str = TAP) -> str:
        """<UP,LOWER_UP> of an interface of the gateway's, nothing if there is none."""
        match = re.search(r'<.*>', command('ip', '-n', self.gateway, '-o', 'link', 'show', name,
                                           check=False))
        return match.group() if match else ''


def exception(net: Net, **options):
    return gateway(net, {'echo': ECHO}, port={'exception': f'tap:{TAP}'}, **options)


@contextlib.contextmanager
def flood(net: Net, g: Gateway, rate: int) -> Iterator[Process]:
    """Spoofed hellos and junk, so many in a second."""
    mac = g.telemetry('/hellogate/ports')['wan']['mac']
    with process('/usr/bin/python3', str(SOURCE / 'tests/e2e/flood.py'), net.client_if, mac,
                 netns=net.client, name='flood') as p:
        p.expect('^flood: ready$')
        p.send(f'{rate}\n')
        yield p


def ping(netns: str, host: str, *options: str) -> None:
    command('ping', '-c', '1', '-W', str(int(slow(PATIENCE))), *options, host, netns=netns)


def serve(netns: str, host: str) -> tuple[socket.socket, threading.Thread]:
    """A TCP server for one client: sends back what it gets."""
    with in_netns(netns):
        server = socket.create_server((host, 0), family=socket.AF_INET6 if ':' in host else
                                      socket.AF_INET)
    server.settimeout(slow(PATIENCE))

    def answer() -> None:
        with server, server.accept()[0] as connection:
            connection.settimeout(slow(PATIENCE))
            while data := connection.recv(262144):
                connection.sendall(data)

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    return server, thread


def talk(client: str, source: str, server: str, host: str) -> None:
    """A TCP connection that carries 4 MB there and back, every byte of it."""
    listening, thread = serve(server, host)
    sent = b''.join(bytes([i]) + CHUNK[1:] for i in range(CHUNKS))
    with in_netns(client):
        connection = socket.create_connection(listening.getsockname()[:2], slow(PATIENCE), (source, 0))
    got = bytearray()

    def read() -> None:
        while data := connection.recv(262144):
            got.extend(data)

    with connection:
        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        reader.join(slow(PATIENCE))
    thread.join(slow(PATIENCE))
    assert got == sent, f'{len(got)} of {len(sent)} bytes came back'


def test_kernel_and_listeners_beside_a_flood() -> None:
    """ARP, ND, ping and TCP are the kernel's, hellos and sessions the gateway's."""
    need_ipv6()
    with KernelNet() as net:
        with exception(net) as g, flood(net, g, 2000):
            for host in (GW4, GW6):
                ping(net.client, host, '-c', '5', '-i', '0.05')
                assert neighbour(net, host) == g.telemetry('/hellogate/ports')['wan']['mac']
            g.wait_for(lambda s: s['hvr'] > 100)
            before = g.stats()
            with dtls_client(net, '--sessions', 10, '--interactive', '--resend', 300) as sessions:
                talk(net.client, CL4, net.gateway, GW4)
                talk(net.gateway, GW4, net.client, CL4)
                talk(net.client, CL6, net.gateway, GW6)
                talk(net.gateway, GW6, net.client, CL6)
                sessions.expect('^done 0$')
                sessions.say('close')
                results = sessions.results()
            assert results['handshakes'] == 10 and results['failed'] == 0, results
            after = g.wait_for(lambda s: s['hvr'] > before['hvr'] + 10)
            frames = 4 * CHUNKS * len(CHUNK) // 1460
            assert after['to_kernel'] > frames and after['from_kernel_tx'] > frames, after
            # The clients' kernel leaves the checksums of its segments to a card that is not there.
            assert after['kernel_tx_filled'] > frames, after
            _, counters = g.stop()
            for name in ('arp_replies', 'neighbour_adverts', 'echo_replies', 'drop_no_listener',
                         'drop_arp', 'kernel_rx_dropped'):
                assert counters[name] == 0, (name, counters)
        assert net.flags() == '', 'the tap has outlived the daemon'


def test_interface_is_like_the_port() -> None:
    """MAC address, MTU, all checksums; no address, and down, until somebody sets it up."""
    with KernelNet() as net:
        net.started = lambda: None  # nobody does
        with exception(net) as g:
            told = command('ip', '-n', net.gateway, 'addr', 'show', TAP)
            assert g.telemetry('/hellogate/ports')['wan']['mac'] in told, told
            assert 'mtu 1500' in told, told
            assert 'inet' not in told and 'UP' not in net.flags(), told
            # Without an interface that is up the kernel takes nothing, and nobody answers.
            with RawPort(net) as raw:
                raw.send(ARP)
            stats = g.wait_for(lambda s: s['kernel_tx_dropped'] > 0)
            assert stats['tx'] == stats['kernel_tx'] == 0, stats
            net.set_up()
            # A frame that the port cannot carry, as the operator made the interface's MTU larger.
            command('ip', '-n', net.gateway, 'link', 'set', TAP, 'mtu', '9000')
            command('ping', '-c', '1', '-W', '1', '-M', 'do', '-s', '8000', CL4, netns=net.gateway,
                    check=False)
            g.wait_for(lambda s: s['kernel_rx_dropped'] == 1)
            ping(net.gateway, CL4)
            g.stop()


def test_interface_that_is_deleted() -> None:
    with KernelNet() as net, exception(net) as g:
        command('ip', '-n', net.gateway, 'link', 'del', TAP)
        g.process.expect(f'port wan: the kernel has lost interface {TAP}', stream='err')
        with RawPort(net) as raw:
            raw.send(ARP)
        # Without the kernel nobody answers that.
        command('ip', '-n', net.client, 'neigh', 'replace', GW4, 'lladdr',
                g.telemetry('/hellogate/ports')['wan']['mac'], 'dev', net.client_if)
        g.wait_for(lambda s: s['kernel_tx_dropped'] > 0)
        assert run_client(net)['handshakes'] == 1
        g.stop()


def test_interface_that_is_deleted_during_reloads() -> None:
    """Whoever tells of it reads nothing that a reload writes, which ThreadSanitizer sees."""
    with KernelNet() as net, exception(net, user='root') as g:
        def reload(times: int) -> None:
            for number in range(said() + 1, said() + times + 1):
                g.process.popen.send_signal(signal.SIGHUP)
                until(lambda n=number: said() == n or not g.process.alive(), g.log)
                assert g.process.alive(), g.log()

        def said() -> int:
            return g.process.stderr.count('reloaded ')

        reload(2)
        command('ip', '-n', net.gateway, 'link', 'del', TAP)
        reload(2)
        g.process.expect(f'port wan: the kernel has lost interface {TAP}', stream='err')
        reload(2)
        assert g.telemetry('/hellogate/config,port wan')['port/wan']['exception'] == f'tap:{TAP}'
        g.stop()


def test_link_follows_that_of_the_port() -> None:
    with KernelNet('tap') as net, exception(net) as g:
        def wait_for_link(up: bool) -> None:
            g.wait_for(lambda s: s['wan']['link_up'] == up, command='/hellogate/ports')
            end = time.monotonic() + slow(PATIENCE)
            while ('NO-CARRIER' in net.flags()) == up:
                assert time.monotonic() < end, net.flags()
                time.sleep(0.02)

        command('ip', '-n', net.gateway, 'link', 'set', TAP, 'up')
        for state in ('down', 'up', 'down', 'up'):
            command('ip', '-n', net.gateway, 'link', 'set', net.gateway_if, state)
            wait_for_link(state == 'up')
        g.stop()


# ---- what goes where

def v4(protocol: int, payload: bytes, destination: str = GW4, source: str = CL4, **fields) -> bytes:
    return packets.ipv4(source, destination, protocol, payload, **fields)


def v6(protocol: int, payload: bytes, destination: str = GW6, source: str = CL6, **fields) -> bytes:
    return packets.ipv6(source, destination, protocol, payload, **fields)


def udp(six: bool, port: int, destination: str | None = None, source_port: int = 40000,
        **fields) -> bytes:
    source, own = (CL6, GW6) if six else (CL4, GW4)
    return packets.udp(source, destination or own, source_port, port, HELLO, **fields)


def extended(body: bytes, next_header: int = packets.UDP, rest: bytes = bytes(6)) -> bytes:
    """An IPv6 extension header of 8 bytes, and what follows it."""
    return bytes([next_header, 0]) + rest + body


def fragment(body: bytes) -> bytes:
    """The first of several."""
    return extended(body, rest=b'\0\1ABCD')


HELLO = packets.Hello().datagram()
ALERT_OPTION = {'options': b'\x94\4\0\0'}
TCP_SYN = struct.pack('!HHIIHHHH', 40000, 22, 1, 0, 0x5002, 1024, 0, 0)
MULTICAST = '01:00:5e:00:00:fb'


def rows(mac: str) -> Iterator[tuple[str, bytes, str]]:
    """What it is, the frame, and the counter that it moves."""
    def to(packet: bytes, ether_type: int | None = None, destination: str = mac,
           tags: tuple = ()) -> bytes:
        kind = ether_type or {4: packets.ETHER_IPV4, 6: packets.ETHER_IPV6}[packet[0] >> 4]
        return packets.ether(destination, STRANGER, kind, packet, tags)

    def arp(target: str) -> bytes:
        return to(packets.arp(1, STRANGER, '198.18.0.77', '00:00:00:00:00:00', target),
                  packets.ETHER_ARP, packets.BROADCAST)

    vlan = {'tags': ((packets.ETHER_VLAN, 7),)}
    yield 'ARP for our address', arp(GW4), 'to_kernel'
    yield 'ARP for another', arp(CL4), 'to_kernel'
    yield 'LLDP', to(bytes(60), 0x88CC, '01:80:c2:00:00:0e'), 'to_kernel'
    yield 'a length in place of an EtherType', to(bytes(60), 38, '01:80:c2:00:00:00'), 'to_kernel'
    yield 'TCP', to(v4(packets.TCP, TCP_SYN)), 'to_kernel'
    yield 'TCP over IPv6', to(v6(packets.TCP, TCP_SYN)), 'to_kernel'
    yield 'OSPF', to(v4(89, bytes(24), '224.0.0.5'), destination='01:00:5e:00:00:05'), 'to_kernel'
    yield 'echo request', to(v4(packets.ICMP, packets.icmp(8, 0, bytes(12)))), 'to_kernel'
    yield 'ICMP error', to(v4(packets.ICMP, packets.icmp(3, 4, bytes(32)))), 'to_kernel'
    yield 'ICMP error over IPv6', to(v6(packets.ICMPV6, packets.icmpv6(
        CL6, GW6, 2, 0, bytes(60)))), 'to_kernel'
    yield 'UDP to another port', to(v4(packets.UDP, udp(False, OTHER))), 'to_kernel'
    yield 'the same, tagged', to(v4(packets.UDP, udp(False, OTHER)), **vlan), 'to_kernel'
    yield 'the same over IPv6', to(v6(packets.UDP, udp(True, OTHER))), 'to_kernel'
    yield 'the same from a denied port', to(v4(packets.UDP, udp(False, OTHER, source_port=7))), \
        'to_kernel'
    yield 'the same without a checksum over IPv6', to(
        v6(packets.UDP, udp(True, OTHER, checksum=0))), 'to_kernel'
    yield 'UDP to another address', to(
        v4(packets.UDP, udp(False, PORT, '198.18.0.9'), '198.18.0.9')), 'to_kernel'
    yield 'multicast', to(v4(packets.UDP, udp(False, 5353, '224.0.0.251'), '224.0.0.251'),
                          destination=MULTICAST), 'to_kernel'
    yield 'broadcast', to(v4(packets.UDP, udp(False, 68, '255.255.255.255'), '255.255.255.255'),
                          destination=packets.BROADCAST), 'to_kernel'
    yield 'IGMP with router alert', to(v4(2, bytes(8), '224.0.0.22', **ALERT_OPTION),
                                       destination='01:00:5e:00:00:16'), 'to_kernel'
    yield 'options, to another port', to(v4(packets.UDP, udp(False, OTHER), **ALERT_OPTION)), \
        'to_kernel'
    yield 'first fragment to another port', to(v4(packets.UDP, udp(False, OTHER)[:64], flags=1)), \
        'to_kernel'
    yield 'later fragment', to(v4(packets.UDP, bytes(64), offset=8)), 'to_kernel'
    yield 'later fragment over IPv6', to(v6(44, b'\x11\0\0\x41ABCD' + bytes(64))), 'to_kernel'
    yield 'first fragment to another port over IPv6', to(v6(44, fragment(udp(True, OTHER)))), \
        'to_kernel'
    yield 'MLD report', to(v6(0, extended(bytes(24), packets.ICMPV6), 'ff02::16'),
                           destination='33:33:00:00:00:16'), 'to_kernel'
    yield 'ESP', to(v6(50, bytes(40))), 'to_kernel'
    yield 'our address in a broadcast frame', to(v4(packets.TCP, TCP_SYN),
                                                 destination=packets.BROADCAST), 'to_kernel'

    # Of datagrams to a listener the kernel must not hear: it would say that nobody listens there.
    listener = v4(packets.UDP, udp(False, PORT))
    yield 'hello', to(listener), 'hvr'
    yield 'hello over IPv6', to(v6(packets.UDP, udp(True, PORT))), 'hvr'
    yield 'no DTLS at a listener', to(
        v4(packets.UDP, packets.udp(CL4, GW4, 40000, PORT, bytes(30)))), 'drop_record_type'
    yield 'a listener, wrong checksum', to(v4(packets.UDP, udp(False, PORT, checksum=1))), \
        'drop_udp_checksum'
    yield 'a listener, wrong length', to(v4(packets.UDP, udp(False, PORT, length=9))), \
        'drop_udp_length'
    yield 'a listener, from a denied port', to(v4(packets.UDP, udp(False, PORT, source_port=7))), \
        'drop_source_port'
    yield 'a listener, with options', to(v4(packets.UDP, udp(False, PORT), **ALERT_OPTION)), \
        'drop_ipv4_options'
    yield 'a listener, first fragment', to(v4(packets.UDP, udp(False, PORT)[:64], flags=1)), \
        'drop_ipv4_fragment'
    yield 'a listener, in a broadcast frame', to(listener, destination=packets.BROADCAST), \
        'drop_frame_not_ours'
    yield 'a listener, first fragment over IPv6', to(v6(44, fragment(udp(True, PORT)))), \
        'drop_ipv6_extension'
    for kind in (0, 43, 60):
        yield f'a listener behind extension header {kind}', to(
            v6(kind, extended(udp(True, PORT)))), 'drop_ipv6_extension'
    yield 'a listener behind an authentication header', to(
        v6(51, b'\x11\1' + bytes(10) + udp(True, PORT))), 'drop_ipv6_extension'
    yield 'a listener behind two of them', to(
        v6(0, extended(extended(udp(True, PORT)), 60))), 'drop_ipv6_extension'

    # And what is damaged is of no use to anybody.
    yield 'runt', to(listener[:19]), 'drop_frame_short'
    yield 'another MAC address', to(listener, destination='02:00:00:00:00:99'), \
        'drop_frame_not_ours'
    yield 'TCP to another MAC address', to(v4(packets.TCP, TCP_SYN),
                                           destination='02:00:00:00:00:99'), 'drop_frame_not_ours'
    yield 'from a group', packets.ether(
        mac, MULTICAST, packets.ETHER_IPV4, v4(packets.TCP, TCP_SYN)), 'drop_source'
    yield 'wrong header checksum', to(v4(packets.TCP, TCP_SYN, checksum=1)), 'drop_ipv4_checksum'
    yield 'wrong header length', to(v4(packets.TCP, TCP_SYN, ihl=4)), 'drop_ipv4_header'
    yield 'IPv6 length beyond the frame', to(v6(packets.TCP, TCP_SYN, length=99)), \
        'drop_ipv6_header'
    yield 'wrong ICMP checksum', to(v4(packets.ICMP, packets.icmp(8, 0, bytes(12), 1))), \
        'drop_icmp_checksum'
    yield 'from ourselves', to(v4(packets.TCP, TCP_SYN, source=GW4)), 'drop_source'
    yield 'extension headers without end', to(
        v6(60, (b'\x3c\0' + bytes(6)) * 9)), 'drop_ipv6_extension'


def test_what_goes_to_the_kernel() -> None:
    """Frame by frame: unchanged to the kernel, or counted and not."""
    with KernelNet('af_xdp') as net, exception(net) as g:
        there = types.SimpleNamespace(client=net.gateway, client_if=TAP)
        with RawPort(net) as raw, RawPort(there) as tap:
            dropped = []
            for why, frame, counter in rows(g.telemetry('/hellogate/ports')['wan']['mac']):
                before = g.stats()[counter]
                raw.send(frame)
                try:
                    if counter == 'to_kernel':
                        tap.wait_for(lambda got, frame=frame: got == frame)
                    else:
                        dropped.append(frame)
                        g.wait_for(lambda s, c=counter, n=before: s[c] > n)
                except AssertionError as error:
                    raise AssertionError(f'{why}: {error}') from None
            last = packets.ether(packets.BROADCAST, STRANGER, 0x88B5, b'last' * 15)
            raw.send(last)
            seen: list[bytes] = []
            tap.wait_for(lambda got: seen.append(got) or got == last)
            assert not set(seen) & set(dropped)
        _, counters = g.stop()
        assert counters['hvr'] == 2 and counters['tx'] == 2, counters


def test_more_than_the_kernel_takes() -> None:
    """Junk for the kernel fills its ring alone: handshakes go on."""
    with KernelNet() as net, exception(net) as g:
        ping(net.client, GW4)
        for task in pathlib.Path(f'/proc/{g.process.pid}/task').iterdir():
            if (task / 'comm').read_text().strip() == 'exception':
                os.setpriority(os.PRIO_PROCESS, int(task.name), 19)
                break
        else:
            raise AssertionError('no exception thread')
        mac = g.telemetry('/hellogate/ports')['wan']['mac']
        frame = packets.ether(mac, STRANGER, packets.ETHER_IPV4, v4(
            packets.UDP, udp(False, OTHER), source='198.18.0.99'))
        end = threading.Event()

        def send() -> None:
            with RawPort(net) as raw:
                while not end.is_set():
                    with contextlib.suppress(OSError):  # no room: a flood loses some
                        for _ in range(64):
                            raw.send(frame)

        senders = [threading.Thread(target=send, daemon=True) for _ in range(2)]
        try:
            for sender in senders:
                sender.start()
            full = g.wait_for(lambda s: s['drop_kernel_full'] > 0, 60)
            results = run_client(net, '--sessions', 5, '--datagrams', 5, '--resend', 300)
            assert results['handshakes'] == 5 and results['failed'] == 0, results
            g.wait_for(lambda s: s['drop_kernel_full'] > full['drop_kernel_full'], 60)
        finally:
            end.set()
            for sender in senders:
                sender.join()
        ping(net.client, GW4)
        _, counters = g.stop()
        assert counters['drop_ring_new_full'] == counters['drop_ring_full'] == 0, counters


def refused(net: Net, why: str, **environment: str) -> None:
    """A start without a device that needs privileges: exit code 2, one sentence, nothing left."""
    config = configuration(net, {'echo': ECHO}, port={
        'device': 'net_null0', 'profile': None, 'exception': f'tap:{TAP}'})
    line = next(n for n, text in enumerate(config.splitlines(), 1) if text.startswith('exception'))
    saved = {k: os.environ.get(k) for k in environment}
    os.environ.update(environment)
    try:
        g = Gateway(config, netns=net.gateway)
        try:
            p = g.spawn()
            code = p.wait()
            assert code == 2, (code, p.log())
            wanted = f'hellogate.conf:{line}: exception: cannot make interface {TAP}: {why}'
            assert wanted in p.stderr, p.log()
        finally:
            g.close()
    finally:
        for name, value in saved.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def test_refused_at_start() -> None:
    with KernelNet() as net:
        command('ip', '-n', net.gateway, 'tuntap', 'add', TAP, 'mode', 'tap')
        refused(net, 'there is one of that name already')
        assert net.flags() != '', 'what was there is gone'
        command('ip', '-n', net.gateway, 'link', 'del', TAP)
        refused(net, 'that takes the capability net_admin',
                HG_WRAP='setpriv --bounding-set=-net_admin --inh-caps=-net_admin')
        assert net.flags() == '', 'something is left'


def test_reload_keeps_it() -> None:
    with KernelNet() as net, exception(net, user='root') as g:
        text = g.config.read_text()
        g.config.write_text(text.replace(f'tap:{TAP}', 'tap:other'))
        g.process.popen.send_signal(signal.SIGHUP)
        g.process.expect('not reloaded: .*: exception cannot change', stream='err')
        g.config.write_text(text.replace('[gateway]\n', '[gateway]\ndrain-timeout = 1\n'))
        g.process.popen.send_signal(signal.SIGHUP)
        g.process.expect('reloaded .*hellogate.conf', stream='err')
        told = g.telemetry('/hellogate/config,port wan')['port/wan']
        assert told['exception'] == f'tap:{TAP}', told
        ping(net.client, GW4)
        assert g.telemetry('/hellogate/buffers')['kernel'] >= 0
        g.stop()


if __name__ == '__main__':
    run(globals())
