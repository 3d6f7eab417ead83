#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Checks the rules of the sources that no compiler checks, in the text of the tree and in the
symbols of its object files. Prints TAP: one line per rule, file:line of each failure below it.

usage: check_source.py SOURCE_ROOT [BUILD_ROOT]
       check_source.py --self-test      (every rule must find its fault in a made-up tree)
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Callable, Iterator, NamedTuple

sys.dont_write_bytecode = True
from checking import Problems, Skip, Tap, apply, lay, main  # noqa: E402

FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 60
CLANG_FORMAT = "14"

# Which folders of lib/ a folder may include from.
DIRECTIONS = {"base": {"base"}, "net": {"base", "net"}, "wire": {"base", "wire"},
              "hmac": {"base", "hmac"}, "cookie": {"base", "hmac", "cookie"},
              "tls": {"base", "hmac", "cookie", "wire", "tls"}}
# Which rooms of app/ a room may include from beside its own. Worker, core and exception meet in gateway.
ROOMS = {"config": set(), "port": {"config"}, "host": {"config", "port"}, "gateway": {"config", "port"}}
ROOMS |= {room: {"config", "port", "gateway"} for room in ("worker", "core", "exception")}
ROOMS["show"] = {"config", "port", "gateway", "worker", "core", "exception"}
ROOMS["main"] = {*ROOMS}
# Who may reach lib/tls, by whatever he includes; what is no more than a list of names anybody may.
TLS_ROOMS = {"config", "core", "main"}
TLS_NAMES = {"lib/tls/ignored.h"}
NO_DPDK = {"app/worker/classify.c", "app/port/table.c", "app/port/table.h"}
# Of the daemon, main alone: --version names the library.
OPENSSL_IN_APP = {"app/main/main.c"}

# What differs between releases of a library is known by one file each, and what is no API of DPDK,
# and so changes between releases without notice, by none.
RELEASES = re.compile(r"\bRTE_VER(SION|SION_NUM|_\w+)?\b|\bOPENSSL_VERSION_\w+")
RELEASE_FILES = {"app/port/dpdk.c", "app/port/dpdk.h", "lib/tls/openssl.h", "lib/tls/release.c"}
# What is said in its name of an access to an atomic object; clang says which others there are.
ATOMIC = re.compile(r"\b_Atomic\b|\batomic_\w+|<stdatomic\.h>")
NO_ORDER = re.compile(r"\batomic_(?!init\b|is_lock_free\b)(?!\w+_(explicit|fence)\b)\w+(?=\()")
DEFINES = ("_GNU_SOURCE", "ALLOW_EXPERIMENTAL_API", 'HG_VERSION=""', 'HG_PROFILE_DIR=""')
# One file knows how a message is made of its text.
MESSAGES = re.compile(r"\b(rte_v?log|RTE_LOG(_DP|_REGISTER\w*)?)\s*\(")
INTERNALS = re.compile(r"\b(prod|cons)\s*\.\s*(head|tail)\b|\bqsbr_cnt\b")

# The packet path: some folders, and whatever they call of the rooms that they share with others. Its files may
# refer to each other and to what is listed here, so that neither heap, log, lock nor system call is in reach.
# What sleeps or sets up lives elsewhere.
COMPILER = (r"_GLOBAL_OFFSET_TABLE_|\$[dx].*|__(cpu|unnamed)_\w+|"
            r"_*(odr_)?(asan|ubsan|tsan|sanitizer|gcov\d?|stack_chk|x86|aarch64)[_.].*")
PLAIN = (rf"{COMPILER}|mem(cmp|cpy|move|set)|bcmp|__mem(cpy|move|set)_chk|"
         r"(__)?explicit_bzero(_chk)?")
PATH = re.compile(r"app/worker/.*|lib/(net|wire|cookie|hmac)/.*")
PATH_SHARED = re.compile(r"app/gateway/.*")
# By what the name of a source begins with.
PATH_CALLS = {
    # Of DPDK: what drivers are called by, buffers, the table of sessions; and what its inline functions bring.
    "app/": r"rte_eth_fp_ops|rte_eth_call_[rt]x_callbacks|rte_mempool_ops_table|rte_hash_hash|"
            r"rte_hash_lookup_\w+|per_lcore_\w+|__rte_panic|__assert_fail|__rte_\w*trace_\w+",
    # The rest of an idle worker.
    "app/worker/loop.c": "idle_(begin|rest|step)",
    # What net_af_packet would do.
    "app/worker/transmit.c": "raw_send",
    # Once, at start: finds out which kernel runs here, and fastest.
    "lib/hmac/hmac.c": "strcmp",
    "lib/hmac/ladder.c": "clock_gettime|(__)?snprintf(_chk)?",
    "lib/hmac/cpu_aarch64.c": "getauxval",
}

# Objects that change, by file. LOG_TYPE() may be in any of app/.
STATE = {"app/port/eal.c": {"starting"}, "app/show/telemetry.c": {"lock", "served"},
         "lib/tls/callbacks.c": {"once", "ctx_index", "ssl_index"}}
