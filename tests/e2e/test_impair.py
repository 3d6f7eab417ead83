#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Real clients over a bad path: loss, doubling, reordering, delay, while keys rotate and gateways
restart.

A client has completed when it has got an answer over its session. Clients with retransmission
(RFC 6347 section 4.2.4) have to complete with their first connection. ncat and socat have no timer:
what they send is sent again only when something comes from the server, so a lost hello,
HelloVerifyRequest or last flight of the server's is the end of that handshake, whatever a server
does, and so is a second fragment of a hello that comes before the first one. They have to complete as
their users make them: with another connection, one of so many. Botan gives a session up after a Finished
that it has seen before (docs/testing.md), libcoap a handshake after a few timeouts. Both get two more
tries. turnutils_uclient is not here: it throws dice for its DTLS version, and waits for ever for the
answer to a request that was lost.
"""
from __future__ import annotations

import contextlib
import dataclasses
import itertools
import pathlib
import re
import shutil
import time
from typing import Callable, Iterator, Mapping

from clock import Clock
from harness import (DTLS_CLIENT, GW4, GW6, PATIENCE, PORT, Gateway, Net, Pki, Skip, command,
                     configuration, process, run, running, slow, wait_for_udp)
from impair import DOWN, UP, Lane, Path, Proxy, is_second_hello
from peers import PEERS

PKI = Pki()
CERTIFIED = {'certificate': PKI.leaf('server'), 'private_key': PKI.path('server.key')}
CA = PKI.path('ca.pem')
SECRET_FILE = PKI.directory / 'cookie.secret'
SECRET_FILE.write_text(bytes(range(32)).hex() + '\n')
COAP_PORT = 5685
ALL_IN = 4 * PATIENCE  # seconds for all clients of one test together
AGAIN = 0.15  # seconds after which a line is sent again
NETWORK_4, NETWORK_6 = '198.19', '2001:2:0:9:'


@dataclasses.dataclass(frozen=True)
class User:
    """A client as somebody uses it; {port} is that of its lane."""
    name: str
    argv: tuple[str, ...]
    answer: str = ''  # what its output has when it is done; '' for one that copies input and output
    tries: int = 1
    patience: float = 10 * PATIENCE  # seconds of silence until the user tries again
    port: int = PORT  # of the listener
    six: bool = False


OWN = (str(DTLS_CLIENT), '--host', '127.0.0.1', '--port', '{port}', '--deadline',
       str(int(slow(ALL_IN))), '--datagrams', '5', '--resend', '300', '--ca', CA, '--sni', 'gw.test')
USERS = (
    # Without -nbio a doubled datagram wakes it to read, and as OpenSSL ignores that one, for ever.
    User('openssl', ('openssl', 's_client', '-nbio', '-dtls1_2', '-connect', '127.0.0.1:{port}',
                     '-CAfile', CA, '-verify_return_error', '-servername', 'gw.test',
                     '-verify_hostname', 'gw.test')),
    User('gnutls-cli', ('gnutls-cli', '--udp', '--port', '{port}', '--x509cafile', CA,
                        '--sni-hostname', 'gw.test', '--verify-hostname', 'gw.test', '127.0.0.1')),
    User('coap-client-openssl', ('coap-client-openssl', '-m', 'get', '-B', '900', '-C', CA,
                                 'coaps://127.0.0.1:{port}/'),
         'This is a test server made with libcoap', tries=3, port=COAP_PORT),
    User('coap-client-gnutls', ('coap-client-gnutls', '-m', 'get', '-B', '900', '-C', CA,
                                'coaps://127.0.0.1:{port}/'),
         'This is a test server made with libcoap', tries=3, port=COAP_PORT),
    User('ncat', ('ncat', '--udp', '--ssl', '--ssl-verify', '--ssl-trustfile', CA,
                  '--ssl-servername', 'gw.test', '127.0.0.1', '{port}'), tries=20, patience=2),
    User('socat', ('socat', '-t1', '-', 'OPENSSL-DTLS-CLIENT:127.0.0.1:{port},'
                   f'cafile={CA},commonname=gw.test'), tries=20, patience=2),
    User('dtls_client', OWN, 'received 5'),
    # Its second hello always comes in two fragments.
    User('dtls_client, MTU 256, IPv6', (*OWN, '--mtu', '256'), 'received 5', six=True),
    *(User(peer.name, tuple(peer.command('--deadline', int(slow(ALL_IN)), '--ca', CA, '--sni',
                                         'gw.test', host='127.0.0.1', port='{port}')),
           'echoed 1', tries=1 if peer.repeated_finished else 3)
      for peer in PEERS if peer.is_there() and peer.name != 'bouncycastle'))  # slow to start


@contextlib.contextmanager
def servers(net: Net) -> Iterator[dict[str, Mapping[str, object]]]:
    """What the clients want behind the gateway, and the listeners before it."""
    listeners = {'echo': CERTIFIED}
    with contextlib.ExitStack() as stack:
        def serve(*argv: str, port: int) -> None:
            wait_for_udp(net.gateway, port, stack.enter_context(process(*argv, netns=net.gateway)))
        if shutil.which('coap-server-notls'):
            serve('coap-server-notls', '-A', '127.0.0.1', '-p', '5683', port=5683)
            listeners['coap'] = {**CERTIFIED, 'bind': f'{GW4}:{COAP_PORT}',
                                 'upstream': '127.0.0.1:5683'}
        yield listeners


def users(listeners: Mapping[str, object]) -> list[User]:
    """Those that are installed, with what they talk to."""
    there = [u for u in USERS if shutil.which(u.argv[0])
             and (u.port != COAP_PORT or 'coap' in listeners)]
    if len(there) < 4:
        raise Skip('fewer than two clients that are not our own are installed')
    return there


def one_try(net: Net, user: User, lane: Lane) -> Iterator[bool]:
    """Yields False as long as it takes, then whether it came to anything."""
    argv = [a.replace('{port}', str(lane.port)) for a in user.argv]
    heard, quiet_since, faults = lane.total(), time.monotonic(), lane.faults()
    with process(*argv, netns=net.client, name=user.name) as p:
        sent_at, sent = 0.0, 0
        # It waits in vain if something was lost, or came in the wrong order, and nothing comes any more. Else
        # the machine is slow.
        while time.monotonic() - quiet_since < slow(user.patience) or lane.faults() == faults:
            running = p.alive()
            if lane.total() != heard:
                heard, quiet_since = lane.total(), time.monotonic()
            if re.search(user.answer or r'^line \d+$', p.output('out'), re.MULTILINE):
                p.end_input()
                yield True
                return
            if not running:
                return
            if not user.answer and time.monotonic() - sent_at > slow(AGAIN):
                with contextlib.suppress(OSError):  # it has just ended
                    p.send(f'line {(sent := sent + 1)}\n')
                sent_at = time.monotonic()
            yield False


class Use:
    """A user at work, over a lane of its own; step() is called until it is done."""

    def __init__(self, net: Net, user: User, lane: Lane) -> None:
        self.net, self.user, self.lane = net, user, lane
        self.tries = 0
        self.begun = time.monotonic()
        self.took = 0.0
        self._try: Iterator[bool] = iter(())

    def step(self) -> bool:
        done = next(self._try, None)
        if done is None:
            if self.tries == self.user.tries:
                raise AssertionError(f'{self} has tried for the last time')
            self._try = one_try(self.net, self.user, self.lane)
            self.tries += 1
        elif done:
            self.took = time.monotonic() - self.begun
            self.stop()
        return bool(done)

    def stop(self) -> None:
        if hasattr(self._try, 'close'):
            self._try.close()

    def __str__(self) -> str:
        return (f'{self.user.name} [{self.lane.path.seed}]: {self.tries} tries, {self.took:.1f} s, '
                f'{self.lane.lost[UP]} of {self.lane.seen[UP]} lost on the way up, '
                f'{self.lane.lost[DOWN]} of {self.lane.seen[DOWN]} down')


class Ways:
    """The proxy, with a lane and an address of its own for every use."""

    def __init__(self, net: Net, proxy: Proxy) -> None:
        self.net, self.proxy = net, proxy
        self.uses: list[Use] = []
        self._number = itertools.count(1)
        # Every address of these is the clients' (the kernel's "AnyIP").
        for family, network in ((), f'{NETWORK_4}.0.0/16'), (('-6',), f'{NETWORK_6}:/64'):
            command('ip', *family, '-n', net.client, 'route', 'add', 'local', network, 'dev', 'lo')
        # From an address that is not the interface's, the kernel asks for a neighbour only when
        # duplicate address detection is over.
        command('ping', '-6', '-c', '1', '-W', str(int(slow(PATIENCE))), GW6, netns=net.client)

    def lane(self, path: Path, user: User) -> Lane:
        number = next(self._number)
        source = (f'{NETWORK_6}:{number:x}' if user.six else
                  f'{NETWORK_4}.{number >> 8}.{number & 255}')
        return self.proxy.lane(path, source, GW6 if user.six else GW4, user.port)

    def add(self, user: User, path: Path) -> Use:
        self.uses.append(Use(self.net, user, self.lane(path, user)))
        return self.uses[-1]

    def until(self, condition: Callable[[], bool]) -> None:
        """Lets all go on until the condition holds."""
        end = time.monotonic() + slow(ALL_IN)
        while not condition():
            if time.monotonic() >= end:
                raise AssertionError('not in time: ' + '; '.join(
                    str(u) for u in self.uses if not u.took))
            self.proxy.check()
            for use in self.uses:
                if not use.took:
                    use.step()
            time.sleep(0.01)

    def complete(self) -> None:
        self.until(lambda: all(u.took for u in self.uses))
        for use in self.uses:
            print(f'# {use}')


@contextlib.contextmanager
def bad_path(clock: Clock | None = None, **options) -> Iterator[tuple[Net, Gateway, Ways, list[User]]]:
    """Gateway, servers and proxy, and the users that there are."""
    with Net() as net, servers(net) as listeners, Proxy(net.client) as proxy:
        config = configuration(net, listeners, handshake_timeout=60, cookie_secret=SECRET_FILE,
                               **options)
        with running(Gateway(config, netns=net.gateway, env=clock.env if clock else None),
                     net) as g:
            ways = Ways(net, proxy)
            try:
                yield net, g, ways, users(listeners)
            finally:
                for use in ways.uses:
                    use.stop()


def check(g: Gateway, ways: Ways, *also_refused: str) -> None:
    """The end: every completed session was one of the gateway's, and no good cookie was refused."""
    counters = g.stop()[1]
    assert counters['handshakes'] >= len(ways.uses), counters
    refused = {n for n in ('malformed', 'unknown_epoch', 'expired', 'wrong_tag')
               if counters[f'cookie_{n}']}
    assert refused <= set(also_refused), counters


