#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Interfaces that ports stand on: they refuse frames, stop, go, come back, and change."""
from __future__ import annotations

import contextlib
import os
import pathlib
import re
import signal
import socket
import tempfile
from typing import Callable, Iterator

from harness import (CL4, GW4, PORT, SOURCE, EchoServer, Gateway, Net, Pki, RawPort, check_config,
                     command, configuration, dtls_client, gateway, in_netns, kernel_ipv6, neighbour,
                     packets, run, run_client, running, until)
from line import Line, ping, preloaded

PKI = Pki()
PORTS = '/hellogate/ports'
SECOND = '198.19.0.1', '198.19.0.2'  # the gateway's address, the client's
IP_MTU_DISCOVER, IP_PMTUDISC_DO, SO_RCVBUFFORCE = 10, 2, 33


def certified(**options) -> dict[str, object]:
    return {'certificate': PKI.leaf('server'), 'private_key': PKI.path('server.key'), **options}


class Two(Net):
    """A second veth, of a port lan, whose interface nobody touches."""

    def __init__(self, driver: str = 'af_packet') -> None:
        super().__init__(driver)
        self.second, self.peer = f'hgx{self.gateway_if[3:]}', f'hgy{self.gateway_if[3:]}'

    def __enter__(self) -> Two:
        super().__enter__()
        command('ip', 'link', 'add', self.second, 'netns', self.gateway, 'type', 'veth', 'peer', 'name',
                self.peer, 'netns', self.client)
        kernel_ipv6(self.gateway, self.second)
        command('ip', '-n', self.gateway, 'link', 'set', self.second, 'up')
        command('ip', '-n', self.client, 'link', 'set', self.peer, 'up')
        command('ip', '-n', self.client, 'addr', 'add', f'{SECOND[1]}/24', 'dev', self.peer)
        return self

    def settings(self, **options) -> str:
        lan = {'profile': SOURCE / 'pmd-config' / 'net_af_packet.ini',
               'device': f'net_af_packet1,iface={self.second}', 'address': f'{SECOND[0]}/24'}
        return configuration(self, {'echo': certified(bind=f'0.0.0.0:{PORT}')},
                             sections={'port lan': lan}, **options)


def link(net: Net, *words: str, namespace: str = '') -> None:
    command('ip', '-n', namespace or net.gateway, 'link', *words)


def said(g: Gateway, pattern: str) -> int:
    return len(re.findall(pattern, g.process.stderr, re.M))


def wait_for_state(g: Gateway, state: str, port: str = 'wan', restarts: int | None = None) -> dict:
    return g.wait_for(lambda p: p[port]['state'] == state and
                      restarts in (None, p[port]['restarts']), command=PORTS)[port]


def serves(net: Net, host: str = GW4) -> None:
    """A handshake and some datagrams. What the kernel knew of the gateway's MAC address is forgotten."""
    command('ip', '-n', net.client, 'neigh', 'flush', 'all')
    assert run_client(net, '--datagrams', 20, host=host)['received'] == 20


@contextlib.contextmanager
def session(net: Net, host: str) -> Iterator[Callable[[], None]]:
    """A session that lives on meanwhile, and shows that at the end."""
    with dtls_client(net, '--interactive', '--datagrams', 5, host=host) as client:
        client.expect('^done 0$')
        yield
        client.say('close')
        client.results()


# ---------------------------------------------------------------------------------------------
# What the device below refuses

def send(net: Net, size: int, host: str = GW4, port: int = 9) -> None:
    """An IPv4 packet of so many bytes with a datagram that must not be fragmented."""
    with in_netns(net.client), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO)
        sock.sendto(bytes(size - 28), (host, port))


def refused_at_a_bridge(driver: str, own: bool, far: bool) -> None:
    with Line(driver) as net:
        with running(Gateway(net.settings(), netns=net.gateway), net) as g:
            ping(net, GW4, 56)
            if far:
                link(net, 'set', net.server_if, 'mtu', '1400', namespace=net.server)
            if own:
                link(net, 'set', net.lan_if, 'mtu', '1400')
                g.wait_for(lambda p: p['lan']['mtu'] == 1400, command=PORTS)
            for count in (1, 2, 3):
                send(net, 1450)
                # Our own interface tells its MTU; the other side of a veth tells nobody.
                if own or driver == 'af_packet':
                    g.wait_for(lambda s, n=count: s['drop_bridge_too_long'] == (n if own else 0) and
                               s['drop_bridge_refused'] == (0 if own else n))
                for size in (56, 1372):
                    ping(net, GW4, size)
            g.stop()


