#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The life of sessions: traffic, caps, timeouts, how they end, what they survive."""
from __future__ import annotations

import contextlib
import socket

from clock import movable
from harness import (CL4, GW4, PORT, EchoServer, Gateway, Net, Pki, RawPort, command, dtls_client,
                     echo_line, gateway, in_netns, need_ipv6, neighbour, packets, run, run_client,
                     run_in_vain, s_client, until)

PKI = Pki()
SESSIONS = '/hellogate/sessions'
ECHO = {'certificate': PKI.leaf('server'), 'private_key': PKI.path('server.key')}


def live(g: Gateway, sessions: int, half_open: int = 0) -> None:
    """Waits until that many sessions exist."""
    g.wait_for(lambda s: s['sessions'] == sessions and s['half_open'] == half_open,
               command=SESSIONS)


def test_ten_thousand_datagrams_come_back() -> None:
    with Net() as net, EchoServer(net.gateway) as server, \
            gateway(net, {'echo': {**ECHO, 'upstream': f'127.0.0.1:{server.port}'}}) as g:
        results = run_client(net, '--datagrams', 10000, '--size', 1000, '--window', 16)
        assert results['received'] == 10000 and results['wrong'] == results['late'] == 0, results
        assert server.count == 10000 and len(server.peers) == 1
        g.wait_for(lambda s: s['sessions_closed'] == 1)
        _, counters = g.stop()
        assert counters['client_datagrams'] == counters['upstream_tx'] == 10000, counters
        assert counters['upstream_rx'] == 10000, counters
        assert counters['client_bytes'] == 10000 * 1000, counters


def test_upstream_over_ipv6() -> None:
    need_ipv6()
    with Net() as net, EchoServer(net.gateway, '::1') as server, \
            gateway(net, {'echo': {**ECHO, 'upstream': f'[::1]:{server.port}'}}) as g:
        assert run_client(net, '--datagrams', 20)['received'] == 20
        assert server.count == 20
        g.stop()


def test_two_hundred_clients_at_once() -> None:
    with Net() as net, EchoServer(net.gateway) as server, \
            gateway(net, {'echo': {**ECHO, 'upstream': f'127.0.0.1:{server.port}'}}) as g:
        with dtls_client(net, '--sessions', 200, '--datagrams', 5, '--interactive') as client:
            client.expect('^done 0$')
            live(g, 200)
            assert len(server.peers) == 200  # nobody's datagrams share a socket with another's
            client.say('echo 5')
            client.expect('^done 1$')
            client.say('close')
            results = client.results()
            assert results['handshakes'] == 200 and results['received'] == 2000, results
        g.wait_for(lambda s: s['sessions_closed'] == 200)
        live(g, 0)
        _, counters = g.stop()
        assert counters['handshakes'] == counters['hello_new'] == 200, counters


def test_reconnect_with_resumption_many_times() -> None:
    with Net() as net, gateway(net, {'echo': ECHO}) as g:
        results = run_client(net, '--sessions', 10, '--rounds', 20, '--resume')
        assert results['handshakes'] == 200 and results['resumed'] == 190, results
        g.wait_for(lambda s: s['sessions_closed'] == 200)
        _, counters = g.stop()
        assert counters['handshakes_resumed'] == 190, counters
        assert counters['hvr'] >= 200, counters


def test_clients_that_vanish_are_reaped() -> None:
    """Verified hellos and then silence: capped, reaped, and no burden for those who come after."""
    with Net() as net, movable(net, {'echo': ECHO}, half_open=10,
                               handshake_timeout=60) as (g, clock):
        with dtls_client(net, '--interactive', '--datagrams', 3) as client:
            client.expect('^done 0$')
            run_client(net, '--sessions', 20, '--vanish', '--source-port', 41000, expect=None)
            stats = g.wait_for(lambda s: s['hello_new'] + s['refused_half_open'] >= 21)
            assert stats['hello_new'] == 11, stats
            assert g.sessions()['half_open'] == 10
            client.say('echo 3')  # the established session does not notice
            client.expect('^done 1$')
            assert g.stats()['sessions_half_open_expired'] == 0
            clock.pass_by(60)
            g.wait_for(lambda s: s['sessions_half_open_expired'] == 10)
            live(g, 1)
            assert run_client(net, '--datagrams', 3)['received'] == 3
            client.say('echo 3')
            client.expect('^done 2$')
            client.say('close')
            client.results()
        g.wait_for(lambda s: s['sessions_closed'] == 2)
        live(g, 0)
        g.stop()


