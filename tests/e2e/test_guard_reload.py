#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What changes at a bridge and its guards while frames pass: configurations, links, and the end."""
from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
from typing import Iterator

from harness import (CL4, GW4, GW6, PATIENCE, PORT, EchoServer, Gateway, Net, command,
                     configuration, dtls_client, in_netns, packets, process, run, running, slow)
from line import Line, ask, bridge, cookie_of, finish, ping, preloaded, server, signalled, tcp
from web import METRICS, samples
from web import ask as ask_metrics

BOTH, FOUR = f'{GW4}:{PORT}, [{GW6}]:{PORT}', f'{GW4}:{PORT}'


@contextlib.contextmanager
def traffic(net: Line) -> Iterator[list[str]]:
    """Pings and megabytes over TCP both ways until the end; what went wrong is in the list."""
    faults: list[str] = []
    end = threading.Event()
    rounds = threading.Semaphore(0)

    def transfer() -> None:
        try:
            while not end.is_set():
                for host in (GW4, GW6):
                    tcp(net, host)
                rounds.release()
        except Exception as why:  # noqa: BLE001: the test's own thread tells
            faults.append(repr(why))

    thread = threading.Thread(target=transfer)
    with process('ping', '-f', '-q', GW4, netns=net.client), \
            process('ping', '-f', '-q', CL4, netns=net.server):
        thread.start()
        try:
            yield faults
            assert rounds.acquire(timeout=slow(PATIENCE)) or faults
        finally:
            end.set()
            thread.join()


def test_reload_under_traffic() -> None:
    """Guards come and go, guard-fail and guard-unproved turn, and nothing else is touched."""
    with Line() as net, server(net) as s, bridge(net, bind='', user='root') as g:
        options = [{'bind': bind, 'guard_fail': fail, 'guard_unproved': unproved}
                   for fail, unproved in (('closed', 'pass'), ('open', 'drop'))
                   for bind in (FOUR, BOTH, f'198.18.0.77:{PORT}', '')]
        with traffic(net) as faults:
            for chosen in options * 2:
                signalled(g, net.settings(user='root', **chosen))
                with dtls_client(net, '--sessions', 2, '--datagrams', 5) as client:
                    assert client.results()['received'] == 10
        assert not faults, faults
        _, counters = g.stop()
        counts = finish(s)
        guarded = 2 * sum(GW4 in chosen['bind'] for chosen in options * 2)
        assert counts['handshakes'] == 4 * len(options), counts
        assert counters['guard_hellos'] >= guarded, counters
        # Without a guard the server asks itself.
        assert counts['cookie_none'] >= 4 * len(options) - guarded, counts
        for name in ('bridge_full', 'guard_hidden', 'guard_full'):
            assert counters[f'drop_{name}'] == 0, counters


def with_options(net: Line, host: str) -> socket.socket:
    """A socket that puts into each packet what a guard does not look behind."""
    with in_netns(net.client):
        sock = socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET, socket.SOCK_DGRAM)
    if ':' in host:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_DSTOPTS, b'\0\0\1\4\0\0\0\0')
    else:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, b'\1\1\1\1')
    sock.settimeout(slow(PATIENCE))
    sock.connect((host, PORT))
    return sock


