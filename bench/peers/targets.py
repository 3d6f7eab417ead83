# SPDX-License-Identifier: BSD-3-Clause
"""The servers that are compared: how each is started, and the veth in front of it.

    with Link() as link, TARGETS['gnutls_serv'].start(link, pki, 5684) as server: ...

Every server has the same certificate and, apart from what is said below, its own defaults.
"""
from __future__ import annotations

import contextlib
import dataclasses
import itertools
import os
import re
import shutil
import signal
from typing import Iterator, Sequence

from bench import bed, result
from bench.bed import CLIENT
from lab.gateway import Gateway
from lab.netns import Namespaces, kernel_ipv6, wait_for_udp
from lab.pki import Pki
from lab.process import Process, command

SERVER, PREFIX = bed.ADDRESS, 15
SPOOFED = '198.18.128.0/17'  # clients that are not there
PORT = 5684
_serial = itertools.count()


class Link(Namespaces):
    """Two namespaces and a veth. With kernel, the servers' end has an address: SERVER.

    What is sent to SPOOFED goes to the clients' end at once, and is dropped there: a server is not
    measured by the neighbours that its kernel can remember."""

    def __init__(self, kernel: bool) -> None:
        self.kernel = kernel
        number = f'{os.getpid()}x{next(_serial)}'
        self.servers, self.clients = f'hgt{number}s', f'hgt{number}c'
        self.server_if, self.client_if = f'hs{number}', f'hc{number}'
        self.client_mac = ''

    def namespaces(self) -> set[str]:
        return {self.servers, self.clients}

    def join(self) -> None:
        command('ip', 'link', 'add', self.server_if, 'netns', self.servers, 'address', bed.MAC,
                'type', 'veth', 'peer', 'name', self.client_if, 'netns', self.clients)
        for interface, netns in ((self.server_if, self.servers), (self.client_if, self.clients)):
            kernel_ipv6(netns, interface)
            # A veth hands partial checksums over as they are.
            command('ethtool', '-K', interface, 'tx', 'off', netns=netns)
            command('ip', '-n', netns, 'link', 'set', interface, 'up')
        # Its end of the network is half of it: nobody but hellogen answers for the other half.
        command('ip', '-n', self.clients, 'addr', 'add', f'{CLIENT}/17', 'dev', self.client_if)
        told = command('ip', '-n', self.clients, '-o', 'link', 'show', 'dev', self.client_if)
        self.client_mac = re.search(r'link/ether (\S+)', told).group(1)
        # No handshake waits for ARP, whose second try comes after a second.
        command('ip', '-n', self.clients, 'neigh', 'replace', SERVER, 'lladdr', bed.MAC, 'dev',
                self.client_if, 'nud', 'permanent')
        if self.kernel:
            for line in (f'addr add {SERVER}/{PREFIX} dev {self.server_if}',
                         f'neigh replace {CLIENT} lladdr {self.client_mac} dev {self.server_if} '
                         'nud permanent',
                         f'route add {SPOOFED} via {CLIENT}'):
                command('ip', '-n', self.servers, *line.split())


@dataclasses.dataclass(frozen=True)
class Target:
    """A server on a kernel socket; argv names ADDRESS, PORT, PORT-1, CERT, KEY and DIR."""
    title: str
    package: str
    argv: Sequence[str] = ()
    one: bool = False       # it serves one client after the other
    handshake: bool = True  # a client that knows nothing more than its address can complete one
    overlap: bool = True    # it goes on when a client begins before another one has ended
    kernel: bool = True     # it has a kernel socket
    config: str = ''        # written to DIR/config

    def missing(self) -> str:
        """Why it cannot be started; empty if it can."""
        program = self.program()
        return '' if shutil.which(program) else f'{program} is not installed or not built'

    def program(self) -> str:
        return bed.program(self.argv[0][1:]) if self.argv[0].startswith('@') else self.argv[0]

    @contextlib.contextmanager
    def start(self, link: Link, pki: Pki, port: int = PORT, cpu: int | None = None,
              limits: bool = False) -> Iterator[Process]:
        """It is ready inside. limits: hellogate keeps those on clients that it comes with."""
        directory = pki.directory / f'target{next(_serial)}'
        directory.mkdir()
        names = {'ADDRESS': SERVER, 'PORT-1': str(port - 1), 'PORT': str(port),
                 'CERT': pki.path('server.pem'), 'KEY': pki.path('server.key'),
                 'DIR': str(directory)}

        def fill(text: str) -> str:
            for name, value in names.items():
                text = text.replace('{' + name + '}', value)
            return text

        (directory / 'config').write_text(fill(self.config))
        pin = [] if cpu is None else ['taskset', '-c', str(cpu)]
        server = Process([*pin, self.program(), *map(fill, self.argv[1:])], link.servers,
                         name=self.title)
        try:
            wait_for_udp(link.servers, port, server)
            yield server
        finally:
            server.kill(signal.SIGTERM)
            shutil.rmtree(directory, ignore_errors=True)


