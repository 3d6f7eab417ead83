#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Gateways with one secret behind a router that spreads flows over them (docs/fleet.md)."""
from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import signal
import time
import types
from typing import Callable, Iterator

from harness import (GW4, GW6, PATIENCE, PORT, Client, Gateway, Net, Pki, RawPort, command,
                     configuration, dtls_client, kernel_ipv6, packets, run, running, set_sysctl,
                     slow)
from impair import Lane, Path, Proxy, is_second_hello

PKI = Pki()
ECHO = {'certificate': PKI.leaf('server'), 'private_key': PKI.path('server.key')}
SECRET_FILE, NEW_SECRET_FILE = (PKI.directory / name for name in ('cookie.secret', 'new.secret'))
SECRET_FILE.write_text(bytes(range(32)).hex() + '\n')
NEW_SECRET_FILE.write_text(bytes(range(32, 64)).hex() + '\n')
CLIENTS4, CLIENTS6 = '198.19.1', '2001:2:0:a:'  # the networks that all of the clients' are in
OWN = [(f'198.18.{n}.1', f'2001:2:0:{n}::1') for n in (9, 10)]  # addresses of the nodes
WAVE, WAVES = 100, 10
KILLED = {4: 0, 7: 1}  # in these waves that node is killed
REFUSED = ('cookie_malformed', 'cookie_unknown_epoch', 'cookie_expired', 'cookie_wrong_tag')


class Fleet(Net):
    """Clients, a router, and two nodes that both have the service's addresses. Each node has a link
    to the router and addresses of its own on it, which are the next hops of the service's."""

    def __init__(self) -> None:
        super().__init__()
        self.router = f'hg{os.getpid()}r'
        self.hosts = [f'hg{os.getpid()}n{i}' for i in (1, 2)]
        self.links = [f'hgn{os.getpid()}{i}' for i in (1, 2)]  # the router's ends
        self.router_if = f'hgr{os.getpid()}'

    def namespaces(self) -> set[str]:
        return {self.client, self.router, *self.hosts}

    def join(self) -> None:
        for host, link in zip(self.hosts, self.links):
            self._link(host, self.gateway_if, link)
        self._link(self.client, self.client_if, self.router_if)
        for name in ('ipv4/ip_forward', 'ipv6/conf/all/forwarding',
                     'ipv4/fib_multipath_hash_policy', 'ipv6/fib_multipath_hash_policy'):
            set_sysctl(self.router, f'net/{name}', 1)
        for n, link in enumerate((self.router_if, *self.links)):
            self._address_of(self.router, link, f'198.18.{8 + n}.254/24',
                             f'2001:2:0:{8 + n}::fe/64')
        self._address_of(self.client, self.client_if, '198.18.8.1/24', '2001:2:0:8::1/64')
        for network, client, router in (
                (f'{CLIENTS4}.0/24', '198.18.8.1', '198.18.8.254'),
                (f'{CLIENTS6}:/64', '2001:2:0:8::1', '2001:2:0:8::fe')):
            command('ip', '-n', self.client, 'route', 'add', 'default', 'via', router)
            command('ip', '-n', self.client, 'route', 'add', 'local', network, 'dev', 'lo')
            command('ip', '-n', self.router, 'route', 'add', network, 'via', client)
        self.route(0, 1)

    def _link(self, host: str, interface: str, router_if: str) -> None:
        command('ip', 'link', 'add', interface, 'netns', host, 'type', 'veth',
                'peer', 'name', router_if, 'netns', self.router)
        if host in self.hosts:  # whoever shares it with the gateway must not answer beside it
            kernel_ipv6(host, interface)
        command('ip', '-n', host, 'link', 'set', interface, 'up')
        command('ip', '-n', self.router, 'link', 'set', router_if, 'up')

    def _address_of(self, host: str, interface: str, v4: str, v6: str) -> None:
        command('ip', '-n', host, 'addr', 'add', v4, 'dev', interface)
        command('ip', '-n', host, 'addr', 'add', v6, 'dev', interface, 'nodad')

    def route(self, *nodes: int) -> None:
        """The next hops of the service, in this order.

        The kernel divides what flows hash to into as many parts as there are next hops, and gives
        them out in their order. So when two change places, every flow changes its node.
        """
        for service, hop in (GW4, 0), (GW6, 1):
            hops = [word for n in nodes for word in ('nexthop', 'via', OWN[n][hop])]
            command('ip', '-n', self.router, 'route', 'replace', service, *hops)

    def configuration(self, node: int, **options) -> str:
        """The same for all but for the node's own addresses."""
        v4, v6 = OWN[node]
        address = f'{v4}/24, {v6}/64, {GW4}/32, {GW6}/128'
        return configuration(self, {'echo': ECHO}, port={'address': address}, **{
            'cookie_secret': SECRET_FILE, 'cookie_lifetime': 600,
            'handshake_timeout': 60, **options})

    def find(self, node: int) -> None:
        """Makes the router know the node's MAC address, so that no packet waits for that."""
        for own in OWN[node]:
            command('ping', '-q', '-c', '1', '-w', str(int(slow(PATIENCE))), own, netns=self.router)


