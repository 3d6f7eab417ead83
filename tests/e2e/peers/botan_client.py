#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A client on Botan, with the options and the output of client.c: the program botan of its package,
which takes its settings from files (docs/decisions/0018-clients-on-other-libraries.md).
"""
from __future__ import annotations

import argparse
import os
import select
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TEXT = 'a datagram that comes back'
RESEND = 1.0  # seconds until a datagram that has not come back is sent again
PATIENCE = 5.0  # seconds that it may take to end
STATUS = 'Certificate validation status: '
POLICY = """allow_dtls10 = false
allow_dtls12 = true
require_cert_revocation_info = false
"""
# It verifies the name that it connects to. The mount ends with its namespace.
RUN = 'mount --bind "$1" /etc/hosts && shift && exec stdbuf -oL "$@"'


def take_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='botan_client', allow_abbrev=False)
    parser.add_argument('--host', required=True, help='address of the server')
    parser.add_argument('--port', required=True, help='its port')
    parser.add_argument('--sni', required=True, help='server name to ask for and to verify')
    parser.add_argument('--ca', required=True, help='verify the server against this file')
    parser.add_argument('--ciphers', help='cipher methods, with commas')
    parser.add_argument('--mtu', help='size of handshake fragments')
    parser.add_argument('--deadline', type=int, default=60, help='seconds for everything')
    parser.add_argument('--resume', action='store_true', help='a second session resumes the first')
    return parser.parse_args()


def command(options: argparse.Namespace, directory: Path) -> list[str]:
    hosts, policy = directory / 'hosts', directory / 'policy'
    hosts.write_text(f'{options.host} {options.sni}\n')
    policy.write_text(
        POLICY + (f'dtls_default_mtu = {options.mtu}\n' if options.mtu else '') +
        (f'ciphers = {options.ciphers.replace(",", " ")}\n' if options.ciphers else ''))
    store = []
    if options.resume:
        store = [f'--session-db={directory}/sessions', '--session-db-pass=of no worth']
    return ['unshare', '--mount', 'sh', '-c', RUN, 'sh', str(hosts), 'botan', 'tls_client',
            options.sni, f'--port={options.port}', '--type=udp', f'--policy={policy}',
            '--skip-system-cert-store', f'--trusted-cas={options.ca}', *store]


def ends(p: subprocess.Popen) -> bool:
    """Does it end as it should? Botan 3.13 waits for more from the server."""
    try:
        return p.wait(PATIENCE) == 0
    except subprocess.TimeoutExpired:
        p.kill()
        return True


def converse(argv: list[str], deadline: float) -> bool:
    """Handshake, a datagram until it comes back, close_notify."""
    told, sent_at = '', 0.0
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT) as p:
        while (now := time.monotonic()) < deadline:
            # Botan 2 only says so, and goes on.
            if STATUS in told and f'{STATUS}Verified' not in told:
                break
            if 'Handshake complete' in told and now - sent_at >= RESEND:
                p.stdin.write(f'{TEXT}\n'.encode())
                p.stdin.flush()
                sent_at = now
            if select.select([p.stdout], [], [], 0.1)[0]:
                data = os.read(p.stdout.fileno(), 65536)
                told += data.decode(errors='replace')
                if TEXT in told:
                    p.stdin.close()  # it says good-bye then
                    return ends(p)
                if not data:
                    break
        p.kill()
    print(told, file=sys.stderr)
    return False


def main() -> int:
    options = take_options()
    deadline = time.monotonic() + options.deadline
    with tempfile.TemporaryDirectory() as directory:
        argv = command(options, Path(directory))
        for done in range(1, 3 if options.resume else 2):
            if not converse(argv, deadline):
                return 1
            print(f'echoed {done}', flush=True)
    return 0


if __name__ == '__main__':
    sys.exit(main())