class Hellogate(Target):
    """The gateway, on the veth by net_af_xdp; on one CPU its worker and core share it."""

    def missing(self) -> str:
        return ''

    @contextlib.contextmanager
    def start(self, link: Link, pki: Pki, port: int = PORT, cpu: int | None = None,
              limits: bool = False) -> Iterator[Process]:
        # Many clients of a benchmark have one address, which is what those limits are about.
        free = {} if limits else {'handshake_rate': 0, 'client_rate': 0, 'client_half_open': 0}
        config = bed.settings('net_af_xdp', f'net_af_xdp0,iface={link.server_if}',
                              bed.listener('bench', port, pki.path('server.pem')), **free)
        lcores = [] if cpu is None else [f'--lcores=0@{cpu},1@{cpu},2@{cpu}']
        gateway = Gateway(config, eal=lcores, netns=link.servers)
        try:
            gateway.start()
            yield gateway.process
            gateway.stop()
        finally:
            gateway.close()


OCSERV = '''auth = "plain[passwd={DIR}/passwd]"
tcp-port = {PORT}
udp-port = {PORT}
listen-host = {ADDRESS}
run-as-user = nobody
run-as-group = nogroup
socket-file = {DIR}/socket
pid-file = {DIR}/pid
server-cert = {CERT}
server-key = {KEY}
isolate-workers = false
max-clients = 16
device = vpns
ipv4-network = 198.19.255.0
ipv4-netmask = 255.255.255.0
dtls-legacy = true
cisco-client-compat = true
'''

_PAIR = ('-cert', '{CERT}', '-key', '{KEY}')
TARGETS: dict[str, Target] = {
    'hellogate': Hellogate('hellogate', '', kernel=False),
    # Its socket belongs to its first client for ever: it has to be started anew for the next one.
    's_server_listen': Target(
        'openssl s_server -listen', 'openssl', (
            'bash', '-c', 'trap "kill \\$server; exit" TERM; while :; do "$@" <&0 & server=$!; '
            'wait $server; done', 'again', 'openssl', 's_server', '-dtls1_2', '-listen',
            '-naccept', '1', '-accept', '{ADDRESS}:{PORT}', *_PAIR), one=True),
    's_server': Target(
        'openssl s_server', 'openssl', ('openssl', 's_server', '-dtls1_2', '-accept',
                                        '{ADDRESS}:{PORT}', *_PAIR), one=True),
    'gnutls_serv': Target(
        'gnutls-serv -u', 'gnutls-bin', ('gnutls-serv', '-u', '-p', '{PORT}', '-a', '--echo',
                                         '--x509certfile', '{CERT}', '--x509keyfile', '{KEY}'),
        one=True, overlap=False),
    # Not a server that anybody should run: what all the others would be without a cookie.
    'gnutls_nocookie': Target(
        'gnutls-serv -u --nocookie', 'gnutls-bin', (
            'gnutls-serv', '-u', '--nocookie', '-p', '{PORT}', '-a', '--echo',
            '--x509certfile', '{CERT}', '--x509keyfile', '{KEY}'), one=True, overlap=False),
    'coap_openssl': Target(
        'coap-server-openssl', 'libcoap3-bin', ('coap-server-openssl', '-A', '{ADDRESS}', '-p',
                                                '{PORT-1}', '-n', '-c', '{CERT}', '-j', '{KEY}')),
    'coap_gnutls': Target(
        'coap-server-gnutls', 'libcoap3-bin', ('coap-server-gnutls', '-A', '{ADDRESS}', '-p',
                                               '{PORT-1}', '-n', '-c', '{CERT}', '-j', '{KEY}')),
    'coturn': Target(
        'coturn', 'coturn', ('turnserver', '-n', '--no-cli', '-L', '{ADDRESS}', '-r', 'bench',
                             '--listening-port', '{PORT-1}', '--tls-listening-port', '{PORT}',
                             '--cert', '{CERT}', '--pkey', '{KEY}', '--log-file', 'stdout',
                             '--pidfile', '{DIR}/pid', '--lt-cred-mech', '-u', 'user:word',
                             '--db', '{DIR}/db')),
    'ocserv': Target(
        'ocserv', 'ocserv', ('ocserv', '-f', '-c', '{DIR}/config'), handshake=False,
        config=OCSERV),
    'mbedtls': Target(
        'Mbed TLS', 'libmbedtls-dev', ('@peers/mbedtls_server', '{ADDRESS}', '{PORT}', '{CERT}', '{KEY}'),
        one=True),
    'wolfssl': Target(
        'wolfSSL', 'libwolfssl-dev', ('@peers/wolfssl_server', '{ADDRESS}', '{PORT}', '{CERT}', '{KEY}'),
        one=True),
}


def choose(names: str) -> dict[str, Target]:
    """Those of a list with commas that can run here, or all; says which cannot."""
    wanted = names.split(',') if names else list(TARGETS)
    unknown = [n for n in wanted if n not in TARGETS]
    if unknown:
        result.refuse(f'there is no target {unknown[0]}: there are {", ".join(TARGETS)}')
    chosen = {}
    for name in wanted:
        why = TARGETS[name].missing()
        if why:
            print(f'without {name}: {why}')
        else:
            chosen[name] = TARGETS[name]
    if not chosen:
        result.refuse('there is no target that can run here')
    return chosen


def version(target: Target) -> str:
    """Of its Debian package."""
    if not target.package:
        return ''
    return command('dpkg-query', '-W', '-f', '${Version}', target.package, check=False).strip()
