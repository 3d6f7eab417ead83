#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Configurations that follow one another while sessions live, and a way down that takes its time."""
from __future__ import annotations

import contextlib
import os
import pathlib
import signal
from typing import Iterator

from clock import Clock
from harness import (GW4, PATIENCE, PORT, SOURCE, EchoServer, Gateway, Net, Pki, RawPort,
                     configuration, dtls_client, echo_line, packets, run, run_client, run_in_vain,
                     running, s_client, slow, until)
from web import flood

PKI = Pki()
CA = PKI.ca()
DIRECTORY = PKI.directory
SECRETS = [bytes([n]) * 32 for n in (1, 2)]
RELOADED, REFUSED = 'reloaded', 'not reloaded'


def secret_file(number: int) -> pathlib.Path:
    path = DIRECTORY / f'secret.{number}'
    path.write_text(SECRETS[number].hex() + '\n')
    path.chmod(0o644)
    return path


def certificate(name: str, host: str = 'gw.test') -> dict[str, object]:
    return {'certificate': PKI.leaf(name, host=host), 'private_key': PKI.path(f'{name}.key')}


class Reloading:
    """A gateway whose configuration file can be written anew."""

    def __init__(self, net: Net, listeners, clock: Clock | None = None, **options) -> None:
        self.net = net
        # Root, as the keys are root's; the one test about others says so itself.
        self.base = {'user': 'root', **options}
        self.g = Gateway(self.text(listeners), netns=net.gateway, env=clock.env if clock else None)
        self.number = 0

    def text(self, listeners, **options) -> str:
        return configuration(self.net, listeners, **{**self.base, **options})

    def signal(self, wanted: str) -> str:
        """Has the file read, and waits until the gateway says what has come of it."""
        self.number += 1
        os.kill(self.g.process.pid, signal.SIGHUP)
        until(lambda: len(self.said()) >= self.number or not self.g.process.alive(), self.g.log)
        said = self.said()
        assert len(said) >= self.number, self.g.log()
        assert (REFUSED in said[-1]) == (wanted == REFUSED), said[-1]
        return said[-1]

    def said(self) -> list[str]:
        return [line for line in self.g.process.stderr.splitlines() if RELOADED in line]

    def reload(self, listeners, **options) -> None:
        self.g.config.write_text(self.text(listeners, **options))
        self.signal(RELOADED)

    def refuse(self, text: str, *parts: str) -> None:
        """The file is refused, by a sentence with these parts, and nothing changes."""
        before = self.g.config.read_text()
        told = self.g.telemetry('/hellogate/config')
        self.g.config.write_text(text)
        said = self.signal(REFUSED)
        assert all(part in said for part in parts), (said, parts)
        assert self.g.telemetry('/hellogate/config') == told
        self.g.config.write_text(before)


@contextlib.contextmanager
def reloading(listeners, queues: int = 1, **options) -> Iterator[Reloading]:
    with Net(queues=queues) as net:
        one = Reloading(net, listeners, **options)
        with running(one.g, net):
            yield one


def subject(net: Net) -> str:
    """The certificate that a new client is shown."""
    with s_client(net, '-CAfile', CA, '-verify_return_error') as client:
        return client.expect('subject=CN ?= ?(.*)').group(1)


# ---- what changes

def test_certificate() -> None:
    """New clients are shown the new one; a session that lives goes on, and so does its upstream."""
    old, new = certificate('old', 'old.test'), certificate('new', 'new.test')
    with reloading({'echo': old}) as one, dtls_client(one.net, '--interactive') as client:
        client.expect('^done 0$')
        assert subject(one.net) == 'old.test'
        one.reload({'echo': new})
        client.say('echo 10')
        client.expect('^done 1$')
        assert subject(one.net) == 'new.test'
        client.say('close')
        assert client.results()['failed'] == 0
        one.g.stop()


def test_certificate_in_the_same_file() -> None:
    served = certificate('served', 'first.test')
    with reloading({'echo': served}) as one:
        assert subject(one.net) == 'first.test'
        again = certificate('again', 'second.test')
        for key in served:
            pathlib.Path(served[key]).write_bytes(pathlib.Path(again[key]).read_bytes())
        one.signal(RELOADED)
        assert subject(one.net) == 'second.test'
        one.g.stop()