def test_a_fifth_lost_each_way() -> None:
    with bad_path() as (_, g, ways, there):
        for seed in '14', '20', '22':
            for user in there:
                ways.add(user, Path(f'{user.name} {seed}', one_lost_of=5))
        ways.complete()
        for way in UP, DOWN:
            lost, seen = (sum(getattr(u.lane, what)[way] for u in ways.uses)
                          for what in ('lost', 'seen'))
            assert 0.1 < lost / seen < 0.3, (way, lost, seen)
        check(g, ways)


def test_lost_doubled_reordered_and_late() -> None:
    with bad_path() as (_, g, ways, there):
        for user in there:
            ways.add(user, Path(f'{user.name} doubled', one_lost_of=10, doubled=0.5))
            ways.add(user, Path(f'{user.name} overtaken', one_lost_of=10, overtaken=0.3))
            ways.add(user, Path(f'{user.name} late', doubled=0.3, delay=(0, 0.4)))
        ways.complete()
        check(g, ways)


MESSAGES = {'hello': (UP, 0), 'HelloVerifyRequest': (DOWN, 0), 'second hello': (UP, 1),
            'ServerHello': (DOWN, 1), 'ClientKeyExchange': (UP, 2), 'Finished': (DOWN, 2)}
FATES = {'lost': (), 'doubled': (0.0, 0.0), 'late': (1.5,), 'doubled, once late': (0.0, 1.5)}
FRAGMENTS = {'reversed': {(UP, 1): (0.2,)}, 'the first lost': {(UP, 1): ()},
             'the second lost': {(UP, 2): ()}}


