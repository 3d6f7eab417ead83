#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Every kind of port without a NIC, both address families, several queues; ARP, ND, ping, VLAN."""
from __future__ import annotations

import re
import signal
import socket
import struct

from harness import (CL4, CL6, GW4, GW6, PATIENCE, PORT, SANITIZERS, SOURCE, EchoServer, Gateway,
                     Net, Pki, RawPort, Skip, asked, command, dtls_client, echo_line, gateway,
                     in_netns, kernel_ipv6, need_ipv6, neighbour, packets, run, run_client,
                     run_in_vain, s_client, slow, until)

PKI = Pki()


def certified(name: str = 'server', host: str = 'gw.test', **options) -> dict[str, object]:
    return {'certificate': PKI.leaf(name, host=host), 'private_key': PKI.path(f'{name}.key'),
            **options}


def both_families(driver: str, queues: int = 1) -> None:
    """s_client and a short stream of datagrams, over IPv4 and over IPv6."""
    with Net(driver, queues) as net, gateway(net, {'echo': certified()}) as g:
        for count, host in ((1, GW4), (2, GW6)):
            with s_client(net, '-CAfile', PKI.path('ca.pem'), '-verify_return_error',
                          '-verify_ip', host, host=host) as p:
                echo_line(p)
                p.end_input()
                p.wait()
            g.wait_for(lambda s: s['sessions_closed'] == 2 * count - 1)
            # More than any ring or pool holds, so that every buffer is used and comes back.
            results = run_client(net, '--datagrams', 5000, '--size', 1200, '--window', 8, host=host)
            assert results['received'] == 5000, results
            g.wait_for(lambda s: s['sessions_closed'] == 2 * count)
        _, counters = g.stop()
        assert counters['handshakes'] == 4 and asked(counters) >= 4, counters
        assert counters['arp_replies'] >= 1 and counters['neighbour_adverts'] >= 1, counters
        assert counters['client_datagrams'] == counters['upstream_rx'] == 10002, counters
        dropped = {k: v for k, v in counters.items() if v and k in (
            'drop_udp_checksum', 'drop_ipv4_checksum', 'drop_tx_full', 'session_tx_full',
            'drop_ring_full', 'out_dropped', 'upstream_tx_dropped', 'upstream_rx_dropped',
            'upstream_rx_too_long')}
        assert not dropped, dropped


def test_af_packet() -> None:
    both_families('af_packet')


def test_af_xdp() -> None:
    both_families('af_xdp')


def test_tap() -> None:
    if 'thread' in SANITIZERS:
        raise Skip('under ThreadSanitizer one run in six loses datagrams, for an unknown reason')
    both_families('tap')


def test_memif_and_ring_come_up() -> None:
    """Both ends of a memif link and a ring, each by its profile: links up, and all buffers back."""
    if 'thread' in SANITIZERS:
        raise Skip("ThreadSanitizer does not see the locks of EAL's interrupt thread, memif's own")
    with Net() as net:
        memif = f'socket={PKI.path("memif.sock")}'
        wan = {'device': f'net_memif0,role=server,{memif}',
               'profile': SOURCE / 'pmd-config' / 'net_memif.ini'}
        others = {
            'port far': {'device': f'net_memif1,role=client,{memif}', 'address': '198.19.0.1/24',
                         'profile': SOURCE / 'pmd-config' / 'net_memif.ini'},
            'port own': {'device': 'net_ring0', 'address': '198.19.1.1/24',
                         'profile': SOURCE / 'pmd-config' / 'net_ring.ini'}}
        with gateway(net, {'echo': certified()}, port=wan, sections=others) as g:
            g.wait_for(lambda s: all(s[name]['link_up'] for name in ('wan', 'far', 'own')),
                       command='/hellogate/ports')
            code, _ = g.stop()
            assert code == 0


def test_largest_datagrams() -> None:
    """The largest payload that fits the port's MTU of 1500 comes back; IPv6 has 20 bytes less."""
    with Net() as net, gateway(net, {'echo': certified()}) as g:
        # 1500 - IP - UDP 8 - DTLS record 13 - AES-GCM nonce 8 and tag 16
        for host, size in ((GW4, 1500 - 20 - 45), (GW6, 1500 - 40 - 45)):
            results = run_client(net, '--mtu', 1500, '--size', size, '--datagrams', 5, '--ciphers',
                                 'ECDHE-ECDSA-AES256-GCM-SHA384', host=host)
            assert results['received'] == 5, results
        g.stop()


def test_too_long_from_the_upstream_is_dropped_and_counted() -> None:
    with Net() as net, EchoServer(net.gateway, prefix=b'x' * 1200) as server, \
            gateway(net, {'echo': certified(upstream=f'127.0.0.1:{server.port}')}) as g:
        run_in_vain(net, g, lambda s: s['upstream_rx_too_long'] == 1,
                    '--size', 600)
        assert server.count == 1
        g.stop()


