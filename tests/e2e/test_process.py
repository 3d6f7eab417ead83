#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The daemon as a process: whose it is, what it may do, what of it can be seen."""
from __future__ import annotations

import contextlib
import errno
import os
import pathlib
import pwd
import re
import resource
import signal
import tempfile

from harness import (BUILD, SANITIZERS, Gateway, Net, Pki, Process, Skip, command, configuration,
                     gateway, hellogate, run, run_client, running)

PKI = Pki()
NOBODY = pwd.getpwnam('nobody')
PACKET_CAPABILITIES = 1 << 12 | 1 << 13 | 1 << 14  # those of pmd-config/net_af_packet.ini
XDP_CAPABILITIES = PACKET_CAPABILITIES | 1 << 2 | 1 << 21  # those of pmd-config/net_af_xdp.ini
SECRET = 'c0ffee' * 10 + 'beef'
PSK = 'secret of this test alone'


if os.geteuid() == 0:
    os.setgroups([4, 24])  # for the daemon to inherit, and to give up


def certified() -> dict[str, object]:
    return {'certificate': PKI.leaf('server'), 'private_key': PKI.path('server.key')}


def threads(pid: int) -> dict[int, dict[str, str]]:
    """/proc/PID/task/*/status, by thread."""
    told = {}
    for path in pathlib.Path(f'/proc/{pid}/task').iterdir():
        lines = (path / 'status').read_text().splitlines()
        told[int(path.name)] = dict(line.split(':\t', 1) for line in lines if ':\t' in line)
    return told


def assert_dropped(pid: int, kept: int) -> None:
    """Nobody's, all of them, and none can do more: but for main, what its driver needs."""
    told = threads(pid)
    assert len(told) >= 4, told.keys()  # main, a worker, a handshake core, EAL's
    for tid, status in told.items():
        for key, own in (('Uid', NOBODY.pw_uid), ('Gid', NOBODY.pw_gid)):
            assert status[key].split() == 4 * [str(own)], (tid, status)
        assert status['Groups'].strip() == '', (tid, status)
        allowed = kept if tid == pid else 0
        for key in ('CapPrm', 'CapEff'):
            assert int(status[key], 16) == allowed, (tid, key, status)
        for key in ('CapInh', 'CapAmb'):
            assert int(status[key], 16) == 0, (tid, key, status)
        if 'thread' not in SANITIZERS:  # it has a thread of its own, before main()
            assert int(status['CapBnd'], 16) == 0 and status['NoNewPrivs'] == '1', (tid, status)


def dropped(driver: str, kept: int = 0, binary: pathlib.Path | None = None) -> None:
    """Privileges are gone, clients are served, and nothing is left of the port at the end."""
    with Net(driver) as net, contextlib.ExitStack() as stack:
        g = Gateway(configuration(net, {'echo': certified()}), netns=net.gateway)
        g.binary = binary or g.binary
        stack.enter_context(running(g, net))
        assert_dropped(g.process.pid, kept)
        assert run_client(net, '--datagrams', 20)['received'] == 20
        g.wait_for(lambda s: s['sessions_closed'] == 1)
        assert_dropped(g.process.pid, kept)
        g.stop()
        assert not re.search('cannot|denied|not permitted|does not', g.process.stderr, re.I), g.log()
        left = command('ip', '-n', net.gateway, '-details', 'link')
        assert 'prog/xdp' not in left, left


def test_privileges_are_dropped_af_packet() -> None:
    dropped('af_packet', PACKET_CAPABILITIES)


def test_privileges_are_dropped_af_xdp() -> None:
    """Its program is taken off the interface at the end, which takes privileges."""
    dropped('af_xdp', XDP_CAPABILITIES)


def test_privileges_are_dropped_af_xdp_on_a_host_that_never_had_it() -> None:
    """Nothing of libxdp is in /run, which is root's, and there is no BPF file system."""
    with tempfile.TemporaryDirectory() as directory:
        fresh = pathlib.Path(directory, 'fresh')
        fresh.write_text(
            '#!/bin/sh\nset -e\n'
            f'mkdir -p /run/dpdk {directory}/dpdk\nmount --bind /run/dpdk {directory}/dpdk\n'
            'mount -t tmpfs -o mode=755 run /run\n'
            f'mkdir /run/dpdk\nmount --bind {directory}/dpdk /run/dpdk\n'
            f'exec {hellogate()} "$@"\n')
        fresh.chmod(0o755)
        # ip netns exec has given it a mount namespace of its own.
        dropped('af_xdp', XDP_CAPABILITIES, fresh)


