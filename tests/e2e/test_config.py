#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The command line and the configuration: what is refused, how, and what --check tells."""
from __future__ import annotations

import os
import pathlib
import re
import signal

from harness import (BUILD, RUNTIME, Gateway, Net, Pki, Process, check_config, command, gateway, run,
                     run_client, running)

PKI = Pki()
GOOD = """\
[gateway]
cookie-secret = cookie.secret
cookie-lifetime = 30
key-rotation = 600
workers = 1
handshake-cores = 1
[port wan]
device = net_tap0,iface=hgcheck0
mac = 02:00:00:00:00:0a
address = 198.18.0.1/24, 2001:2::1/48
[listener coap]
bind = 198.18.0.1:5684, [2001:2::1]:5684
certificate = server.pem
private-key = server.key
upstream = 127.0.0.1:5683
[listener things]
bind = 198.18.0.1:5685
psk-file = psk.txt
upstream = echo
"""


def read(path: str) -> str:
    return pathlib.Path(path).read_text(encoding='ascii')


def files() -> dict[str, str]:
    return {'cookie.secret': '5a' * 32 + '\n',
            'psk.txt': 'thing:00112233445566778899aabbccddeeff\n',
            'server.pem': read(PKI.leaf('server')), 'server.key': read(PKI.path('server.key')),
            'other.key': read(PKI.key('another')), 'junk': 'certainly not PEM\n',
            'junk.ini': 'no INI file either\n'}


