#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Servers with libhellogate: real clients, cookies that cross to a gateway and back, hostile
hellos."""
from __future__ import annotations

import contextlib
import os
import pathlib
import re
import signal
import socket
import time
from typing import Iterator

from harness import (BUILD, CL4, CL6, GW4, GW6, PATIENCE, PORT, SANITIZERS, Gateway, Net, Pki,
                     Process, Skip, command, configuration, dtls_client, echo_line, in_netns,
                     kernel_ipv6, need, packets, process, run, running, s_client, slow, target, until)

from fixtures import table  # harness has said where they are
from lab import capture

PKI = Pki()
CERTIFICATE, KEY = PKI.leaf('server'), PKI.path('server.key')
SECRET, FORMER = bytes(range(32)), bytes(range(32, 64))
ROTATION, LIFETIME = 3600, 60
GROUPS = """openssl_conf = main
[main]
ssl_conf = ssl
[ssl]
system_default = default
[default]
Groups = P-384
"""
EXAMPLES = BUILD / 'docs' / 'examples'


def secret_file(name: str, secret: bytes) -> str:
    path = PKI.directory / name
    path.write_text(secret.hex() + '\n')
    return str(path)


SECRET_FILE, FORMER_FILE = secret_file('secret', SECRET), secret_file('former', FORMER)


@contextlib.contextmanager
def addressed(net: Net) -> Iterator[None]:
    """The gateway's addresses are the kernel's meanwhile."""
    dev = net.gateway_if
    kernel_ipv6(net.gateway, dev, on=True)
    for address in (f'{GW4}/24', f'{GW6}/48'):
        command('ip', '-n', net.gateway, 'addr', 'add', address, 'dev', dev,
                *(['nodad'] if ':' in address else []))
    command('ip', '-n', net.client, 'neigh', 'flush', 'all')
    try:
        yield
    finally:
        command('ip', '-n', net.gateway, 'addr', 'flush', 'dev', dev)
        kernel_ipv6(net.gateway, dev)
        command('ip', '-n', net.client, 'neigh', 'flush', 'all')


@contextlib.contextmanager
def example(net: Net, name: str, *options: object, address: str = '::',
            secret: str = SECRET_FILE, env: dict[str, str] | None = None) -> Iterator[Process]:
    with addressed(net), process(
            str(EXAMPLES / name), *map(str, options), address, str(PORT), CERTIFICATE, KEY, secret,
            netns=net.gateway, name=name, env=env) as server:
        server.expect('^[a-z_]+: ready')
        yield server


def finish(server: Process) -> dict[str, int]:
    """Stops a server: its counts."""
    server.popen.send_signal(signal.SIGTERM)
    assert server.wait() == 0, server.log()
    assert not re.search('runtime error|Sanitizer', server.stderr), server.log()
    return {k: int(v) for k, v in re.findall(r'^([a-z_]+) (\d+)$', server.stdout, re.M)}


def gnutls_cli(net: Net, *options: str):
    return process('gnutls-cli', *options, '--port', str(PORT), '--x509cafile', PKI.path('ca.pem'),
                   '--sni-hostname', 'gw.test', '--verify-hostname', 'gw.test', GW4,
                   netns=net.client, name='gnutls-cli')


def test_dtls_clients() -> None:
    """One wildcard socket, both families: answers come from the address that was asked."""
    need('gnutls-cli', 'ncat')
    with Net() as net, example(net, 'dtls_server') as server:
        with s_client(net) as four, s_client(net, host=GW6) as six, \
                gnutls_cli(net, '--udp') as gnutls:
            for client in (four, six, gnutls, four):
                echo_line(client, f'line for {client.name}')
        with process('ncat', '--udp', '--ssl', GW4, str(PORT), netns=net.client,
                     name='ncat') as ncat:  # its hellos come in fragments
            echo_line(ncat)
        with dtls_client(net, '--sessions', 20, '--rounds', 2, '--datagrams', 5) as client:
            results = client.results()
        assert results['handshakes'] == 40 and results['received'] == 200, results
        counts = finish(server)
        assert counts['handshakes'] == 44 and counts['cookie_valid'] == 44, counts
        assert counts['refused'] == counts['cookie_wrong_tag'] == counts['cookie_expired'] == 0


def test_tls_clients_are_asked_to_retry() -> None:
    """Every first hello gets a HelloRetryRequest with a cookie, which the second one brings back.

    The server has one group, which s_client offers no share of unless it is told, and
    gnutls-cli none at all: it takes no HelloRetryRequest that asks for nothing but a cookie."""
    need('gnutls-cli', 'tshark')
    pcap = str(PKI.directory / 'tls.pcap')
    (PKI.directory / 'openssl.cnf').write_text(GROUPS)
    with Net() as net, example(net, 'tls_server',
                               env={'OPENSSL_CONF': PKI.path('openssl.cnf')}) as server:
        with process('tshark', '-q', '-i', net.client_if, '-f', f'tcp port {PORT}', '-w', pcap,
                     netns=net.client, name='tshark') as tshark:
            # What it says comes before it does so, or not at all: the file has a header when it captures.
            until(lambda: pathlib.Path(pcap).exists() and pathlib.Path(pcap).stat().st_size > 0,
                  tshark.log)
            for client in (s_client_tls(net), s_client_tls(net, host=GW6),
                           s_client_tls(net, '-groups', 'P-384', '-no_middlebox'), gnutls_cli(net)):
                with client as c:
                    echo_line(c)
            with s_client_tls(net, version='-tls1_2') as old:
                assert old.wait() != 0
            counts = finish(server)
            wait_for_frames(tshark, pcap)
    assert counts['retries'] == counts['handshakes'] == counts['cookie_valid'] == 4, counts
    seen = retry_cookies(pcap)
    assert len(seen) == 4, seen
    for sent, back in seen.values():
        assert sent and sent == back, seen


def s_client_tls(net: Net, *options: str, host: str = GW4, version: str = '-tls1_3'):
    return process('openssl', 's_client', version, '-connect', target(host), *options,
                   netns=net.client, name='s_client')


def wait_for_frames(tshark: Process, path: str) -> None:
    """Until the capture holds the answer to the client that came last, an alert."""
    end = time.monotonic() + slow(PATIENCE)
    while 'Alert' not in command('tshark', '-r', path, '-Y', 'tls.alert_message', check=False):
        assert time.monotonic() < end, tshark.log()
        time.sleep(0.1)
    tshark.kill(signal.SIGINT)


def retry_cookies(path: str) -> dict[str, tuple[str, str]]:
    """TCP stream -> the cookie of its HelloRetryRequest, and that of its second hello."""
    lines = command('tshark', '-r', path, '-d', f'tcp.port=={PORT},tls', '-Y',
                    'tls.handshake.type == 1 || tls.handshake.type == 2', '-T', 'fields', '-e',
                    'tcp.stream', '-e', 'tls.handshake.type', '-e', 'tls.handshake.random', '-e',
                    'tls.handshake.extensions.cookie', '-E', 'separator=|', '-E', 'occurrence=f')
    retry = 'cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c'  # RFC 8446 4.1.3
    sent, back = {}, {}
    for line in lines.splitlines():
        match = re.fullmatch(r'(\d+)\|(\d+)\|([0-9a-f]+)\|([0-9a-f]*)', line)
        if match and match.group(2) == '2' and match.group(3) == retry:
            sent[match.group(1)] = match.group(4)
        elif match and match.group(2) == '1' and match.group(4):
            back[match.group(1)] = match.group(4)
    return {stream: (cookie, back.get(stream, '')) for stream, cookie in sent.items()}


def test_tls_hellos_in_pieces_and_rubbish() -> None:
    """What is no whole hello costs no SSL, and disturbs nobody."""
    with Net() as net, example(net, 'tls_server') as server:
        def connect() -> socket.socket:
            with in_netns(net.client):
                sock = socket.create_connection((GW4, PORT))
            sock.settimeout(slow(PATIENCE))
            return sock

        with connect() as silent, connect() as cut, connect() as rubbish, connect() as huge:
            cut.sendall(b'\x16\x03\x01\x01')
            cut.shutdown(socket.SHUT_WR)
            rubbish.sendall(b'GET / HTTP/1.1\r\n\r\n')
            huge.sendall(b'\x16\x03\x01\xff\xff' + bytes(100))
            for sock in (cut, rubbish, huge):
                with contextlib.suppress(ConnectionResetError):
                    assert sock.recv(100) == b''
            with s_client_tls(net) as client:
                echo_line(client)
            silent.sendall(b'\x16')
        counts = finish(server)
        assert counts['retries'] == counts['handshakes'] == 1, counts


class Sender:
    """A UDP socket of the clients' that says hello and hears what comes of it."""

    def __init__(self, net: Net, port: int, host: str = GW4) -> None:
        source = CL6 if ':' in host else CL4
        with in_netns(net.client):
            self.socket = socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET,
                                        socket.SOCK_DGRAM)
            self.socket.bind((source, port))
            self.socket.connect((host, PORT))
        self.socket.settimeout(slow(PATIENCE))
        self.flow = packets.Flow(source, port, host, PORT)

    def ask(self, datagram: bytes) -> bytes:
        self.socket.send(datagram)
        return self.socket.recv(4096)

    def cookie(self, hello: packets.Hello) -> bytes:
        answer = self.ask(hello.datagram())
        assert len(answer) == 48 and answer[13] == packets.HELLO_VERIFY_REQUEST, answer.hex()
        return answer[28:]

    def judged(self, hello: packets.Hello) -> str:
        kind = self.ask(hello.datagram())[13]
        return {packets.HELLO_VERIFY_REQUEST: 'refused', packets.SERVER_HELLO: 'accepted'}[kind]