def test_privileges_are_dropped_tap() -> None:
    dropped('tap')


def test_root_stays_root() -> None:
    with Net() as net, gateway(net, {'echo': certified()}, user='root') as g:
        for status in threads(g.process.pid).values():
            assert status['Uid'].split() == 4 * ['0'] and int(status['CapEff'], 16), status
        g.stop()


def test_another_user() -> None:
    daemon = pwd.getpwnam('daemon')
    with Net() as net, gateway(net, {'echo': certified()}, user='daemon') as g:
        for status in threads(g.process.pid).values():
            assert status['Uid'].split() == 4 * [str(daemon.pw_uid)], status
            assert status['Gid'].split() == 4 * [str(daemon.pw_gid)], status
        g.stop()


def test_what_a_life_leaves_does_not_hinder_the_next() -> None:
    """Without privileges the telemetry socket cannot be removed: the next process takes it over."""
    with Net() as net:
        with running(Gateway(configuration(net, {'echo': certified()}), netns=net.gateway)) as g:
            for _ in range(2):
                assert g.stats()['rx'] >= 0
                g.stop()
                g.start()
            assert g.sessions()['sessions'] == 0
            g.stop()


def refused(net: Net, names: str, trouble: str) -> None:
    """With trouble.c in the process: one sentence and exit code 2."""
    if SANITIZERS:
        raise Skip('a sanitizer wants to be the first of the preloaded libraries')
    g = Gateway(configuration(net, {'echo': certified()}), netns=net.gateway,
                env={'LD_PRELOAD': str(BUILD / 'tests/e2e/libtrouble.so'), trouble: '1'})
    try:
        p = g.spawn()
        assert p.wait() == 2, p.log()
        last = p.stderr.splitlines()[-1]
        assert last.startswith('hellogate: ') and re.search(names, last), p.log()
        assert 'ready' not in p.stdout, p.log()
    finally:
        g.close()


def test_a_thread_that_keeps_privileges_is_refused() -> None:
    with Net() as net:
        refused(net, 'thread [0-9]+ has kept privileges of root: Uid', 'HG_STRAY_THREAD')


def end_of_forbidden(net: Net, mode: str) -> Process:
    if SANITIZERS:
        raise Skip('a sanitizer wants to be the first of the preloaded libraries')
    g = Gateway(configuration(net, {'echo': certified()}, seccomp=mode), netns=net.gateway,
                env={'LD_PRELOAD': str(BUILD / 'tests/e2e/libtrouble.so'), 'HG_FORBIDDEN': '1'})
    try:
        p = g.spawn()
        p.wait()
        return p
    finally:
        g.close()


def test_a_system_call_that_is_not_allowed_ends_the_process() -> None:
    with Net() as net:
        p = end_of_forbidden(net, 'on')
        assert p.popen.returncode == -signal.SIGSYS and 'another' not in p.stdout, p.log()


def test_without_the_filter_it_is_allowed() -> None:
    """What the test above has seen is the filter's doing."""
    with Net() as net:
        for mode in ('off', 'log'):
            p = end_of_forbidden(net, mode)
            assert p.popen.returncode == 0 and 'another program' in p.stdout, p.log()


def test_every_thread_has_the_filter() -> None:
    with Net() as net:
        for mode, told in (('on', '2'), ('log', '2'), ('off', '0')):
            with gateway(net, {'echo': certified()}, seccomp=mode) as g:
                for status in threads(g.process.pid).values():
                    assert status['Seccomp'] == told, (mode, status)
                g.stop()


def test_signals_that_end_nothing() -> None:
    """Those that are not a word to it are ignored."""
    signals = [getattr(signal, 'SIG' + name) for name in (
        'USR1', 'USR2', 'ALRM', 'VTALRM', 'PROF', 'IO', 'PWR', 'STKFLT', 'PIPE', 'TTIN', 'TTOU', 'XFSZ',
        'CHLD', 'WINCH', 'URG', 'CONT')]
    with Net() as net, gateway(net, {'echo': certified()}) as g:
        for number in signals:
            g.process.popen.send_signal(number)
        assert run_client(net, '--datagrams', 20)['received'] == 20
        state = pathlib.Path(f'/proc/{g.process.pid}/status').read_text()
        assert re.search(r'(?m)^State:\t[RSD] ', state), state
        code, _ = g.stop()
        assert code == 0 and 'draining' in g.process.stderr, g.log()


