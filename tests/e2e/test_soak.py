#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The soak test, for as long as a test may take. tests/soak.sh runs it for hours."""
from __future__ import annotations

import pathlib
import tempfile

import soak
from harness import run


def test_half_a_minute() -> None:
    with tempfile.TemporaryDirectory(prefix='hellogate-soak-') as directory:
        soak.soak(30, 0, pathlib.Path(directory) / 'soak.csv',
                  lambda line: print(f'# {line}', flush=True), modest=True)


run(globals())