# What is replaced in GOOD, by what, the text in the line to be blamed (None: the whole file, or
# another file), and what the sentence must name.
BAD: dict[str, tuple[str, str, str | None, str]] = {
    'unknown section': ('[listener coap]', '[listner coap]', '[listner coap]', 'listner'),
    'section without a name': ('[port wan]', '[port]', '[port]', 'port'),
    'unknown key': ('cookie-lifetime', 'cookie-livetime', 'cookie-livetime', 'cookie-livetime'),
    'key of another section': ('upstream = echo', 'upstream = echo\nmac = 02:00:00:00:00:0b',
                               'mac = 02:00:00:00:00:0b', 'mac'),
    'user that is none': ('workers = 1', 'user = no-such-user', 'user = no-such-user',
                          'no-such-user'),
    'duplicate key': ('workers = 1', 'workers = 1\nworkers = 2', 'workers = 2', 'workers'),
    'duplicate section': ('[listener things]', '[listener coap]', None, 'listener coap'),
    'line that is nothing': ('workers = 1', 'workers 1', 'workers 1', 'key = value'),
    'key before any section': ('[gateway]', 'workers = 1\n[gateway]', 'workers = 1', 'section'),
    'empty value': ('workers = 1', 'workers =', 'workers =', 'value'),
    'key over 63 characters': ('workers = 1', 'x' * 64 + ' = 1', 'xxxx', '63'),
    'no-break space': ('upstream = echo', 'upstream =\u00a0echo', 'upstream =\u00a0', 'seen'),
    'comment with another sign': ('upstream = echo', 'upstream = echo # for now', '# for now', '#'),
    'line ends of old Macs': ('upstream = echo', 'upstream = echo\rmode = terminate', '\r',
                              'control character'),
    'number out of range': ('cookie-lifetime = 30', 'cookie-lifetime = 0', 'cookie-lifetime = 0',
                            'cookie-lifetime'),
    'number with a tail': ('cookie-lifetime = 30', 'cookie-lifetime = 30s', '30s',
                           'cookie-lifetime'),
    'negative number': ('cookie-lifetime = 30', 'cookie-lifetime = -1', '= -1', 'cookie-lifetime'),
    'number beyond 32 bits': ('key-rotation = 600', 'key-rotation = 4294967297', '4294967297',
                              'key-rotation'),
    'rotation shorter than the lifetime': ('key-rotation = 600', 'key-rotation = 29',
                                           'key-rotation = 29', 'key-rotation'),
    'word out of a choice': ('workers = 1', 'workers = 1\npoll = sometimes', 'sometimes', 'poll'),
    'unknown kernel': ('workers = 1', 'workers = 1\nhmac-kernel = mmx', 'mmx', 'hmac-kernel'),
    'unknown cookie binding': ('workers = 1', 'workers = 1\ncookie-binding = none', '= none',
                               'cookie-binding'),
    'no workers': ('workers = 1', 'workers = 0', 'workers = 0', 'workers'),
    'bad metrics address': ('workers = 1', 'workers = 1\nmetrics = somewhere', 'somewhere',
                            'metrics'),
    'metrics socket with too long a path': ('workers = 1', 'workers = 1\nmetrics = unix:/'
                                            + 'x' * 107, 'unix:/x', 'at most 107'),
    'cookie secret not there': ('cookie.secret', 'nowhere.secret', 'nowhere.secret',
                                'nowhere.secret'),
    'cookie secret not hexadecimal': ('cookie.secret', 'junk', '= junk', 'junk'),
    'no address': ('address = 198.18.0.1/24, 2001:2::1/48', 'rank = 1', 'rank', 'rank'),
    'bad address': ('198.18.0.1/24,', '198.18.0.256/24,', '198.18.0.256', 'address'),
    'prefix too long': ('198.18.0.1/24,', '198.18.0.1/33,', '/33', 'address|prefix'),
    'multicast address': ('198.18.0.1/24,', '224.0.0.1/24,', '224.0.0.1', 'address|224'),
    'IPv4 in the form of IPv6': ('2001:2::1/48', '::ffff:198.18.0.1/96', '::ffff', 'IPv4-mapped'),
    'cookie secret that may never come': ('cookie.secret', '/dev/zero', '/dev/zero', 'regular file'),
    'profile that is a directory': ('[port wan]', '[port wan]\nprofile = /', 'profile = /', 'directory'),
    'bad MAC address': ('02:00:00:00:00:0a', '02:00:00:00:00', '02:00:00:00:00', 'mac'),
    'multicast MAC address': ('02:00:00:00:00:0a', '01:00:5e:00:00:01', '01:00:5e', 'mac|MAC'),
    'profile not there': ('[port wan]', '[port wan]\nprofile = /nowhere/x.ini', '/nowhere/x.ini',
                          '/nowhere/x.ini'),
    'profile that is none': ('[port wan]', '[port wan]\nprofile = junk.ini', None, 'junk'),
    'bind on an address that is not ours': ('bind = 198.18.0.1:5685', 'bind = 198.18.0.9:5685',
                                            '198.18.0.9', 'bind'),
    'bind without a port': ('bind = 198.18.0.1:5685', 'bind = 198.18.0.1', 'bind = 198.18.0.1\n',
                            'bind|198.18.0.1'),
    'bind on port 0': ('bind = 198.18.0.1:5685', 'bind = 198.18.0.1:0', ':0\n', 'bind|:0'),
    'bind twice on the same': ('bind = 198.18.0.1:5685', 'bind = 198.18.0.1:5684',
                               None, 'bind.*coap'),
    'IPv6 bind without brackets': ('[2001:2::1]:5684', '2001:2::1:5684', '2001:2::1:5684',
                                   'bind|2001'),
    'certificate not there': ('server.pem', 'nowhere.pem', 'nowhere.pem', 'nowhere.pem'),
    'certificate that is none': ('certificate = server.pem', 'certificate = junk', '= junk',
                                 'junk'),
    'key not there': ('server.key', 'nowhere.key', 'nowhere.key', 'nowhere.key'),
    'key of another certificate': ('server.key', 'other.key', 'other.key', 'other.key|server.pem'),
    'more certificates than keys': ('certificate = server.pem', 'certificate = server.pem, '
                                    'server.pem', None, 'certificate'),
    'neither certificate nor PSK': ('psk-file = psk.txt', 'session-tickets = on', None,
                                    'certificate|psk-file'),
    'PSK file not there': ('psk.txt', 'nowhere.txt', 'nowhere.txt', 'nowhere.txt'),
    'PSK file with a bad line': ('psk.txt', 'junk', None, 'junk:1'),
    'unknown cipher': ('psk-file = psk.txt', 'psk-file = psk.txt\nciphers = ROT13', 'ROT13',
                       'ROT13|ciphers'),
    'unknown group': ('psk-file = psk.txt', 'psk-file = psk.txt\ngroups = P-17', 'P-17',
                      'P-17|groups'),
    'client CA that is none': ('psk-file = psk.txt', 'psk-file = psk.txt\nclient-ca = junk',
                               '= junk', 'junk'),
    'bad upstream': ('upstream = 127.0.0.1:5683', 'upstream = localhost', 'localhost', 'upstream'),
    **{f'upstream that is no server {a}': ('upstream = 127.0.0.1:5683', f'upstream = {a}:5683', a,
                                           f'{re.escape(a)}:5683 is none')
       for a in ('0.0.0.0', '0.1.2.3', '224.0.0.1', '239.255.255.250', '255.255.255.255', '[::]',
                 '[ff02::1]', '[fe80::1]', '[febf::1]')},
    'no upstream': ('upstream = echo\n', '', None, 'upstream'),
    'bad idle timeout': ('upstream = echo', 'upstream = echo\nidle-timeout = 0', 'idle-timeout = 0',
                         'idle-timeout'),
    'flight MTU that is too small': ('upstream = echo', 'upstream = echo\nflight-mtu = 303',
                                     'flight-mtu = 303', 'flight-mtu'),
    'bad port in deny-source-ports': ('workers = 1', 'workers = 1\ndeny-source-ports = 7, 70000',
                                      '70000', 'deny-source-ports'),
    'local ports that are one': ('workers = 1', 'workers = 1\nupstream-ports = 40000', '40000',
                                 'upstream-ports'),
    'local ports of root': ('workers = 1', 'workers = 1\nupstream-ports = 1023-2000', '1023',
                            'upstream-ports'),
    'local ports backwards': ('workers = 1', 'workers = 1\nupstream-ports = 2001-2000', '2001',
                              'upstream-ports'),
    'fewer local ports than cores': ('handshake-cores = 1', 'handshake-cores = 3\n'
                                     'upstream-ports = 2000-2001', '2000-2001', 'handshake-cores'),
    'unknown PROXY protocol': ('upstream = echo', 'upstream = echo\nproxy-protocol = v1', '= v1',
                               'proxy-protocol'),
    'no port': (GOOD[GOOD.index('[port'):GOOD.index('[listener')], '', None, 'port'),
    'no listener': (GOOD[GOOD.index('[listener'):], '', None, 'listener'),
    'no device': ('device = net_tap0,iface=hgcheck0\n', '', None, 'device'),
    'no bind': ('bind = 198.18.0.1:5685\n', '', None, 'bind'),
    'device twice': ('[listener coap]', '[port lan]\ndevice = net_tap0,iface=hgcheck1\n'
                     'address = 198.19.0.1/24\n[listener coap]', 'hgcheck1', 'net_tap0'),
}


