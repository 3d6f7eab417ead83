# SPDX-License-Identifier: BSD-3-Clause
"""What tests and benchmarks are made in: a gateway and other programs that run, network namespaces,
certificates, packets. It knows nothing of either, and imports nothing else of the project.

A gateway between captures is what most come for, so it can be had from here: lab.run(lab.setup(), frames).
"""
from lab.capture import Peer, Run, Setup, peer, run, setup  # noqa: F401
