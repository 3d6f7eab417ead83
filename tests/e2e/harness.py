# SPDX-License-Identifier: BSD-3-Clause
"""What the end-to-end tests share: a gateway with these tests' settings, its clients, TAP.

A test is a function test_*() of a file; run(globals()) runs them all, or those named on the command
line, and prints one TAP line each. Skip says why a test cannot run here.
"""
from __future__ import annotations

import contextlib
import os
import pathlib
import re
import resource
import select
import shutil
import signal
import socket
import struct
import sys
import threading
import time
import traceback
from typing import Callable, Iterator, Mapping, Sequence

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

# What is not for this file is for the tests, which find here all of tests/lab that they need.
from lab import packets  # noqa: E402,F401
from lab.gateway import (RUNTIME, Gateway, asked, check_config, check_sanitizers,  # noqa: E402,F401
                         hellogate, kill_all)
from lab.netns import (CL4, CL6, GW4, GW6, IPV6, Net, delete_all, in_netns,  # noqa: E402,F401
                       kernel_ipv6, set_sysctl, wait_for_udp)
from lab.pki import Pki, remove_all  # noqa: E402,F401
from lab.process import (BUILD, PATIENCE, SANITIZERS, SOURCE, Process, command,  # noqa: E402,F401
                         die_with_parent, slow, until)

PORT = 5684
DTLS_CLIENT = BUILD / 'tests' / 'e2e' / 'dtls_client'
PACKET_AUXDATA = 8
SOL_PACKET = 263
TP_STATUS_VLAN_VALID = 0x10


class Skip(Exception):
    """The test cannot run here; the text says why."""


def need(*tools: str) -> None:
    missing = [t for t in tools if not shutil.which(t)]
    if missing:
        raise Skip(f'{", ".join(missing)} not installed')


def need_ipv6() -> None:
    if not IPV6:
        raise Skip('the kernel has no IPv6')


# ---------------------------------------------------------------------------------------------
# TAP

def run(names: Mapping[str, object], ipv6: bool = False) -> None:
    """Runs the test_* functions of a file and ends the process: 0 if all went well.

    ipv6: they all need a kernel that has it."""
    end_cleanly()
    tests = [(n, f) for n, f in names.items() if n.startswith('test_') and callable(f)]
    wanted = sys.argv[1:]
    if wanted:
        tests = [(n, f) for n, f in tests if any(w in n for w in wanted)]
    if not hellogate().exists() or not DTLS_CLIENT.exists():
        print(f'Bail out! {hellogate()} or {DTLS_CLIENT} is not built')
        sys.exit(1)
    print(f'1..{len(tests)}', flush=True)
    why = _unfit() or ('the kernel has no IPv6' if ipv6 and not IPV6 else None)
    failed = 0
    for number, (name, function) in enumerate(tests, 1):
        line = f'{number} - {name[5:].replace("_", " ")}'
        if why:
            print(f'ok {line} # SKIP {why}', flush=True)
            continue
        begun, used = time.monotonic(), _cpu_time()
        try:
            function()
            print(f'ok {line}', flush=True)
        except Skip as reason:
            print(f'ok {line} # SKIP {reason}', flush=True)
        except Exception:  # noqa: BLE001: whatever went wrong is the test's failure
            failed += 1
            print(f'not ok {line}')
            told = traceback.format_exc() + ''.join(log + '\n' for log in _failure_logs)
            print(told, end='', file=sys.stderr, flush=True)  # of a failure meson shows this alone
        finally:
            _failure_logs.clear()
        print(f'# {name}: {time.monotonic() - begun:.1f} s, of CPUs {_cpu_time() - used:.1f} s',
              flush=True)
    sys.exit(1 if failed else 0)


