#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The Debian package: built, installed over a copy of this system's files, started, probed, removed.

The copy is an overlay in a mount namespace of its own: nothing of it reaches the host.
"""
from __future__ import annotations

import contextlib
import os
import pathlib
import re
import shlex
import subprocess
import tempfile
from typing import Iterator

from harness import GW4, PORT, SANITIZERS, SOURCE, Net, Process, Skip, need, run

UNIT = '/lib/systemd/system/hellogate.service'
DROPIN = '/lib/systemd/system/hellogate.service.d/driver.conf'
CREDENTIALS = '/run/credentials/hellogate.service'
LAYERS = '''
mount -t tmpfs none {0} && mkdir {0}/upper {0}/work {0}/root &&
mount -t overlay -o lowerdir=/,upperdir={0}/upper,workdir={0}/work none {0}/root &&
mount --bind /proc {0}/root/proc && mount --bind /dev {0}/root/dev && mount --bind /sys {0}/root/sys &&
echo mounted && exec cat
'''


class Machine:
    """A system on which packages may be installed: where it is, and who keeps it there."""

    def __init__(self, directory: str) -> None:
        self.root = f'{directory}/root'
        self.holder = Process(['unshare', '--mount', '--propagation', 'private', 'sh', '-c',
                               LAYERS.format(directory)], name='holder')

    def argv(self, *words: str) -> list[str]:
        return ['nsenter', '-t', str(self.holder.pid), '-m', '-r', 'chroot', self.root, *words]

    def ask(self, *words: str) -> str:
        p = subprocess.run(self.argv(*words), capture_output=True, text=True, check=False)
        assert p.returncode == 0, (words, p.stdout, p.stderr)
        return p.stdout

    def shell(self, text: str) -> str:
        return self.ask('sh', '-ec', text)


@contextlib.contextmanager
def machine() -> Iterator[Machine]:
    with tempfile.TemporaryDirectory(prefix='hellogate-package-') as directory:
        m = Machine(directory)
        try:
            try:
                m.holder.expect('^mounted')
            except AssertionError:
                raise Skip(f'no overlay of / here: {m.holder.stderr.strip()}') from None
            yield m
        finally:
            m.holder.kill()


def build(directory: pathlib.Path) -> pathlib.Path:
    if SANITIZERS:
        raise Skip('the package is built without sanitizers')
    need('dh', 'dpkg-buildpackage', 'dpkg', 'systemd-analyze')
    done = subprocess.run([SOURCE / 'app/system/build-deb', directory], capture_output=True, text=True,
                          timeout=1500, check=False)
    assert done.returncode == 0, done
    packages = list(directory.glob('hellogate_*.deb'))
    assert len(packages) == 1, packages
    return packages[0]


def unit_command(m: Machine) -> list[str]:
    """ExecStart= of the unit with the environment of its file, as the service manager makes it."""
    default = re.search(r'(?m)^EAL_OPTIONS=(.*)$', m.ask('cat', '/etc/default/hellogate')).group(1)
    line = re.search(r'(?m)^ExecStart=!(.*)$', m.ask('cat', UNIT)).group(1)
    return shlex.split(line.replace('$EAL_OPTIONS', default))


def install(m: Machine, package: pathlib.Path, net: Net) -> None:
    """What the guide says: a certificate, and the names of interface and addresses."""
    with package.open('rb') as file:
        subprocess.run(m.argv('sh', '-c', 'cat >/hellogate.deb'), stdin=file, check=True)
    m.shell('dpkg --force-depends -i /hellogate.deb')
    assert re.search(r'^hellogate:', m.ask('getent', 'passwd', 'hellogate')), 'no user'
    assert m.ask('stat', '-c', '%a %U', '/etc/hellogate/secrets').split() == ['700', 'root']
    assert m.ask('stat', '-c', '%a %s', '/etc/hellogate/secrets/cookie').split() == ['600', '64']
    m.shell('cd /etc/hellogate && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes '
            '-days 30 -subj /CN=gw.example -keyout secrets/server.key -out server.pem 2>/dev/null')
    m.shell(f'sed -i "s/eth1/{net.gateway_if}/" /etc/hellogate/hellogate.conf')
    # What LoadCredential= does.
    m.shell(f'mkdir -p {CREDENTIALS} && cd /etc/hellogate/secrets && '
            f'for f in *; do cp "$f" {CREDENTIALS}/secret_"$f"; done && '
            f'chown -R hellogate {CREDENTIALS}')


def check_unit(m: Machine) -> None:
    """With the drop-in of af_packet. verify warns without an exit code of its own."""
    assert m.ask('cat', DROPIN) == m.ask('cat', '/usr/share/hellogate/systemd/af_packet.conf')
    p = subprocess.run(m.argv('systemd-analyze', 'verify', '--man=no', UNIT), capture_output=True,
                       text=True, check=False)
    assert p.returncode == 0 and 'hellogate' not in p.stderr, p.stderr
    # Exposure in tenths: what is above has lost some of its walls. Netlink, which tells of interfaces, is one.
    m.ask('systemd-analyze', 'security', '--offline=yes', '--threshold=26', UNIT)


def test_installed_started_probed_removed() -> None:
    os.umask(0o022)  # of the system that it is installed on, whoever runs the test
    with tempfile.TemporaryDirectory(prefix='hellogate-deb-') as scratch, Net() as net:
        package = build(pathlib.Path(scratch))
        with machine() as m:
            install(m, package, net)
            scripts = m.shell('cat /var/lib/dpkg/info/hellogate.p[or]*')
            stops = re.findall(r'(.*)\n.*deb-systemd-invoke (\S+)', scripts)
            # Ours, and another one by debhelper of Debian testing.
            assert 1 <= len(stops) <= 2 and {verb for _, verb in stops} == {'stop'}, scripts
            assert all('"$1" = remove ]' in when for when, _ in stops), 'an upgrade ends sessions'
            check_unit(m)
            argv = unit_command(m)
            m.ask(*argv[:argv.index('--')], '--check')
            daemon = Process(m.argv(*argv), netns=net.gateway, name='hellogate')
            try:
                daemon.expect('^hellogate: ready')
                own = m.ask('id', '-u', 'hellogate').strip()
                status = pathlib.Path(f'/proc/{daemon.pid}/status').read_text()
                assert re.search(rf'(?m)^Uid:\t{own}\t{own}\t{own}\t{own}$', status), status
                client = Process(['openssl', 's_client', '-dtls1_2', '-connect', f'{GW4}:{PORT}'],
                                 netns=net.client, name='s_client')
                try:
                    client.expect('Cipher is ECDHE')
                    client.send('echo, please\n')
                    client.expect('^echo, please')
                finally:
                    client.kill()
                daemon.popen.terminate()
                assert daemon.wait() == 0, daemon.log()
                assert re.search('(?m)^handshakes 1$', daemon.stdout), daemon.log()
            finally:
                daemon.kill()
            m.shell('rm /etc/hellogate/server.pem /etc/hellogate/secrets/server.key')
            installed = [path for path in m.ask('dpkg', '-L', 'hellogate').split()
                         if 'hellogate' in path]
            assert '/usr/sbin/hellogate' in installed, installed
            # /lib is /usr/lib: debhelper of Debian 13 says so, that of 12 does not.
            assert UNIT in installed or f'/usr{UNIT}' in installed, installed
            m.ask('dpkg', '--purge', 'hellogate')
            left = m.shell(f'for f in {shlex.join(installed)}; do [ ! -e "$f" ] || echo "$f"; done')
            assert not left, left


run(globals())