def refused(title: str, code: int, out: str, err: str, config: str, blamed: str | None,
            names: str) -> None:
    """Exit code 2 and one sentence on stderr, which points at the line."""
    told = f'{title}: exit code {code}, stdout {out!r}, stderr {err!r}'
    assert code == 2, told
    assert not out, told
    assert re.fullmatch(r'hellogate: [^\n]+\n', err), told
    assert re.search(names, err), told
    if blamed is not None:
        text = config[:config.index(blamed)]
        assert re.search(rf'hellogate\.conf:{text.count(chr(10)) + 1}: ', err), told
    else:
        assert re.search(r': ', err), told


def test_bad_configurations_are_refused_with_file_and_line() -> None:
    given = files()
    failures = []
    for title, (old, new, blamed, names) in BAD.items():
        assert old in GOOD, title
        config = GOOD.replace(old, new, 1)
        for options in ((), ('--check',)):
            code, out, err, g = check_config(config, options, files=given)
            try:
                refused(f'{title} {options}', code, out, err, config, blamed, names)
                assert not (RUNTIME / g.prefix).exists(), f'{title}: EAL was started'
            except AssertionError as failure:
                failures.append(str(failure))
    assert not failures, '\n'.join(failures)


def test_certificate_and_key_of_different_kinds_are_refused() -> None:
    given = {**files(), 'other.key': read(PKI.key('rsa', 'rsa'))}
    config = GOOD.replace('server.key', 'other.key')
    code, out, err, _ = check_config(config, files=given)
    refused('RSA key for an EC certificate', code, out, err, config, 'other.key',
            'other.key|server')