def test_an_untagged_packet_is_held_to_the_mtu_as_well() -> None:
    """The upstream's answer is a byte longer than its question: just as long as the MTU of 1500
    allows, or one byte longer."""
    longest = 1500 - 20 - 45  # of what goes over IPv4, as above
    for size, dropped in ((longest - 1, 0), (longest, 1)):
        with Net() as net, EchoServer(net.gateway, prefix=b'x') as server, \
                gateway(net, {'echo': certified(upstream=f'127.0.0.1:{server.port}')}) as g:
            with dtls_client(net, '--mtu', 1500, '--size', size, '--ciphers',
                             'ECDHE-ECDSA-AES256-GCM-SHA384') as client:
                g.wait_for(lambda s, d=dropped: s['upstream_rx'] == 1 - d
                           and s['upstream_rx_too_long'] == d)
                if not dropped:
                    client.expect('^unexpected datagram$')
                client.process.popen.send_signal(signal.SIGTERM)
                results = client.results(expect=1)
            assert results['wrong'] == 1 - dropped, results
            stats = g.stats()
            assert stats['out_dropped'] == 0, stats
            g.stop()


def spread(driver: str) -> None:
    """Two workers, two handshake cores, three listeners, each with its own name and upstream."""
    need_ipv6()
    with Net(driver, 2) as net, EchoServer(net.gateway, prefix=b'one:') as one, \
            EchoServer(net.gateway, prefix=b'two:') as two:
        listeners = {
            'one': certified('one', 'one.test', bind=f'{GW4}:5001, [{GW6}]:5001',
                             upstream=f'127.0.0.1:{one.port}'),
            'two': certified('two', 'two.test', bind=f'{GW4}:5002, [{GW6}]:5002',
                             upstream=f'127.0.0.1:{two.port}'),
            'three': certified('three', 'three.test', bind=f'[{GW6}]:5003', upstream='echo')}
        with gateway(net, listeners, handshake_cores=2) as g:
            for host, port, name, prefix in ((GW4, 5001, 'one', 'one:'), (GW6, 5002, 'two', 'two:'),
                                             (GW4, 5002, 'two', 'two:'), (GW6, 5003, 'three', '')):
                with s_client(net, '-CAfile', PKI.path('ca.pem'), '-verify_return_error',
                              '-verify_hostname', f'{name}.test', host=host, port=port) as p:
                    echo_line(p, 'whose voice', f'{prefix}whose voice')
                    p.end_input()
                    p.wait()
            assert one.count == 1 and two.count == 2
            with dtls_client(net, '--sessions', 40, '--datagrams', 50, '--window', 2,
                             '--sni', 'three.test', '--ca', PKI.path('ca.pem'), '--interactive',
                             host=GW6, port=5003) as client:
                client.expect('^done 0$')
                told = g.sessions()
                # 40 sessions all on one of two cores, or of two queues below: once in 2^39 runs.
                assert told['core_0'] > 0 and told['core_1'] > 0, told
                client.say('close')
                results = client.results()
                assert results['received'] == 2000, results
            g.wait_for(lambda s: s['sessions_closed'] == 44)
            workers = [g.telemetry(f'/hellogate/worker,{n}') for n in (0, 1)]
            assert all(w['forwarded'] > 0 and w['session_tx'] > 0 for w in workers), workers
            _, counters = g.stop()
            assert counters['handshakes'] == 44 and counters['refused_session_gone'] == 0, counters


def test_two_workers_two_cores_af_packet() -> None:
    spread('af_packet')


def test_closed_port_is_silent() -> None:
    with Net() as net, gateway(net, {'echo': certified()}) as g, RawPort(net) as raw:
        results = run_in_vain(net, g, lambda s: s['drop_no_listener'] >= 2, port=PORT + 1)
        assert results['hvr'] == 0, results
        assert g.stats()['hvr'] == 0
        while (frame := raw.receive()) is not None:
            assert packets.parse(frame).protocol not in (packets.ICMP, packets.UDP), frame.hex()
        g.stop()


def ping(net: Net, host: str, count: int, size: int) -> None:
    """Echo requests from a raw socket in the clients' namespace; every reply must be exact."""
    v6 = ':' in host
    with in_netns(net.client):
        sock = (socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) if v6 else
                socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP))
    with sock:
        sock.settimeout(slow(PATIENCE))
        for seq in range(count):
            body = struct.pack('!HH', 0x4847, seq) + bytes((seq + i) & 255 for i in range(size))
            request = packets.icmp(128 if v6 else 8, 0, body)
            sock.sendto(request, (host, 0))
            while True:
                reply, sender = sock.recvfrom(65536)
                reply = reply if v6 else reply[20:]
                if sender[0] == host and reply[0] == (129 if v6 else 0):
                    break
            assert reply[1] == 0 and reply[4:] == body, (seq, reply.hex())


