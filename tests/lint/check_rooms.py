#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Checks the rooms of bench/ and tests/: who may import and include whom, that what is shared is shared, and
that unit tests lie where their sources do. Prints TAP.

usage: check_rooms.py SOURCE_ROOT
       check_rooms.py --self-test       (every check must find its faults in a made-up tree)

tests/lab is below bench/, and the suites are above it.
"""

import ast
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Iterator, NamedTuple

sys.dont_write_bytecode = True
from check_source import Tree  # noqa: E402
from checking import Problems, Tap, apply, find_faults, lay, main  # noqa: E402

LAB = {"tests/lab"}
BENCH = {"bench", "bench/hellogen", "bench/load", "bench/measure", "bench/peers"}
# What a room may use beside itself, lib/ and app/.
ROOMS = {
    "tests/lab": set(),
    "bench": LAB,
    "bench/load": LAB | {"bench"},
    "bench/hellogen": {"bench", "bench/load"},
    "bench/peers": LAB | {"bench", "bench/load"},
    "bench/measure": LAB | {"bench", "bench/load", "bench/peers"},
    "bench/trex": set(),  # a program of another project loads what is there
    "tests": set(),
    "tests/lint": LAB,
    "tests/unit": BENCH,
    "tests/xcheck": BENCH,
    "tests/fixtures": LAB | BENCH,
    "tests/diff": LAB | BENCH | {"tests/fixtures"},
    "tests/fuzz": LAB | BENCH | {"tests/fixtures"},
    "tests/e2e": LAB | BENCH | {"tests/fixtures"},
}
# Those that are for others: what lies in them is used by two of these at least.
SHARED = {"tests/lab", "bench", "tests/unit"}
# Where sources of the daemon are sorted to, by who runs them.
DAEMON = {"config", "host", "port", "gateway", "worker", "core", "exception", "show", "main"}
CMOCKA = "tests/unit/unit.h"
# Folders that modules and headers are named from.
PYTHON_ROOTS = ("", "tests/")
PATHS = {"bench/__init__.py"}  # what says so
C_ROOTS = ("bench/", "tests/unit/", "lib/", "app/", "bench/hellogen/", "docs/examples/")


class Use(NamedTuple):
    """One file uses another, or something of the project that cannot be reached so."""
    name: str
    line: int
    text: str  # what is written
    used: str  # file; empty: there is none to be had by that name


def room_of(name: str) -> str:
    """The room that has the file; each of tests/unit is one of its own. Empty: a folder that is none."""
    folder = os.path.dirname(name)
    while folder not in ROOMS and folder.count("/") > 1 and not re.fullmatch(r"tests/unit/\w+", folder):
        folder = os.path.dirname(folder)
    return folder if folder in ROOMS or folder.startswith("tests/unit/") else ""


def allowed(room: str) -> set[str]:
    return ROOMS["tests/unit"] | {"tests/unit"} if room.startswith("tests/unit/") else \
        ROOMS.get(room, set())


def ours(tree: Tree, suffix: str) -> list[str]:
    return tree.of(rf"(bench|tests)/.*\.{suffix}")


def module_file(tree: Tree, name: str, words: str) -> str:
    """The file of a module: of a package, or for a suite beside the file that imports it."""
    folders = [*PYTHON_ROOTS]
    if not name.startswith("bench/"):  # run with -P, so that nobody takes a module of Python for ours
        folders.insert(0, os.path.dirname(name) + "/")
    for folder in folders:
        for file in (f"{folder}{words.replace('.', '/')}{end}" for end in (".py", "/__init__.py")):
            if file in tree.files:
                return file
    return ""


def python_uses(tree: Tree) -> Iterator[Use]:
    stems = {Path(name).stem for name in ours(tree, "py")}
    for name in ours(tree, "py"):
        for node in ast.walk(ast.parse(tree.text(name))):
            if isinstance(node, ast.Import):
                asked = [[alias.name] for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                asked = [[f"{node.module}.{alias.name}", node.module] for alias in node.names]
            else:
                continue
            for words in asked:
                file = next(filter(None, (module_file(tree, name, one) for one in words)), "")
                first = words[-1].split(".")[0]
                if file or first in stems and first not in sys.stdlib_module_names:
                    yield Use(name, node.lineno, words[-1], file)


def c_uses(tree: Tree) -> Iterator[Use]:
    headers = {os.path.basename(name) for name in ours(tree, "h")}
    for name in ours(tree, "[ch]"):
        for line, quoted, header in tree.includes(name):
            folders = (os.path.dirname(name) + "/", *C_ROOTS)
            file = next((folder + header for folder in folders if folder + header in tree.files), "")
            if quoted and (file or os.path.basename(header) in headers):
                yield Use(name, line, header, file)


def uses(tree: Tree) -> list[Use]:
    return sorted({*python_uses(tree), *c_uses(tree)})


# --- checks ---------------------------------------------------------------------------------------

def check_directions(root: Path) -> Problems:
    tree, problems = Tree(root), []
    for name, line, text, used in uses(tree):
        room, other = room_of(name), room_of(used)
        lib_room = re.fullmatch(r"tests/unit/(\w+)", room)
        if not used:
            problems.append(f"{name}:{line}: {text} is not to be had from {room} by that name")
        elif used.startswith("app/") and lib_room and lib_room.group(1) not in DAEMON | {"hellogen"}:
            problems.append(f"{name}:{line}: {used} is above what {room} is about")
        elif used.startswith(("bench/", "tests/")) and other != room and other not in allowed(room):
            problems.append(f"{name}:{line}: {room or name} may not use {used}")
    problems += [f"{place} finds what it imports by a path of its own"
                 for place in tree.find([name for name in ours(tree, "py") if name not in PATHS and
                                         room_of(name) in BENCH | LAB], re.compile(r"sys\.path|importlib"))]
    for name in tree.of(r"bench/(.*/)?meson\.build"):
        problems += [f"{name}:{number}: bench/ builds nothing of tests/"
                     for number, text in enumerate(tree.lines(name), 1)
                     if re.search(r"\.\./tests\b", text.partition("#")[0])]
    return problems


def check_rooms_known(root: Path) -> Problems:
    """Files of a language lie in a room that ROOMS has; what is for people and machines may lie anywhere."""
    tree = Tree(root)
    return [f"{name}:1: there is no such room in tests/lint/check_rooms.py"
            for name in ours(tree, "(py|[ch])") if not room_of(name)]


def check_shared(root: Path) -> Problems:
    tree = Tree(root)
    users: dict[str, set[str]] = {}
    for use in uses(tree):
        users.setdefault(use.used, set()).add(room_of(use.name))
    problems = []
    for name in ours(tree, "(py|h)"):
        room, by = room_of(name), users.get(name, set())
        if name.endswith("__init__.py") or tree.text(name).startswith("#!"):
            continue
        if not by and not re.fullmatch(r"tests/e2e/test_.*|bench/trex/.*", name):
            problems.append(f"{name}:1: nobody uses it")
        elif room in SHARED and room not in by and len(by) == 1:
            problems.append(f"{name}:1: {by.pop()} alone uses it, so that is where it belongs")
    return problems


def check_unit(root: Path) -> Problems:
    tree = Tree(root)
    known = {name.split("/")[1] for name in tree.of(r"lib/\w+/.*\.[ch]")} | DAEMON | {"hellogen"}
    problems = []
    for name in tree.of(r"tests/unit/.*\.c"):
        folder = os.path.dirname(name).removeprefix("tests/unit").lstrip("/")
        if folder and folder not in known:
            problems.append(f"{name}:1: there are no sources that are called {folder}")
        if not folder and os.path.basename(name).startswith("test_"):
            problems.append(f"{name}:1: a test lies in the room of what it tests")
    for name in tree.of(r"tests/unit/.*\.[ch]"):
        problems += [f"{name}:{line}: {CMOCKA} includes {header}"
                     for line, _, header in tree.includes(name)
                     if header in ("cmocka.h", "setjmp.h") and name != CMOCKA]
        problems += [f"{name}:{line}: {CMOCKA} has a name for each of assert_in_range()"
                     for line, text in enumerate(tree.code(name).split("\n"), 1)
                     if re.search(r"\bassert_in_range\(", text) and name != CMOCKA]
    return problems


def check_results(root: Path) -> Problems:
    """bench/measure has what writes a result, under its own name, as run.sh finds it."""
    tree, problems = Tree(root), []
    for name in ours(tree, "py"):
        for number, text in enumerate(tree.lines(name), 1):
            for result in re.findall(r"\bresult\.write\('(\w+)'", text):
                if name != f"bench/measure/{result}.py" and name != "bench/result.py":
                    problems.append(f"{name}:{number}: result {result} is for "
                                    f"bench/measure/{result}.py to write")
    return problems


CHECKS = {
    "every file has a room": check_rooms_known,
    "lab, bench, suites: nobody uses what is above": check_directions,
    "what is shared is shared": check_shared,
    "unit tests lie where their sources do": check_unit,
    "benchmarks write their own results": check_results,
}


# --- self-test ------------------------------------------------------------------------------------

SOUND = {
    "lib/net/sum.h": "",
    "app/worker/loop.h": "",
    "tests/lab/__init__.py": "",
    "tests/lab/process.py": "import os\n",
    "tests/lab/gateway.py": "from lab.process import x\n",
    "bench/__init__.py": "",
    "bench/bed.py": "from lab import gateway\n",
    "bench/clock.h": "",
    "bench/meson.build": "subdir('load')\n",
    "bench/load/pcap.h": '#include "clock.h"\n',
    "bench/load/hellos.py": "import re\nfrom bench import bed\n",
    "bench/peers/raw.c": '#include "clock.h"\n#include "load/pcap.h"\n',
    "bench/measure/hmac.py": "#!/usr/bin/python3\nimport hmac\nfrom bench import bed\n"
                             "from bench.load import hellos\nresult.write('hmac', 1)\n",
    "tests/e2e/harness.py": "from lab.gateway import x\nfrom lab import process\n",
    "tests/e2e/test_a.py": "from harness import x\nfrom fixtures import table\n",
    "tests/e2e/client.c": '#include "load/pcap.h"\n',
    "tests/fixtures/__init__.py": "",
    "tests/fixtures/table.py": "from lab import gateway\n",
    "tests/unit/frames.h": '#include "net/sum.h"\n',
    "tests/unit/net/test_sum.c": '#include "frames.h"\n#include "net/sum.h"\n',
    "tests/unit/worker/test_worker.c": '#include "frames.h"\n#include "worker/loop.h"\n',
}
# Check, file, what is put in place of what, what must be reported.
FAULTS = [
    (check_directions, "tests/lab/gateway.py", "lab.process", "bench.bed", "lab may not use bench/bed"),
    (check_directions, "tests/lab/process.py", "os", "fixtures.table", "not use tests/fixtures/table"),
    (check_directions, "bench/bed.py", "lab import gateway", "tests.e2e import harness",
     "bed.py:1: bench may not use tests/e2e/harness.py"),
    (check_directions, "bench/bed.py", "from lab import gateway", "import harness",
     "harness is not to be had from bench"),
    (check_directions, "bench/load/hellos.py", "bench import bed", "bench.measure import hmac",
     "hellos.py:2: bench/load may not use bench/measure/hmac.py"),
    (check_directions, "bench/measure/hmac.py", "from bench.load import hellos", "import bed",
     "bed is not to be had from bench/measure"),
    (check_directions, "bench/load/pcap.h", "clock.h", "frames.h", "load may not use tests/unit"),
    (check_directions, "bench/load/hellos.py", "import re", "sys.path[:0] = ['tests/e2e']",
     "hellos.py:1: 'sys.path' finds what it imports"),
    (check_directions, "bench/meson.build", "'load'", "'../tests/e2e'", "builds nothing of tests/"),
    (check_directions, "tests/fixtures/table.py", "lab import gateway", "e2e import harness",
     "tests/fixtures may not use tests/e2e/harness.py"),
    (check_directions, "tests/unit/net/test_sum.c", "net/sum.h", "worker/loop.h",
     "app/worker/loop.h is above"),
    (check_directions, "tests/e2e/client.c", "load/pcap.h", "pcap.h", "pcap.h is not to be had"),
    (check_shared, "bench/measure/hmac.py", "from bench.load import hellos\n", "", "hellos.py:1: nobody"),
    (check_shared, "bench/peers/raw.c", '#include "clock.h"\n', "", "bench/load alone uses it"),
    (check_shared, "tests/unit/worker/test_worker.c", '#include "frames.h"\n', "",
     "frames.h:1: tests/unit/net alone uses it"),
    (check_unit, "tests/unit/net/test_sum.c", '"net/sum.h"', "<cmocka.h>", "test_sum.c:2: tests/unit/unit.h"),
    (check_unit, "tests/unit/frames.h", "\n", "\nassert_in_range(1, 2);\n", "frames.h:2: tests/unit/unit.h"),
    (check_results, "bench/measure/hmac.py", "'hmac'", "'mac'", "is for bench/measure/mac.py to write"),
    (check_results, "bench/load/hellos.py", "re", "re\nresult.write('hmac', 2)", "hellos.py:2: result"),
    (check_rooms_known, "tests/more/test_b.py", "", "", "test_b.py:1: there is no such room"),
    (check_rooms_known, "bench/more/b.c", "", "", "b.c:1: there is no such room"),
    (check_unit, "tests/unit/test_sum.c", "", "", "lies in the room of what it tests"),
    (check_unit, "tests/unit/sums/test_sum.c", "", "", "no sources that are called sums"),
]


def self_test(tap: Tap) -> None:
    with tempfile.TemporaryDirectory() as top:
        root = Path(top)
        lay(root, SOUND)
        for title, check in CHECKS.items():
            tap.result(f"sound: {title}", *apply(check, root))
        find_faults(tap, root, SOUND, FAULTS)


if __name__ == "__main__":
    sys.exit(main(__doc__, CHECKS, Path.resolve, self_test))
