#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Real clients against the gateway: OpenSSL, GnuTLS, libcoap on both, ncat, socat, coturn."""
from __future__ import annotations

import re

from clock import movable
from harness import (GW4, GW6, PATIENCE, PORT, Net, Pki, RawPort, asked, command, echo_line,
                     gateway, need, need_ipv6, process, run, run_client, s_client, slow, wait_for_udp)
from impair import later_fragments

PKI = Pki()
PSK = 'secret of the tests'
PSK_FILE = f'thing:{PSK.encode().hex()}\nother:{"00" * 16}\n'


def certified(name: str = 'server', kind: str = 'ec', **options) -> dict[str, object]:
    return {'certificate': PKI.leaf(name, kind), 'private_key': PKI.path(f'{name}.key'), **options}


def both() -> dict[str, object]:
    """An ECDSA and an RSA certificate for gw.test, and one for another name."""
    names = ('server', 'server-rsa', 'other')
    files = [PKI.leaf('server'), PKI.leaf('server-rsa', 'rsa'),
             PKI.leaf('other', host='other.test')]
    return {'certificate': ', '.join(files),
            'private_key': ', '.join(PKI.path(f'{n}.key') for n in names)}


def psk_file() -> str:
    path = PKI.directory / 'psk.txt'
    path.write_text(PSK_FILE)
    return str(path)


def verify(host: str = 'gw.test') -> list[str]:
    return ['-CAfile', PKI.path('ca.pem'), '-verify_return_error', '-servername', host,
            '-verify_hostname', host]


def s_client_end(p) -> None:
    """Ends s_client as a user does: it sends close_notify."""
    p.end_input()
    p.wait()


def s_client_round_trip(listener: dict[str, object], *options: str, expect: str = '') -> str:
    """One s_client with certificate checks against one gateway: handshake, echo, close."""
    with Net() as net, gateway(net, {'echo': listener}) as g:
        with s_client(net, *options) as p:
            echo_line(p)
            if expect:
                p.expect(expect)
            s_client_end(p)
        g.wait_for(lambda s: s['sessions_closed'] == 1)
        _, counters = g.stop()
        assert counters['handshakes'] == 1 and asked(counters) >= 1, counters
        assert counters['cookie_valid'] >= 1, counters
        assert counters['client_datagrams'] == counters['upstream_rx'] == 1, counters
        return p.stdout


def s_client_refused(listener: dict[str, object], *options: str) -> dict[str, int]:
    """One s_client whose handshake must fail by the gateway's alert: the final counters."""
    with Net() as net, gateway(net, {'echo': listener}) as g:
        with s_client(net, *options) as p:
            p.expect(r'alert')
            p.end_input()
            assert p.wait() != 0
        g.wait_for(lambda s: s['sessions_failed'] == 1)
        g.wait_for(lambda s: s['sessions'] == 0, command='/hellogate/sessions')
        _, counters = g.stop()
        assert counters['handshakes'] == 0 and counters['client_datagrams'] == 0, counters
        return counters


# What s_client prints differs a little between releases: to each of them its own words.
def assert_subject(out: str, name: str) -> None:
    assert re.search(f'^subject=CN ?= ?{re.escape(name)}$', out, re.MULTILINE), out


def test_s_client_ecdsa() -> None:
    out = s_client_round_trip(both(), *verify(), '-sigalgs', 'ECDSA+SHA256',
                              expect='Verify return code: 0 \\(ok\\)')
    assert re.search('^Peer signature type: (ECDSA|ecdsa_)', out, re.MULTILINE), out
    assert_subject(out, 'gw.test')


def test_s_client_rsa() -> None:
    out = s_client_round_trip(both(), *verify(), '-cipher', 'ECDHE-RSA-AES128-GCM-SHA256')
    assert re.search('^Peer signature type: (RSA|rsa_)', out, re.MULTILINE), out
    assert 'Cipher is ECDHE-RSA-AES128-GCM-SHA256' in out, out


def test_s_client_other_name_by_sni() -> None:
    out = s_client_round_trip(both(), *verify('other.test'))
    assert_subject(out, 'other.test')


def test_s_client_unknown_name_gets_the_first_certificate() -> None:
    out = s_client_round_trip(both(), '-CAfile', PKI.path('ca.pem'), '-verify_return_error',
                              '-servername', 'nobody.test')
    assert_subject(out, 'gw.test')


