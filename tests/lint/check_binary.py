#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Checks that the built daemon is hardened as meson.build says. Prints TAP.

usage: check_binary.py BUILD_ROOT
       check_binary.py --self-test      (every check must notice that its flag is missing)
"""

import json
import os
import platform
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Callable

sys.dont_write_bytecode = True
from checking import Problems, Tap, main  # noqa: E402


class Binary:
    """An executable and the objects of ours that are in it, as readelf shows them."""

    def __init__(self, path: Path, objects: list[Path]) -> None:
        self.path = path
        self.objects = objects
        self.header = readelf("-h", path)
        self.segments = readelf("-l", path)
        self.dynamic = readelf("-d", path)
        self.imports = set(re.findall(r" UND (\w+)", readelf("--dyn-syms", path)))

    @property
    def sanitized(self) -> bool:
        return any(re.match(r"__(a|t|ub|l|m)san_", name) for name in self.imports)

    @property
    def x86(self) -> bool:
        return "X86-64" in self.header


def readelf(option: str, path: Path) -> str:
    return subprocess.run(["readelf", "-W", option, str(path)], check=True, text=True,
                          capture_output=True).stdout


def check_position(binary: Binary) -> Problems:
    return [] if "DYN (Position-Independent Executable" in binary.header else ["no PIE"]


def check_relro(binary: Binary) -> Problems:
    return ([] if "GNU_RELRO" in binary.segments else ["no segment GNU_RELRO"]) + \
        ([] if re.search(r"FLAGS_1\).*\bNOW\b", binary.dynamic) else ["not bound at start"])


def check_stack(binary: Binary) -> Problems:
    found = re.search(r"GNU_STACK(?:\s+0x\w+){5}\s+(\S+)", binary.segments)
    return [] if found and found.group(1) == "RW" else ["the stack is executable"]


def check_protector(binary: Binary) -> Problems:
    return [] if "__stack_chk_fail" in binary.imports else ["no __stack_chk_fail"]


def check_fortify(binary: Binary) -> Problems:
    """A sanitizer checks more, and meson.build leaves _FORTIFY_SOURCE out for its sake."""
    checked = {name for name in binary.imports if re.fullmatch(r"__\w+_chk", name)}
    if binary.sanitized:
        return [f"sanitizer and {name}" for name in checked if name != "__stack_chk_fail"]
    return [] if checked else ["no function of _FORTIFY_SOURCE"]


def check_branches(binary: Binary) -> Problems:
    """Debian's start files carry no such note, so the executable cannot; our objects do."""
    if not binary.x86:
        return []
    return [f"{path}: no IBT and SHSTK" for path in binary.objects
            if "IBT, SHSTK" not in readelf("-n", path)]


CHECKS: dict[str, Callable[[Binary], Problems]] = {
    "position-independent": check_position,
    "relocations read-only and bound at start": check_relro,
    "no executable stack": check_stack,
    "stack protector": check_protector,
    "_FORTIFY_SOURCE": check_fortify,
    "control-flow protection": check_branches,
}


def objects_of(build: Path) -> list[Path]:
    """The daemon's and the library's objects that have been built."""
    entries = json.loads((build / "compile_commands.json").read_text())
    paths = (Path(entry["directory"]) / entry["output"] for entry in entries
             if re.match(r"(app|lib)/", entry["output"]))
    return [path for path in paths if path.exists()]


# --- self-test ------------------------------------------------------------------------------------

SOURCE = """#include <stdio.h>
#include <string.h>
int main(int argc, char **argv)
{
    char text[64];
    strcpy(text, argv[argc - 1]);
    return puts(text);
}
"""
COMPILE = ["-O2", "-fPIE", "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2", "-fstack-protector-strong",
           "-fcf-protection=full"]
LINK = ["-pie", "-Wl,-z,relro", "-Wl,-z,now", "-Wl,-z,noexecstack"]
# What is put in place of what, and the check that must notice.
FAULTS = [
    ("-pie", "-no-pie", check_position),
    ("-Wl,-z,relro", "-Wl,-z,norelro", check_relro),
    ("-Wl,-z,now", "-Wl,-z,lazy", check_relro),
    ("-Wl,-z,noexecstack", "-Wl,-z,execstack", check_stack),
    ("-fstack-protector-strong", "-fno-stack-protector", check_protector),
    ("-D_FORTIFY_SOURCE=2", "-D_FORTIFY_SOURCE=0", check_fortify),
    ("-fcf-protection=full", "-fcf-protection=none", check_branches),
]


def compiled(directory: Path, old: str = "", new: str = "") -> Binary:
    flags = [[new if flag == old else flag for flag in group] for group in (COMPILE, LINK)]
    if platform.machine() != "x86_64":
        flags[0] = [flag for flag in flags[0] if "cf-protection" not in flag]
    source, middle, binary = (directory / name for name in ("a.c", "a.o", "a"))
    source.write_text(SOURCE)
    cc = shlex.split(os.environ.get("CC", "cc"))
    subprocess.run([*cc, *flags[0], "-w", "-c", str(source), "-o", str(middle)], check=True)
    subprocess.run([*cc, str(middle), *flags[1], "-o", str(binary)], check=True)
    return Binary(binary, [middle])


def self_test(tap: Tap) -> None:
    with tempfile.TemporaryDirectory(prefix="check-binary-") as name:
        directory = Path(name)
        sound = compiled(directory)
        for title, check in CHECKS.items():
            tap.result(f"sound: {title}", check(sound))
        for old, new, check in FAULTS:
            if check is check_branches and platform.machine() != "x86_64":
                continue
            found = check(compiled(directory, old, new))
            tap.result(f"notices {new}", [] if found else ["did not notice"])


def built(build: Path) -> Binary:
    return Binary(build / "app/hellogate", objects_of(build))


if __name__ == "__main__":
    sys.exit(main(__doc__, CHECKS, built, self_test))