def test_a_frame_refused_beyond_is_lost_alone_af_packet() -> None:
    refused_at_a_bridge('af_packet', own=False, far=True)


def test_a_frame_refused_beyond_is_lost_alone_af_xdp() -> None:
    refused_at_a_bridge('af_xdp', own=False, far=True)


def test_a_frame_above_the_mtu_is_lost_alone_af_packet() -> None:
    refused_at_a_bridge('af_packet', own=True, far=False)


def test_a_frame_above_the_mtu_is_lost_alone_af_xdp() -> None:
    refused_at_a_bridge('af_xdp', own=True, far=False)


def test_a_frame_above_both_mtus_is_lost_alone() -> None:
    refused_at_a_bridge('af_packet', own=True, far=True)


def test_a_refused_frame_among_others_of_a_burst() -> None:
    """Of many frames at once those that fit arrive, in order, around those that do not."""
    with Line() as net, running(Gateway(net.settings(), netns=net.gateway), net) as g:
        ping(net, GW4, 56)
        link(net, 'set', net.server_if, 'mtu', '1400', namespace=net.server)
        with in_netns(net.server):
            receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with in_netns(net.client):
            sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with receiver, sender:
            receiver.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 22)
            receiver.bind((GW4, 9))
            receiver.settimeout(10)
            sender.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO)
            for number in range(300):
                sender.sendto(number.to_bytes(2, 'big') * (700 if number % 3 == 0 else 100), (GW4, 9))
            stats = g.wait_for(lambda s: s['drop_bridge_refused'] == 100)
            got = [int.from_bytes(receiver.recv(2000)[:2], 'big') for _ in range(200)]
        assert got == [n for n in range(300) if n % 3], got
        assert stats['drop_bridge_full'] == 0, stats
        g.stop()


def test_packets_of_sessions_are_refused_alone() -> None:
    """The client's interface takes less than its server sends; other sessions go on."""
    with Net() as net, EchoServer(net.gateway, prefix=b'x' * 900) as server:
        listeners = {'long': certified(upstream=f'127.0.0.1:{server.port}'),
                     'echo': certified(bind=f'{GW4}:{PORT + 1}')}
        with gateway(net, listeners) as g:
            link(net, 'set', net.client_if, 'mtu', '1400', namespace=net.client)
            with dtls_client(net, '--mtu', 1500, '--size', 500) as client:
                for count in (1, 2):
                    g.wait_for(lambda s, n=count: s['session_tx_refused'] >= n)
                    assert run_client(net, '--datagrams', 20, port=PORT + 1)['received'] == 20
                    with in_netns(net.gateway):  # another from the server, for the same session
                        server.socket.sendto(bytes(1400), next(iter(server.peers)))
                client.process.popen.send_signal(signal.SIGTERM)
                client.results(expect=1)
            g.stop()


def test_an_echo_reply_above_the_ports_mtu_is_dropped() -> None:
    with Net() as net, gateway(net, {'echo': certified()}, port={'mtu': 1300}) as g:
        ping(net, GW4, 1300 - 28)
        command('ping', '-q', '-c', '1', '-W', '1', '-s', '1273', GW4, netns=net.client, check=False)
        stats = g.wait_for(lambda s: s['drop_tx_too_long'] == 1)
        assert stats['echo_replies'] == 2, stats
        assert g.telemetry(PORTS)['wan']['mtu'] == 1300
        ping(net, GW4, 56)
        g.stop()


def test_sessions_keep_to_the_mtu_of_their_port() -> None:
    """Of a datagram from the upstream that would be longer, nothing leaves."""
    longest = 1300 - 20 - 45  # IP; UDP, record header, AES-GCM nonce and tag
    for size, dropped in ((longest - 1, 0), (longest, 1)):
        with Net() as net, EchoServer(net.gateway, prefix=b'x') as server, \
                gateway(net, {'echo': certified(upstream=f'127.0.0.1:{server.port}')},
                        port={'mtu': 1300}) as g:
            with dtls_client(net, '--mtu', 1300, '--size', size, '--ciphers',
                             'ECDHE-ECDSA-AES256-GCM-SHA384') as client:
                g.wait_for(lambda s: s['upstream_rx'] + s['upstream_rx_too_long'] == 1)
                if not dropped:
                    client.expect('^unexpected datagram$')
                client.process.popen.send_signal(signal.SIGTERM)
                client.results(expect=1)
            assert g.stats()['upstream_rx_too_long'] == dropped, g.stats()
            g.stop()


