#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What drivers of network cards do that no software device does: pci_nic.c stands in for one."""
from __future__ import annotations

import os
import re

from harness import (BUILD, GW4, GW6, SOURCE, Gateway, Net, Pki, configuration, packets, run,
                     run_client, running)

PKI = Pki()
CERTIFIED = {'certificate': PKI.leaf('server'), 'private_key': PKI.path('server.key')}


def card(net: Net, **options) -> Gateway:
    """A gateway on a veth that is used like a card."""
    return Gateway(configuration(net, {'echo': CERTIFIED}, **options), netns=net.gateway, env={
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
        profile = PKI.directory / 'card.ini'
        profile.write_text(re.sub(r'(?m)^multicast .*$', 'multicast = filter', (
            SOURCE / 'pmd-config' / 'net_af_packet.ini').read_text()))
        with running(card(net, port={'profile': profile, 'address': f'{GW4}/24, {GW6}/48, '
                                     '2001:2::ab:cdef/128'}), net) as g:
            assert run_client(net, host=GW6)['handshakes'] == 1
            g.stop()
            told = re.search(r'^nic: groups(.*)$', g.process.stderr, re.M)
            assert told and told.group(1).split() == [
                packets.solicited_node(host)[1].upper() for host in (GW6, '2001:2::ab:cdef')], g.log()


if __name__ == '__main__':
    run(globals())