MUTABLE = re.compile(r"\.(data(?!\.rel\.ro)|[lst]?bss|tdata|[ls]data)|\*COM")

# The brackets keep these patterns from matching themselves.
UNFINISHED = re.compile(r"\b(T[O]DO|F[I]XME|X[X]X)\b")
ORGANISATION = re.compile(
    r"(?<!\w)(issue #?\d+|(task|ticket) #?\d+|(fixes|closes|resolves) #\d+|s[p]rint \d|"
    r"(this|current|next|last) s[p]rint|user [s]tor(y|ies)|acceptance [c]riteri(on|a)|"
    r"design [s]helf|shared/[d]esign|/work/(main|shared)|as [r]equested|as [i]nstructed|"
    r"(see|in|by|per|of) the [t]icket (above|below|number|text)|the [t]icket (says|asks|wants)|"
    r"the (task|assignment) (says|asks|wants|requires)|coding [a]gent|AI [a]ssistant)\b", re.I)

NEEDS_SPDX = re.compile(
    r".*\.(c|h|py|sh|bash|ini|ya?ml|service|conf|in|[1-9]|mk|toml|gdb|supp|pc)|(.*/)?meson\.build|"
    r"meson_options\.txt|\.clang-format|\.editorconfig")
C_TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'', re.S)
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


class Symbol(NamedTuple):
    name: str
    kind: str  # nm's letter
    size: int
    section: str


class Tree:
    """The files of the project, without what git ignores, and the objects of its build."""

    def __init__(self, root: Path, build: Path | None = None) -> None:
        self.root = root.resolve()
        self.build = build
        self.files = list_files(self.root)
        self.texts: dict[str, str] = {}

    def text(self, name: str) -> str:
        """The content; nothing if it is not text."""
        if name not in self.texts:
            try:
                self.texts[name] = (self.root / name).read_bytes().decode()
            except (UnicodeDecodeError, FileNotFoundError):  # or gone since it was listed
                self.texts[name] = ""
        return self.texts[name] if "\0" not in self.texts[name] else ""

    def lines(self, name: str) -> list[str]:
        return self.text(name).split("\n")

    def code(self, name: str) -> str:
        """C without comments and literals, every line at its place."""
        return C_TOKEN.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), self.text(name))

    def of(self, pattern: str) -> list[str]:
        return [name for name in self.files if re.fullmatch(pattern, name)]

    def prose(self) -> list[str]:
        """Files that somebody wrote: no corpus, no plot, no key, no log."""
        return [name for name in self.files if self.text(name) and
                not re.search(r"(^|/)corpus[^/]*/|\.(svg|pem|key|csv|log)$", name)]

    def scripts(self, language: str, suffix: str | tuple[str, ...]) -> list[str]:
        return [name for name in self.files if name.endswith(suffix) or
                re.match(rf"#!.*\b{language}", self.text(name))]

    def find(self, names: list[str], pattern: re.Pattern[str]) -> Problems:
        return [f"{name}:{number}: '{match.group()}'" for name in names
                for number, line in enumerate(self.lines(name), 1)
                for match in pattern.finditer(line)]

    def includes(self, name: str) -> Iterator[tuple[int, bool, str]]:
        """Line, whether in quotes, and the name."""
        for number, line in enumerate(self.lines(name), 1):
            match = INCLUDE.match(line)
            if match:
                yield number, match.group(1) == '"', match.group(2)

    def public_headers(self) -> list[str]:
        found = []
        for name in self.of(r"lib/\w+/meson\.build"):
            for folder, files in re.findall(r"hg_headers \+= \{'(\w+)': files\(([^)]*)\)",
                                            self.text(name)):
                found += [f"lib/{folder}/{header}" for header in re.findall(r"'([^']+)'", files)]
        return found

    def objects(self) -> dict[str, Path]:
        """Source -> object, for what is built from lib/ and app/ into the same folders."""
        if self.build is None:
            raise Skip("no build directory given")
        database = self.build / "compile_commands.json"
        if not database.exists():
            raise Skip(f"no {database}")
        found = {}
        for entry in json.loads(database.read_text()):
            source = os.path.realpath(os.path.join(entry["directory"], entry["file"]))
            source = os.path.relpath(source, self.root)
            if re.match(r"(lib|app)/", source) and entry["output"].startswith(source[:4]):
                found[source] = Path(entry["directory"], entry["output"])
        if not any(path.exists() for path in found.values()):
            raise Skip(f"nothing of lib/ and app/ is built in {self.build}")
        return found

    def symbols(self) -> dict[str, list[Symbol]]:
        objects = {source: path for source, path in self.objects().items() if path.exists()}
        output = run("nm", "-A", "-f", "sysv", *map(str, objects.values())).stdout
        by_path = {str(path): source for source, path in objects.items()}
        table: dict[str, list[Symbol]] = {source: [] for source in objects}
        for line in output.splitlines():
            cells = [cell.strip() for cell in line.split("|")]
            if len(cells) != 7:
                continue
            path, _, name = cells[0].rpartition(":")
            if name.startswith("__gnu_lto") or (cells[2] in "TDBR" and not cells[6]):
                raise Skip("link-time optimisation: objects hold no code yet")
            table[by_path[path]].append(Symbol(name, cells[2], int(cells[4] or "0", 16), cells[6]))
        return table