def test_cookies_cross() -> None:
    """Of a gateway at the library's server, and the other way round, with every binding."""
    with Net() as net:
        for binding in ('hello', 'parameters', 'address'):
            for host in (GW4, GW6):
                hello = packets.Hello(random=bytes([len(binding)] * 32))
                config = configuration(
                    net, {'echo': {'certificate': CERTIFICATE, 'private_key': KEY}},
                    cookie_secret=SECRET_FILE, cookie_binding=binding)
                one, two = Sender(net, 45000, host), Sender(net, 45001, host)
                with example(net, 'dtls_server', '-b', binding, address=host):
                    of_library = one.cookie(hello)
                with running(Gateway(config, netns=net.gateway), net) as g:
                    of_gateway = two.cookie(hello)
                    assert one.judged(hello.with_(cookie=of_library)) == 'accepted'
                    g.wait_for(lambda s: s['hello_new'] == 1)
                    g.kill()
                with example(net, 'dtls_server', '-b', binding, address=host) as server:
                    assert two.judged(hello.with_(cookie=of_gateway)) == 'accepted'
                    counts = finish(server)
                    assert counts['cookie_valid'] == 1, counts
                one.socket.close()
                two.socket.close()


def test_cookies_of_other_keys_and_hellos() -> None:
    """The previous key and a former secret are good; another address, hello, time or secret is not.
    A new secret comes by SIGHUP."""
    new, old, other = (packets.CookieJar(s, ROTATION) for s in (SECRET, FORMER, bytes(32)))
    own = secret_file('own', SECRET)
    with Net() as net, example(net, 'dtls_server', '-r', ROTATION, '-l', ROTATION, '-p',
                               FORMER_FILE, secret=own) as server:
        hello = packets.Hello(random=b'\x33' * 32)
        now = int(time.time())
        before = now - now % ROTATION - 1  # of the previous key, but not too old for long
        cases = (
            ('accepted', lambda f: new.mint(f, hello.bound(), now)),
            ('accepted', lambda f: old.mint(f, hello.bound(), now)),
            ('accepted', lambda f: new.mint(f, hello.bound(), before)),
            ('refused', lambda f: new.mint(f.with_(source_port=1), hello.bound(), now)),
            ('refused', lambda f: new.mint(f.with_(source=GW4), hello.bound(), now)),
            ('refused', lambda f: new.mint(f.with_(destination=CL4), hello.bound(), now)),
            ('refused', lambda f: new.mint(f, hello.with_(random=bytes(32)).bound(), now)),
            ('refused', lambda f: new.mint(f, hello.parameters(), now)),
            ('refused', lambda f: new.mint(f, hello.with_(client_version=0xFEFF).bound(), now)),
            ('refused', lambda f: new.mint(f, b'', now)),
            ('refused', lambda f: new.mint(f, hello.bound(), now - 3 * ROTATION)),
            ('refused', lambda f: other.mint(f, hello.bound(), now)))
        for number, (expected, mint) in enumerate(cases):
            sender = Sender(net, 46000 + number)
            told = sender.judged(hello.with_(cookie=mint(sender.flow)))
            sender.socket.close()
            assert told == expected, (number, told)
        pathlib.Path(own).write_text(bytes(32).hex())
        server.popen.send_signal(signal.SIGHUP)
        server.expect('^.*: the secret was read again$')
        for number, expected in ((20, 'refused'), (21, 'accepted')):
            sender = Sender(net, 46000 + number)
            jar = new if expected == 'refused' else other
            assert sender.judged(hello.with_(cookie=jar.mint(
                sender.flow, hello.bound(), now))) == expected
            sender.socket.close()
        pathlib.Path(own).write_text('short')
        server.popen.send_signal(signal.SIGHUP)
        server.expect('own: is not 64 hexadecimal digits$')
        counts = finish(server)
        assert counts['cookie_valid'] == 4 and counts['cookie_unknown_epoch'] == 1, counts
        assert counts['cookie_wrong_tag'] == 9, counts


