#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Flow rules: what a device is asked for, in which order, and what comes of it if it refuses.

flow_recorder.c stands in for a device with rules, and tells every call."""
from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from typing import Iterator

from harness import (BUILD, PATIENCE, Gateway, Pki, run, running, slow)

PKI = Pki()
PROFILE = '[driver]\nname = net_null\ntried = no: it has no rules\n'
KEY = ''.join(f'{n:02x}' for n in range(40))
ONE = {'echo': '198.18.0.1:5684, [2001:2::1]:5684'}
RULES = ['eth / ipv4 dst 198.18.0.1 / udp dst 5684 / queue 0',
         'eth / ipv6 dst 2001:2::1 / udp dst 5684 / queue 0']


def configuration(binds: dict[str, str], ports: int = 1, workers: int = 1, more: str = '') -> str:
    text = f'[gateway]\nuser = root\nworkers = {workers}\nclient-rate = 0\nclient-half-open = 0\n'
    for n in range(ports):
        text += (f'[port p{n}]\nprofile = flow.ini\ndevice = net_null{n},no-rx=1\n'
                 f'address = 198.18.{n}.1/24, 198.18.{n}.2/24, 2001:2:{n or ""}:{":" if n else ""}1/48'
                 f'\n{more}')
    for name, bind in binds.items():
        text += (f'[listener {name}]\nbind = {bind}\nupstream = echo\n'
                 f'certificate = {PKI.leaf("server")}\nprivate-key = {PKI.path("server.key")}\n')
    return text


class Recorded(Gateway):
    """A gateway whose device takes rules, and tells."""

    def __init__(self, profile: str, text: str, lcores: str = '', **env: str) -> None:
        super().__init__(text, eal=[f'--lcores={lcores}'] if lcores else [],
                         files={'flow.ini': PROFILE + profile}, env={
            'LD_PRELOAD': str(BUILD / 'tests' / 'e2e' / 'libflow_recorder.so'),
            'ASAN_OPTIONS': os.environ.get('ASAN_OPTIONS', '') + ':verify_asan_link_order=0', **env})
        self.reloads = 0
        self.seen = 0

    def calls(self) -> list[str]:
        """What the device was asked for since the last time."""
        told = re.findall(r'^flow: port (.*)$', self.process.stderr, re.MULTILINE)
        new, self.seen = told[self.seen:], len(told)
        return new

    def reload(self, text: str) -> str:
        """What the gateway says of another configuration."""
        self.config.write_text(text)
        self.reloads += 1
        os.kill(self.process.pid, signal.SIGHUP)
        end = time.monotonic() + slow(PATIENCE)
        while True:
            said = [line for line in self.process.stderr.splitlines() if 'reloaded' in line]
            if len(said) >= self.reloads:
                return said[-1]
            assert self.process.alive() and time.monotonic() < end, self.log()
            time.sleep(0.01)


@contextlib.contextmanager
def recorded(profile: str, text: str, lcores: str = '', **env: str) -> Iterator[Recorded]:
    with running(Recorded(profile, text, lcores, **env)) as g:
        yield g


def made(calls: list[str], port: int = 0) -> list[str]:
    """The rules among these calls, each of which was validated first just as it was made."""
    rules = []
    for before, call in zip(calls, calls[1:]):
        if match := re.fullmatch(rf'{port} create \d+ (.*)', call):
            assert before == f'{port} validate group 0 priority 0 ingress {match[1]}', calls
            rules.append(match[1])
    assert len(rules) == sum(' create ' in call for call in calls), calls
    return rules


def test_no_rules_unless_the_profile_asks() -> None:
    with recorded('', configuration(ONE)) as g:
        g.stop()
        assert g.calls() == ['0 configure', '0 start', '0 allmulticast', '0 stop'], g.log()


def test_one_rule_for_each_address_and_port() -> None:
    """After the start and until the stop; a listener on any address has all of the port's."""
    binds = {**ONE, 'any': '0.0.0.0:5685'}
    with recorded('[flow]\nsteering = listeners\n', configuration(binds)) as g:
        calls = g.calls()
        assert calls[:3] == ['0 configure', '0 start', '0 allmulticast'], calls
        assert sorted(made(calls[3:])) == sorted([
            *RULES, 'eth / ipv4 dst 198.18.0.1 / udp dst 5685 / queue 0',
            'eth / ipv4 dst 198.18.0.2 / udp dst 5685 / queue 0']), calls
        g.stop()
        assert g.calls() == [f'0 destroy {n}' for n in (1, 2, 3, 4)] + ['0 stop'], g.log()