def test_a_tag_is_not_part_of_the_mtu() -> None:
    """With a tag or two in front, the longest packet is as long as without."""
    mac = '02:00:00:00:00:0a'
    with Net() as net, gateway(net, {'echo': certified()}, port={'mac': mac, 'mtu': 1300}) as g, \
            RawPort(net) as raw:
        for count, (tags, size) in enumerate((((), 1300), (((packets.ETHER_VLAN, 5),), 1300),
                                              ((), 1301), (((packets.ETHER_VLAN, 5),), 1301))):
            echo = packets.icmp(8, 0, bytes(size - 24))
            raw.send(packets.ether(mac, raw.mac.hex(':'), packets.ETHER_IPV4,
                                   packets.ip(CL4, GW4, packets.ICMP, echo), tags))
            g.wait_for(lambda s, n=count: s['echo_replies'] == n + 1 and
                       s['drop_tx_too_long'] == max(n - 1, 0))
        g.stop()


# ---------------------------------------------------------------------------------------------
# Ports that send nothing any more

def test_a_port_that_has_stopped_is_brought_back() -> None:
    with contextlib.ExitStack() as stack, Two() as net:
        directory = stack.enter_context(tempfile.TemporaryDirectory())
        os.chmod(directory, 0o711)  # the daemon is somebody else
        stuck = pathlib.Path(directory, 'stuck')
        env = {**preloaded('stuck_sockets'), 'HG_STUCK': str(stuck)}
        with running(Gateway(net.settings(), netns=net.gateway, env=env), net) as g:
            def probed(condition: Callable[[], bool]) -> Callable[[], bool]:
                """Something has to be sent for it to be seen that nothing is."""
                def look() -> bool:
                    command('ping', '-q', '-c', '1', '-W', '0.2', GW4, netns=net.client, check=False)
                    return condition()
                return look
            with session(net, SECOND[0]):
                serves(net)
                for count in (1, 2):
                    before = g.stats()['drop_tx_full']
                    stuck.touch()
                    until(probed(lambda n=before: g.stats()['drop_tx_full'] > n), g.log)
                    stuck.unlink()
                    until(probed(lambda n=count: said(
                        g, 'port wan: interface .* sends nothing of what it is given') == n), g.log)
                    wait_for_state(g, 'in service', restarts=count)
                    g.wait_for(lambda p: p['wan']['link_up'] == 1, command=PORTS)
                    serves(net)
            assert g.telemetry(PORTS)['lan']['restarts'] == 0
            g.wait_for(lambda s: s['sessions_closed'] == 4)
            g.stop()


# ---------------------------------------------------------------------------------------------
# Interfaces that go, and come back

def recreated(driver: str) -> None:
    """The interface of one port goes twice; the other goes on, with its session."""
    with Two(driver) as net, running(Gateway(net.settings(), netns=net.gateway), net) as g:
        with session(net, SECOND[0]):
            serves(net)
            for count in (1, 2):
                link(net, 'del', net.gateway_if)
                told = wait_for_state(g, 'no interface')
                assert told['link_up'] == 0 and 'dpdk_port' not in told, told
                serves(net, SECOND[0])
                net.join()
                wait_for_state(g, 'in service', restarts=count)
                g.wait_for(lambda p: p['wan']['link_up'] == 1, command=PORTS)
                serves(net)
        assert said(g, 'port wan: interface .* is gone: waiting for it') == 2, g.log()
        assert said(g, 'port wan: in service again') == 2, g.log()
        g.wait_for(lambda s: s['sessions_closed'] == 6)
        g.stop()


def test_an_interface_is_deleted_and_made_again_af_packet() -> None:
    recreated('af_packet')


def test_an_interface_is_deleted_and_made_again_af_xdp() -> None:
    recreated('af_xdp')


def test_an_interface_is_replaced_at_once() -> None:
    with Net() as net, gateway(net, {'echo': certified()}) as g:
        link(net, 'del', net.gateway_if)
        net.join()
        wait_for_state(g, 'in service', restarts=1)
        serves(net)
        g.stop()


def test_sessions_outlive_their_port() -> None:
    """What is sent to them meanwhile is dropped and counted."""
    with Net() as net, EchoServer(net.gateway) as server, gateway(
            net, {'echo': certified(upstream=f'127.0.0.1:{server.port}')}) as g:
        with session(net, GW4):
            peer = next(iter(server.peers))
            link(net, 'del', net.gateway_if)
            wait_for_state(g, 'no interface')
            server.socket.sendto(b'too early', peer)
            g.wait_for(lambda s: s['session_tx_down'] == 1)
            net.join()
            wait_for_state(g, 'in service')
            command('ip', '-n', net.client, 'neigh', 'flush', 'all')
        g.wait_for(lambda s: s['sessions_closed'] == 1)
        g.stop()