def test_guard_fail_turns() -> None:
    """Closed, open, closed: of what cannot be judged each packet goes by what holds then."""
    with Line() as net, EchoServer(net.server, '::', PORT) as guarded, \
            bridge(net, user='root') as g, with_options(net, GW4) as four, \
            with_options(net, GW6) as six:
        passed = 0
        for number, fail in enumerate(('closed', 'open', 'closed', 'open'), 1):
            signalled(g, net.settings(user='root', guard_fail=fail))
            for sock, counter in ((four, 'drop_ipv4_options'), (six, 'drop_ipv6_extension')):
                sock.send(b'%d' % number)
                if fail == 'open':
                    assert sock.recv(100) == b'%d' % number
                    passed += 1
                else:
                    g.wait_for(lambda c, name=counter, n=(number + 1) // 2: c[name] == n)
            assert guarded.count == passed == g.stats()['guard_unjudged']
        g.stop()


def test_guard_unproved_turns() -> None:
    """Who has shown a cookie while it counted stays known while it does not; others begin again."""
    record = packets.record(bytes(40), kind=packets.APPLICATION_DATA, epoch=1)
    with Line() as net, EchoServer(net.server, '::', PORT) as guarded, \
            bridge(net, user='root') as g:
        def turn(unproved: str, bind: str = BOTH) -> None:
            signalled(g, net.settings(user='root', guard_unproved=unproved, bind=bind))

        def prove() -> socket.socket:
            sock, answer = ask(net, packets.Hello().datagram())
            sock.send(packets.Hello(cookie=cookie_of(answer)).datagram())
            sock.recv(65536)  # it has passed, and come back
            return sock

        def passes(sock: socket.socket) -> bool:
            before = g.stats()
            sock.send(record)
            after = g.wait_for(lambda c: any(c[n] > before[n] for n in (
                'guard_datagrams', 'drop_guard_unproved')))
            known = after['guard_datagrams'] > before['guard_datagrams']
            if known:
                assert sock.recv(65536) == record
            return known

        with prove() as unnoticed:
            assert passes(unnoticed)
            turn('drop')
            assert not passes(unnoticed)
            with prove() as known:
                assert passes(known)
                turn('pass')
                assert passes(known) and passes(unnoticed)
                turn('drop')
                assert passes(known) and not passes(unnoticed)
                turn('drop', '')  # no guard: everything passes, and nothing is counted
                unnoticed.send(record)
                assert unnoticed.recv(65536) == record
                turn('drop')
                assert passes(known) and not passes(unnoticed)
        assert guarded.count == 2 + 6 + 1, guarded.count  # hellos, judged, unguarded
        g.stop()


def test_refused_reload() -> None:
    """What cannot change is told by one sentence with its line, and all goes on as before."""
    with Line() as net, server(net) as s, bridge(net, user='root') as g:
        text = net.settings(user='root')
        for more, wrong in ((lambda t: t.replace('wan, lan', 'lan, wan'), 'bridge'),
                            (lambda t: t.replace('[port lan]', '[port lan]\nmtu = 1500'), 'mtu'),
                            (lambda t: t.replace('[gateway]', '[gateway]\nguard-table = 128'),
                             'guard-table'),
                            (lambda t: t.replace('[gateway]', '[gateway]\nguard-timeout = 9'),
                             'guard-timeout')):
            changed = more(text)
            line, = [number for number, one in enumerate(changed.splitlines(), 1)
                     if one.startswith(f'{wrong} = ')]
            told = g.telemetry('/hellogate/config')
            said = signalled(g, changed, 'not reloaded')
            assert said == (f'not reloaded: {g.config}:{line}: {wrong} cannot change while '
                            f'hellogate runs: restart it'), said
            assert g.telemetry('/hellogate/config') == told
        said = signalled(g, text.replace('mode = guard', 'mode = guard\nupstream = echo'),
                         'not reloaded')
        assert 'with mode = guard there is no upstream' in said, said
        ping(net, GW6, 56)
        with dtls_client(net, '--sessions', 2, '--datagrams', 5) as client:
            assert client.results()['received'] == 10
        _, counters = g.stop()
        counts = finish(s)
        assert counters['guard_hellos'] >= counts['cookie_valid'] == 2, (counters, counts)
        assert counts['cookie_none'] == 0, counts


@contextlib.contextmanager
def taps(lan: str = 'net_tap1,iface=hgtap1', env: dict[str, str] | None = None,
         **options) -> Iterator[tuple[Net, Gateway]]:
    """A bridge of two interfaces that the gateway makes: whose links it can set."""
    with Net('tap') as net:
        config = configuration(
            net, {}, port={'address': None}, sections={'port lan': {'device': lan}},
            bridge='wan, lan', user='root', **options)
        with running(Gateway(config, netns=net.gateway, env=env), net) as g:
            yield net, g


def links(net: Net) -> dict[str, bool]:
    """Of the taps: is the interface up?"""
    told = command('ip', '-n', net.gateway, '-o', 'link', 'show')
    return {name: 'UP' in flags.split(',')
            for name, flags in re.findall(r'^\d+: (hgtap\d): <([^>]*)>', told, re.M)}


def wait_for_links(net: Net, **wanted: bool) -> None:
    end = time.monotonic() + slow(PATIENCE)
    while links(net) != wanted:
        assert time.monotonic() < end, links(net)
        time.sleep(0.05)


def set_link(net: Net, name: str, state: str) -> None:
    command('ip', '-n', net.gateway, 'link', 'set', name, state)


def test_links_are_mirrored() -> None:
    """Both ways, and told by telemetry and metrics: which is cut, and which is held."""
    with taps(metrics=f'{METRICS[0]}:{METRICS[1]}') as (net, g):
        wait_for_links(net, hgtap0=True, hgtap1=True)
        for one, other in (('hgtap0', 'hgtap1'), ('hgtap1', 'hgtap0')):
            for _ in range(2):
                set_link(net, one, 'down')
                wait_for_links(net, **{one: False, other: False})
                cut, held = ('wan', 'lan') if one == 'hgtap0' else ('lan', 'wan')
                g.wait_for(lambda p, up=cut, down=held: not p[up]['link_held'] and
                           p[down]['link_held'] and not p[down]['link_up'],
                           command='/hellogate/ports')
                told = samples(ask_metrics(net).text)
                for name in (cut, held):
                    assert told[f'hellogate_port_link_held{{port="{name}"}}'] == (name == held)
                set_link(net, one, 'up')
                wait_for_links(net, **{one: True, other: True})
                g.wait_for(lambda p: p['wan']['link_up'] and p['lan']['link_up'],
                           command='/hellogate/ports')
        g.stop()
    told = re.findall(r'port (\w+): link (held down|released)', g.process.stderr)
    pair = lambda name: [(name, 'held down'), (name, 'released')] * 2  # noqa: E731
    assert told == pair('lan') + pair('wan'), told


def test_a_link_that_cannot_be_held() -> None:
    """It is told once, and nothing else comes of it."""
    with taps(lan='net_null1,no-rx=1') as (net, g):
        for _ in range(2):
            for state, up in (('down', 0), ('up', 1)):
                set_link(net, 'hgtap0', state)
                g.wait_for(lambda p, up=up: p['wan']['link_up'] == up, command='/hellogate/ports')
        g.stop()
    assert 'held down' not in g.process.stderr, g.log()
    told = re.findall(r'port (\w+): the device cannot set its link down', g.process.stderr)
    assert told == ['lan'], told


def test_links_at_the_end() -> None:
    """guard-fail as it is at the end says what becomes of them, before the devices are stopped."""
    env = preloaded('flow_recorder')
    down, up = '{} link down'.format, '{} link up'.format
    for begun, ended, held, wanted in (
            ('closed', 'closed', False, [down(0), down(1)]),
            ('open', 'open', False, []),
            ('open', 'closed', True, [down(1), down(0)]),
            ('closed', 'open', True, [down(1), up(1)])):
        with taps(env=env, guard_fail=begun) as (net, g):
            if held:
                set_link(net, 'hgtap0', 'down')
                wait_for_links(net, hgtap0=False, hgtap1=False)
                g.process.expect('port lan: link held down', stream='err')
            if ended != begun:
                signalled(g, g.config.read_text().replace(f'guard-fail = {begun}',
                                                          f'guard-fail = {ended}'))
            g.stop()
        told = re.findall(r'^flow: port (\d (?:link down|link up|stop))$', g.process.stderr, re.M)
        assert told[:len(wanted)] == wanted, (begun, ended, told)
        assert sorted(told[len(wanted):]) == ['0 stop', '1 stop'], (begun, ended, told)
        assert g.process.stderr.count('link released') == (ended == 'open' and held), g.log()


run(globals(), ipv6=True)
