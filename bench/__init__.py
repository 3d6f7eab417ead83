# SPDX-License-Identifier: BSD-3-Clause
"""Benchmarks. Below them is tests/lab alone, of tests/; the build tree is build-bench unless HG_BUILD
names another."""
import os
import pathlib
import sys

_SOURCE = pathlib.Path(__file__).resolve().parents[1]
os.environ.setdefault('HG_BUILD', str(_SOURCE / 'build-bench'))
sys.path.insert(1, str(_SOURCE / 'tests'))