def test_s_client_chain_with_an_intermediate() -> None:
    PKI.ca('middle', 'ca')
    PKI.leaf('below', signer='middle')
    listener = {'certificate': PKI.bundle('below-chain', 'below', 'middle'),
                'private_key': PKI.path('below.key')}
    out = s_client_round_trip(listener, *verify())
    assert re.search('^ 1 s:CN ?= ?test middle$', out, re.MULTILINE), out


def test_s_client_large_chain_in_many_fragments() -> None:
    """About 14 KB of certificates: a flight of a dozen packets, more than one fragment each."""
    PKI.ca('middle', 'ca')
    signers = ['middle']
    PKI.leaf('large', 'rsa4096', signer='middle', comment=12000)
    listener = {'certificate': PKI.bundle('large-chain', 'large', *signers),
                'private_key': PKI.path('large.key')}
    with Net() as net, gateway(net, {'echo': listener}) as g:
        with s_client(net, *verify(), '-mtu', '1000') as p:
            echo_line(p)
            s_client_end(p)
        g.wait_for(lambda s: s['sessions_closed'] == 1)
        # What one handshake needs in packets when nothing is retransmitted: 14 KB in 1400 each.
        _, counters = g.stop()
        assert counters['out_packets'] > 10 and counters['out_dropped'] == 0, counters


def test_s_client_cipher_list_of_the_listener() -> None:
    listener = certified(ciphers='ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384')
    out = s_client_round_trip(listener, *verify(), '-cipher', 'ECDHE-ECDSA-AES128-GCM-SHA256:'
                              'ECDHE-ECDSA-CHACHA20-POLY1305')
    assert 'Cipher is ECDHE-ECDSA-CHACHA20-POLY1305' in out, out


def test_s_client_no_shared_cipher_is_refused() -> None:
    s_client_refused(certified(ciphers='ECDHE-ECDSA-AES256-GCM-SHA384'), *verify(),
                     '-cipher', 'ECDHE-ECDSA-AES128-GCM-SHA256')


def test_s_client_group_of_the_listener() -> None:
    out = s_client_round_trip(certified(groups='P-384'), *verify())
    assert re.search('^(Server|Peer) Temp Key: ECDH, secp384r1', out, re.MULTILINE), out


def test_s_client_psk() -> None:
    listener = {'psk_file': psk_file(), 'psk_hint': 'a hint'}
    out = s_client_round_trip(listener, '-psk_identity', 'thing', '-psk', PSK.encode().hex())
    assert 'PSK identity hint: a hint' in out, out


def test_s_client_psk_beside_a_certificate() -> None:
    listener = certified(psk_file=psk_file())
    out = s_client_round_trip(listener, '-psk_identity', 'thing', '-psk', PSK.encode().hex(),
                              '-cipher', 'ECDHE-PSK-AES128-CBC-SHA256')
    assert 'Cipher is ECDHE-PSK-AES128-CBC-SHA256' in out, out


def test_s_client_wrong_psk_never_completes() -> None:
    """The server cannot read the client's Finished, and such records are ignored, not answered
    (RFC 6347 section 4.1.2.7): the handshake ends by its timeout."""
    with Net() as net, movable(net, {'psk': {'psk_file': psk_file()}},
                               handshake_timeout=60) as (g, clock):
        with s_client(net, '-psk_identity', 'thing', '-psk', 'ff' * 16):
            g.wait_for(lambda s: s['records'] >= 1)
            clock.pass_by(60)
            g.wait_for(lambda s: s['sessions_half_open_expired'] == 1)
        g.wait_for(lambda s: s['sessions'] == 0, command='/hellogate/sessions')
        _, counters = g.stop()
        assert counters['handshakes'] == 0, counters


def test_s_client_unknown_psk_identity_is_refused() -> None:
    s_client_refused({'psk_file': psk_file()}, '-psk_identity', 'nobody', '-psk', 'ff' * 16)


def test_s_client_certificate_accepted() -> None:
    user = PKI.leaf('user', host='user.test', signer='client-ca')
    s_client_round_trip(certified(client_ca=PKI.path('client-ca.pem')), *verify(),
                        '-cert', user, '-key', PKI.path('user.key'))


def test_s_client_certificate_missing_is_refused() -> None:
    PKI.leaf('user', host='user.test', signer='client-ca')
    s_client_refused(certified(client_ca=PKI.path('client-ca.pem')), *verify())


def test_s_client_certificate_of_another_ca_is_refused() -> None:
    PKI.leaf('user', host='user.test', signer='client-ca')
    s_client_refused(certified(client_ca=PKI.path('client-ca.pem')), *verify(),
                     '-cert', certified()['certificate'], '-key', PKI.path('server.key'))