def test_psk_file() -> None:
    psk = DIRECTORY / 'reload.psk'
    psk.write_text('one:0102030405060708\n')
    key = '1112131415161718'
    with reloading({'psk': {'psk_file': psk}}) as one:
        psk.write_text(f'one:0102030405060708\ntwo:{key}\n')
        one.signal(RELOADED)
        with s_client(one.net, '-psk_identity', 'two', '-psk', key, '-cipher',
                      'PSK-AES128-GCM-SHA256') as client:
            echo_line(client)
        one.g.stop()


def test_upstream() -> None:
    """New sessions have the new one; those that live keep theirs."""
    served = certificate('server')
    with Net() as net, EchoServer(net.gateway, prefix=b'') as first, \
            EchoServer(net.gateway, prefix=b'') as second:
        one = Reloading(net, {'coap': {**served, 'upstream': f'127.0.0.1:{first.port}'}})
        with running(one.g, net), dtls_client(net, '--interactive') as client:
            client.expect('^done 0$')
            seen = first.count
            one.reload({'coap': {**served, 'upstream': f'127.0.0.1:{second.port}'}})
            client.say('echo 10')
            client.expect('^done 1$')
            assert first.count == seen + 10 and second.count == 0
            assert run_client(net, '--datagrams', 5)['received'] == 5
            assert second.count == 5
            client.say('close')
            client.results()
            one.g.stop()


def test_listeners_come_and_go() -> None:
    """Sessions of one that goes are closed; a port that is there no more is silent."""
    served = certificate('server')
    both = {'one': {**served, 'bind': f'{GW4}:{PORT}'},
            'two': {**served, 'bind': f'{GW4}:{PORT + 1}'}}
    with reloading({'one': both['one']}) as one, dtls_client(one.net, '--interactive') as stays:
        stays.expect('^done 0$')
        one.reload(both)
        with dtls_client(one.net, '--interactive', port=PORT + 1) as goes:
            goes.expect('^done 0$')
            one.reload({'one': both['one']})
            one.g.wait_for(lambda s: s['sessions_removed'] == 1)
            assert goes.results(expect=None)['closed'] == 1
        before = one.g.stats()['drop_no_listener']
        run_in_vain(one.net, one.g, lambda s: s['drop_no_listener'] > before, port=PORT + 1)
        stays.say('echo 10')
        stays.expect('^done 1$')
        stays.say('close')
        assert stays.results()['failed'] == 0
        one.g.stop()


def test_a_listener_goes_with_many_sessions() -> None:
    """A few of them at a time: the session of another listener has its echo meanwhile, and so has
    whoever connects; every client is told."""
    number = 1500 if slow(1) == 1 else 150
    key, psk = '0102030405060708', DIRECTORY / 'many.psk'
    psk.write_text(f'one:{key}\n')
    served = {'psk_file': psk}
    both = {'stays': {**served, 'bind': f'{GW4}:{PORT}'},
            'goes': {**served, 'bind': f'{GW4}:{PORT + 1}'}}
    client = ('--identity', 'one', '--psk', key, '--interactive')
    with reloading(both, half_open=2 * number, handshake_rate=0) as one, \
            dtls_client(one.net, *client) as stays:
        stays.expect('^done 0$')
        # Without datagrams, which could be lost: nobody sends them again.
        with dtls_client(one.net, *client, '--sessions', number, '--datagrams', 0, port=PORT + 1) as goes:
            goes.expect('^done 0$', 60)
            stays.say('echo 3000')
            before = one.g.stats()['out_dropped']  # of handshakes
            one.reload({'stays': both['stays']})
            one.g.wait_for(lambda s: s['sessions_removed'] == number)
            assert goes.results(expect=None)['closed'] == number
        stays.expect('^done 1$', 60)
        one.g.wait_for(lambda s: s['sessions'] == 1, command='/hellogate/sessions')
        stays.say('close')
        results = stays.results()
        assert results['failed'] == 0 and results['received'] == 3001, results
        stats = one.g.wait_for(lambda s: s['sessions_closed'] == 1)
        assert stats['sessions_removed'] == number and stats['out_dropped'] == before, stats
        one.g.stop()


