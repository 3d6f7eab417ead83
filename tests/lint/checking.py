# SPDX-License-Identifier: BSD-3-Clause
"""What the lints share: how checks are run, and shown to find faults."""

import sys
from pathlib import Path
from typing import Callable, Iterable, TypeVar

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from lab.tap import Tap  # noqa: E402

Problems = list[str]
Subject = TypeVar("Subject")
# Check, file, what is put in place of what, what must be reported.
Fault = tuple[Callable[[Path], Problems], str, str, str, str]


class Skip(Exception):
    """The rule cannot be checked here; the text says why."""


def apply(check: Callable[[Subject], Problems], subject: Subject) -> tuple[Problems, str]:
    """What it finds, and why it was skipped, if it was."""
    try:
        return check(subject), ""
    except FileNotFoundError as error:
        return [str(error)], ""
    except Skip as reason:
        return [], str(reason)


def lay(root: Path, files: dict[str, str]) -> None:
    """Writes them below root."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def find_faults(tap: Tap, root: Path, sound: dict[str, str], faults: Iterable[Fault]) -> None:
    """Whether each check reports what it must of the sound files with one fault in them, or one more."""
    for check, name, old, new, wanted in faults:
        text = sound.get(name, "")
        assert old in text, (name, old)
        lay(root, {name: text.replace(old, new)})
        problems, skip = apply(check, root)
        found = skip or any(wanted in problem for problem in problems)
        tap.result(f"fault: {wanted}", [] if found else [f"found: {problems}"], skip)
        if name in sound:
            (root / name).write_text(text)
        else:
            (root / name).unlink()


def main(usage: str, checks: dict[str, Callable[[Subject], Problems]],
         subject: Callable[..., Subject], self_test: Callable[[Tap], None],
         paths: Iterable[int] = (1,)) -> int:
    """The checks, with what subject makes of the command line's paths, of which paths says how
    many there may be; or with --self-test that.
    """
    tap = Tap()
    if sys.argv[1:] == ["--self-test"]:
        self_test(tap)
    elif len(sys.argv) - 1 in paths:
        made = subject(*map(Path, sys.argv[1:]))
        for title, check in checks.items():
            tap.result(title, *apply(check, made))
    else:
        print(usage, file=sys.stderr)
        return 2
    return tap.end()