def test_each_message_lost_doubled_late() -> None:
    """One thing goes wrong in each handshake, and every thing does in one."""
    own = next(u for u in USERS if u.argv is OWN)
    fragmenting = next(u for u in USERS if '--mtu' in u.argv)
    with bad_path() as (_, g, ways, _):
        for message, place in MESSAGES.items():
            for fate, copies in FATES.items():
                ways.add(own, Path(f'{message} {fate}', script={place: copies}))
        for fate, script in FRAGMENTS.items():
            ways.add(fragmenting, Path(f'second hello in fragments, {fate}', script=script))
        ways.complete()
        check(g, ways)


def stop_second_hellos(ways: Ways, there: list[User]) -> None:
    """Begins with everybody, as far as the second hello of most."""
    for user in there:
        use = ways.add(user, Path(f'{user.name} 20', one_lost_of=5))
        use.lane.stop = is_second_hello


def test_the_key_rotates_before_the_second_hello() -> None:
    with contextlib.closing(Clock(of_day_alone=True)) as clock, \
            bad_path(clock, key_rotation=3600, cookie_lifetime=3600) as (_, g, ways, there):
        clock.set(1800 - int(time.time()) % 3600, g)  # in the middle of a key's time
        epoch = g.telemetry('/hellogate/keys')['epoch']
        stop_second_hellos(ways, there)
        ways.until(lambda: sum(bool(u.lane.stopped) for u in ways.uses) > len(ways.uses) / 2)
        clock.set(clock.of_day + 1800, g)
        assert g.telemetry('/hellogate/keys')['epoch'] == epoch + 1
        ways.proxy.go()
        ways.complete()
        check(g, ways)


def test_the_gateway_restarts_before_the_second_hello() -> None:
    with bad_path() as (net, g, ways, there):
        stop_second_hellos(ways, there)
        ways.until(lambda: sum(bool(u.lane.stopped) for u in ways.uses) > len(ways.uses) / 2)
        config = pathlib.Path(g.config).read_text(encoding='utf-8')
        g.kill()
        with running(Gateway(config, netns=net.gateway), net) as second:
            ways.proxy.go()
            ways.complete()
            check(second, ways)


run(globals())