def test_limits() -> None:
    served = {'echo': certificate('server')}
    with contextlib.closing(Clock()) as clock, \
            reloading(served, clock=clock, client_half_open=64) as one:
        assert one.g.telemetry('/hellogate/config')['gateway']['half_open'] == '4096'
        one.reload(served, half_open=1, client_half_open=64, handshake_timeout=60)
        assert one.g.telemetry('/hellogate/config')['gateway']['half_open'] == '1'
        run_client(one.net, '--vanish', expect=None)
        one.g.wait_for(lambda s: s['half_open'] == 1, command='/hellogate/sessions')
        with dtls_client(one.net) as client:
            stats = one.g.wait_for(lambda s: s['refused_half_open'] > 0)
            assert stats['sessions_half_open_expired'] == 0, stats
            clock.pass_by(60)  # the other is given up
            assert client.results()['handshakes'] == 1
        assert one.g.stats()['sessions_half_open_expired'] == 1, one.g.stats()
        one.reload(served, client_half_open=64, deny_source_ports='40001')
        run_in_vain(one.net, one.g, lambda s: s['drop_source_port'] > 0, '--source-port', 40001)
        one.g.stop()


def test_hvr_per_prefix() -> None:
    served = {'echo': certificate('server')}
    with reloading(served, port={'mac': '02:00:00:00:00:0f'}) as one, RawPort(one.net) as raw:
        def ask(count: int) -> None:
            for n in range(count):
                flow = packets.Flow('198.18.0.77', 20000 + n, GW4, PORT)
                raw.send(packets.ether('02:00:00:00:00:0f', '02:00:00:00:00:01',
                                       packets.ETHER_IPV4, packets.ip(
                                           flow.source, flow.destination, packets.UDP, packets.udp(
                                               flow.source, flow.destination, flow.source_port,
                                               flow.destination_port, packets.Hello().datagram()))))
        ask(30)
        one.g.wait_for(lambda s: s['hvr'] == 30)
        one.reload(served, port={'mac': '02:00:00:00:00:0f'}, hvr_per_prefix=1)
        ask(30)
        one.g.wait_for(lambda s: s['hvr'] + s['drop_hvr_prefix'] == 60 and s['drop_hvr_prefix'] > 0)
        one.g.stop()


def test_tickets() -> None:
    """They resume as long as the listener offers the same and lets the same clients in."""
    saved = DIRECTORY / 'ticket'
    served = certificate('server')

    def connect(one: Reloading, option: str, pattern: str) -> None:
        with s_client(one.net, option, str(saved)) as client:
            echo_line(client)
            client.expect(pattern)
            client.end_input()
            client.wait()

    with reloading({'echo': served}) as one:
        connect(one, '-sess_out', '^New, ')
        for number in range(2):  # of the second one's keys, too
            one.reload({'echo': {**served, 'idle_timeout': 77 + number}}, half_open=100)
            connect(one, '-sess_in', '^Reused, ')
        one.reload({'echo': {**served, 'client_ca': CA}})
        one.reload({'echo': served})  # keys that are gone stay gone
        connect(one, '-sess_in', '^New, ')
        connect(one, '-sess_out', '^New, ')
        one.reload({'echo': certificate('server2')})
        connect(one, '-sess_in', '^New, ')
        _, counters = one.g.stop()
        assert counters['handshakes_resumed'] == 2, counters


# ---- cookies

def test_cookie_secret() -> None:
    """A second hello with a cookie of the secret before: accepted if that is named, else answered
    with a cookie of the new one. (The hello that OpenSSL sends then has the message_seq of a third,
    which nobody may send: this client has to begin again.)"""
    served = {'echo': certificate('server')}
    for former, known in (({'cookie_secret_previous': secret_file(0)}, True), ({}, False)):
        with reloading(served, cookie_secret=secret_file(0)) as one, \
                dtls_client(one.net, '--pause') as client:
            client.expect('^hvr$')
            one.reload(served, cookie_secret=secret_file(1), **former)
            client.say('go')
            if known:
                assert client.results()['handshakes'] == 1
            else:
                one.g.wait_for(lambda s: s['hvr'] == 2)
            assert one.g.stats()['cookie_wrong_tag'] == (0 if known else 1)
            assert run_client(one.net)['handshakes'] == 1
            one.g.stop()