def test_hostile_datagrams() -> None:
    """All that the fixtures know, each from a port of its own: nobody without a good cookie gets
    more than one HelloVerifyRequest, no longer than what was asked, and the server goes on."""
    secret, chosen = secret_file('lab', capture.SECRET), capture.setup()
    with Net() as net, contextlib.ExitStack() as open_sockets, \
            example(net, 'dtls_server', '-r', chosen.rotation, '-l', chosen.lifetime, address=GW4,
                    secret=secret) as server:
        senders = []
        for number, fixture in enumerate(table.FIXTURES):
            sender = Sender(net, 10000 + number)
            open_sockets.callback(sender.socket.close)
            peer = capture.Peer(chosen, capture.GATEWAY_MAC, sender.flow)
            frame = packets.parse(fixture.frame(peer))
            if (frame.source_port, frame.destination_port) == (10000 + number, PORT):
                sender.socket.send(frame.payload)
                senders.append((sender, frame.payload, fixture, fixture.expected(peer)))
        with s_client(net) as client:
            echo_line(client)  # so all before it have been worked off
        counts = finish(server)
        answered = 0
        for sender, question, fixture, expected in senders:
            # OpenSSL accepts record sequence numbers from which its answer gets lost.
            if expected.kind == 'forward' or 'drop_hello_record_seq' in expected.counters:
                continue
            answers = received(sender.socket)
            assert len(answers) <= 1, (fixture.id, answers)
            for answer in answers:
                answered += 1
                told = (fixture.id, fixture.why, question.hex(), answer.hex())
                assert answer[13] == packets.HELLO_VERIFY_REQUEST, told
                assert len(answer) == 48 <= len(question), told
        assert answered > 50 and counts['cookie_valid'] > 20, (answered, counts)
        assert counts['cookie_unusable'] > 0 and counts['ignored'] > 50, counts
        assert counts['handshakes'] == 1, counts


def received(sock: socket.socket) -> list[bytes]:
    found = []
    sock.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            found.append(sock.recv(4096))
    return found


def test_builds_with_what_is_installed() -> None:
    """The examples, by pkg-config, from an installation in a directory of its own."""
    if SANITIZERS:
        raise Skip('who links with a sanitized library has to name the sanitizer')
    need('cc', 'pkg-config', 'meson')
    root = PKI.directory / 'root'
    command('meson', 'install', '-C', str(BUILD), '--no-rebuild', '--destdir', str(root))
    config, = root.rglob('libhellogate.pc')
    readme, = root.rglob('examples/README.md')
    assert list(root.rglob('man3/hg_tls_cookies.3'))
    env = {**os.environ, 'PKG_CONFIG_SYSROOT_DIR': str(root), 'PKG_CONFIG_PATH': str(config.parent)}
    for name in ('dtls_server', 'tls_server'):
        line = re.search(r'(?m)^ *(cc .* dtls_server.c .*)$', readme.read_text()).group(1)
        command('sh', '-ec', line.replace('dtls_server', name), cwd=str(readme.parent), env=env)
        told = command(str(readme.parent / name), check=False)
        assert told.startswith('usage: '), told


run(globals(), ipv6=True)