def test_no_core_dumps() -> None:
    """/proc/PID of a process that is not dumpable belongs to root, whoever the process is."""
    with Net() as net, gateway(net, {'echo': certified()}) as g:
        limits = pathlib.Path(f'/proc/{g.process.pid}/limits').read_text()
        assert re.search(r'(?m)^Max core file size +0 +0 ', limits), limits
        assert os.stat(f'/proc/{g.process.pid}/fd').st_uid == 0
        g.stop()


def mappings(pid: int) -> list[tuple[int, int, set[str]]]:
    """Begin, end and flags of what is mapped and readable, and in memory."""
    found = []
    text = pathlib.Path(f'/proc/{pid}/smaps').read_text()
    for entry in re.split(r'(?m)^(?=[0-9a-f]+-[0-9a-f]+ )', text)[1:]:
        begin, end, rights = re.match(r'([0-9a-f]+)-([0-9a-f]+) (\S+)', entry).groups()
        flags = set(re.search(r'(?m)^VmFlags: (.*)$', entry).group(1).split())
        if rights.startswith('rw') and int(re.search(r'Rss: +(\d+)', entry).group(1)):
            found.append((int(begin, 16), int(end, 16), flags))
    return found


def places(pid: int, needle: bytes) -> list[set[str]]:
    """The flags of the mappings that hold these bytes, one for each place."""
    found = []
    with open(f'/proc/{pid}/mem', 'rb', buffering=0) as memory:
        for begin, end, flags in mappings(pid):
            data = b''
            while len(data) < end - begin:
                try:
                    piece = os.pread(memory.fileno(), end - begin - len(data), begin + len(data))
                except OSError as error:
                    if error.errno != errno.EIO:
                        raise
                    piece = bytes(resource.getpagesize())  # glibc 2.42: a guard page of a stack
                if not piece:
                    break
                data += piece
            found += [flags for _ in re.finditer(re.escape(needle), data)]
    return found


def scalar(path: str) -> bytes:
    """The private number of an EC key, big endian."""
    text = command('openssl', 'pkey', '-in', path, '-noout', '-text')
    digits = re.search(r'priv:\n((?: +[0-9a-f:]+\n)+)', text).group(1)
    return bytes.fromhex(re.sub(r'[\s:]', '', digits)).lstrip(b'\0')


def test_secrets_are_in_locked_memory_alone() -> None:
    """Neither as used nor as read from the file; but for private keys, of whose DER form OpenSSL frees
    a copy as it is."""
    if SANITIZERS:
        raise Skip('a sanitizer keeps what has been freed')
    psk = PKI.directory / 'process.psk'
    psk.write_text(f'thing:{PSK.encode().hex()}\n', encoding='ascii')
    secret = PKI.directory / 'process.secret'
    secret.write_text(SECRET + '\n', encoding='ascii')
    listener = {**certified(), 'psk_file': psk}
    limbs = scalar(PKI.path('server.key'))[::-1]  # as OpenSSL computes with it, on little endian
    with Net() as net, gateway(net, {'echo': listener}, cookie_secret=secret) as g:
        pid = g.process.pid
        assert run_client(net)['received'] == 1
        g.wait_for(lambda s: s['sessions_closed'] == 1)
        locked = [(b, e) for b, e, flags in mappings(pid) if {'lo', 'dd'} <= flags]
        assert sum(e - b for b, e in locked) >= 8 << 20, locked
        used = {'cookie secret': bytes.fromhex(SECRET), 'pre-shared key': PSK.encode(),
                'private key': limbs}
        for name, needle in used.items():
            found = places(pid, needle)
            assert found and all({'lo', 'dd'} <= flags for flags in found), (name, found)
        for text in (SECRET, PSK.encode().hex()):
            found = places(pid, text.encode())
            assert not found, (text, found)
        g.stop()


run(globals())