def test_random_cookie_secret_is_kept() -> None:
    served = {'echo': certificate('server')}
    with reloading(served) as one, dtls_client(one.net, '--pause') as client:
        client.expect('^hvr$')
        one.reload(served, half_open=100)
        client.say('go')
        results = client.results()
        assert results['handshakes'] == results['hvr'] == 1, results
        one.g.stop()


# ---- nothing is lost

def test_reloads_under_traffic() -> None:
    """Sessions that echo all the time, clients that come and go, and one configuration after the
    other, certificates of two kinds: no datagram is lost, no handshake fails."""
    kinds = [certificate('server'), {'certificate': PKI.leaf('rsa', 'rsa'),
                                     'private_key': PKI.path('rsa.key')}]
    metrics = {'metrics': f'unix:{DIRECTORY}/metrics'}
    with reloading({'echo': kinds[0]}, queues=2, handshake_cores=2, workers=2,
                   handshake_rate=0, **metrics) as one, \
            dtls_client(one.net, '--sessions', 20, '--interactive') as living:
        living.expect('^done 0$')
        rounds = 12
        for number in range(1, rounds + 1):
            living.say('echo 50')
            one.reload({'echo': kinds[number % 2]}, handshake_rate=1000 + number)
            assert run_client(one.net, '--sessions', 5)['handshakes'] == 5
            living.expect(f'^done {number}$')
        living.say('close')
        results = living.results()
        assert results['failed'] == 0 and results['received'] == results['sent'], results
        _, counters = one.g.stop()
        assert counters['handshakes'] == 20 + 5 * rounds, counters
        assert counters['drop_no_listener'] == 0 == counters['sessions_failed'], counters


def test_reloads_under_a_thousand_sessions_and_a_flood() -> None:
    """Not one datagram is lost. A tenth of the sessions has traffic in each reload: if all had, with no
    pause between them, what waits would be more than a ring holds. HG_SESSIONS says how many there are."""
    count = int(os.environ.get('HG_SESSIONS', 1000 if slow(1) == 1 else 200)) // 10
    kinds = [certificate('server'), certificate('server2')]
    with reloading({'echo': kinds[0]}, handshake_rate=0) as one, \
            contextlib.ExitStack() as later:
        groups = []
        for _ in range(10):
            groups.append(later.enter_context(dtls_client(
                one.net, '--sessions', count, '--interactive', '--deadline', int(slow(5 * PATIENCE)))))
            groups[-1].expect('^done 0$')
        with flood(one.net, 0.01):  # the port holds 512 frames, and a busy machine may let them wait
            for number, group in enumerate(groups, 1):
                before = one.g.stats()['cookie_none']
                group.say('echo 20')
                one.reload({'echo': kinds[number % 2]}, handshake_rate=number)
                group.expect('^done 1$')
                one.g.wait_for(lambda s, before=before: s['cookie_none'] > before)
        assert one.g.sessions()['established'] == 10 * count
        for number, group in enumerate(groups, 1):
            group.say('close')
            results = group.results()
            assert results['received'] == results['sent'] == 21 * count, results
            assert results['failed'] == 0, results
            # A ring has room for the ends of one group, whatever keeps the core from its work.
            one.g.wait_for(lambda s, n=number: s['sessions_closed'] == n * count)
        _, counters = one.g.stop()
    assert counters['handshakes'] == 10 * count, counters
    assert counters['drop_ring_full'] == counters['out_dropped'] == 0, counters


# ---- what is refused