def test_max_sessions() -> None:
    with Net() as net, gateway(net, {'echo': ECHO}, max_sessions=64) as g:
        with dtls_client(net, '--sessions', 64, '--interactive') as client:
            client.expect('^done 0$')
            results = run_in_vain(net, g, lambda s: s['refused_sessions_full'] >= 1)
            assert results['handshakes'] == 0, results
            assert g.stats()['hello_new'] == 64, g.stats()
            client.say('echo 2')
            client.expect('^done 1$')
            client.say('close')
            client.results()
        live(g, 0)
        assert run_client(net)['handshakes'] == 1
        g.wait_for(lambda s: s['sessions_closed'] == 65)
        g.stop()


def test_the_longest_idle_session_makes_room() -> None:
    """Those in use never do: with all of them in use a new client is refused."""
    with Net() as net, movable(net, {'echo': {**ECHO, 'idle_timeout': 3600}}, max_sessions=64,
                               evict_idle=600) as (g, clock):
        with dtls_client(net, '--interactive') as quiet, \
                dtls_client(net, '--sessions', 63, '--interactive') as busy:
            quiet.expect('^done 0$')
            busy.expect('^done 0$')
            run_in_vain(net, g, lambda s: s['refused_sessions_full'] >= 1)
            assert g.stats()['sessions_evicted'] == 0
            clock.pass_by(600)
            busy.say('echo 1')
            busy.expect('^done 1$')
            with dtls_client(net, '--interactive') as new:
                new.expect('^done 0$')
                quiet.expect('^close_notify 0$')
                assert g.stats()['sessions_evicted'] == 1
                busy.say('echo 1')
                busy.expect('^done 2$')
                # Now the table is full of sessions that are in use.
                refused = g.stats()['refused_sessions_full']
                run_in_vain(net, g, lambda s: s['refused_sessions_full'] > refused)
                for client in (busy, new):
                    client.say('close')
                    assert client.results()['failed'] == 0
            stats = g.wait_for(lambda s: s['sessions_closed'] == 64)
            assert stats['sessions_evicted'] == 1, stats
        live(g, 0)
        g.stop()


def test_idle_session_ends_with_close_notify() -> None:
    with Net() as net, movable(net, {'echo': {**ECHO, 'idle_timeout': 3600}}) as (g, clock):
        with dtls_client(net, '--sessions', 3, '--interactive') as client:
            client.expect('^done 0$')
            clock.pass_by(3000)
            run_client(net)  # the core has seen the time by now
            assert g.stats()['sessions_idle'] == 0
            clock.pass_by(601)
            for session in range(3):
                client.expect(f'^close_notify {session}$')
            assert client.results(expect=0)['closed'] == 3
        g.wait_for(lambda s: s['sessions_idle'] == 3 and s['sessions_closed'] == 1)
        live(g, 0)
        g.stop()


def test_traffic_keeps_a_session_from_idling_out() -> None:
    with Net() as net, movable(net, {'echo': {**ECHO, 'idle_timeout': 3600}}) as (g, clock):
        with dtls_client(net, '--interactive') as client:
            client.expect('^done 0$')
            for series in range(1, 6):
                clock.pass_by(3000)
                client.say('echo 1')
                client.expect(f'^done {series}$')
            assert g.stats()['sessions_idle'] == 0
            client.say('close')
            assert client.results()['closed'] == 0
        g.wait_for(lambda s: s['sessions_closed'] == 1)
        g.stop()


def test_close_notify_of_the_client_ends_the_session() -> None:
    with Net() as net, EchoServer(net.gateway) as server, \
            gateway(net, {'echo': {**ECHO, 'upstream': f'127.0.0.1:{server.port}'}}) as g:
        with dtls_client(net, '--interactive', '--datagrams', 2) as client:
            client.expect('^done 0$')
            live(g, 1)
            client.say('close')
            g.wait_for(lambda s: s['sessions_closed'] == 1)
            live(g, 0)
            client.results()
        # The upstream socket went with it: what the upstream sends now reaches nobody.
        peer, = server.peers
        with in_netns(net.gateway), open('/proc/net/udp', encoding='ascii') as sockets:
            assert f':{peer[1]:04X} ' not in sockets.read()
        g.stop()


def test_sigterm_drains() -> None:
    with Net() as net, gateway(net, {'echo': ECHO}) as g:
        with dtls_client(net, '--sessions', 10, '--interactive') as client:
            client.expect('^done 0$')
            code, counters = g.stop()
            assert code == 0 and counters['sessions_drained'] == 10, counters
            results = client.results(expect=0)
            assert results['closed'] == 10, results


def test_sigint_drains_in_the_middle_of_traffic() -> None:
    with Net() as net, gateway(net, {'echo': ECHO}) as g:
        with dtls_client(net, '--sessions', 10, '--datagrams', 1000000, '--window', 4) as client:
            g.wait_for(lambda s: s['client_datagrams'] > 1000)
            code, counters = g.stop(2)
            assert code == 0, counters
            client.expect('^close_notify 9$')
            results = client.results(expect=1)
            assert results['closed'] == 10 and results['wrong'] == 0, results