def test_bad_lines_of_a_psk_file() -> None:
    lines = {'thing': ':2', 'thing:xyz': ':2', 'thing:123': ':2', 'thing:': ':2',
             ':00112233445566778899aabbccddeeff': ':2', 'x' * 129 + ':0011': ':2',
             'first:ffeeddccbbaa99887766554433221100': ' has identity first twice'}
    for line, told in lines.items():
        given = {**files(), 'psk.txt': f'first:00112233445566778899aabbccddeeff\n{line}\n'}
        code, out, err, _ = check_config(GOOD, files=given)
        assert code == 2 and not out and re.fullmatch(
            rf'hellogate: [^\n]*psk\.txt{told}\b[^\n]*\n', err), (line, code, out, err)


def test_bad_cookie_secrets() -> None:
    for secret in ('', '5a' * 31, '5a' * 33, 'zz' * 32):
        code, out, err, _ = check_config(GOOD, files={**files(), 'cookie.secret': secret})
        assert code == 2 and not out and re.fullmatch(
            r'hellogate: [^\n]*cookie\.secret[^\n]*\n', err), (secret, code, out, err)
        assert not secret or secret not in err


def test_secrets_are_not_told() -> None:
    """No key material in any error or listing."""
    given = {**files(), 'psk.txt': 'thing:00112233445566778899aabbccddeefg\n'}
    code, out, err, _ = check_config(GOOD, files=given)
    assert code == 2 and '0011223344' not in out + err, err
    code, out, err, _ = check_config(GOOD, files=files())
    assert code == 0 and '0011223344' not in out + err and '5a5a5a5a' not in out + err, out


def test_check_prints_what_takes_effect() -> None:
    code, out, err, g = check_config(GOOD, files=files())
    assert code == 0 and not err, (code, out, err)
    for key, value in (('cookie-lifetime', '30'), ('key-rotation', '600'), ('poll', 'adaptive'),
                       ('cookie-binding', 'hello'), ('max-sessions', '65536'),
                       ('half-open', '4096'), ('session-tickets', 'on'), ('upstream', 'echo'),
                       ('upstream', r'127\.0\.0\.1:5683'), ('mac', '02:00:00:00:00:0a'),
                       ('certificate', r'\S*server\.pem')):
        assert re.search(rf'^\s*{key} *= *{value}\b', out, re.MULTILINE), (key, out)
    for section in ('gateway', 'port wan', 'listener coap', 'listener things'):
        assert f'[{section}]' in out, (section, out)
    assert not (RUNTIME / g.prefix).exists()
    assert 'hgcheck0' not in command('ip', '-brief', 'link')


def test_check_tells_what_the_host_lacks() -> None:
    """It looks into the network namespace where it runs, changes nothing, and succeeds."""
    with Net() as net:
        config = GOOD.replace('net_tap0,iface=hgcheck0', net.device())
        for before, kind, wanted in (
                ((), 'has', f'a link at port wan: {net.gateway_if} is up'),
                (('addr', 'add', '198.18.7.1/24', 'dev', net.gateway_if), 'lacks',
                 f'an interface of its own for port wan: the kernel has 198.18.7.1 on '
                 f'{net.gateway_if}'),
                (('link', 'set', net.gateway_if, 'down'), 'lacks',
                 f'a link at port wan: {net.gateway_if} is down')):
            if before:
                command('ip', '-n', net.gateway, *before)
            code, out, err, _ = check_config(config, files=files(), netns=net.gateway)
            assert code == 0 and not err and f'\n; host: {kind} {wanted}' in out, (code, out, err)
            assert '\n; host: has memory without hugepages, 256 MB\n' in out, out
        code, out, _, _ = check_config(config, files=files())
        assert code == 0 and f'; host: lacks interface {net.gateway_if} of port wan' in out, out
        code, out, _, _ = check_config(config, files=files(), memory=8)
        assert code == 0 and '; host: lacks memory: -m 8 gives less than' in out, out


