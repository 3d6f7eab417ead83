# SPDX-License-Identifier: BSD-3-Clause
"""What benchmarks of a whole hellogate share: certificates, CPUs, a gateway behind net_memif."""
from __future__ import annotations

import atexit
import contextlib
import itertools
import json
import os
import pathlib
import shutil
import signal
import sys
import tempfile
from typing import Iterator, Mapping

from bench.result import need, refuse
from lab.gateway import RUNTIME, Gateway
from lab.process import BUILD, SOURCE, Process

ADDRESS, NETWORK, PORT = '198.18.0.1', '198.18.0.1/15', 5684
CLIENT = '198.18.0.2'   # on a veth
CLIENTS = '198.18.1.0'  # the first of them
MAC = '02:00:00:00:00:0a'
_serial = itertools.count()


def program(name: str) -> str:
    return str(BUILD / 'bench' / name)


def prepare(*programs: str) -> None:
    """Ends the benchmark if this is not the place for it; makes SIGTERM clean up like SIGINT."""
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    missing = [p for p in programs if not os.path.exists(program(p))]
    if os.geteuid() != 0:
        refuse('needs root: DPDK, network namespaces, other threads\' clocks')
    need('ip', 'ethtool', 'openssl')
    if len(os.sched_getaffinity(0)) < 2:
        refuse('needs two CPUs: one for what is measured, one for everything else')
    if missing or not (BUILD / 'app' / 'hellogate').exists():
        refuse(f'{", ".join(missing) or "hellogate"} is not built: run bench/run.sh')


def go_first() -> None:
    """Whoever else runs on this machine waits. Where the kernel groups tasks by session, nice counts
    among those of one session, and the session has a nice value of its own (sched(7))."""
    os.setpriority(os.PRIO_PROCESS, 0, -20)
    with contextlib.suppress(OSError):
        group = pathlib.Path('/proc/self/autogroup')
        before = group.read_text().split()[-1]
        group.write_text('-20')
        atexit.register(group.write_text, before)


def cpus() -> tuple[int, int]:
    """The CPU for everything else, and the CPU for what is measured."""
    usable = sorted(os.sched_getaffinity(0))
    return usable[0], usable[1]


def threads(pid: int) -> dict[str, int]:
    """The threads of a gateway with one worker and one handshake core: names and numbers. DPDK calls
    its lcores otherwise from 23.07 on."""
    names = {'rte-worker-1': 'worker', 'rte-worker-2': 'core',
             'dpdk-worker1': 'worker', 'dpdk-worker2': 'core'}
    found = {}
    for task in pathlib.Path(f'/proc/{pid}/task').iterdir():
        name = (task / 'comm').read_text().strip()
        found[names.get(name, name)] = int(task.name)
    return found


def listener(name: str, port: int, pair: str, upstream: str = 'echo') -> str:
    return (f'[listener {name}]\nbind = {ADDRESS}:{port}\ncertificate = {pair}\n'
            f'private-key = {pair.removesuffix(".pem")}.key\nupstream = {upstream}\n')


def configuration(profile: str, device: str, listeners: str, **options: object) -> str:
    # What is measured is what can be done, not what is allowed.
    return settings(profile, device, listeners, **{'handshake_rate': 0, 'client_rate': 0,
                                                   'client_half_open': 0, **options})


def settings(profile: str, device: str, listeners: str, **options: object) -> str:
    """The same with the limits on clients that the gateway comes with."""
    options = {'workers': 1, 'handshake_cores': 1, **options}
    lines = ''.join(f'{key.replace("_", "-")} = {value}\n' for key, value in options.items())
    return (f'[gateway]\n{lines}[port bench]\nprofile = {SOURCE}/pmd-config/{profile}.ini\n'
            f'device = {device}\nmac = {MAC}\naddress = {NETWORK}\n{listeners}')


class Memif:
    """A gateway behind net_memif. Its lcores, and the far end's, are where lcores says."""

    def __init__(self, listeners: str, worker_cpu: int, core_cpu: int, far_cpu: int,
                 **options: object) -> None:
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix='hellogate-bench-'))
        self.device = f'net_memif0,id=0,socket={self.directory}/memif,socket-abstract=no'
        self.far_cpu = far_cpu
        self.gateway = Gateway(
            configuration('net_memif', self.device + ',role=server', listeners, **options),
            eal=[f'--lcores=0@{far_cpu},1@{worker_cpu},2@{core_cpu}'])

    @contextlib.contextmanager
    def far_end(self, name: str, *options: object) -> Iterator[Process]:
        """A program at the other end of the port, running."""
        prefix = f'hgbench{os.getpid()}.{next(_serial)}'
        process = Process([
            program(name), '--no-huge', '-m', '64', '--no-shconf', '--no-pci', '--no-telemetry',
            f'--file-prefix={prefix}', f'--lcores=0@{self.far_cpu}', '--log-level=*:error',
            f'--vdev={self.device},role=client', '--', '--target', f'{ADDRESS}:{PORT}',
            '--mac', MAC, '--source', CLIENTS, *map(str, options)])
        try:
            yield process
        finally:
            process.kill()
            shutil.rmtree(RUNTIME / prefix, ignore_errors=True)

    def __enter__(self) -> Memif:
        try:
            self.gateway.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_) -> None:
        self.gateway.close()
        shutil.rmtree(self.directory, ignore_errors=True)


def lines(process: Process, deadline: float = 120) -> list[Mapping[str, int]]:
    """What a program reports, one JSON object a line, when it has ended well."""
    code = process.wait(deadline)
    if code != 0:
        raise AssertionError(f'{process.name} ended with {code}\n{process.log()}')
    return [json.loads(line) for line in process.stdout.splitlines() if line.startswith('{')]