def answers(driver: str) -> None:
    need_ipv6()
    mac = '02:00:00:00:00:0a'
    with Net(driver) as net, gateway(net, {'echo': certified()}, port={'mac': mac}) as g:
        for host in (GW4, GW6):
            ping(net, host, 5, 56)
            ping(net, host, 2, 1400)
            assert neighbour(net, host) == mac
        stats = g.stats()
        assert stats['echo_replies'] == 14, stats
        assert stats['arp_replies'] >= 1 and stats['neighbour_adverts'] >= 1, stats
        with s_client(net, '-CAfile', PKI.path('ca.pem'), '-verify_return_error') as p:
            echo_line(p)
        g.stop()


def test_arp_nd_ping_and_own_mac_af_packet() -> None:
    answers('af_packet')


def test_arp_nd_ping_and_own_mac_af_xdp() -> None:
    answers('af_xdp')


def test_neighbour_entries_are_confirmed_by_unicast_probes() -> None:
    """The kernel probes an aged entry with unicast requests; unanswered, it would drop it."""
    need_ipv6()
    with Net() as net, gateway(net, {'echo': certified()}) as g:
        for host in (GW4, GW6):
            ping(net, host, 1, 56)
            mac = neighbour(net, host)
            before = g.stats()
            command('ip', '-n', net.client, 'neigh', 'change', host, 'lladdr', mac, 'dev',
                    net.client_if, 'nud', 'probe')
            counter = 'neighbour_adverts' if ':' in host else 'arp_replies'
            g.wait_for(lambda s: s[counter] > before[counter])
            until(lambda: 'REACHABLE' in command('ip', '-n', net.client, 'neigh', 'show', host))
        g.stop()


def tagged_hello(raw: RawPort, gateway_mac: str, tags, source: str, host: str, port: int) -> bytes:
    datagram = packets.Hello(random=port.to_bytes(32, 'big')).datagram()
    return packets.ether(gateway_mac, raw.mac.hex(':'), packets.ip_ether_type(source), packets.ip(
        source, host, packets.UDP, packets.udp(source, host, port, PORT, datagram)), tags)


def vlan(driver: str, stripped: bool) -> None:
    mac = '02:00:00:00:00:0a'
    with Net(driver) as net, gateway(net, {'echo': certified()}, port={'mac': mac}) as g, \
            RawPort(net) as raw:
        ping(net, GW4, 1, 56)
        cases = (((packets.ETHER_VLAN, 5),), ((packets.ETHER_VLAN, 3 << 13 | 4094),),
                 ((packets.ETHER_QINQ, 7), (packets.ETHER_VLAN, 100)),
                 ((packets.ETHER_VLAN, 7), (packets.ETHER_VLAN, 100)))
        port = 40000
        for tags in cases:
            for source, host in ((CL4, GW4), (CL6, GW6)):
                port += 1
                raw.send(tagged_hello(raw, mac, tags, source, host, port))
                frame = raw.wait_for(lambda f, p=port: (a := packets.parse(f)).source == host and
                                     a.destination_port == p)
                answer = packets.parse(frame)
                # The driver puts a stripped tag back as 8100, whatever it was (rte_vlan_insert).
                expected = ((packets.ETHER_VLAN, tags[0][1]),) + tags[1:] if stripped else tags
                assert answer.tags == expected, (tags, answer.tags)
                assert answer.payload[0] == packets.HANDSHAKE and answer.payload[13] == 3
        raw.send(tagged_hello(raw, mac, ((packets.ETHER_VLAN, 1),) * 3, CL4, GW4, 50000))
        g.wait_for(lambda s: s['drop_vlan_depth'] == 1)
        _, counters = g.stop()
        assert counters['hvr'] == 2 * len(cases), counters


def test_vlan_tags_af_packet() -> None:
    """The kernel strips the outer tag into metadata, the driver puts it back."""
    vlan('af_packet', True)


def test_vlan_tags_af_xdp() -> None:
    vlan('af_xdp', False)


SOL_PACKET, PACKET_VNET_HDR = 263, 15
NEEDS_CSUM = 1  # VIRTIO_NET_HDR_F_NEEDS_CSUM


def send_by_kernel(net: Net, frame: bytes, l4: int) -> None:
    """A frame whose UDP checksum is still to come, as the kernel sees it: it, or its card, fills it in."""
    with in_netns(net.client):
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    with sock:
        sock.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        sock.bind((net.client_if, 0))
        sock.send(struct.pack('=BBHHHH', NEEDS_CSUM, 0, l4 + 8, 0, l4, 6) + frame)


