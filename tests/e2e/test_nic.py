#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What drivers of network cards do that no software device does: pci_nic.c stands in for one."""
from __future__ import annotations

import os
import pathlib
import re
from typing import Mapping

from harness import (BUILD, GW4, GW6, SOURCE, Gateway, Net, Pki, command, configuration, packets,
                     run, run_client, running, slow)

PKI = Pki()
CERTIFIED = {'certificate': PKI.leaf('server'), 'private_key': PKI.path('server.key')}


def profile(key: str, value: str) -> pathlib.Path:
    """That of the veth, with another value."""
    path = PKI.directory / 'card.ini'
    path.write_text(re.sub(rf'(?m)^{key} .*$', f'{key} = {value}', (
        SOURCE / 'pmd-config' / 'net_af_packet.ini').read_text()))
    return path


def card(net: Net, environment: Mapping[str, str] | None = None, **options) -> Gateway:
    """A gateway on a veth that is used like a card."""
    return Gateway(configuration(net, {'echo': CERTIFIED}, **options), netns=net.gateway, env={
        **(environment or {}),
        'LD_PRELOAD': str(BUILD / 'tests' / 'e2e' / 'libpci_nic.so'),
        'ASAN_OPTIONS': os.environ.get('ASAN_OPTIONS', '') + ':verify_asan_link_order=0'})


def test_a_pci_device_is_closed_within_the_filter() -> None:
    """Its configuration space is read and written then: that is no reason to be killed."""
    with Net() as net, running(card(net, seccomp='on'), net) as g:
        assert run_client(net, '--datagrams', 5)['received'] == 5
        code, _ = g.stop()
        assert code == 0, g.log()


def test_groups_outlive_the_start() -> None:
    """A card that forgets its multicast groups when it starts has those of our addresses afterwards."""
    with Net() as net:
        port = {'profile': profile('multicast', 'filter'),
                'address': f'{GW4}/24, {GW6}/48, 2001:2::ab:cdef/128'}
        with running(card(net, port=port), net) as g:
            assert run_client(net, host=GW6)['handshakes'] == 1
            g.stop()
            told = re.search(r'^nic: groups(.*)$', g.process.stderr, re.M)
            assert told and told.group(1).split() == [
                packets.solicited_node(host)[1].upper() for host in (GW6, '2001:2::ab:cdef')], g.log()


def test_checksums_of_the_device_are_prepared() -> None:
    """A driver that has to see a frame before it is sent, or its checksums are not there."""
    with Net() as net, running(card(net, port={'profile': profile('tx-checksum', 'device')}), net) as g:
        for host in (GW4, GW6):
            assert run_client(net, '--datagrams', 20, host=host)['received'] == 20
        _, counters = g.stop()
        assert counters['drop_tx_refused'] == counters['session_tx_refused'] == 0, counters


def test_what_the_device_refuses_is_counted() -> None:
    """Answers too long for it, or packets of sessions alone; what is not refused goes on."""
    port = {'profile': profile('tx-checksum', 'device')}
    for most, refused in (80, 'drop_tx_refused'), (200, 'session_tx_refused'):
        with Net() as net, running(card(net, {'HG_NIC_MOST': str(most)}, port=port), net) as g:
            results = run_client(net, '--deadline', 2, expect=1)
            assert results['handshakes'] == 0, results
            command('ping', '-q', '-c', '1', '-w', str(int(slow(10))), GW4, netns=net.client)
            g.wait_for(lambda s, name=refused: s[name] > 0)
            _, counters = g.stop()
            assert (counters['drop_tx_refused'] == 0) == (most == 200), counters
            assert counters['echo_replies'] == 1, counters


if __name__ == '__main__':
    run(globals())