def test_upstream_down_and_up_again() -> None:
    with Net() as net:
        server = EchoServer(net.gateway)
        with server, gateway(
                net, {'echo': {**ECHO, 'upstream': f'127.0.0.1:{server.port}'}}) as g, \
                dtls_client(net, '--interactive', '--datagrams', 5) as client:
            client.expect('^done 0$')
            server.__exit__()
            series = send_until(g, client, 0, lambda s: s['upstream_tx_dropped'] >= 2)
            live(g, 1)
            with EchoServer(net.gateway, port=server.port) as again:
                series = send_until(g, client, series, lambda s: s['upstream_rx'] > 5)
                assert again.count >= 1
                client.say('echo 20')
                client.expect(f'^done {series + 1}$')
                client.say('close')
                results = client.results()
                assert results['handshakes'] == 1 and results['failed'] == 0, results
            g.wait_for(lambda s: s['sessions_closed'] == 1)
            _, counters = g.stop()
            # A datagram that an ICMP error came for counts twice: as sent, and as dropped.
            assert counters['upstream_tx'] >= 25 and counters['upstream_rx'] >= 25, counters


def send_until(g: Gateway, client, series: int, condition) -> int:
    """Sends datagrams, each as soon as the one before was decrypted, until a counter tells."""
    while not condition(g.stats()):
        assert series < 1000, g.stats()
        series += 1
        before = g.stats()['client_datagrams']
        client.say('send 1')
        client.expect(f'^done {series}$')
        g.wait_for(lambda s, before=before: s['client_datagrams'] > before)
    return series


def link_down_and_up(driver: str, client_end: bool) -> None:
    with Net(driver) as net, gateway(net, {'echo': ECHO}) as g, \
            dtls_client(net, '--interactive', '--sessions', 3, '--datagrams', 5) as client:
        client.expect('^done 0$')
        end = (net.client, net.client_if) if client_end else (net.gateway, net.gateway_if)
        command('ip', '-n', end[0], 'link', 'set', end[1], 'down')
        if not client_end:  # the client's kernel refuses to send when its own end is down
            client.say('send 3')
            client.expect('^done 1$')
        live(g, 3)
        command('ip', '-n', end[0], 'link', 'set', end[1], 'up')
        wait_for_path(net)
        client.say('echo 50')
        client.expect(f'^done {1 if client_end else 2}$')
        assert run_client(net, '--datagrams', 5)['handshakes'] == 1
        client.say('close')
        assert client.results()['failed'] == 0
        g.wait_for(lambda s: s['sessions_closed'] == 4)
        g.stop()


def wait_for_path(net: Net) -> None:
    """Waits until hellos are answered again."""
    with in_netns(net.client):
        probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    def answered() -> bool:
        with contextlib.suppress(OSError):
            probe.sendto(packets.Hello().datagram(), (GW4, PORT))
            return bool(probe.recv(2048))
        return False

    with probe:
        probe.settimeout(0.2)
        until(answered, lambda: 'no answer after the link came back')


def test_link_of_the_gateway_down_and_up_af_packet() -> None:
    link_down_and_up('af_packet', False)


def test_link_of_the_client_down_and_up_af_packet() -> None:
    link_down_and_up('af_packet', True)


def test_link_of_the_gateway_down_and_up_af_xdp() -> None:
    link_down_and_up('af_xdp', False)


def test_link_down_and_up_tap() -> None:
    link_down_and_up('tap', True)


def frame(net: Net, raw: RawPort, port: int, datagram: bytes) -> bytes:
    return packets.ether(neighbour(net, GW4), raw.mac.hex(':'), packets.ETHER_IPV4, packets.ipv4(
        CL4, GW4, packets.UDP, packets.udp(CL4, GW4, port, PORT, datagram)))