def test_rules_for_tagged_frames() -> None:
    with recorded('[flow]\nsteering = listeners\nvlan-tags = 2\n',
                  configuration({'echo': '198.18.0.1:5684'})) as g:
        tail = 'ipv4 dst 198.18.0.1 / udp dst 5684 / queue 0'
        assert made(g.calls()) == [f'eth / {tail}', f'eth / vlan / {tail}',
                                   f'eth / vlan / vlan / {tail}'], g.log()
        g.stop()
        assert sum('destroy' in call for call in g.calls()) == 3, g.log()


def test_several_queues_are_shared_by_hash() -> None:
    """Over all of them, by the fields and the key of the profile."""
    text = configuration(ONE, workers=2)
    for hashed, key, types in (('udp', KEY, {4: ' ipv4 ipv4-udp', 6: ' ipv6 ipv6-udp'}),
                               ('ip', '', {4: ' ipv4', 6: ' ipv6'}), ('none', '', {4: '', 6: ''})):
        profile = f'[rss]\nhash = {hashed}\nkey = {key or "default"}\n[flow]\nsteering = listeners\n'
        with recorded(profile, text, '0@0,1@0,2@0,3@0') as g:
            calls = g.calls()
            assert calls[0] == ('0 configure' if hashed == 'none' else '0 configure rss'), calls
            assert made(calls) == [
                rule.replace('queue 0', f'rss func 0 level 0 types{types[family]} key {key} '
                             'queues 0 1') for rule, family in zip(RULES, (4, 6))], calls
            g.stop()


def test_isolated_before_all_else() -> None:
    """No filters then, and no hash but that of the rules."""
    profile = ('[rss]\nhash = udp\n[flow]\nsteering = listeners\nisolate = yes\n'
               '[quirks]\nmulticast = all\npromiscuous = on\n')
    with recorded(profile, configuration(ONE, workers=2), '0@0,1@0,2@0,3@0') as g:
        calls = g.calls()
        assert calls[:3] == ['0 isolate 1', '0 configure', '0 start'], calls
        assert len(made(calls)) == 2 and len(calls) == 7, calls
        g.stop()
        assert g.calls() == ['0 destroy 1', '0 destroy 2', '0 stop'], g.log()


def test_each_port_has_its_own() -> None:
    """A listener's rules are only where its address is."""
    binds = {'near': '198.18.0.1:5684', 'far': '198.18.1.2:5684', 'both': '[::]:5685'}
    with recorded('[flow]\nsteering = listeners\n', configuration(binds, ports=2)) as g:
        calls = g.calls()
        near = made([call for call in calls if call.startswith('0 ')], 0)
        far = made([call for call in calls if call.startswith('1 ')], 1)
        assert near == ['eth / ipv4 dst 198.18.0.1 / udp dst 5684 / queue 0',
                        'eth / ipv6 dst 2001:2::1 / udp dst 5685 / queue 0'], calls
        assert far == ['eth / ipv4 dst 198.18.1.2 / udp dst 5684 / queue 0',
                       'eth / ipv6 dst 2001:2:1::1 / udp dst 5685 / queue 0'], calls
        g.stop()


def test_reload_adds_before_it_takes_away() -> None:
    """What both configurations listen on is not touched."""
    with recorded('[flow]\nsteering = listeners\n', configuration(ONE)) as g:
        g.calls()
        assert 'not' not in g.reload(configuration({'echo': ONE['echo'].replace(
            '198.18.0.1:5684', '198.18.0.2:5684')})), g.log()
        new = 'eth / ipv4 dst 198.18.0.2 / udp dst 5684 / queue 0'
        assert g.calls() == [f'0 validate group 0 priority 0 ingress {new}', f'0 create 3 {new}',
                             '0 destroy 1'], g.log()
        assert 'not' not in g.reload(g.config.read_text()), g.log()
        assert g.calls() == [], g.log()
        g.stop()
        assert g.calls() == ['0 destroy 2', '0 destroy 3', '0 stop'], g.log()