def _cpu_time() -> float:
    """What this process and its children that have ended have used, in seconds."""
    return sum(resource.getrusage(who).ru_utime + resource.getrusage(who).ru_stime
               for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


_failure_logs: list[str] = []


_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def end_cleanly() -> None:
    """From now on a signal that ends the process leaves nothing behind."""
    for sig in _SIGNALS:
        signal.signal(sig, _terminate)


def _terminate(sig: int, _frame) -> None:
    """Cleans up within the half second that meson leaves before it sends SIGKILL."""
    for other in _SIGNALS:
        signal.signal(other, signal.SIG_IGN)
    kill_all()
    delete_all()
    remove_all()
    os._exit(128 + sig)  # every other child dies with us


def _unfit() -> str | None:
    if os.geteuid() != 0:
        return 'needs root: network namespaces and raw sockets'
    for tool in ('ip', 'ethtool', 'openssl'):
        if not shutil.which(tool):
            return f'{tool} not installed'
    return None


# ---------------------------------------------------------------------------------------------
# The gateway under test

# The filter of system calls ends a gateway in the middle of what ThreadSanitizer has to say.
FILTER = {'seccomp': 'off'} if 'thread' in SANITIZERS else {}


def configuration(net: Net, listeners: Mapping[str, Mapping[str, object]],
                  port: Mapping[str, object] | None = None,
                  sections: Mapping[str, Mapping[str, object]] | None = None, **options) -> str:
    """The configuration file of one gateway. Underscores in the names of keys become hyphens.

    Clients have no limits of their own unless a test says so: all of a test have one address."""
    parts: list[tuple[str, Mapping[str, object]]] = [
        ('gateway', {'workers': net.queues, 'handshake_cores': 1, 'client_rate': 0,
                     'client_half_open': 0, 'client_sessions': 0, **FILTER, **options}),
        ('port wan', {'profile': net.profile(), 'device': net.device(),
                      'address': f'{GW4}/24, {GW6}/48', **(port or {})}),
        *(sections or {}).items()]
    parts += [(f'listener {name}', {'bind': f'{GW4}:{PORT}, [{GW6}]:{PORT}', 'upstream': 'echo',
                                       **values}) for name, values in listeners.items()]
    return '\n'.join(f'[{title}]\n' + ''.join(f'{key.replace("_", "-")} = {value}\n'
                                              for key, value in values.items() if value is not None)
                     for title, values in parts)


@contextlib.contextmanager
def gateway(net: Net, listeners: Mapping[str, Mapping[str, object]],
            **options) -> Iterator[Gateway]:
    """A running gateway. If the test fails in it, its output and counters go into the report."""
    config = configuration(net, listeners, **options)
    with running(Gateway(config, netns=net.gateway), net) as g:
        yield g


@contextlib.contextmanager
def running(g: Gateway, net: Net | None = None) -> Iterator[Gateway]:
    try:
        with g.start():
            try:
                if net:
                    net.started()
                yield g
            except Exception:
                with contextlib.suppress(Exception):
                    told = {k: v for k, v in g.stats().items() if v}
                    _failure_logs.append(f'counters: {told}')
                raise
    except Exception:
        _failure_logs.append(g.log())
        raise
    finally:
        g.close()


class EchoServer:
    """A UDP server in a namespace that sends everything back with a prefix; counts its peers."""

    def __init__(self, netns: str, address: str = '127.0.0.1', port: int = 0,
                 prefix: bytes = b'') -> None:
        self.prefix = prefix
        self.peers: set[tuple] = set()
        self.count = 0
        with in_netns(netns):
            self.socket = socket.socket(socket.AF_INET6 if ':' in address else socket.AF_INET,
                                        socket.SOCK_DGRAM)
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            self.socket.bind((address, port))
        self.port = self.socket.getsockname()[1]
        self._end, self._stop = os.pipe()
        self._thread: threading.Thread | None = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            ready, _, _ = select.select([self.socket, self._end], [], [])
            if self._end in ready:
                return
            try:
                data, peer = self.socket.recvfrom(65536)
                self.count += 1
                self.peers.add(peer)
                self.socket.sendto(self.prefix + data, peer)
            except OSError:
                continue  # an ICMP error about a session that is gone

    def __enter__(self) -> EchoServer:
        return self

    def __exit__(self, *_) -> None:
        if self._thread is None:
            return
        os.close(self._stop)
        self._thread.join()
        self._thread = None
        os.close(self._end)
        self.socket.close()


# ---------------------------------------------------------------------------------------------
# Clients

@contextlib.contextmanager
def process(*argv: str, netns: str, name: str | None = None, env: Mapping[str, str] | None = None,
            cwd: str | None = None) -> Iterator[Process]:
    """A running program in a namespace; a failure in it is reported with its output."""
    p = Process(argv, netns, cwd, env, name)
    try:
        yield p
    except Exception:
        _failure_logs.append(p.log())
        raise
    finally:
        p.kill()


def target(host: str, port: int = PORT) -> str:
    return f'[{host}]:{port}' if ':' in host else f'{host}:{port}'


def s_client(net: Net, *options: str, host: str = GW4, port: int = PORT):
    """openssl s_client, running."""
    return process('openssl', 's_client', '-dtls1_2', '-connect', target(host, port), *options,
                   netns=net.client, name='s_client')


def echo_line(p: Process, text: str = 'the quick brown fox', answer: str | None = None) -> None:
    """Sends a line through a client that copies its input and output, and waits for the echo.

    The line is sent once: whatever loses it has failed the test."""
    p.send(text + '\n')
    p.expect(f'^{answer or text}$', stream='out')


class Client:
    """dtls_client, running, and its results."""

    def __init__(self, net: Net, options: Sequence[object], host: str, port: int) -> None:
        deadline = [] if '--deadline' in options else ['--deadline', int(slow(10 * PATIENCE))]
        argv = [DTLS_CLIENT, '--host', host, '--port', port, *deadline, *options]
        self.process = Process([str(a) for a in argv], net.client)

    def say(self, line: str) -> None:
        self.process.send(line + '\n')

    def expect(self, pattern: str, deadline: float = PATIENCE) -> re.Match:
        return self.process.expect(pattern, deadline, 'out')

    def results(self, expect: int | None = 0, deadline: float = 5 * PATIENCE) -> dict[str, int | str]:
        """Waits for the end: the result lines."""
        code = self.process.wait(deadline)
        if expect is not None and code != expect:
            raise AssertionError(f'dtls_client ended with {code}, not {expect}\n'
                                 f'{self.process.log()}')
        pairs = (line.split(' ', 1) for line in self.process.stdout.splitlines() if ' ' in line)
        return {k: int(v) if v.isdigit() else v for k, v in pairs}


@contextlib.contextmanager
def dtls_client(net: Net, *options: object, host: str = GW4, port: int = PORT) -> Iterator[Client]:
    client = Client(net, options, host, port)
    try:
        yield client
    except Exception:
        _failure_logs.append(client.process.log())
        raise
    finally:
        client.process.kill()


def run_client(net: Net, *options: object, host: str = GW4, port: int = PORT,
               expect: int | None = 0) -> dict[str, int | str]:
    """dtls_client to its end."""
    with dtls_client(net, *options, host=host, port=port) as client:
        return client.results(expect)


def run_in_vain(net: Net, g: Gateway, refused: Callable[[dict[str, int]], object], *options: object,
                host: str = GW4, port: int = PORT) -> dict[str, int | str]:
    """dtls_client, which gets nowhere: until the counters tell that it has been refused."""
    with dtls_client(net, *options, host=host, port=port) as client:
        g.wait_for(refused)
        client.process.popen.send_signal(signal.SIGTERM)
        return client.results(expect=1)


def neighbour(net: Net, host: str) -> str:
    """The MAC address that the clients' kernel has learnt for one of the gateway's addresses."""
    told = command('ip', '-n', net.client, 'neigh', 'show', host)
    match = re.search(r'lladdr (\S+)', told)
    assert match, told
    return match.group(1)


class RawPort:
    """A packet socket on the clients' interface: whole frames, VLAN tags put back in.

    It receives what comes from the gateway, or with outgoing what the clients send to it."""

    def __init__(self, net: Net, outgoing: bool = False) -> None:
        self.outgoing = outgoing
        with in_netns(net.client):
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            self.socket.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
            self.socket.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
            self.socket.bind((net.client_if, 0x0003))
            self.mac = self.socket.getsockname()[4]

    def send(self, frame: bytes) -> None:
        self.socket.send(frame)

    def receive(self, timeout: float = 0) -> bytes | None:
        """The next frame, None if none comes in time."""
        end = time.monotonic() + timeout
        while True:
            ready, _, _ = select.select([self.socket], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                return None
            data, control, _, sender = self.socket.recvmsg(65536, 256)
            if (sender[2] == socket.PACKET_OUTGOING) != self.outgoing:
                continue
            for level, kind, value in control:
                if (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
                    status, _, _, _, _, tci, tpid = struct.unpack('=IIIHHHH', value[:20])
                    if status & TP_STATUS_VLAN_VALID:
                        data = data[:12] + struct.pack('!HH', tpid or 0x8100, tci) + data[12:]
            return data

    def wait_for(self, condition: Callable[[bytes], bool], deadline: float = PATIENCE) -> bytes:
        """The next frame for which the condition holds."""
        end = time.monotonic() + slow(deadline)
        seen = 0
        while time.monotonic() < end:
            frame = self.receive(end - time.monotonic())
            if frame is not None and condition(frame):
                return frame
            seen += frame is not None
        raise AssertionError(f'no such frame in {slow(deadline):g} s, but {seen} others')

    def __enter__(self) -> RawPort:
        return self

    def __exit__(self, *_) -> None:
        self.socket.close()
