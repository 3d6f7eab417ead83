# SPDX-License-Identifier: BSD-3-Clause
"""Network namespaces, which are removed by name, and those of a gateway and its clients."""
from __future__ import annotations

import atexit
import contextlib
import ctypes
import os
import pathlib
import socket
from typing import Iterator

from lab.process import SOURCE, Process, command, until

GW4, CL4 = '198.18.0.1', '198.18.0.2'
GW6, CL6 = '2001:2::1', '2001:2::2'
CLONE_NEWNET = 0x40000000

_libc = ctypes.CDLL(None, use_errno=True)


def _kernel_has_ipv6() -> bool:
    try:
        socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).close()
    except OSError:
        return False
    return True


IPV6 = _kernel_has_ipv6()


def set_sysctl(netns: str, name: str, value: int) -> None:
    """net.ipv6.conf.NAME.disable_ipv6 for example, with slashes: an interface's name may have dots."""
    with in_netns(netns):
        pathlib.Path('/proc/sys', name).write_text(str(value))


def kernel_ipv6(netns: str, interface: str, on: bool = False) -> None:
    """Has the kernel an IPv6 address of its own on the interface? Some kernels have none anywhere."""
    if IPV6:
        set_sysctl(netns, f'net/ipv6/conf/{interface}/disable_ipv6', int(not on))


@contextlib.contextmanager
def in_netns(name: str) -> Iterator[None]:
    """The calling thread is in that namespace meanwhile; sockets stay where they were made."""
    own = os.open('/proc/thread-self/ns/net', os.O_RDONLY | os.O_CLOEXEC)
    try:
        there = os.open(f'/run/netns/{name}', os.O_RDONLY | os.O_CLOEXEC)
        try:
            if _libc.setns(there, CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), 'setns')
        finally:
            os.close(there)
        try:
            yield
        finally:
            if _libc.setns(own, CLONE_NEWNET):
                os.abort()  # nothing after this would happen where it should
    finally:
        os.close(own)


def wait_for_udp(netns: str, port: int, server: Process) -> None:
    """Waits until a server in a namespace has bound its UDP port."""
    def bound() -> bool:
        assert server.alive(), server.log()
        return any(f':{port:04X} ' in pathlib.Path(f'/proc/thread-self/net/udp{v}').read_text()
                   for v in ('', '6'))

    with in_netns(netns):
        until(bound, lambda: f'{server.name} did not bind port {port}\n{server.log()}')


class Namespaces:
    """Some network namespaces, each with its loopback up; they are gone when it is left."""

    def namespaces(self) -> set[str]:
        """Their names."""
        raise NotImplementedError

    def join(self) -> None:
        """Puts interfaces into them."""

    def __enter__(self):
        _made.append(self)
        try:
            for name in self.namespaces():
                command('ip', 'netns', 'add', name)
                command('ip', '-n', name, 'link', 'set', 'lo', 'up')
            self.join()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_) -> None:
        for name in self.namespaces():
            if os.path.exists(f'/run/netns/{name}'):
                command('ip', 'netns', 'del', name, check=False)
        if self in _made:
            _made.remove(self)


_made: list[Namespaces] = []


@atexit.register
def delete_all() -> None:
    """At the end, or for who was told to end: no namespace stays."""
    for namespaces in list(_made):
        namespaces.__exit__()


class Net(Namespaces):
    """Two namespaces, the gateway's and the clients', joined by a veth or, for tap, in one.

    with Net('af_packet') as net: ...
    """

    def __init__(self, driver: str = 'af_packet', queues: int = 1) -> None:
        self.driver = driver
        self.queues = queues
        self.client = f'hg{os.getpid()}b'
        self.gateway = self.client if driver == 'tap' else f'hg{os.getpid()}a'
        if driver == 'tap':
            self.gateway_if = self.client_if = 'hgtap0'
        else:
            self.gateway_if = f'hgw{os.getpid()}'
            self.client_if = f'hgc{os.getpid()}'

    def namespaces(self) -> set[str]:
        return {self.gateway, self.client}

    def join(self) -> None:
        if self.driver == 'tap':
            return
        queues = ('numtxqueues', str(self.queues), 'numrxqueues', str(self.queues))
        command('ip', 'link', 'add', self.gateway_if, 'netns', self.gateway, *queues,
                'type', 'veth', 'peer', 'name', self.client_if, 'netns', self.client, *queues)
        # Whoever shares the interface with the gateway must not answer beside it.
        kernel_ipv6(self.gateway, self.gateway_if)
        command('ip', '-n', self.gateway, 'link', 'set', self.gateway_if, 'up')
        self._address()

    def _address(self) -> None:
        command('ip', '-n', self.client, 'link', 'set', self.client_if, 'up')
        command('ip', '-n', self.client, 'addr', 'add', f'{CL4}/24', 'dev', self.client_if)
        if IPV6:
            command('ip', '-n', self.client, 'addr', 'add', f'{CL6}/48', 'dev', self.client_if,
                    'nodad')

    def started(self) -> None:
        """To be called when the gateway is ready: its tap exists from now on."""
        if self.driver == 'tap':
            self._address()

    def device(self) -> str:
        """The vdev for the gateway's configuration."""
        more = {'af_packet': f',qpairs={self.queues}' if self.queues > 1 else '',
                'af_xdp': f',queue_count={self.queues}' if self.queues > 1 else '',
                'tap': ''}[self.driver]
        return f'net_{self.driver}0,iface={self.gateway_if}{more}'

    def profile(self) -> str:
        return str(SOURCE / 'pmd-config' / f'net_{self.driver}.ini')
