# SPDX-License-Identifier: BSD-3-Clause
"""DTLS clients on other libraries, programs of our own (tests/e2e/peers) with the same options."""
from __future__ import annotations

import dataclasses
import pathlib
import shutil
import subprocess

from harness import BUILD, GW4, PATIENCE, PORT, SOURCE, Skip, slow

PROGRAMS = BUILD / 'tests' / 'e2e' / 'peers'
JARS = [f'/usr/share/java/{name}.jar' for name in ('bcprov', 'bctls', 'bcutil')]
# What it starts fastest with.
JAVA = ['java', '-Xshare:auto', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC']


@dataclasses.dataclass(frozen=True)
class Peer:
    name: str
    package: str  # that it takes to build or to run it
    program: str
    argv: tuple[str, ...] = ()  # for what is no program by itself
    tickets: bool = True  # does it resume by ticket (RFC 5077)?
    psk: str = ''  # a suite that takes a pre-shared key, if it has any
    mtu: int = 0  # with which its hellos come in fragments, if it can be told
    max_fragment: bool = False  # does it offer max_fragment_length (RFC 6066)?
    offers_1_3: bool = False  # DTLS 1.3 beside 1.2
    server_name: bool = True  # can it read that its server_name is acknowledged?
    closes: bool = True  # does its close_notify always get out?
    repeated_finished: bool = True  # can it read a Finished once more (RFC 6347 section 4.2.4)?

    def is_there(self) -> bool:
        started = (*self.argv, self.program)[0]
        return pathlib.Path(self.program).exists() and shutil.which(started) is not None

    def command(self, *options: object, host: str = GW4, port: int | str = PORT) -> list[str]:
        if not self.is_there():
            raise Skip(f'{self.package} not installed, now or when this was built')
        return [*(self.argv or [self.program]), '--host', host, '--port', str(port), '--deadline',
                str(int(slow(PATIENCE / 2))), *map(str, options)]


def botan_closes() -> bool:
    """Its program of 3.13 does not go when its input ends, that of 3.7 does."""
    if not shutil.which('botan'):
        return True
    version = subprocess.run(['botan', 'version'], capture_output=True, text=True, check=True).stdout
    return tuple(map(int, version.split('.')[:2])) < (3, 13)


def built(name: str) -> str:
    return str(PROGRAMS / f'{name}_client')


PEERS = (
    Peer('mbedtls', 'libmbedtls-dev', built('mbedtls'), psk='TLS-PSK-WITH-AES-128-GCM-SHA256',
         max_fragment=True),
    Peer('wolfssl', 'libwolfssl-dev', built('wolfssl'), psk='PSK-CHACHA20-POLY1305',
         max_fragment=True),
    Peer('nss', 'libnss3-dev', built('nss'), offers_1_3=True),
    Peer('botan', 'botan', shutil.which('botan') or 'botan',
         ('/usr/bin/python3', str(SOURCE / 'tests' / 'e2e' / 'peers' / 'botan_client.py')), mtu=150,
         closes=botan_closes(), repeated_finished=False),
    Peer('pion', 'golang-github-pion-dtls.v2-dev', built('pion'), tickets=False,
         psk='TLS_PSK_WITH_AES_128_GCM_SHA256', mtu=100, server_name=False,
         closes=False),
    Peer('bouncycastle', 'libbctls-java', str(PROGRAMS / 'BouncyCastleClient.class'),
         (*JAVA, '-cp', ':'.join([str(PROGRAMS), *JARS]), 'BouncyCastleClient'), tickets=False,
         psk='TLS_PSK_WITH_AES_128_GCM_SHA256', mtu=150, max_fragment=True),
)