def left_out(net: Net, g: Gateway, number: int) -> int:
    """Handshakes, records and pings by the clients' kernel, hellos with tags: how many datagrams."""
    for host in (GW4, GW6):
        assert run_client(net, '--datagrams', 20, host=host)['received'] == 20
        command('ping', '-q', '-c', '2', '-i', '0.1', '-w', str(int(slow(10))), host, netns=net.client)
    mac = packets.mac(neighbour(net, GW4)).hex(':')
    with RawPort(net) as raw:
        for count, (source, host) in enumerate(((CL4, GW4), (CL6, GW6))):
            for tags in (), ((packets.ETHER_VLAN, 5),), ((packets.ETHER_VLAN, 7), (packets.ETHER_VLAN, 9)):
                port = 42000 + number * 10 + count * 3 + len(tags)
                payload = packets.Hello(random=port.to_bytes(32, 'big')).datagram()
                partial = packets.partial_sum(source, host, packets.UDP, 8 + len(payload))
                frame = packets.ether(mac, raw.mac.hex(':'), packets.ip_ether_type(source), packets.ip(
                    source, host, packets.UDP, packets.udp(source, host, port, PORT, payload,
                                                           checksum=partial)), tags)
                send_by_kernel(net, frame, len(frame) - len(payload) - 8)
                answer = packets.parse(raw.wait_for(
                    lambda f, p=port: packets.parse(f).destination_port == p))
                assert answer.payload[13] == packets.HELLO_VERIFY_REQUEST, answer
    stats = g.wait_for(lambda s: s['sessions_closed'] == 2)
    assert stats['drop_udp_checksum'] == stats['drop_icmp_checksum'] == 0, stats
    assert stats['echo_replies'] >= 4 and stats['neighbour_adverts'] >= 1, stats
    return stats['hvr'] + stats['forwarded']


def checksums(driver: str) -> None:
    """A sender on the same host leaves UDP checksums to a card that is not there, or it does not."""
    for number, sums in enumerate(('on', 'off')):
        with Net(driver) as net:
            command('ethtool', '-K', net.client_if, 'tx', sums, netns=net.client)
            with gateway(net, {'echo': certified()}) as g:
                datagrams = left_out(net, g, number)
                _, counters = g.stop()
                wanted = datagrams if sums == 'on' else 0
                assert counters['partial_checksums'] == wanted, (datagrams, counters)


def test_checksums_left_out_or_not_af_packet() -> None:
    checksums('af_packet')


def test_checksums_left_out_or_not_af_xdp() -> None:
    checksums('af_xdp')


def test_checksums_left_out_are_wrong_at_a_card() -> None:
    """With a profile that says nothing of them, as those of network cards."""
    with Net() as net:
        profile = PKI.directory / 'card.ini'
        profile.write_text(re.sub(r'(?m)^partial-checksum.*$', '', (
            SOURCE / 'pmd-config' / 'net_af_packet.ini').read_text()))
        with gateway(net, {'echo': certified()}, port={'profile': profile}) as g:
            for host in (GW4, GW6):
                results = run_client(net, '--deadline', 2, host=host, expect=1)
                assert results['hvr'] == 0, results
            stats = g.wait_for(lambda s: s['drop_udp_checksum'] >= 2)
            assert stats['hvr'] == stats['partial_checksums'] == 0, stats
            g.stop()


def test_two_ports_one_gateway() -> None:
    """A second port with an address of its own: replies leave by the port the packet came from."""
    need_ipv6()
    with Net() as net:
        second, peer = f'hgx{net.gateway_if[3:]}', f'hgy{net.gateway_if[3:]}'
        command('ip', 'link', 'add', second, 'netns', net.gateway, 'type', 'veth', 'peer', 'name',
                peer, 'netns', net.client)
        kernel_ipv6(net.gateway, second)
        command('ip', '-n', net.gateway, 'link', 'set', second, 'up')
        command('ip', '-n', net.client, 'link', 'set', peer, 'up')
        command('ip', '-n', net.client, 'addr', 'add', '198.19.0.2/24', 'dev', peer)
        listeners = {'echo': certified(bind=f'0.0.0.0:{PORT}, [::]:{PORT}')}
        extra = {'port lan': {'profile': net.profile(), 'device': f'net_af_packet1,iface={second}',
                              'address': '198.19.0.1/24'}}
        with gateway(net, listeners, sections=extra) as g:
            for host in (GW4, '198.19.0.1', GW6):
                assert run_client(net, '--datagrams', 20, host=host)['received'] == 20
            ports = g.telemetry('/hellogate/ports')
            assert set(ports) == {'wan', 'lan'}, ports
            assert all(p['link_up'] == 1 and p['queues'] == 1 for p in ports.values()), ports
            g.stop()


run(globals())