@contextlib.contextmanager
def fleet(**options) -> Iterator[tuple[Fleet, list[Gateway]]]:
    with Fleet() as net, contextlib.ExitStack() as later:
        nodes = [later.enter_context(running(
            Gateway(net.configuration(n, **options), netns=host))) for n, host in
            enumerate(net.hosts)]
        for n in range(len(nodes)):
            net.find(n)
        yield net, nodes


@dataclasses.dataclass
class Seen:
    """To which nodes the router has sent what of one flow."""
    first: set[int] = dataclasses.field(default_factory=set)
    second: set[int] = dataclasses.field(default_factory=set)
    rest: set[int] = dataclasses.field(default_factory=set)


class Watch:
    """Looks at what the router sends to the nodes."""

    def __init__(self, net: Fleet) -> None:
        self.taps = [RawPort(types.SimpleNamespace(client=net.router, client_if=link), True)
                     for link in net.links]

    def flows(self, source: str) -> dict[int, Seen]:
        """What it was since the last time of one client's flows, by their ports."""
        flows: dict[int, Seen] = {}
        for node, tap in enumerate(self.taps):
            while frame := tap.receive():
                packet = packets.parse(frame)
                if packet.source != source or packet.destination_port != PORT:
                    continue
                flow = flows.setdefault(packet.source_port, Seen())
                if is_second_hello(packet.payload):
                    flow.second.add(node)
                elif (packet.payload[0] == packets.HANDSHAKE and packet.payload[3:5] == b'\0\0'
                      and packet.payload[13] == packets.CLIENT_HELLO):
                    flow.first.add(node)
                else:
                    flow.rest.add(node)
        return flows

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *_) -> None:
        for tap in self.taps:
            tap.socket.close()


def until_all_wait(proxy: Proxy, lane: Lane, client: Client, count: int) -> None:
    """Until each client has its HelloVerifyRequest and has sent its second hello."""
    end = time.monotonic() + slow(PATIENCE)
    while len(waiting := {flow.number for flow, _ in list(lane.stopped)}) < count:
        proxy.check()
        if time.monotonic() > end or not client.process.alive():
            raise AssertionError(f'{len(waiting)} clients have sent their second hello')
        time.sleep(0.02)


