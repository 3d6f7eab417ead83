#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What drivers of network cards do that no software device does: pci_nic.c stands in for one."""
from __future__ import annotations

import os

from harness import BUILD, Gateway, Net, Pki, configuration, run, run_client, running

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


if __name__ == '__main__':
    run(globals())