def test_certificate_out_of_its_time_is_told() -> None:
    """It is taken, for some clients have no clock, but --check, a start and a reload say so."""
    good = files()  # makes them
    # OpenSSL 3.0 knows no dates here, and 3.5 no days before today.
    dated = '-not_after' in command('openssl', 'x509', '-help')
    command('openssl', 'x509', '-req', '-in', PKI.path('server.csr'), '-CA', PKI.path('ca.pem'),
            '-CAkey', PKI.path('ca.key'), '-out', PKI.path('expired.pem'),
            *(('-not_before', '20200101000000Z', '-not_after', '20200102000000Z') if dated else
              ('-days', '-1')))
    told = 'certificate 1 of .*server.pem has expired'
    with Net() as net:
        config = GOOD.replace('net_tap0,iface=hgcheck0', net.device())
        expired = {**good, 'server.pem': read(PKI.path('expired.pem'))}
        code, out, err, _ = check_config(config, files=expired)
        assert code == 0 and not err, (code, err)
        assert re.search(rf'^; host: lacks what listener coap should have: {told}$', out, re.MULTILINE), out
        _, out, _, _ = check_config(config, files=good)
        assert 'expired' not in out, out
        with running(Gateway(config.replace('[gateway]', '[gateway]\nuser = root'), files=expired,
                             netns=net.gateway), net) as g:
            warning = rf'listener coap: {told}$'
            g.process.expect(warning, stream='err')
            g.write('server.pem', good['server.pem'])
            g.process.popen.send_signal(signal.SIGHUP)
            g.process.expect('reloaded ', stream='err')
            assert len(re.findall(warning, g.process.stderr, re.MULTILINE)) == 1, g.log()
            g.write('server.pem', expired['server.pem'])
            g.process.popen.send_signal(signal.SIGHUP)
            g.process.expect(rf'(?s){warning}.*{warning}', stream='err')
            g.stop()


def test_fifo_does_not_stop_a_reload() -> None:
    """A name behind which nobody ever writes: it is refused, and all goes on."""
    with Net() as net:
        config = GOOD.replace('net_tap0,iface=hgcheck0', net.device())
        config = config.replace('[gateway]', '[gateway]\nuser = root')
        with running(Gateway(config, files=files(), netns=net.gateway), net) as g:
            for name in ('cookie.secret', 'psk.txt', 'server.pem', 'server.key', g.config.name):
                path = g.directory / name
                content = path.read_bytes()
                path.unlink()
                os.mkfifo(path)
                g.process.popen.send_signal(signal.SIGHUP)
                g.process.expect(rf'not reloaded: .*{re.escape(name)}.*no regular file', stream='err')
                path.unlink()
                path.write_bytes(content)
            g.process.popen.send_signal(signal.SIGHUP)
            g.process.expect('^hellogate: reloaded ', stream='err')
            g.stop()


def test_pre_shared_keys_leave_room_for_handshakes() -> None:
    """Locked memory that they filled would have none for the keys of handshakes."""
    def lines(n: int) -> str:
        return ''.join(f'thing-{i}:{i:032x}\n' for i in range(n))

    code, _, err, _ = check_config(GOOD, files={**files(), 'psk.txt': lines(196000)})
    assert code == 0, err
    code, out, err, _ = check_config(GOOD, files={**files(), 'psk.txt': lines(262000)})
    refused('too many keys', code, out, err, GOOD, 'psk-file = psk.txt', r'psk\.txt:196\d\d\d ')