def bridged(driver: str) -> None:
    with Line(driver) as net, running(Gateway(net.settings(), netns=net.gateway), net) as g:
        ping(net, GW4, 56)
        link(net, 'del', net.lan_if)
        wait_for_state(g, 'no interface', 'lan')
        before = g.stats()['drop_bridge_down']
        command('ping', '-q', '-c', '1', '-W', '1', GW4, netns=net.client, check=False)
        g.wait_for(lambda s: s['drop_bridge_down'] > before)
        link(net, 'del', net.gateway_if)
        wait_for_state(g, 'no interface', 'wan')
        net.join()
        for name in ('wan', 'lan'):
            wait_for_state(g, 'in service', name)
        ping(net, GW4, 56)
        g.stop()


def test_interfaces_of_a_bridge_go_and_come_back_af_packet() -> None:
    bridged('af_packet')


def test_interfaces_of_a_bridge_go_and_come_back_af_xdp() -> None:
    bridged('af_xdp')


def test_a_renamed_interface_stays_the_ports() -> None:
    """Until another has its name."""
    with Net() as net, gateway(net, {'echo': certified()}) as g:
        for name, back in ((net.gateway_if, 'hgother'), ('hgother', net.gateway_if)):
            link(net, 'set', name, 'down')
            link(net, 'set', name, 'name', back)
            link(net, 'set', back, 'up')
            until(lambda: said(g, 'is called hgother now') == 1, g.log)
            g.wait_for(lambda p: p['wan']['link_up'] == 1, command=PORTS)
            serves(net)
        until(lambda: said(g, 'has its name again') == 1, g.log)
        assert g.telemetry(PORTS)['wan']['restarts'] == 0
        link(net, 'set', net.gateway_if, 'down')
        link(net, 'set', net.gateway_if, 'name', 'hgother')
        command('ip', '-n', net.client, 'link', 'del', net.client_if)  # with its other end
        net.join()
        wait_for_state(g, 'in service', restarts=1)
        serves(net)
        g.stop()


def test_the_mtu_of_the_interface_is_followed() -> None:
    with Net() as net, gateway(net, {'echo': certified()}) as g:
        for mtu, ours in (('1300', 1300), ('9000', 1500), ('1500', 1500)):
            link(net, 'set', net.gateway_if, 'mtu', mtu)
            until(lambda m=mtu: said(g, f'has an MTU of {m} now') == 1, g.log)
            g.wait_for(lambda p, n=ours: p['wan']['mtu'] == n, command=PORTS)
            ping(net, GW4, ours - 28)
        serves(net)
        g.stop()


def test_the_mac_address_of_the_interface_is_followed() -> None:
    mac = '02:00:00:00:00:0b'
    with Net() as net, gateway(net, {'echo': certified()}) as g:
        serves(net)
        link(net, 'set', net.gateway_if, 'address', mac)
        g.wait_for(lambda p: p['wan']['mac'] == mac, command=PORTS)
        command('ip', '-n', net.client, 'neigh', 'flush', 'all')
        ping(net, GW4, 56)
        assert neighbour(net, GW4) == mac
        serves(net)
        assert said(g, f'another MAC address now, which we answer to: {mac}') == 1, g.log()
        g.stop()


def test_a_mac_address_of_the_configuration_stays() -> None:
    mac = '02:00:00:00:00:0a'
    with Net() as net, gateway(net, {'echo': certified()}, port={'mac': mac}) as g:
        link(net, 'set', net.gateway_if, 'address', '02:00:00:00:00:0b')
        until(lambda: said(g, 'but mac of the configuration stays') == 1, g.log)
        ping(net, GW4, 56)
        assert neighbour(net, GW4) == mac
        g.stop()


def down_and_up(driver: str) -> None:
    with Net(driver) as net, gateway(net, {'echo': certified()}) as g:
        for _ in range(2):
            for state, up in (('down', 0), ('up', 1)):
                link(net, 'set', net.gateway_if, state)
                g.wait_for(lambda p, up=up: p['wan']['link_up'] == up, command=PORTS)
            serves(net)
        told = g.telemetry(PORTS)['wan']
        assert told['state'] == 'in service' and told['restarts'] == 0, told
        g.stop()


def test_down_and_up_af_packet() -> None:
    down_and_up('af_packet')


def test_down_and_up_af_xdp() -> None:
    down_and_up('af_xdp')


