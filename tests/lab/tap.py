# SPDX-License-Identifier: BSD-3-Clause
"""How results are told: the Test Anything Protocol, version 13."""
from __future__ import annotations

import contextlib
import sys
from typing import Iterable, Iterator


class Tap:
    """Counts and prints results; a failure is followed by its reasons."""

    def __init__(self) -> None:
        self.count = 0
        self.failed = 0

    def result(self, name: str, faults: Iterable[str], skip: str = '') -> None:
        faults = list(faults)
        self.count += 1
        self.failed += bool(faults)
        print(f'{"not ok" if faults else "ok"} {self.count} - {name.replace("#", "")}' +
              (f' # SKIP {skip}' if skip else ''))
        for fault in faults:
            print('\n'.join('#   ' + line for line in fault.splitlines()))
        sys.stdout.flush()

    @contextlib.contextmanager
    def survive(self, name: str) -> Iterator[None]:
        """A gateway that fails within is one failed result, and the tests go on."""
        try:
            yield
        except (AssertionError, OSError) as error:
            self.result(name, [str(error)])

    def end(self) -> int:
        """Prints the plan; returns the exit code."""
        print(f'1..{self.count}')
        return 1 if self.failed else 0
