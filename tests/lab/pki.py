# SPDX-License-Identifier: BSD-3-Clause
"""Certificates, made by the openssl tool."""
from __future__ import annotations

import atexit
import pathlib
import shutil
import tempfile
from typing import Sequence

from lab.netns import GW4, GW6
from lab.process import command

_directories: list[pathlib.Path] = []


@atexit.register
def remove_all() -> None:
    """At the end, or for who was told to end: no directory stays."""
    for directory in _directories:
        shutil.rmtree(directory, ignore_errors=True)


class Pki:
    """A test CA and what it signed, made with the openssl tool in a directory of its own."""

    def __init__(self) -> None:
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix='hellogate-pki-'))
        _directories.append(self.directory)
        self._made: set[str] = set()

    def path(self, name: str) -> str:
        return str(self.directory / name)

    def key(self, name: str, kind: str = 'ec') -> str:
        options = (('-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256') if kind == 'ec' else
                   ('-algorithm', 'RSA', '-pkeyopt', f'rsa_keygen_bits:{kind[3:] or 2048}'))
        command('openssl', 'genpkey', *options, '-out', self.path(f'{name}.key'))
        return self.path(f'{name}.key')

    def ca(self, name: str = 'ca', signer: str | None = None) -> str:
        """A CA certificate NAME.pem, self-signed or an intermediate one."""
        return self._certificate(name, 'ec', f'/CN=test {name}', signer,
                                 ['basicConstraints=critical,CA:TRUE',
                                  'keyUsage=critical,keyCertSign,cRLSign'])

    def leaf(self, name: str, kind: str = 'ec', host: str = 'gw.test', signer: str = 'ca',
             comment: int = 0, more: Sequence[str] = ()) -> str:
        """A certificate NAME.pem for a host name and the gateway's addresses."""
        extensions = [f'subjectAltName=DNS:{host},IP:{GW4},IP:{GW6}', *more]
        if comment:
            extensions.append('nsComment=' + 'x' * comment)
        return self._certificate(name, kind, f'/CN={host}', signer, extensions)

    def _certificate(self, name: str, kind: str, subject: str, signer: str | None,
                     extensions: Sequence[str]) -> str:
        out = self.path(f'{name}.pem')
        if name in self._made:
            return out
        key = self.key(name, kind)
        if signer is None:
            lines = [o for e in extensions for o in ('-addext', e)]
            command('openssl', 'req', '-x509', '-new', '-key', key, '-subj', subject, '-days', '30',
                    '-out', out, *lines)
        else:
            if signer not in self._made:
                self.ca(signer)
            request, ext = self.path(f'{name}.csr'), self.path(f'{name}.ext')
            pathlib.Path(ext).write_text('\n'.join(extensions) + '\n')
            command('openssl', 'req', '-new', '-key', key, '-subj', subject, '-out', request)
            command('openssl', 'x509', '-req', '-in', request, '-CA', self.path(f'{signer}.pem'),
                    '-CAkey', self.path(f'{signer}.key'), '-CAcreateserial', '-days', '30',
                    '-extfile', ext, '-out', out)
        self._made.add(name)
        return out

    def bundle(self, name: str, *parts: str) -> str:
        """One PEM file out of several certificates, the leaf first."""
        pathlib.Path(self.path(f'{name}.pem')).write_text(
            ''.join(pathlib.Path(self.path(f'{p}.pem')).read_text() for p in parts))
        return self.path(f'{name}.pem')