def test_refused() -> None:
    """A file that is wrong, and what a start alone can change: the line is named, all stays."""
    served = {'echo': certificate('server')}
    with reloading(served) as one, dtls_client(one.net, '--interactive') as client:
        client.expect('^done 0$')
        text = one.text(served)
        path = str(one.g.config)

        def line(part: str, of: str) -> str:
            return f'{path}:{next(n for n, t in enumerate(of.splitlines(), 1) if part in t)}:'

        for change, part in (
                (('handshake-cores = 1', 'handshake-cores = 2'), 'handshake-cores'),
                (('handshake-cores = 1', 'handshake-cores = 1\nmax-sessions = 100'),
                 'max-sessions'),
                (('handshake-cores = 1', 'handshake-cores = 1\ncookie-lifetime = 30'),
                 'cookie-lifetime'),
                (('client-rate = 0', 'client-rate = 7'), 'client-rate'),
                ((f'{GW4}/24', f'{GW4}/16'), 'address'),
                (('[port wan]', '[port lan]'), 'lan'),
                (('handshake-cores = 1', 'handshake-cores = 1\nno-such-key = 1'), 'no-such-key'),
                (('server.pem', 'nowhere.pem'), 'nowhere.pem'),
        ):
            wrong = text.replace(*change)
            assert wrong != text, change
            one.refuse(wrong, line(part, wrong))
        one.refuse(text + '[port other]\ndevice = net_null0\naddress = 198.18.9.1/24\n',
                   'number of ports')
        one.refuse('', path)
        one.g.config.unlink()
        one.g.config.write_text(text)
        one.signal(RELOADED)
        client.say('echo 5')
        client.expect('^done 1$')
        client.say('close')
        assert client.results()['failed'] == 0
        one.g.stop()


def test_unprivileged() -> None:
    """What the user may not read is named; what he may read is taken, under the filter."""
    served = {'echo': certificate('server')}
    os.chmod(DIRECTORY, 0o711)
    profile = DIRECTORY / 'profile.ini'  # the checkout may be in a folder of root's alone
    profile.write_bytes((SOURCE / 'pmd-config' / 'net_af_packet.ini').read_bytes())
    profile.chmod(0o644)
    with reloading(served, user='nobody', port={'profile': profile}) as one:
        os.chmod(one.g.directory, 0o711)
        os.chmod(one.g.config, 0o644)
        one.refuse(one.text(served, half_open=7), 'a private key', 'server.key',
                   'Permission denied')
        os.chmod(PKI.path('server.key'), 0o644)
        os.chmod(PKI.path('server.pem'), 0o644)
        one.reload(served, half_open=8)
        assert run_client(one.net)['handshakes'] == 1
        assert one.g.telemetry('/hellogate/config')['gateway']['half_open'] == '8'
        one.g.stop()
    os.chmod(PKI.path('server.key'), 0o600)


def test_former_configurations_end_with_their_sessions() -> None:
    """Places for listeners are used again, however often the file is read."""
    served = certificate('server')
    many = {f'l{n}': {**served, 'bind': f'{GW4}:{PORT + n}'} for n in range(50)}
    with reloading(many) as one, dtls_client(one.net, '--interactive') as client:
        client.expect('^done 0$')
        for number in range(40):  # 2000 listeners; there are 1024 places
            one.reload(many, half_open=100 + number)
        assert run_client(one.net, port=PORT + 49)['handshakes'] == 1
        client.say('echo 5')
        client.expect('^done 1$')
        client.say('close')
        assert client.results()['failed'] == 0
        one.g.stop()


# ---- the way down

def test_drain_timeout() -> None:
    """Sessions go on after SIGTERM, none begins; the last one that ends is the end."""
    with reloading({'echo': certificate('server')}, drain_timeout=600) as one, \
            dtls_client(one.net, '--interactive') as client:
        client.expect('^done 0$')
        os.kill(one.g.process.pid, signal.SIGTERM)
        one.g.process.expect('draining', stream='err')
        run_in_vain(one.net, one.g, lambda s: s['drop_winding_down'] > 0)
        client.say('echo 10')
        client.expect('^done 1$')
        client.say('close')
        assert client.results()['failed'] == 0
        _, counters = one.g.stop(sig=0)
        assert counters['handshakes'] == counters['sessions_closed'] == 1, counters


def test_drain_timeout_runs_out() -> None:
    for ended_by in ('time', 'signal'):
        with reloading({'echo': certificate('server')},
                       drain_timeout=1 if ended_by == 'time' else 600) as one, \
                dtls_client(one.net, '--interactive') as client:
            client.expect('^done 0$')
            os.kill(one.g.process.pid, signal.SIGTERM)
            one.g.process.expect('draining', stream='err')
            _, counters = one.g.stop(sig=0 if ended_by == 'time' else signal.SIGTERM)
            assert counters['sessions_drained'] == 1, counters
            assert client.results(expect=None)['closed'] == 1


run(globals())