def test_what_check_says_is_needed_is_enough() -> None:
    """With as much memory as --check names, neither less nor much more, the daemon starts."""
    null = '[port wan]\ndevice = net_null0\naddress = 198.18.0.1/24\n'
    listener = '[listener coap]\nbind = 198.18.0.1:5684\npsk-file = psk.txt\nupstream = echo\n'
    bridge = '[port wan]\ndevice = net_null0\nmtu = 9000\n[port lan]\ndevice = net_null1\nmtu = 9000\n'
    guard = '[listener coap]\nmode = guard\nbind = 198.18.0.1:5684\n'
    for title, config in (
            ('one worker', 'workers = 1\n' + null + listener),
            ('two of each', 'workers = 2\nhandshake-cores = 2\n' + null + listener),
            ('tables', 'workers = 1\nmax-sessions = 1100000\nused-hellos = 1048576\n'
             'client-table = 131072\n' + null + listener),
            ('jumbo frames', 'workers = 1\nbridge = wan, lan\n' + bridge + guard),
            ('guards', 'workers = 1\nbridge = wan, lan\nguard-table = 2097152\n' + bridge + guard),
            ('exception', f'workers = 1\n{null}exception = tap:hgc{os.getpid()}\n' + listener)):
        config = '[gateway]\n' + config
        code, out, err, _ = check_config(config, files=files(), memory=1)
        said = re.search(r'less than the (\d+) MB that are needed', out)
        assert code == 0 and said, (title, code, out, err)
        needed = int(said[1])
        with Net() as net:
            g = Gateway(config, files=files(), netns=net.gateway, memory=needed).start()
            code = g.stop()[0]
            g.close()
            assert code == 0, (title, needed, code)
            code, _, err, _ = check_config(config, (), files=files(), netns=net.gateway,
                                           memory=needed // 2)
            assert code == 2 and 'too little DPDK memory' in err, (title, needed, code, err)


def test_nothing_of_eal_is_lost() -> None:
    """However long and however many its options are, and what it has to say of them."""
    long = '--vdev=net_null100,' + ','.join(f'x{i}=1' for i in range(4000))
    many = [f'--vdev=net_null{i},unknown=1' for i in range(101, 190)]
    with Net() as net:
        g = Gateway('[gateway]\nworkers = 1\n[port wan]\ndevice = net_null0\n'
                    'address = 198.18.0.1/24\n[listener coap]\nbind = 198.18.0.1:5684\n'
                    'psk-file = psk.txt\nupstream = echo\n', [long, *many], net.gateway,
                    files=files()).start()
        told = g.process.stderr
        g.stop()
        g.close()
    for i in range(100, 190):
        assert re.search(rf'failed to initialize net_null{i} device', told), (i, told[-300:])
    assert len(told) > 4096, 'more than what is kept for a sentence'


def test_check_output_is_a_configuration() -> None:
    """What --check prints can be fed back, and means the same."""
    _, first, _, _ = check_config(GOOD, files=files())
    code, second, err, _ = check_config(first, files=files())
    assert code == 0, (err, first)
    assert first == second


def test_relative_names_are_looked_up_beside_the_configuration() -> None:
    g = Gateway(GOOD, files=files())
    try:
        out = command(str(g.binary), '-c', str(g.config), '--check', cwd='/')
        assert '[listener coap]' in out
    finally:
        g.close()


def test_help_and_version() -> None:
    g = Gateway(GOOD)
    try:
        out = command(str(g.binary), '--help')
        assert all(w in out for w in ('-c FILE', '--check', '--version', '--help', '-- ')), out
        out = command(str(g.binary), '--version')
        assert re.match(r'hellogate \d+\.\d+\.\d+', out), out
        assert 'DPDK 2' in out and 'OpenSSL 3' in out, out
    finally:
        g.close()


def test_bad_command_lines() -> None:
    g = Gateway(GOOD, files=files())
    try:
        for options, name in (([], '-c'), (['-c'], '-c'), (['-c', '/nowhere/x.conf'], '/nowhere/x'),
                              (['-c', str(g.config), '--chek'], '--chek'),
                              (['-c', str(g.config), 'more'], 'more'),
                              (['-c', str(g.directory)], str(g.directory))):
            p = Process([str(g.binary), *options])
            code = p.wait()
            assert code == 2 and not p.stdout, (options, code, p.output())
            assert p.stderr.startswith('hellogate: ') and name in p.stderr, (options, p.stderr)
            assert p.stderr.count('\n') == 1, (options, p.stderr)
    finally:
        g.close()


def start_refused(config: str, names: str, eal: tuple[str, ...] = (), memory: int = 256,
                  netns: str | None = None) -> None:
    """What shows only when DPDK starts: still exit code 2 and one sentence of ours."""
    code, out, err, _ = check_config(config, (), eal, files(), netns, memory)
    told = f'exit code {code}, stdout {out!r}, stderr {err!r}'
    assert code == 2, told
    # The devices' drivers and our log may have spoken before; the last word is the reason.
    last = err.splitlines()[-1]
    assert last.startswith('hellogate: ') and re.search(names, last), told
    assert 'ready' not in out, told


def test_device_that_is_none() -> None:
    start_refused(GOOD.replace('net_tap0,iface=hgcheck0', 'net_nothing0'), r'net_nothing0')


def test_interface_that_is_none() -> None:
    with Net() as net:
        # One that there could be is waited for: see the tests of interfaces.
        start_refused(GOOD.replace('net_tap0,iface=hgcheck0', 'net_af_packet0,iface=sixteen_letters_'),
                      r'net_af_packet0.*sixteen_letters_', netns=net.gateway)


def test_too_little_memory() -> None:
    with Net('tap') as net:
        start_refused(GOOD, r'memory|-m', memory=8, netns=net.gateway)
        assert 'hgcheck0' not in command('ip', '-n', net.gateway, '-brief', 'link')


def test_too_many_workers() -> None:
    with Net('tap') as net:
        start_refused(GOOD.replace('workers = 1', 'workers = 200'), 'workers', netns=net.gateway)


def test_bad_eal_option() -> None:
    with Net('tap') as net:
        start_refused(GOOD, 'no-such-option', eal=('--no-such-option',), netns=net.gateway)


def test_eal_options_that_print_are_refused() -> None:
    """DPDK would end there, with nothing to be seen."""
    for option in ('-h', '--help', '--hel', '-v', '--version', '--ver'):
        code, out, err, _ = check_config(GOOD, (), (option,), files())
        assert code == 2 and not out, (option, code, out)
        assert err.startswith(f'hellogate: EAL option {option} ') and err.count('\n') == 1, err


def test_more_workers_than_the_device_has_queues() -> None:
    """The port has one queue: one worker serves it, the other idles."""
    listener = {'certificate': PKI.leaf('server'), 'private_key': PKI.path('server.key')}
    with Net() as net, gateway(net, {'echo': listener}, workers=2) as g:
        assert run_client(net)['received'] == 1
        received = sorted(g.telemetry(f'/hellogate/worker,{n}')['rx'] for n in (0, 1))
        assert received[0] == 0 and received[1] > 0, received
        g.stop()


def test_lcore_that_does_not_start() -> None:
    """Whichever of them it is, those that run already are brought down in order."""
    config = GOOD.replace('net_tap0,iface=hgcheck0', 'net_null0').replace(
        'handshake-cores = 1', 'handshake-cores = 2').replace('workers = 1', 'workers = 2')
    for launches in range(4):
        g = Gateway(config, files=files(), env={
            'LD_PRELOAD': str(BUILD / 'tests' / 'e2e' / 'liblaunch_fails.so'),
            'HG_LAUNCHES': str(launches),
            'ASAN_OPTIONS': os.environ.get('ASAN_OPTIONS', '') + ':verify_asan_link_order=0'})
        try:
            g.spawn().wait()
            code, counters = g.stop(expect=1)
            assert 'hellogate: DPDK does not start an lcore\n' in g.process.stderr, g.log()
            assert 'leaked' not in g.process.stderr and counters['sessions_opened'] == 0, g.log()
            assert counters['rx'] == sum(v for k, v in counters.items() if k.startswith('drop_'))
        finally:
            g.close()


def test_good_configuration_starts() -> None:
    """The table above varies this one: it must itself be good, and leave nothing behind."""
    with Net('tap') as net:
        with running(Gateway(GOOD, files=files(), netns=net.gateway)) as g:
            told = command('ip', '-n', net.gateway, 'link', 'show', 'hgcheck0')
            assert 'UP' in told, told
            g.stop()
        assert 'hgcheck0' not in command('ip', '-n', net.gateway, '-brief', 'link')


run(globals())