def test_reload_that_the_device_refuses_changes_nothing() -> None:
    """Of two ports the second has no room: what the first one was given is taken back."""
    binds = {'near': '198.18.0.1:5684', 'far': '198.18.1.1:5684'}
    with recorded('[flow]\nsteering = listeners\n', configuration(binds, ports=2),
                  HG_FLOW_REFUSE='5999') as g:
        assert len(g.calls()) == 10, g.log()
        said = g.reload(configuration({'near': '198.18.0.1:5700', 'far': '198.18.1.1:5999'}, 2))
        assert re.search(r'not reloaded: \S*/flow\.ini:5: port p1: the device refuses a rule for '
                         r'UDP to 198\.18\.1\.1:5999: No space left on device$', said), said
        calls = g.calls()
        assert [call for call in calls if 'validate' not in call] == [
            '0 create 3 eth / ipv4 dst 198.18.0.1 / udp dst 5700 / queue 0', '0 destroy 3'], calls
        # It goes on as it was, and takes a configuration that is all right.
        assert 'not' not in g.reload(configuration({'near': '198.18.0.1:5684'}, 2)), g.log()
        assert g.calls() == ['1 destroy 2'], g.log()
        g.stop()
        assert g.calls() == ['0 destroy 1', '0 stop', '1 stop'], g.log()


def refused(profile: str, text: str, pattern: str, **env: str) -> list[str]:
    """It does not start, and says why in one sentence; the calls until then."""
    g = Recorded(profile, text, **env)
    try:
        code = g.spawn().wait()
        said = [line for line in g.process.stderr.splitlines() if line.startswith('hellogate')][-1]
        assert code == 2 and re.search(pattern, said), (code, g.log())
        assert 'ready' not in g.process.stdout, g.log()
        return g.calls()
    finally:
        g.close()


def test_start_that_the_device_refuses() -> None:
    calls = refused('[flow]\nsteering = listeners\n', configuration(ONE | {'b': '198.18.0.1:5999'}),
                    r'^hellogate: \S*/flow\.ini:5: port p0: the device refuses a rule for UDP to '
                    r'198\.18\.0\.1:5999: nobody wants this port$', HG_FLOW_INVALID='5999')
    assert calls[-2:] == ['0 destroy 1', '0 stop'], calls
    calls = refused('[flow]\n\nisolate = yes\nsteering = listeners\n', configuration(ONE),
                    r'^hellogate: \S*/flow\.ini:6: port p0: the device refuses isolated mode: '
                    r'it cannot share$', HG_FLOW_SHARED='no')
    assert calls == [], calls


def test_device_without_rules() -> None:
    """DPDK's own answer, without the recorder."""
    refused('[flow]\nsteering = listeners\n', configuration(ONE),
            r'flow\.ini:5: port p0: the device refuses a rule for UDP to 198\.18\.0\.1:5684: '
            r'Function not implemented$', LD_PRELOAD='')


def test_what_cannot_be_together() -> None:
    calls = refused('[flow]\nisolate = yes\n', configuration(ONE),
                    r'^hellogate: \S*/hellogate\.conf:7: \S*/flow\.ini:5: isolate = yes without ')
    assert calls == [], calls
    refused('[flow]\nsteering = listeners\nisolate = yes\n',
            configuration(ONE, more='mac = 02:00:00:00:00:0a\n'),
            r'^hellogate: \S*/hellogate\.conf:10: mac cannot be set: .*port p0 shares')


def test_rule_that_stays() -> None:
    """Told, and no reason not to end."""
    with recorded('[flow]\nsteering = listeners\n', configuration({'echo': '198.18.0.1:5684'}),
                  HG_FLOW_STUCK='yes') as g:
        g.stop()
        assert re.search(r'port p0: the device keeps a rule for UDP to 198\.18\.0\.1:5684: stuck$',
                         g.process.stderr, re.MULTILINE), g.log()


run(globals())