def session_file(name: str) -> str:
    path = PKI.directory / name
    path.unlink(missing_ok=True)
    return str(path)


def test_s_client_resumption() -> None:
    """A resumed handshake, too, needs a cookie."""
    saved = session_file('resume.session')
    with Net() as net, gateway(net, {'echo': certified()}) as g:
        for count, option in ((1, '-sess_out'), (2, '-sess_in')):
            with s_client(net, *verify(), option, saved) as p:
                echo_line(p)
                p.expect('^Reused, ' if count == 2 else '^New, ')
                s_client_end(p)
            g.wait_for(lambda s: s['sessions_closed'] == count)
        _, counters = g.stop()
        assert asked(counters) >= 2, counters
        assert counters['handshakes'] == 2 and counters['handshakes_resumed'] == 1, counters


def test_no_resumption_without_tickets() -> None:
    with Net() as net, gateway(net, {'echo': certified(session_tickets='off')}) as g:
        results = run_client(net, '--resume', '--rounds', 3)
        assert results['handshakes'] == 3 and results['resumed'] == 0, results
        g.wait_for(lambda s: s['sessions_closed'] == 3)
        _, counters = g.stop()
        assert counters['handshakes_resumed'] == 0, counters


def test_s_client_dtls_1_0_is_refused() -> None:
    """OpenSSL 3.0 at its default security level does not speak DTLS 1.0; nor does the gateway."""
    with Net() as net, gateway(net, {'echo': certified()}) as g:
        with process('openssl', 's_client', '-dtls1', '-cipher', 'ALL:@SECLEVEL=0', '-connect',
                     f'{GW4}:{PORT}', netns=net.client, name='s_client') as p:
            p.expect('alert')
            p.end_input()
            assert p.wait() != 0
        g.wait_for(lambda s: s['sessions_failed'] == 1)
        _, counters = g.stop()
        assert asked(counters) >= 1 and counters['handshakes'] == 0, counters


def round_trip(listener: dict[str, object], *argv: str, ended: str = 'sessions_closed',
               fragmented: bool = False) -> None:
    """Any client that copies stdin to the session and back: handshake, echo, close."""
    need(argv[0])
    with Net() as net, gateway(net, {'echo': listener}) as g, RawPort(net, outgoing=True) as raw:
        with process(*argv, netns=net.client) as p:
            g.wait_for(lambda s: s['handshakes'] == 1)
            echo_line(p)
            p.end_input()
            p.wait()
        if ended:
            g.wait_for(lambda s: s[ended] == 1)
        _, counters = g.stop()
        assert asked(counters) >= 1 and counters['cookie_valid'] >= 1, counters
        assert counters['client_datagrams'] == counters['upstream_rx'], counters
        if fragmented:
            assert later_fragments(raw) > 0


def gnutls(*options: str) -> list[str]:
    return ['gnutls-cli', '--udp', '--port', str(PORT), *options, GW4]


def test_gnutls_cli_certificate() -> None:
    listener = certified()
    round_trip(listener, *gnutls('--x509cafile', PKI.path('ca.pem'), '--sni-hostname', 'gw.test',
                                 '--verify-hostname', 'gw.test'))


def test_gnutls_cli_rsa_certificate() -> None:
    listener = certified('server-rsa', 'rsa')
    round_trip(listener, *gnutls('--x509cafile', PKI.path('ca.pem'), '--sni-hostname', 'gw.test',
                                 '--verify-hostname', 'gw.test'))


def test_gnutls_cli_psk() -> None:
    """PSK without ECDHE: with ECDHE-PSK gnutls-cli 3.7.9 crashes, even against s_server."""
    round_trip({'psk_file': psk_file()}, *gnutls(
        '--pskusername', 'thing', '--pskkey', PSK.encode().hex(),
        '--priority', 'NORMAL:-KX-ALL:+PSK'))


def test_ncat() -> None:
    """Sends its second hello in two fragments, and leaves without close_notify."""
    listener = certified()
    round_trip(listener, 'ncat', '--udp', '--ssl', '--ssl-verify', '--ssl-trustfile',
               PKI.path('ca.pem'), '--ssl-servername', 'gw.test', GW4, str(PORT), fragmented=True,
               ended='')


def test_socat() -> None:
    """Sends its second hello in two fragments."""
    listener = certified()
    round_trip(listener, 'socat', '-t1', '-', f'OPENSSL-DTLS-CLIENT:{GW4}:{PORT},'
               f'cafile={PKI.path("ca.pem")},commonname=gw.test', fragmented=True)