def list_files(root: Path) -> list[str]:
    names = []
    if shutil.which("git"):
        names = run("git", "-C", str(root), "ls-files", "-z", "-co",
                    "--exclude-standard").stdout.split("\0")[:-1]
    if not names:  # a release, a copy
        for folder, folders, files in os.walk(root):
            folders[:] = [name for name in folders
                          if name not in (".git", "__pycache__", "results") and
                          not Path(folder, name, "meson-private").exists()]
            names += [os.path.relpath(os.path.join(folder, name), root) for name in files]
    return sorted({name for name in names if (root / name).is_file()})


def run(*words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    if not shutil.which(words[0]):
        raise Skip(f"{words[0]} is not installed")
    return subprocess.run(words, capture_output=True, text=True, check=False, cwd=cwd)


# --- text -----------------------------------------------------------------------------------------

def check_spdx(tree: Tree) -> Problems:
    return [f"{name}:1: no SPDX-License-Identifier: BSD-3-Clause" for name in tree.files
            if (NEEDS_SPDX.fullmatch(name) or tree.text(name).startswith("#!")) and
            not any(re.search(r"SPDX-License-Identifier: BSD-3-Clause( \*/)?$", line)
                    for line in tree.lines(name)[:3])]


def check_lib_includes(tree: Tree) -> Problems:
    problems = []
    public = tree.public_headers()
    for name in tree.of(r"lib/.*\.[ch]"):
        folder = name.split("/")[1]
        for line, quoted, header in tree.includes(name):
            where = header.split("/")[0]
            if re.search(r"\brte_", header):
                problems.append(f"{name}:{line}: {header} is DPDK's")
            elif where == "openssl" and folder != "tls":
                problems.append(f"{name}:{line}: {header} is for lib/tls alone")
            elif quoted and f"lib/{header}" not in tree.files:
                problems.append(f"{name}:{line}: there is no lib/{header}")
            elif quoted and where not in DIRECTIONS.get(folder, set()):
                problems.append(f"{name}:{line}: lib/{folder} may not include {header}")
            elif quoted and name in public and f"lib/{header}" not in public:
                problems.append(f"{name}:{line}: a public header includes {header}, which is none")
    return problems


def check_app_includes(tree: Tree) -> Problems:
    problems = []
    public = tree.public_headers()
    for name in tree.of(r"app/\w+/.*\.[ch]"):
        room = name.split("/")[1]
        for line, quoted, header in tree.includes(name):
            where = header.split("/")[0]
            if quoted and f"app/{header}" not in tree.files and f"lib/{header}" not in public:
                problems.append(f"{name}:{line}: {header} is neither in app/ nor public in lib/")
            elif header.startswith("openssl/") and name not in OPENSSL_IN_APP:
                problems.append(f"{name}:{line}: {header} is for lib/tls alone")
            elif quoted and where in ROOMS and where not in {room} | ROOMS[room]:
                problems.append(f"{name}:{line}: app/{room} may not include {header}")
    return problems + [f"{name}:1: is in no room of app/" for name in tree.of(r"app/[^/]*\.[ch]")] + \
        [f"{name}:1: app/{name.split('/')[1]} is no room that tests/lint/check_source.py has"
         for name in tree.of(r"app/\w+/.*\.[ch]") if name.split("/")[1] not in ROOMS]


def reached(tree: Tree, name: str) -> dict[str, str]:
    """All that a file includes, itself or by others: the file, or <header>, and who includes it."""
    found, todo = {name: name}, [name]
    while todo:
        user = todo.pop()
        for _, quoted, header in tree.includes(user):
            used = next((top + header for top in ("app/", "lib/", "bench/")
                         if quoted and top + header in tree.files), f"<{header}>")
            if used not in found:
                found[used] = user
                todo += [used] if used in tree.files else []
    return found


def check_circles(tree: Tree) -> Problems:
    """A header that includes itself by way of others; #pragma once hides it from compilers."""
    return [f"{name}:{line}: {header} includes it, too" for name in tree.of(r"(app|lib)/.*\.h")
            for line, quoted, header in tree.includes(name) if quoted
            for used in (f"app/{header}", f"lib/{header}")
            if used in tree.files and used != name and name in reached(tree, used)]


def check_closures(tree: Tree) -> Problems:
    """lib/tls is for some rooms alone, and classify.c and table.[ch] know no DPDK, by whatever they include."""
    problems = []
    for name in tree.of(r"app/\w+/.*\.[ch]"):
        found = reached(tree, name)
        if name.split("/")[1] not in TLS_ROOMS:
            problems += [f"{name}:1: {user} includes {used}" for used, user in found.items()
                         if used.startswith(("lib/tls/", "<openssl/")) and used not in TLS_NAMES]
        if name in NO_DPDK:
            problems += [f"{name}:1: {user} includes {used}" for used, user in found.items()
                         if re.search(r"\brte_", used)]
    return problems


def check_atomics(tree: Tree) -> Problems:
    """Operators on atomic objects, and functions without a memory order, are sequentially consistent unsaid."""
    names = tree.of(r"(lib|app|bench)/.*\.[ch]")
    problems = [f"{name}:{line}: {match.group()}() names no memory order" for name in names
                for line, text in enumerate(tree.code(name).split("\n"), 1)
                for match in NO_ORDER.finditer(text)]
    dpdk = run("pkg-config", "--cflags", "libdpdk").stdout.replace("-I", "-isystem").split()
    for name in names:
        if not name.endswith(".c") or not any(ATOMIC.search(tree.text(used)) for used in reached(tree, name)
                                              if used in tree.files):
            continue
        told = run("clang", "-fsyntax-only", "-std=gnu17", *dpdk, "-Wno-everything",
                   "-Watomic-implicit-seq-cst", *(f"-D{word}" for word in DEFINES), "-Ilib", "-Iapp", "-Ibench",
                   name, cwd=tree.root).stderr
        problems += [f"{place}: " + ("an atomic object without a memory order" if kind == "warning" else text)
                     for place, kind, text in
                     re.findall(r"(?m)^([^\s:]+:\d+):\d+: (warning|error|fatal error): (.*)$", told)]
    return list(dict.fromkeys(problems))


def check_releases(tree: Tree) -> Problems:
    return [f"{name}:{line}: {match.group()} is for {' and '.join(sorted(RELEASE_FILES))} alone"
            for name in tree.of(r"(lib|app|bench|tests)/.*\.[ch]") if name not in RELEASE_FILES
            for line, text in enumerate(tree.code(name).split("\n"), 1)
            for match in RELEASES.finditer(text)]


def check_messages(tree: Tree) -> Problems:
    return [f"{name}:{line}: {match.group(1)} is for port/log.h alone: LOG_TYPE() and LOG() are there"
            for name in tree.of(r"app/.*\.[ch]") if name != "app/port/log.h"
            for line, text in enumerate(tree.code(name).split("\n"), 1)
            for match in MESSAGES.finditer(text)]


def check_internals(tree: Tree) -> Problems:
    return [f"{name}:{line}: {match.group()} is no API of DPDK"
            for name in tree.of(r"(lib|app|bench|tests)/.*\.[ch]")
            for line, text in enumerate(tree.code(name).split("\n"), 1)
            for match in INTERNALS.finditer(text)]


def check_file_length(tree: Tree) -> Problems:
    return [f"{name}:{FILE_LINES_MAX + 1}: the file has {len(tree.lines(name)) - 1} lines"
            for name in tree.of(r"(lib|app|bench)/.*\.(c|h|py|sh)")
            if len(tree.lines(name)) - 1 > FILE_LINES_MAX]


def functions(code: str) -> Iterator[tuple[int, int, str]]:
    """First line, number of lines from brace to brace, and name of every function."""
    code = re.sub(r"(?m)^[ \t]*#(?:.*\\\n)*.*", lambda m: "\n" * m.group().count("\n"), code)
    depth, line, head, start, name = 0, 1, "", 0, ""
    for char in code:
        line += char == "\n"
        if char == "{":
            if depth == 0:
                start = line
                # What ends with a parenthesis and assigns nothing is no struct and no table.
                words = re.sub(r"__attribute__\s*\(\((?:[^()]|\([^()]*\))*\)\)", "", head).strip()
                match = re.search(r"(\w+)\s*\(", words)
                name = match.group(1) if match and words.endswith(")") and "=" not in words else ""
            depth += 1
        elif char == "}":
            depth -= 1
            if depth == 0:
                if name:
                    yield start, line - start + 1, name
                head = ""
        elif depth == 0:
            head = "" if char == ";" else head + char


def check_function_length(tree: Tree) -> Problems:
    return [f"{name}:{line}: {function}() has {length} lines"
            for name in tree.of(r"(lib|app|bench)/.*\.[ch]")
            for line, length, function in functions(tree.code(name))
            if length > FUNCTION_LINES_MAX]


def check_pragma_once(tree: Tree) -> Problems:
    return [f"{name}:1: no #pragma once" for name in tree.of(r".*\.h")
            if not re.search(r"(?m)^#pragma once$", tree.code(name))]


def check_headers_alone(tree: Tree) -> Problems:
    """Each public header compiles first, twice, and where only public ones are."""
    problems = []
    compiler = shlex.split(os.environ.get("CC", "cc"))
    headers = tree.public_headers()
    if not headers:
        return ["lib/meson.build:1: there are no public headers"]
    with tempfile.TemporaryDirectory() as top:
        for header in headers:
            if header not in tree.files:
                problems.append(f"{os.path.dirname(header)}/meson.build:1: there is no {header}")
                continue
            copy = Path(top, header)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(tree.text(header))
        for header in headers:
            name = header.removeprefix("lib/")
            source = Path(top, "alone.c")
            source.write_text(2 * f'#include "{name}"\n')
            done = run(*compiler, "-fsyntax-only", "-I", f"{top}/lib", "-std=gnu17", "-Wall",
                       "-Wextra", "-Werror", str(source))
            errors = [line.replace(f"{top}/", "") for line in done.stderr.splitlines()
                      if "error:" in line]
            problems += [f"{header} alone: {line}" for line in errors]
            if done.returncode != 0 and not errors:
                problems.append(f"{header}:1: {done.stderr}")
    return problems


def check_format(tree: Tree) -> Problems:
    names = tree.of(r"(lib|app|bench|tests)/.*\.[ch]")
    program = f"clang-format-{CLANG_FORMAT}"
    program = program if shutil.which(program) else "clang-format"
    version = re.search(r"version (\d+)", run(program, "--version").stdout)
    if not version or version.group(1) != CLANG_FORMAT:
        raise Skip(f"clang-format is not version {CLANG_FORMAT}, which .clang-format is for")
    done = run(program, "--style=file", "--dry-run", "-Werror", *names, cwd=tree.root)
    places = re.findall(r"(?m)^([^\s:]+:\d+):\d+: (?:error|warning): (.*?)(?: \[-W.*)?$",
                        done.stderr)
    if done.returncode != 0 and not places:
        return [done.stderr]
    return list(dict.fromkeys(f"{place}: {what}" for place, what in places))


def check_unfinished(tree: Tree) -> Problems:
    return tree.find(tree.prose(), UNFINISHED)


def check_organisation(tree: Tree) -> Problems:
    return tree.find(tree.prose(), ORGANISATION)


def check_whitespace(tree: Tree) -> Problems:
    problems = []
    for name in tree.prose():
        problems += [f"{name}:{number}: blank at the end of the line"
                     for number, line in enumerate(tree.lines(name), 1) if line != line.rstrip()]
        if tree.lines(name)[-1] != "":
            problems.append(f"{name}:{len(tree.lines(name))}: no newline at the end of the file")
    return problems


def check_python(tree: Tree) -> Problems:
    names = tree.scripts("python", ".py")
    problems = [f"{place} is a tab" for place in tree.find(names, re.compile("\t"))]
    for name in names:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                compile(tree.text(name), name, "exec", dont_inherit=True)
        except (SyntaxError, Warning) as error:
            problems.append(f"{name}:{getattr(error, 'lineno', 1)}: {error}")
    return problems


def check_shell(tree: Tree) -> Problems:
    return [re.sub(r": line (\d+):", r":\1:", line)
            for name in tree.scripts("(ba)?sh", (".sh", ".bash"))
            for line in run("bash", "-n", name, cwd=tree.root).stderr.splitlines()]


def check_shellcheck(tree: Tree) -> Problems:
    names = tree.scripts("(ba)?sh", (".sh", ".bash"))
    return run("shellcheck", "-x", "-f", "gcc", *names, cwd=tree.root).stdout.splitlines() \
        if names else []


# --- symbols --------------------------------------------------------------------------------------

def for_another_cpu(tree: Tree, name: str) -> bool:
    """Of the kernels that its meson.build names, lib/hmac builds those of one architecture."""
    folder, stem = os.path.split(name.removesuffix(".c"))
    return folder == "lib/hmac" and \
        re.search(rf"'{stem}(\.c)?'", tree.text("lib/hmac/meson.build")) is not None


def check_built(tree: Tree) -> Problems:
    """Without an object, the rules below would pass unseen."""
    objects = tree.objects()
    return [f"{name}:1: is compiled into nothing" for name in tree.of(r"(lib|app)/.*\.c")
            if name not in objects and not for_another_cpu(tree, name)] + \
           [f"{name}:1: there is no {path}" for name, path in objects.items() if not path.exists()]


def words_of(source: str) -> list[str]:
    """What visible symbols of a source begin with."""
    room, stem = source.removesuffix(".c").split("/")[-2:]
    return ["hg"] if source.startswith("lib/") else [stem, room, f"{room}_{stem}"]


def check_prefixes(tree: Tree) -> Problems:
    problems = []
    for source, symbols in tree.symbols().items():
        words = words_of(source)
        problems += [f"{place(tree, source, symbol.name)}: {symbol.name} is visible, and does not "
                     f"begin with {'_, '.join(words)}_" for symbol in symbols
                     if symbol.kind in "TDBRCGSVWi" and
                     not symbol.name.startswith(tuple(word + "_" for word in words)) and
                     not (symbol.name in words and source.startswith("app/")) and
                     not re.fullmatch(COMPILER, symbol.name)]
    return problems


def check_state(tree: Tree) -> Problems:
    problems = []
    for source, symbols in tree.symbols().items():
        allowed = STATE.get(source, set()) | ({"log_type"} if source.startswith("app/") else set())
        problems += [f"{place(tree, source, symbol.name)}: {symbol.name} is file-scope state "
                     f"({symbol.section}, {symbol.size} bytes)" for symbol in symbols
                     if MUTABLE.match(symbol.section) and symbol.name != symbol.section and
                     symbol.name not in allowed and not re.fullmatch(COMPILER, symbol.name)]
    return problems


def may_call(source: str, name: str) -> bool:
    return any(re.fullmatch(pattern, name) for pattern in
               [PLAIN, *(calls for start, calls in PATH_CALLS.items() if source.startswith(start))])


def path_of(table: dict[str, list[Symbol]]) -> dict[str, list[tuple[Symbol, str | None]]]:
    """The files of the packet path: what each calls, and where that is defined, if on the path as well."""
    home = {symbol.name: source for source, symbols in table.items() for symbol in symbols
            if symbol.kind in "TDRBVi" and (PATH.fullmatch(source) or PATH_SHARED.fullmatch(source))}
    found: dict[str, list[tuple[Symbol, str | None]]] = {}
    todo = [source for source in table if PATH.fullmatch(source)]
    while todo:
        source = todo.pop()
        if source not in found:
            found[source] = [(symbol, home.get(symbol.name)) for symbol in table[source]
                             if symbol.kind in "Uwv" and not may_call(source, symbol.name)]
            todo += [callee for _, callee in found[source] if callee]
    return found


def check_path_calls(tree: Tree) -> Problems:
    table = tree.symbols()
    path = path_of(table)
    return [f"{place(tree, source, symbol.name)}: {symbol.name} has no place on the packet path"
            for source, calls in path.items() for symbol, callee in calls if not callee] + \
           [f"{source}:1: is not built, but on the packet path" for source in tree.of(f"({PATH.pattern})\\.c")
            if source not in table and not for_another_cpu(tree, source)]


def place(tree: Tree, source: str, symbol: str) -> str:
    """Where a symbol stands first. Fortified calls and inline functions hide the line."""
    word = re.sub(r"^__(\w+)_chk$", r"\1", symbol.split(".")[0])
    for number, line in enumerate(tree.code(source).split("\n"), 1):
        if re.search(rf"\b{re.escape(word)}\b", line):
            return f"{source}:{number}"
    return f"{source}:1"


RULES: dict[str, Callable[[Tree], Problems]] = {
    "every file names its licence": check_spdx,
    "lib includes in the right direction": check_lib_includes,
    "app includes in the right direction": check_app_includes,
    "no circle of headers": check_circles,
    "what may not be reached by includes": check_closures,
    "every access to an atomic object names its memory order": check_atomics,
    "releases of libraries are known by one file each": check_releases,
    "messages are made in one way": check_messages,
    "no internals of DPDK": check_internals,
    "everything is built": check_built,
    "visible symbols have their prefix": check_prefixes,
    "no state at file scope": check_state,
    "the packet path calls no heap, log, lock or system": check_path_calls,
    "clang-format agrees": check_format,
    f"no file over {FILE_LINES_MAX} lines": check_file_length,
    f"no function over {FUNCTION_LINES_MAX} lines": check_function_length,
    "headers are read once": check_pragma_once,
    "public headers compile alone": check_headers_alone,
    "nothing is left unfinished": check_unfinished,
    "no blanks at the end, a newline at the end": check_whitespace,
    "Python compiles, without tabs": check_python,
    "shell scripts parse": check_shell,
    "shellcheck agrees": check_shellcheck,
    "the project speaks of itself": check_organisation,
}


# --- self-test ------------------------------------------------------------------------------------

SPDX = "# SPDX-License-Identifier: BSD-3-Clause\n"
C_SPDX = "/*" + SPDX[1:-1] + " */\n"
ONCE = C_SPDX + "#pragma once\n"
SOUND = {
    "lib/base/meson.build": SPDX + "hg_headers += {'base': files('bytes.h')}\n",
    "lib/base/bytes.h": ONCE + "#include <stdint.h>\n",
    "lib/net/meson.build": SPDX + "hg_headers += {'net': files(\n    'sum.h')}\n",
    "lib/net/sum.h": ONCE + '#include "base/bytes.h"\nint hg_net_sum(uint8_t x);\n',
    "lib/net/sum.c": C_SPDX + '#include "net/sum.h"\n\nint\nhg_net_sum(uint8_t x)\n{\n'
                              "\treturn x;\n}\n",
    "lib/net/inner.h": ONCE,
    "lib/tls/inner.h": ONCE,
    "lib/wire/hvr.c": C_SPDX + "const int hg_hvr_len = 5;\n",
    "lib/cookie/keys.c": C_SPDX + "const char *const hg_cookie_name = \"x\";\n",
    "lib/hmac/hmac.c": C_SPDX + "const int hg_hmac_len = 32;\n",
    "lib/hmac/meson.build": SPDX + "hmac_kernels += {'elsewhere': ['-mno-such-option']}\n",
    "lib/hmac/elsewhere.c": C_SPDX,
    "app/worker/classify.c": C_SPDX + '#include "worker/classify.h"\n\nint\nclassify(void)\n{\n\treturn 0;\n}\n',
    "app/worker/classify.h": ONCE + '#include "net/sum.h"\nint classify(void);\n',
    "app/port/port.c": C_SPDX + "static int log_type;\n\nint port_next(void);\n\nint\nport_next(void)\n{\n"
                                "\treturn log_type++;\n}\n",
    "app/core/core.h": ONCE,
    "app/worker/loop.c": C_SPDX + '#include <stdlib.h>\n\n#include "gateway/marks.h"\n'
                             '#include "worker/classify.h"\n\nint worker_run(void);'
                             "\n\nint\nworker_run(void)\n{\n\treturn hg_net_sum(1) + marks_find(1);\n}\n",
    "app/gateway/marks.h": ONCE + "int marks_find(int x);\n",
    "app/gateway/marks.c": C_SPDX + '#include "gateway/marks.h"\n\nint\nmarks_find(int x)\n{\n\treturn x;\n}\n',
    "app/gateway/pool.c": C_SPDX + "#include <stdio.h>\n\nint pool_create(void);\n\nint\npool_create(void)\n{\n"
                                   '\treturn puts("");\n}\n',
    "tool.py": "#!/usr/bin/python3\n" + SPDX + "print('a ticket was issued 2 times')\n",
    "tool": "#!/bin/bash\n" + SPDX + "echo \"$1\"\n",
}
# Rule, file, what is put in place of what (at the end if of nothing), what must be reported.
FAULTS = [
    (check_spdx, "tool", SPDX, "# SPDX-License-Identifier: MIT\n", "tool:1:"),
    (check_lib_includes, "lib/net/sum.c", "", "#include <rte_mbuf.h>\n", "lib/net/sum.c:9:"),
    (check_lib_includes, "lib/net/sum.c", "", '#include <openssl/bio.h>\n', "lib/tls alone"),
    (check_lib_includes, "lib/hmac/hmac.c", "", '#include "net/sum.h"\n', "hmac.c:3: lib/hmac"),
    (check_lib_includes, "lib/base/bytes.h", "", '#include "net/sum.h"\n', "may not include"),
    (check_lib_includes, "lib/net/sum.h", "", '#include "net/inner.h"\n', "which is none"),
    (check_app_includes, "app/port/port.c", "", '#include "net/inner.h"\n', "app/port/port.c:11:"),
    (check_app_includes, "app/port/port.c", "", '#include <openssl/ssl.h>\n', "lib/tls alone"),
    (check_app_includes, "app/port/port.c", "", '#include "core/core.h"\n', "app/port may not include"),
    (check_app_includes, "app/new.c", "", C_SPDX, "app/new.c:1: is in no room"),
    (check_app_includes, "app/cellar/new.c", "", C_SPDX, "app/cellar is no room"),
    (check_circles, "lib/base/bytes.h", "", '#include "net/sum.h"\n', "sum.h:3: base/bytes.h includes it"),
    (check_closures, "app/worker/classify.h", "", '#include "tls/inner.h"\n',
     "loop.c:1: app/worker/classify.h includes lib/tls"),
    (check_closures, "lib/net/sum.h", "", "#include <rte_ip.h>\n", "classify.c:1: lib/net/sum.h includes"),
    (check_atomics, "lib/net/sum.c", "return x;", "static _Atomic int n;\n\n\tn = x;\n\treturn x;", "sum.c:9: an atomic"),
    (check_atomics, "lib/net/sum.c", "return x;", "static _Atomic int n;\n\n\tn++;\n\treturn x;", "sum.c:9: an atomic"),
    (check_atomics, "lib/net/sum.c", "return x;", "static _Atomic int n;\n\n\treturn n == x;", "sum.c:9: an atomic"),
    (check_atomics, "lib/net/sum.c", "return x;", "static _Atomic int n;\n\n\treturn n;", "sum.c:9: an atomic"),
    (check_atomics, "app/core/core.h", "", "struct core {\n\t_Atomic int state;\n};\nstatic inline int\nf(struct core *core)\n{\n"
     "\treturn atomic_load(&core->state);\n}\n", "core.h:9: atomic_load() names no"),
    (check_atomics, "app/port/port.c", "", '#include "core/core.h"\n_Atomic int missing(;\n', "port.c:12: expected"),
    (check_releases, "app/port/port.c", "", "#if RTE_VERSION < 3\n#endif\n", "app/port/port.c:11: RTE_VERSION"),
    (check_releases, "lib/net/sum.c", "", "#if OPENSSL_VERSION_MAJOR > 3\n#endif\n", "sum.c:9:"),
    (check_messages, "app/port/port.c", "", "RTE_LOG_REGISTER(port_log, port, INFO);\n", "port.c:11: RTE_LOG_REG"),
    (check_messages, "app/core/core.h", "", "static inline void f(void) { rte_log(1, 2, 0); }\n", "core.h:3: rte_log"),
    (check_internals, "app/port/port.c", "", "int f(void) { return ring->prod.tail; }\n", "no API"),
    (check_built, "app/port/new.c", "", C_SPDX, "app/port/new.c:1:"),
    (check_built, "lib/hmac/new.c", "", C_SPDX, "lib/hmac/new.c:1:"),
    (check_prefixes, "lib/net/sum.c", "", "const int sum_max = 9;\n", "lib/net/sum.c:9:"),
    (check_prefixes, "app/port/port.c", "", "const int ports_max = 9;\n", "begin with port_"),
    (check_state, "lib/net/sum.c", "return x;", "static int n;\n\n\treturn n += x;", "sum.c:7: n."),
    (check_state, "app/port/port.c", "", "int port_count = 3;\n", "app/port/port.c:11: port_count"),
    (check_state, "app/port/port.c", "", "_Thread_local int port_mine;\n", "port_mine"),
    (check_path_calls, "app/worker/loop.c", "hg_net_sum(1)", "(malloc(1) != NULL)", "loop.c:12: malloc"),
    (check_path_calls, "app/gateway/marks.c", "return x", "extern int puts(const char *);\n\n"
     "\treturn puts(\"\") + x", "marks.c:7: puts"),
    (check_path_calls, "lib/net/sum.c", "return x", "extern int puts(const char *);\n\n"
     "\treturn puts(\"\") + x", "puts has no place"),
    (check_format, "lib/net/sum.c", "\treturn", "  return", "lib/net/sum.c:6:"),
    (check_file_length, "app/port/port.c", "", 600 * "\n", "app/port/port.c:601:"),
    (check_function_length, "lib/net/sum.c", "\treturn", 60 * "\n" + "\treturn", "sum.c:6: hg_net"),
    (check_pragma_once, "lib/net/inner.h", ONCE, C_SPDX + "/* #pragma once */\n", "inner.h:1:"),
    (check_headers_alone, "lib/net/sum.h", '#include "base/bytes.h"\n', "", "lib/net/sum.h:3:"),
    (check_headers_alone, "lib/net/sum.h", "base/bytes.h", "net/inner.h", "net/inner.h"),
    (check_unfinished, "tool.py", "", "# FIX" + "ME: more\n", "tool.py:4:"),
    (check_whitespace, "tool.py", "times')\n", "times') \n", "tool.py:3:"),
    (check_whitespace, "tool", "\n", "\r\n", "tool:2:"),
    (check_whitespace, "tool.py", "times')\n", "times')", "tool.py:3:"),
    (check_python, "tool.py", "", "if 1:\n\tpass\n", "tool.py:5:"),
    (check_python, "tool.py", "", "if\n", "tool.py:4:"),
    (check_shell, "tool", "", "if true\n", "tool:"),
    (check_shellcheck, "tool", '"$1"', "$1", "tool:3:"),
    (check_organisation, "tool.py", "", "# as re" + "quested in is" + "sue #3\n", "tool.py:4:"),
]


def build_objects(root: Path) -> None:
    """What Meson would leave, for the sources that SOUND names."""
    database = []
    for name in SOUND:
        if name.endswith(".c") and "elsewhere" not in name:
            output = root / "build" / f"{name}.o"
            output.parent.mkdir(parents=True, exist_ok=True)
            run(*shlex.split(os.environ.get("CC", "cc")), "-O2", "-fPIE", "-I", str(root / "lib"), "-I",
                str(root / "app"),
                "-c", str(root / name), "-o", str(output))
            database.append({"directory": str(root / "build"), "file": f"../{name}",
                             "output": f"{name}.o"})
    (root / "build/compile_commands.json").write_text(json.dumps(database))
    (root / "build/meson-private").mkdir(exist_ok=True)


def self_test(tap: Tap) -> None:
    symbol_rules = {check_built, check_prefixes, check_state, check_path_calls}
    with tempfile.TemporaryDirectory() as top:
        root = Path(top)
        shutil.copy(Path(__file__).parents[2] / ".clang-format", root)
        lay(root, SOUND)
        build_objects(root)
        for title, rule in RULES.items():
            problems, skip = apply(rule, Tree(root, root / "build"))
            tap.result(f"sound: {title}", problems, skip)
        tap.result("every rule has a fault", [f"{title} has none" for title, rule in RULES.items()
                                              if rule not in {fault[0] for fault in FAULTS}])
        for rule, name, old, new, wanted in FAULTS:
            sound = SOUND.get(name, "")
            broken = sound.replace(old, new) if old else sound + new
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(broken)
            if rule in symbol_rules:
                build_objects(root)
            problems, skip = apply(rule, Tree(root, root / "build"))
            found = skip or any(wanted in problem for problem in problems)
            tap.result(f"fault: {rule.__name__} wants {wanted}",
                       [] if found else [f"found: {problems}"], skip)
            (root / name).write_text(sound)
            if name not in SOUND:
                (root / name).unlink()
            if rule in symbol_rules:
                build_objects(root)


if __name__ == "__main__":
    sys.exit(main(__doc__, RULES, Tree, self_test, (1, 2)))
