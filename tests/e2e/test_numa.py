#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Two NUMA nodes, in a /sys that is made up: whose queues are whose, and memory that is elsewhere."""
from __future__ import annotations

import contextlib
import os
import re
import tempfile
from pathlib import Path
from typing import Iterator

from harness import Gateway, Net, Pki, Skip, configuration, run, run_client, running
from line import preloaded

PKI = Pki()
# As root of a mount namespace of its own: the nodes, and the interface's device.
LAY = 'mount --bind "$1" /sys/devices/system/node; mount --bind "$2" "/sys/class/net/$3"; ' \
      'shift 3; exec "$@"'


class Machine:
    """Node 1 has the last CPU, node 0 the others; the gateway's interface is a card on a node."""

    def __init__(self, net: Net, card: int) -> None:
        cpus = sorted(os.sched_getaffinity(0))
        if len(cpus) < 2:
            raise Skip('one CPU is no machine of two nodes')
        self.net, self.near, self.far = net, cpus[0], cpus[-1]
        self.root = tempfile.TemporaryDirectory(prefix='hellogate-numa-')
        root = Path(self.root.name)
        for node, mine in ((0, cpus[:-1]), (1, cpus[-1:])):
            for cpu in mine:
                (root / 'node' / f'node{node}' / f'cpu{cpu}').mkdir(parents=True)
        self.put('card/device/numa_node', card)
        self.put('card/flags', '0x1003')
        self.put('card/carrier', 1)

    def put(self, path: str, value: object) -> None:
        full = Path(self.root.name) / path
        full.parent.mkdir(parents=True, exist_ok=True)
        full.write_text(f'{value}\n')

    def lcores(self, workers: str, core: str) -> str:
        """The option for main on node 0, and workers and a core on nodes, one digit each."""
        nodes = '0' + workers + core
        return '--lcores=' + ','.join(f'{n}@{self.far if node == "1" else self.near}'
                                      for n, node in enumerate(nodes))


class OnMachine(Gateway):
    def __init__(self, machine: Machine, *args, **kwargs) -> None:
        super().__init__(*args, netns=machine.net.gateway, **kwargs)
        self.machine = machine

    def argv(self, *options: str) -> list[str]:
        root = self.machine.root.name
        return ['unshare', '--mount', '--propagation', 'private', 'sh', '-ec', LAY, 'sh',
                f'{root}/node', f'{root}/card', self.machine.net.gateway_if,
                *super().argv(*options)]


def text(net: Net, workers: int = 2, **more) -> str:
    listener = {'certificate': PKI.leaf('server'), 'private_key': PKI.path('server.key')}
    return configuration(net, {'echo': listener}, **{'workers': workers, **more})


@contextlib.contextmanager
def serving(net: Net, machine: Machine, workers: str, core: str, **more) -> Iterator[Gateway]:
    """A gateway that has served a client when the body begins, and ends well."""
    with running(OnMachine(machine, text(net, len(workers)),
                           eal=[machine.lcores(workers, core)], **more), net) as g:
        assert run_client(net, '--datagrams', 50)['received'] == 50
        yield g
        g.stop()


def received(g: Gateway, worker: int) -> int:
    return g.telemetry(f'/hellogate/worker,{worker}')['rx']


def of_nodes(g: Gateway) -> list[str]:
    """What was said of nodes."""
    return re.findall(r'^.*NUMA.*$', g.process.stderr, re.MULTILINE)


def test_queue_goes_to_the_node_of_the_card() -> None:
    """Wherever the card is: the worker there polls it, and nothing is said but that there are no hugepages."""
    for card in (0, 1):
        with Net() as net:
            machine = Machine(net, card)
            with serving(net, machine, '01', '1') as g:
                assert g.telemetry('/hellogate/ports')['wan']['numa_node'] == card
                assert received(g, card) > 0 and received(g, 1 - card) == 0
                said = of_nodes(g)
                assert len(said) == 1 and 'without hugepages all memory is main\'s, on NUMA node ' \
                    '0, and 2 of 3 workers and cores are on others' in said[0], said


def test_card_without_a_worker() -> None:
    """All the same it is served, and that is said once."""
    with Net(queues=2) as net:
        machine = Machine(net, 1)
        with serving(net, machine, '00', '0') as g:
            assert of_nodes(g) == [
                'hellogate: port wan: its device is on NUMA node 1, but the workers of 2 of 2 queues '
                'are on others: packets cross between nodes, which costs time'], of_nodes(g)


def test_card_that_is_nowhere() -> None:
    """A worker of any node will do: the first."""
    with Net() as net:
        machine = Machine(net, -1)
        with serving(net, machine, '10', '1') as g:
            assert g.telemetry('/hellogate/ports')['wan']['numa_node'] == -1
            assert received(g, 0) > 0 and received(g, 1) == 0


def test_node_without_memory() -> None:
    """What belongs there lies elsewhere, which is said once, and all of it comes back."""
    with Net() as net:
        machine = Machine(net, 1)
        with serving(net, machine, '01', '1', env=preloaded('node_memory')) as g:
            assert received(g, 1) > 0 and received(g, 0) == 0
            assert of_nodes(g) == [
                'hellogate: too little DPDK memory on NUMA node 1: some of what its lcores use '
                'lies on another'], of_nodes(g)
            # Nor does DPDK say something for each of the others.
            assert 'Cannot reserve' not in g.process.stderr, g.process.stderr


def test_check_tells_it() -> None:
    with Net() as net:
        machine = Machine(net, 1)
        for workers, wanted in (
                ('01', 'has workers on NUMA node 1, where the device of port wan is'),
                ('00', 'lacks workers on NUMA node 1, where the device of port wan is: those of '
                       '1 of 1 queues are on others')):
            g = OnMachine(machine, text(net), eal=[machine.lcores(workers, '1')])
            try:
                process = g.spawn('--check')
                assert process.wait() == 0, process.log()
                assert f'; host: {wanted}' in process.stdout, process.stdout
                assert '; host: lacks memory on 2 NUMA nodes' in process.stdout, process.stdout
            finally:
                g.close()


run(globals())