def test_an_interface_that_the_driver_had_made_is_deleted() -> None:
    """Nobody makes it again: that is said, and shown, and the other port goes on."""
    with Net('tap') as net:
        lan = {'port lan': {'device': 'net_tap1,iface=hgtap1', 'address': f'{SECOND[0]}/24'}}
        with gateway(net, {'echo': certified(bind=f'0.0.0.0:{PORT}')}, sections=lan) as g:
            command('ip', '-n', net.client, 'link', 'set', 'hgtap1', 'up')
            command('ip', '-n', net.client, 'addr', 'add', f'{SECOND[1]}/24', 'dev', 'hgtap1')
            serves(net)
            link(net, 'del', 'hgtap0')
            wait_for_state(g, 'stopped')
            assert said(g, 'port wan: its interface is gone') == 1, g.log()
            serves(net, SECOND[0])
            g.stop()


# ---------------------------------------------------------------------------------------------
# Interfaces that are not there yet

def absent_at_the_start(driver: str) -> None:
    with Two(driver) as net:
        link(net, 'del', net.gateway_if)
        # Nobody knows its MTU, so nothing stands against what is asked for.
        text = net.settings().replace('upstream = echo', 'upstream = echo\nflight-mtu = 1400')
        assert 'flight-mtu' in text
        with running(Gateway(text, netns=net.gateway), net) as g:
            assert said(g, 'port wan: there is no interface .*: waiting for it') == 1, g.log()
            assert g.telemetry(PORTS)['wan']['state'] == 'no interface'
            serves(net, SECOND[0])
            net.join()
            wait_for_state(g, 'in service')
            g.wait_for(lambda p: p['wan']['link_up'] == 1, command=PORTS)
            serves(net)
            g.stop()


def test_absent_at_the_start_af_packet() -> None:
    absent_at_the_start('af_packet')


def test_absent_at_the_start_af_xdp() -> None:
    absent_at_the_start('af_xdp')


def test_reload_and_end_while_it_is_absent() -> None:
    """Listeners that come with a reload are served when the interface comes."""
    with Two() as net:
        link(net, 'del', net.gateway_if)
        with running(Gateway(net.settings(user='root'), netns=net.gateway), net) as g:
            text = g.config.read_text()
            g.config.write_text(text.replace(f'0.0.0.0:{PORT}', f'0.0.0.0:{PORT + 1}'))
            g.process.popen.send_signal(signal.SIGHUP)
            until(lambda: said(g, r': reloaded ') == 1, g.log)
            net.join()
            wait_for_state(g, 'in service')
            assert run_client(net, '--datagrams', 5, port=PORT + 1)['received'] == 5
            link(net, 'del', net.gateway_if)
            wait_for_state(g, 'no interface')
            g.stop()


def test_check_tells_of_an_absent_interface() -> None:
    with Net() as net:
        link(net, 'del', net.gateway_if)
        code, out, _, _ = check_config(configuration(net, {'echo': certified()}), netns=net.gateway)
        assert code == 0, out
        assert f'; host: lacks interface {net.gateway_if} of port wan: there is none here, and the ' \
            'port waits for it' in out, out


def test_without_the_right_to_open_it_again() -> None:
    """By a profile that keeps no capabilities: that is said, once, and the other port goes on."""
    with Two() as net:
        profile = PKI.directory / 'powerless.ini'
        shipped = (SOURCE / 'pmd-config' / 'net_af_packet.ini').read_text()
        profile.write_text(re.sub(r'(?m)^capabilities.*$', '', shipped))
        config = net.settings().replace(net.profile(), str(profile))
        with running(Gateway(config, netns=net.gateway), net) as g:
            link(net, 'del', net.gateway_if)
            wait_for_state(g, 'no interface')
            net.join()
            wait_for_state(g, 'failed')
            serves(net, SECOND[0])
            assert said(g, 'port wan: .*: trying again') == 1, g.log()
            g.stop()


def test_the_exception_path_follows() -> None:
    """The kernel's interface beside a port whose own comes late has its MAC address and MTU then."""
    with Net() as net:
        link(net, 'del', net.gateway_if)
        with gateway(net, {'echo': certified()}, port={'exception': 'tap:hgex0'}) as g:
            net.join()
            link(net, 'set', net.gateway_if, 'mtu', '1400')
            mac = wait_for_state(g, 'in service')['mac']
            g.wait_for(lambda p: p['wan']['mtu'] == 1400, command=PORTS)
            until(lambda: f'link/ether {mac}' in (text := command(
                'ip', '-n', net.gateway, 'link', 'show', 'hgex0')) and 'mtu 1400' in text, g.log)
            g.stop()


run(globals())
