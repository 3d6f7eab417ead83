# SPDX-License-Identifier: BSD-3-Clause
"""What tests and benchmarks are made in: a gateway and other programs that run, network namespaces,
certificates, packets. It knows nothing of either, and imports nothing else of the project."""