def handshakes_with_both(net: Fleet, nodes: list[Gateway], watch: Watch, wave: int,
                         count: int = WAVE, killed: int | None = None,
                         between: Callable[[], object] = lambda: None) -> int:
    """Many clients at once whose second hellos go to the node that has not seen their first.
    What is to happen in between happens then."""
    source, service = ((f'{CLIENTS6}:{wave + 1}', GW6) if wave % 3 == 0 else
                       (f'{CLIENTS4}.{wave + 1}', GW4))
    with Proxy(net.client) as proxy:
        lane = proxy.lane(Path(), source, service)
        lane.stop = is_second_hello
        with dtls_client(net, '--sessions', count, '--datagrams', 3, '--resend', 500,
                         host='127.0.0.1', port=lane.port) as client:
            until_all_wait(proxy, lane, client, count)
            between()
            before = [g.stats() for g in nodes]
            if killed is not None:
                nodes[killed].kill()
                before[killed] = dict.fromkeys(before[killed], 0)
            net.route(*((1, 0) if wave % 2 == 0 else (0, 1)))
            if killed is not None:
                nodes[killed].start()
                net.find(killed)
            proxy.go()
            results = client.results()
        proxy.check()
    assert results['handshakes'] == results['hvr'] == count, results
    assert results['failed'] == results['unfinished'] == 0, results
    flows = watch.flows(source)
    assert len(flows) == count, len(flows)
    for port, seen in flows.items():
        assert len(seen.first) == len(seen.second) == 1 and seen.first != seen.second, (port, seen)
        assert seen.rest == seen.second, (port, seen)
    for n, g in enumerate(nodes):
        came = sum(seen.second == {n} for seen in flows.values())
        assert 0 < came < count, came
        stats = g.wait_for(lambda s, n=n, came=came: s['handshakes'] - before[n]['handshakes']
                           == s['hello_new'] - before[n]['hello_new'] == came)
        assert stats['cookie_valid'] - before[n]['cookie_valid'] >= came, stats
        assert not any(stats[k] for k in REFUSED), {k: stats[k] for k in REFUSED}
        if n == killed:
            assert stats['hvr'] == stats['cookie_none'] == 0, 'the dead node\'s are not its own'
    return len(flows)


def test_second_hello_to_the_other_node() -> None:
    """1,000 handshakes, each with both nodes; meanwhile each node is killed once and started again,
    after its HelloVerifyRequests have gone out."""
    with fleet() as (net, nodes), Watch(net) as watch:
        done = sum(handshakes_with_both(net, nodes, watch, wave, killed=KILLED.get(wave))
                   for wave in range(WAVES))
        assert done == 1000
        for g in nodes:
            g.stop()


def test_rotation_of_the_secret() -> None:
    """In the three steps of docs/fleet.md, one node after the other, while clients have both: from
    before a step to behind it, and with one node before it and one behind it."""
    old, new = SECRET_FILE, NEW_SECRET_FILE
    with fleet(user='root') as (net, nodes), Watch(net) as watch:
        def change(node: int, step: int, secret: pathlib.Path, former: pathlib.Path | None) -> None:
            g = nodes[node]
            g.config.write_text(net.configuration(node, user='root', cookie_secret=secret,
                                                  cookie_secret_previous=former))
            os.kill(g.process.pid, signal.SIGHUP)
            g.process.expect(f'(hellogate: reloaded.*\n(.*\n)*){{{step}}}', stream='err')

        wave = done = 0
        for step, secrets in enumerate(((old, new), (new, old), (new, None)), 1):
            for between in (lambda: change(0, step, *secrets), lambda: None,
                            lambda: change(1, step, *secrets)):
                done += handshakes_with_both(net, nodes, watch, wave, 30, between=between)
                wave += 1
        assert done == 270
        for node, g in enumerate(nodes):
            assert g.telemetry('/hellogate/config')['gateway']['cookie_secret'] == str(new)
            g.stop()


def test_a_node_leaves() -> None:
    """Sessions of the other node do not notice. Those of the one that is gone are lost, in silence,
    and their clients get new ones at the other."""
    with fleet() as (net, (gone, stays)):
        with dtls_client(net, '--sessions', 40, '--interactive', '--resend', 500) as client:
            client.expect('^done 0$')
            lost, kept = (g.sessions()['established'] for g in (gone, stays))
            assert lost + kept == 40 and lost and kept, (lost, kept)
            before = stays.stats()
            net.route(1)
            gone.kill()
            client.say('send 1')
            stays.wait_for(lambda s: s['client_datagrams'] == before['client_datagrams'] + kept and
                           s['drop_no_session'] == before['drop_no_session'] + lost)
            client.expect('^done 1$')
            client.say('again')
            client.expect('(^again$\n){40}')
            client.say('finish')
            client.expect('^done 2$')
            client.say('echo 3')
            client.expect('^done 3$')
            client.say('close')
            results = client.results()
        assert results['handshakes'] == 80 and results['failed'] == results['closed'] == 0, results
        stats = stays.wait_for(lambda s: s['handshakes'] == kept + 40)
        assert stats['sessions_replaced'] == kept, stats
        assert not any(stats[k] for k in REFUSED), {k: stats[k] for k in REFUSED}
        stays.stop()


run(globals(), ipv6=True)
