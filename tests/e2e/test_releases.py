#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What is too old is refused by name and number: when the tree is configured, and at each start."""
from __future__ import annotations

import errno
import os
import pathlib
import re
import subprocess
import tempfile


from harness import BUILD, SANITIZERS, SOURCE, Skip, run, slow

CONFIG = """\
[gateway]
cookie-secret = cookie.secret
[port wan]
device = net_null0
mac = 02:00:00:00:00:0a
address = 198.18.0.1/24
[listener things]
bind = 198.18.0.1:5685
psk-file = psk.txt
upstream = echo
"""


def hellogate(env: dict[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    """With tests/e2e/other_release.c in the process, which has such words from env."""
    if SANITIZERS:
        raise Skip('a sanitizer wants to be the first of the preloaded libraries')
    with tempfile.TemporaryDirectory() as folder:
        for name, text in {'gw.conf': CONFIG, 'cookie.secret': '5a' * 32 + '\n',
                           'psk.txt': 'thing:00112233445566778899aabbccddeeff\n'}.items():
            pathlib.Path(folder, name).write_text(text, encoding='ascii')
            pathlib.Path(folder, name).chmod(0o600)
        return subprocess.run(
            [BUILD / 'app/hellogate', '-c', f'{folder}/gw.conf', *options], text=True,
            capture_output=True, check=False, timeout=slow(20),
            env={**os.environ, 'LD_PRELOAD': str(BUILD / 'tests/e2e/libother_release.so'), **env})


def refused(sentence: str, **env: str) -> None:
    """By --check as well as by a start."""
    for options in ('--check',), ('--', '--no-huge', '-m', '64', '--no-pci'):
        done = hellogate(env, *options)
        assert done.returncode == 2 and done.stdout == '', done
        assert re.fullmatch(f'hellogate: {sentence}\n', done.stderr), done


def accepted(**env: str) -> None:
    done = hellogate(env, '--check')
    assert done.returncode == 0 and 'cookie-secret' in done.stdout, done


def test_an_older_openssl_than_it_was_built_for() -> None:
    refused(r'the OpenSSL library is 2\.99\.1, but this was built for \d+\.\d+ '
            r'and needs that or a later \d+', HG_OPENSSL='2.99.1')


def test_a_later_openssl() -> None:
    """Of the same ABI; of another it would not even be loaded."""
    told = hellogate({}, '--version').stdout
    major = re.search(r'^OpenSSL (\d+)\.', told, re.M)
    assert major, told
    accepted(HG_OPENSSL=f'{major.group(1)}.99.0')
    refused('the OpenSSL library is .*', HG_OPENSSL=f'{int(major.group(1)) + 1}.99.0')


def test_an_older_dpdk_than_it_was_built_for() -> None:
    refused(r'the DPDK library is 22\.07\.9, but this was built for \d+\.\d\d '
            r'and needs that or a later one', HG_DPDK='22.7.9')


def test_another_dpdk_of_the_same_month_or_later() -> None:
    told = hellogate({}, '--version').stdout
    found = re.search(r'^DPDK (\d+)\.(\d+)\.', told, re.M)
    assert found, told
    accepted(HG_DPDK=f'{found.group(1)}.{int(found.group(2))}.0')
    accepted(HG_DPDK=f'{int(found.group(1)) + 1}.3.0')


def test_an_older_kernel() -> None:
    refused(r'this kernel, Linux 5\.10\.0-99-amd64, is too old: it has no epoll_pwait2\(\), '
            r'as Linux has from 5\.11 on', HG_LINUX='5.10.0-99-amd64',
            HG_NO_PWAIT2=str(errno.ENOSYS))
    refused(r'this kernel, Linux 4\.19\.0, is too old: .*', HG_LINUX='4.19.0',
            HG_NO_PWAIT2=str(errno.ENOSYS))
    accepted(HG_LINUX='5.10.0')  # with the call, as some distributions have made it


def test_a_filter_around_the_process() -> None:
    for number in errno.ENOSYS, errno.EPERM:
        refused(r'something around this process, .*, keeps epoll_pwait2\(\) from it, '
                r'which this kernel, Linux 5\.11\.0, has', HG_LINUX='5.11.0',
                HG_NO_PWAIT2=str(number))


def test_version_is_told_all_the_same() -> None:
    done = hellogate({'HG_OPENSSL': '1.1.1', 'HG_DPDK': '20.11.0'}, '--version')
    assert done.returncode == 0 and '1.1.1' in done.stdout, done


def configure(package: str, version: str) -> str:
    """What meson says if pkg-config knows a package by that version."""
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, f'{package}.pc').write_text(
            f'Name: {package}\nDescription: other\nVersion: {version}\n', encoding='ascii')
        done = subprocess.run(
            ['meson', 'setup', f'{folder}/build', SOURCE, '-Dtests=false'], text=True, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=slow(60),
            env={**os.environ, 'PKG_CONFIG_PATH': folder})
    assert done.returncode == 1, done.stdout
    return done.stdout


def test_an_older_openssl_to_build_with() -> None:
    told = configure('openssl', '1.1.1')
    assert re.search(r"ERROR: .*'openssl'.*'>= ?3\.0'.*1\.1\.1", told), told


def test_an_older_dpdk_to_build_with() -> None:
    told = configure('libdpdk', '21.11.9')
    assert re.search(r"ERROR: .*'libdpdk'.*'>= ?22\.11'.*21\.11\.9", told), told


run(globals())