def test_forged_datagrams_do_not_touch_a_session() -> None:
    """Whatever somebody sends from a live session's address and port, the session goes on."""
    port = 42000
    with Net() as net, EchoServer(net.gateway) as server, \
            gateway(net, {'echo': {**ECHO, 'upstream': f'127.0.0.1:{server.port}'}}) as g, \
            dtls_client(net, '--interactive', '--source-port', port) as client, \
            RawPort(net) as raw:
        client.expect('^done 0$')
        junk = bytes(range(64))
        forged = [
            packets.record(junk, kind=packets.APPLICATION_DATA, epoch=1, seq=100 + n,
                           version=packets.DTLS_1_2) for n in range(50)]
        forged += [
            packets.record(b'\x02\x28', kind=packets.ALERT, version=packets.DTLS_1_2),  # fatal
            packets.record(b'\x01\x00', kind=packets.ALERT, version=packets.DTLS_1_2),  # close
            packets.record(junk, kind=packets.ALERT, epoch=1, seq=900, version=packets.DTLS_1_2),
            packets.record(b'plain text', kind=packets.APPLICATION_DATA, version=packets.DTLS_1_2),
            packets.record(b'\x01', kind=packets.CHANGE_CIPHER_SPEC, version=packets.DTLS_1_2),
            packets.record(packets.handshake(b'', kind=0), version=packets.DTLS_1_2),
            packets.record(packets.handshake(b'x' * 40, kind=20, seq=9), version=packets.DTLS_1_2),
            packets.record(junk, kind=packets.HANDSHAKE, epoch=1, seq=901,
                           version=packets.DTLS_1_2)]
        for datagram in forged:
            raw.send(frame(net, raw, port, datagram))
        g.wait_for(lambda s: s['records'] + sum(v for k, v in s.items() if k.startswith('drop_'))
                   >= len(forged))
        client.say('echo 20')
        client.expect('^done 1$')
        assert server.count == 21
        live(g, 1)
        client.say('close')
        results = client.results()
        assert results['failed'] == results['closed'] == results['wrong'] == 0, results
        g.wait_for(lambda s: s['sessions_closed'] == 1)
        _, counters = g.stop()
        assert counters['client_datagrams'] == 21, counters


def test_cookieless_hello_from_a_live_session_gets_a_request_and_changes_nothing() -> None:
    port = 42001
    with Net() as net, gateway(net, {'echo': ECHO}) as g, \
            dtls_client(net, '--interactive', '--source-port', port) as client, \
            RawPort(net) as raw:
        client.expect('^done 0$')
        hello = packets.Hello(random=b'\xa5' * 32).datagram(record_seq=77)
        raw.send(frame(net, raw, port, hello))
        answer = packets.parse(raw.wait_for(
            lambda f: packets.parse(f).payload[5:11] == packets.u48(77)))
        assert answer.payload[13] == packets.HELLO_VERIFY_REQUEST
        assert len(answer.payload) <= len(hello)
        stats = g.stats()
        assert stats['hvr'] == 2 and stats['hello_beside'] == 0, stats
        live(g, 1)
        client.say('echo 10')
        client.expect('^done 1$')
        client.say('close')
        assert client.results()['failed'] == 0
        g.wait_for(lambda s: s['sessions_closed'] == 1)
        _, counters = g.stop()
        assert counters['sessions_opened'] == 1, counters


def test_client_that_restarts_on_its_port_replaces_its_session() -> None:
    with Net() as net, gateway(net, {'echo': ECHO}) as g:
        for count in range(1, 6):
            results = run_client(net, '--source-port', 42002, '--leave', '--datagrams', 3)
            assert results['received'] == 3, results
            live(g, 1)
            stats = g.stats()
            assert stats['hello_beside'] == stats['sessions_replaced'] == count - 1, stats
        _, counters = g.stop()
        assert counters['sessions_opened'] == counters['handshakes'] == 5, counters
        assert counters['sessions_drained'] == 1, counters


def test_session_is_replaced_only_after_the_new_finished() -> None:
    """RFC 6347 section 4.2.8: a verified hello alone proves an address, not who sits there."""
    with Net() as net, gateway(net, {'echo': ECHO}) as g, \
            dtls_client(net, '--interactive', '--datagrams', 3) as client:
        client.expect('^done 0$')
        client.say('again')  # a new handshake from the same socket, as far as its second hello
        client.expect('^again$')
        g.wait_for(lambda s: s['hello_beside'] == 1)
        live(g, 2, half_open=1)
        client.say('echo 10')  # the old session goes on meanwhile
        client.expect('^done 1$')
        assert g.stats()['sessions_replaced'] == 0
        client.say('finish')
        client.expect('^done 2$')
        g.wait_for(lambda s: s['sessions_replaced'] == 1)
        live(g, 1)
        client.say('echo 10')
        client.expect('^done 3$')
        client.say('close')
        results = client.results()
        assert results['handshakes'] == 2 and results['failed'] == 0, results
        g.wait_for(lambda s: s['sessions_closed'] == 1)
        g.stop()


def test_s_client_renegotiation_is_refused() -> None:
    with Net() as net, gateway(net, {'echo': ECHO}) as g:
        with s_client(net, '-cipher', 'ECDHE-ECDSA-AES128-GCM-SHA256') as p:
            echo_line(p)
            p.send('R\n')
            p.expect('RENEGOTIATING')
            p.expect('(?i)no renegotiation|alert|error')
            p.end_input()
        stats = g.stats()
        assert stats['handshakes'] == 1, stats
        g.stop()


run(globals())