def coap(tool: str, listener: dict[str, object], *options: str, host: str = GW4) -> None:
    """A CoAP client gets a resource of a CoAP server that knows nothing of DTLS."""
    need(tool, 'coap-server-notls')
    where = f'[{host}]' if ':' in host else host
    with Net() as net:
        with process('coap-server-notls', '-A', '127.0.0.1', '-p', '5683', '-v', '6',
                     netns=net.gateway) as server, \
                gateway(net, {'coap': {**listener, 'upstream': '127.0.0.1:5683'}}) as g:
            wait_for_udp(net.gateway, 5683, server)
            with process(tool, '-m', 'get', '-B', str(int(slow(PATIENCE))), *options,
                         f'coaps://{where}:{PORT}/', netns=net.client) as p:
                assert p.wait() == 0
                assert 'This is a test server made with libcoap' in p.stdout, p.output()
            g.wait_for(lambda s: s['sessions_closed'] == 1)
            _, counters = g.stop()
            assert asked(counters) >= 1 and counters['handshakes'] == 1, counters
            assert counters['upstream_tx'] >= 1 and counters['upstream_rx'] >= 1, counters


def test_coap_client_openssl_certificate() -> None:
    coap('coap-client-openssl', certified(), '-C', PKI.path('ca.pem'))


def test_coap_client_openssl_psk() -> None:
    coap('coap-client-openssl', {'psk_file': psk_file()}, '-u', 'thing', '-k', PSK)


def test_coap_client_gnutls_certificate() -> None:
    coap('coap-client-gnutls', certified(), '-C', PKI.path('ca.pem'))


def test_coap_client_gnutls_psk() -> None:
    coap('coap-client-gnutls', {'psk_file': psk_file()}, '-u', 'thing', '-k', PSK)


def test_coap_client_over_ipv6() -> None:
    need_ipv6()
    coap('coap-client-openssl', certified(), '-C', PKI.path('ca.pem'), host=GW6)


def test_turnutils_uclient() -> None:
    """A TURN client over DTLS, a TURN server that speaks plain UDP, and the peer it relays to."""
    need('turnserver', 'turnutils_uclient', 'turnutils_peer')
    home = str(PKI.directory)
    # What later releases have only if they are asked for it, they do not know how to leave out.
    told = command('turnserver', '--help', check=False)
    without = [option for option in ('--no-cli', '--no-tls', '--no-dtls')
               if re.search(rf'^ {option}\s', told, re.MULTILINE)]
    with Net() as net, \
            process('turnutils_peer', '-L', '127.0.0.1', '-p', '3480',
                    netns=net.gateway) as peer, \
            process('turnserver', '-n', '--lt-cred-mech', '-u', 'user:word', '-r', 'gw.test', '-L',
                    '127.0.0.1', '-E', '127.0.0.1', '-p', '3478', '--allow-loopback-peers',
                    *without, '--pidfile', f'{home}/turn.pid', '--db',
                    f'{home}/turn.db', '-l', 'stdout', netns=net.gateway) as server, \
            gateway(net, {'turn': certified(upstream='127.0.0.1:3478')}) as g:
        wait_for_udp(net.gateway, 3478, server)
        wait_for_udp(net.gateway, 3480, peer)
        with process('turnutils_uclient', '-S', '-E', PKI.path('ca.pem'), '-p', str(PORT), '-u',
                     'user', '-w', 'word', '-e', '127.0.0.1', '-r', '3480', '-n', '20', '-c', GW4,
                     netns=net.client) as p:
            assert p.wait() == 0
            assert re.search('tot_send_msgs=20, tot_recv_msgs=20', p.output()), p.output()
            assert 'Total lost packets 0 ' in p.output(), p.output()
        _, counters = g.stop()
        assert counters['handshakes'] >= 1, counters
        assert counters['client_datagrams'] == counters['upstream_tx'] > 20, counters


def test_dtls_client_with_hellos_in_fragments() -> None:
    """A path MTU of 256: even the first hello may come in pieces, the second always does."""
    with Net() as net, gateway(net, {'echo': certified()}) as g, RawPort(net, outgoing=True) as raw:
        results = run_client(net, '--mtu', 256, '--size', 100, '--datagrams', 10,
                             '--sni', 'gw.test', '--ca', PKI.path('ca.pem'))
        assert results['received'] == 10 and results['hvr'] == 1, results
        g.wait_for(lambda s: s['sessions_closed'] == 1)
        g.stop()
        assert later_fragments(raw) > 0


run(globals())
