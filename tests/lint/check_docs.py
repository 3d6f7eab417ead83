#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Checks that the documentation says what the code does: keys, counters, options, links. Prints
TAP.

usage: check_docs.py SOURCE_ROOT
       check_docs.py --self-test        (every check must find its faults in made-up pages)
"""

import os
import re
import string
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Callable, Iterator, NamedTuple

sys.dont_write_bytecode = True
from check_profiles import c_arguments, c_choices, without_macros  # noqa: E402
from check_source import list_files, run  # noqa: E402
from checking import Problems, Skip, Tap, apply, find_faults, lay, main  # noqa: E402

KEY_TABLES = {"GATEWAY": "app/config/gateway.c", "PORT": "app/config/port.c",
              "LISTENER": "app/config/listener.c"}
README_COMMANDS = ("app/demo.sh", "tests/run.sh")


class Key(NamedTuple):
    section: str
    name: str
    range: str  # as docs/configuration.md writes it
    default: str


# --- code -----------------------------------------------------------------------------------------

def string_macros(source: str) -> dict[str, str]:
    """Those that are strings, in one or several parts."""
    source = source.replace("\\\n", " ")
    return {name: "".join(re.findall(r'"([^"]*)"', parts)) for name, parts in
            re.findall(r'(?m)^#define (\w+)((?:\s+"[^"\n]*")+)\s*$', source)}


def key_table(macro: str, source: str, macros: dict[str, str], lists: dict[str, list[str]]) -> list[Key]:
    """The rows GATEWAY("key", TYPE, min, max, choices, default, field, "help") and the like."""
    tables = c_choices(source, lists)
    source = without_macros(source)
    keys = []
    for match in re.finditer(rf"\b{macro}\(", source):
        words = c_arguments(source[match.end():])
        if macro == "PORT":
            words[1:1] = ["CUSTOM", "0", "0", "NULL"]
        named = "text" if words[4] == "NULL" else ", ".join(tables.get(words[4], [f"no table {words[4]}"]))
        keys.append(Key(macro.lower(), words[0].strip('"'),
                        f"{words[2]} to {words[3]}" if words[1] == "INTEGER" else named,
                        "-" if words[5] == "NULL" else
                        macros.get(words[5], words[5].strip('"'))))
    return keys


def all_keys(root: Path) -> list[Key]:
    macros = string_macros((root / "lib/tls/context.h").read_text())
    kernels = x_list("HG_HMAC_KERNELS", (root / "lib/hmac/hmac.h").read_text())
    lists = {"HG_HMAC_KERNELS": [*kernels.values()]}
    return [key for macro, name in KEY_TABLES.items()
            for key in key_table(macro, (root / name).read_text(), macros, lists)]


def x_list(name: str, source: str) -> dict[str, str]:
    """Name -> help of a list of X(NAME, name, "help") or X(name, "help")."""
    found = re.search(rf"#define {name}\(X\)((?:.*\\\n)*.*)", source)
    rows = re.findall(r'X\((?:[A-Z0-9_]+,\s*)?(\w+),\s*((?:"[^"]*"\s*)+)\)',
                      found.group(1).replace("\\\n", "\n")) if found else []
    return {row[0]: "".join(re.findall(r'"([^"]*)"', row[1])) for row in rows}


def all_counters(stats: str, verdict: str, ignored: str) -> dict[str, str]:
    drops = {f"drop_{name}": text for name, text in x_list("HG_DROPS", verdict).items()}
    records = {f"ignored_{name}": text for name, text in x_list("HG_TLS_IGNORED", ignored).items()}
    return x_list("STATS_WORKER", stats) | drops | x_list("STATS_HANDSHAKE", stats) | records | \
        x_list("STATS_EXCEPTION", stats)


def options_of(source: str) -> list[str]:
    """What the lines of --help begin with."""
    text = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', source)).replace("\\n", "\n")
    return re.findall(r"(?m)^  (-\S+)", text)


# --- Markdown -------------------------------------------------------------------------------------

def rows(text: str, first: str) -> Iterator[tuple[int, str, list[str]]]:
    """Line, heading above, and cells of the rows of every table whose first column is called so."""
    heading, inside, before = "", False, ""
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("#"):
            heading = line.lstrip("# ")
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if not line.startswith("|"):
            inside = False
        elif re.fullmatch(r"[|: -]+", line):
            inside = before.split("|")[1].strip().lower() == first if "|" in before else False
        elif inside:
            yield number, heading, cells
        before = line


def bare(cell: str) -> str:
    return cell.replace("`", "")


def check_configuration(keys: list[Key], text: str) -> Problems:
    problems = [] if keys else ["no keys found in the code"]
    there = []
    for number, heading, cells in rows(text, "key"):
        where = f"docs/configuration.md:{number}"
        section = re.match(r"\[(\w+)", heading)
        if len(cells) != 4 or not section:
            problems.append(f"{where}: not | key | range | default | meaning | under ## [section]")
            continue
        name = (section.group(1), bare(cells[0]))
        there.append(name)
        found = [key for key in keys if (key.section, key.name) == name]
        if not found:
            problems.append(f"{where}: [{name[0]}] has no key {name[1]}")
            continue
        problems += [f"{where}: the {what} of {name[1]} is '{code}' in the code, not '{bare(cell)}'"
                     for what, code, cell in (("range", found[0].range, cells[1]),
                                              ("default", found[0].default, cells[2]))
                     if bare(cell) != code and not (
                         cell.startswith("[below](#") and code in re.sub(r"\s", "", text))]
        if cells[0] != f"`{name[1]}`" or not cells[3]:
            problems.append(f"{where}: `{name[1]}` without its quotes or a meaning")
    return problems + [f"docs/configuration.md:1: {there.count((key.section, key.name))} rows for "
                       f"{key.name} of [{key.section}], not one" for key in keys
                       if there.count((key.section, key.name)) != 1]


def check_counters(counters: dict[str, str], text: str) -> Problems:
    problems = [] if counters else ["no counters found in the code"]
    there = []
    for number, _, cells in rows(text, "counter"):
        name = bare(cells[0])
        there.append(name)
        if name not in counters:
            problems.append(f"docs/counters.md:{number}: there is no counter {name}")
        elif not (bare(cells[1]) + ". ").startswith(counters[name] + ". "):
            problems.append(f"docs/counters.md:{number}: the meaning of {name} does not begin with "
                            f"'{counters[name]}'")
    return problems + [f"docs/counters.md:1: {there.count(name)} rows for {name}, not one"
                       for name in counters if there.count(name) != 1]


def plain(text: str) -> str:
    """Markdown without code, every line at its place."""
    text = re.sub(r"(?ms)^ *```.*?^ *```", lambda m: "\n" * m.group().count("\n"), text)
    text = re.sub(r"(?m)^(    |\t)(?! *[-*] ).*$", "", text)
    return re.sub(r"`[^`\n]*`", "", text)


def anchors(text: str) -> set[str]:
    """What GitHub calls the headings."""
    text = re.sub(r"(?ms)^ *```.*?^ *```", "", text)
    names, plain_names = set(), []
    for heading in re.findall(r"(?m)^#+ +(.*?) *$", text):
        heading = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
        name = re.sub(r"[^\w -]", "", heading).replace(" ", "-")
        names.add(f"{name}-{plain_names.count(name)}" if name in plain_names else name)
        plain_names.append(name)
    return names


def check_links(root: Path, files: list[str]) -> Problems:
    problems = []
    folders = {os.path.dirname(name) for name in files}
    folders |= {str(parent) for folder in folders for parent in Path(folder).parents} | {"."}
    for page in (name for name in files if name.endswith(".md")):
        text = plain((root / page).read_text())
        for number, line in enumerate(text.splitlines(), 1):
            for target in re.findall(r"\]\(<?([^)\s>]+)", line) + \
                    re.findall(r"^ *\[[^]]+\]: *(\S+)", line):
                if re.match(r"[a-z]+:", target):
                    continue
                path, _, anchor = target.partition("#")
                name = os.path.normpath(os.path.join(os.path.dirname(page), path)) if path else page
                if name not in files and name not in folders:
                    problems.append(f"{page}:{number}: there is no {target}")
                elif anchor and name.endswith(".md") and \
                        anchor not in anchors((root / name).read_text()):
                    problems.append(f"{page}:{number}: {name} has no heading for #{anchor}")
    return problems


def check_readme(root: Path) -> Problems:
    text = (root / "README.md").read_text()
    return [f"README.md:1: no line of its own for the command {command}"
            for command in README_COMMANDS
            if not re.search(rf"(?m)^ *(\$ |# )?(sudo )?(\./)?{re.escape(command)}$", text)] + \
           [f"README.md:1: {command} cannot be run" for command in README_COMMANDS
            if not os.access(root / command, os.X_OK)]


# --- threat model ---------------------------------------------------------------------------------

FIXTURE = re.compile(r"(\d+|[A-Z])(?:\.(\d+)|([a-zA-Z]))(\+?)")
SCRIPTS = {"fixtures": "tests/fixtures/run_fixtures.py", "diff": "tests/diff/run_diff.py",
           "fixtures loops": "tests/fixtures/run_loops.py",
           "constant time": "tests/xcheck/constant_time.c"}


def fixture_ids(root: Path) -> set[str]:
    """The tables are made by loops, so they are run; they print nothing by themselves."""
    program = ("from fixtures import table, network\n"
               "for f in table.FIXTURES + network.FRAMES + network.DENY + network.LEFT_OUT:"
               " print(f.id)")
    return set(subprocess.run([sys.executable, "-B", "-c", program], cwd=root / "tests",
                              stdout=subprocess.PIPE, text=True, check=True).stdout.split())


def fixture_range(text: str) -> list[str]:
    """'7a-7c' and '7a': the fixtures that this means; empty if it means none."""
    letters = string.ascii_letters  # a to z, then A to Z
    ends = [FIXTURE.fullmatch(end) for end in text.split("-")]
    if len(ends) > 2 or not all(ends):
        return []
    if len({(end[1], end[2] is None, end[4]) for end in ends}) > 1:
        return []
    first, last = (int(end[2]) if end[2] else letters.index(end[3]) for end in (ends[0], ends[-1]))
    names = [f".{n}" if ends[0][2] else letters[n] for n in range(first, last + 1)]
    return [f"{ends[0][1]}{name}{ends[0][4]}" for name in names]


def test_missing(root: Path, name: str, fixtures: set[str]) -> str:
    """What is not there of a test that the table names, or ''."""
    def has(path: str, pattern: str) -> bool:
        return (root / path).exists() and bool(re.search(pattern, (root / path).read_text()))
    suite, _, test = name.partition(": ")
    kind, _, rest = suite.partition(" ")
    function = "test_" + test.replace(" ", "_")
    if not test and kind == "fixtures":
        return " ".join(sorted(set(fixture_range(rest) or [rest]) - fixtures))
    if kind in ("unit", "e2e") and not has(f"tests/{kind}/meson.build", rf"'{rest}'(: |,\n)"):
        return f"{rest} in tests/{kind}/meson.build"
    found = [str(path.relative_to(root)) for path in root.glob(f"tests/unit/*/test_{rest}.c")]
    where, pattern = {
        "unit": (next(iter(found), f"tests/unit/*/test_{rest}.c"),
                 rf"cmocka_unit_test\w*\({function}\b"),
        "e2e": (f"tests/e2e/test_{rest}.py", rf"(?m)^def {function}\("),
    }.get(kind, (SCRIPTS.get(suite, "test"), re.escape(test)))
    return "" if test and has(where, pattern) else f"{test or name} in {where}"


def check_threats(root: Path) -> Problems:
    text = (root / "docs/threat-model.md").read_text()
    fixtures = fixture_ids(root)
    problems, there = [], []
    for number, _, cells in rows(text, "#"):
        where = f"docs/threat-model.md:{number}"
        there.append(cells[0])
        tests = re.findall(r"`([^`]+)`", cells[-1])
        if not tests or re.sub(r"`[^`]+`", "", cells[-1]).strip(", "):
            problems.append(f"{where}: '{cells[-1]}' is not `test`, `test`, ...")
        problems += [f"{where}: there is no {lacking}" for test in tests
                     if (lacking := test_missing(root, test, fixtures))]
    if not there or there != [str(n) for n in range(1, len(there) + 1)]:
        problems.append(f"docs/threat-model.md:1: the rows are {', '.join(there) or 'missing'}")
    return problems


# --- manual pages ---------------------------------------------------------------------------------

def formatted(page: Path) -> str:
    """The page as it is read. Without mandoc, its source without the marks of man(7)."""
    try:
        text = run("mandoc", "-T", "ascii", "-O", "width=1000", str(page)).stdout
        return re.sub(r"-\n +", "-", re.sub(".\b", "", text))
    except Skip:
        text = re.sub(r"(?m)^[.']\\\".*$", "", page.read_text())
        text = re.sub(r"\\f(\[\w*\]|\(..|.)|\\&", "", text)
        text = re.sub(r"\bFl (?=\w|-)", "-", text).replace(r"\-", "-").replace(r"\(hy", "-")
        return re.sub(r'"', " ", text)


def missing(words: list[str], text: str, where: str) -> Problems:
    return [f"{where}:1: does not mention {word}" for word in words
            if not re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text)]


def man_page(root: Path, name: str) -> Path:
    page = root / "docs/man" / name
    if not page.exists():
        raise FileNotFoundError(f"docs/man/{name}:1: is missing")
    return page


def check_man_options(root: Path) -> Problems:
    options = options_of((root / "app/config/options.c").read_text())
    if len(options) < 2:
        return ["app/config/options.c:1: no options found in the text of --help"]
    return missing(options, formatted(man_page(root, "hellogate.8")), "docs/man/hellogate.8")


def tool_words(source: str) -> list[str]:
    """Commands and options of hellogatectl."""
    return re.findall(r"(?<=[ (])command\('(\w+)'", source) + \
        sorted(set(re.findall(r"add_argument\('(--[\w-]+)'", source)))


def check_man_tool(root: Path) -> Problems:
    words = tool_words((root / "app/show/hellogatectl").read_text())
    if len(words) < 2:
        return ["app/show/hellogatectl:1: no commands and options found"]
    page = man_page(root, "hellogatectl.1")
    return missing(words, formatted(page), f"docs/man/{page.name}")


def check_man_library(root: Path) -> Problems:
    """The manual page and the guide have every function of the header."""
    functions = sorted(set(re.findall(r"^(?:int|void) (hg_\w+)\(",
                                      (root / "lib/tls/cookies.h").read_text(), re.M)))
    if not functions:
        return ["lib/tls/cookies.h:1: no functions found"]
    page = man_page(root, "hg_tls_cookies.3")
    return missing(functions, formatted(page), f"docs/man/{page.name}") + \
        missing(functions, (root / "docs/library.md").read_text(), "docs/library.md")


def check_man_keys(root: Path) -> Problems:
    page = man_page(root, "hellogate.conf.5")
    return missing([key.name for key in all_keys(root)], formatted(page), f"docs/man/{page.name}")


def check_man_lint(root: Path) -> Problems:
    return [line.removeprefix("mandoc: ").replace(f"{root}/", "")
            for page in sorted((root / "docs/man").glob("*.[0-9]"))
            for line in run("mandoc", "-T", "lint", "-W", "error", str(page)).stdout.splitlines()]


# --- the parts together ---------------------------------------------------------------------------

def page_configuration(root: Path) -> Problems:
    return check_configuration(all_keys(root), (root / "docs/configuration.md").read_text())


def page_counters(root: Path) -> Problems:
    code = [(root / name).read_text()
            for name in ("app/gateway/stats.h", "lib/base/verdict.h", "lib/tls/ignored.h")]
    return check_counters(all_counters(*code), (root / "docs/counters.md").read_text())


def page_links(root: Path) -> Problems:
    return check_links(root, list_files(root))


def check_calls(root: Path) -> Problems:
    """The system calls that the filter allows; what sanitizers add is nobody's but theirs."""
    code = re.sub(r"(?ms)^#if.*?^#endif", "", (root / "app/main/seccomp.c").read_text())
    allowed = set(re.findall(r"SCMP_SYS\((\w+)\)", code))
    page = (root / "docs/operating.md").read_text()
    section = re.search(r"(?ms)^## System calls$(.*?)(?=^## |\Z)", page)
    table = "".join(re.findall(r"(?m)^\|.*", section.group(1))) if section else ""
    told = {name for name in re.findall(r"`([a-z]\w*)`", table)}
    return [f"docs/operating.md:1: does not tell the system call {name}"
            for name in sorted(allowed - told)] + \
        [f"docs/operating.md:1: the filter does not know {name}" for name in sorted(told - allowed)]


CHECKS: dict[str, Callable[[Path], Problems]] = {
    "docs/configuration.md has the daemon's keys": page_configuration,
    "docs/counters.md has the daemon's counters": page_counters,
    "docs/operating.md has the system calls of the filter": check_calls,
    "links lead somewhere": page_links,
    "README has both commands": check_readme,
    "docs/threat-model.md names tests that exist": check_threats,
    "hellogate(8) has every option": check_man_options,
    "hellogate.conf(5) has every key": check_man_keys,
    "hellogatectl(1) has every command and option": check_man_tool,
    "hg_tls_cookies(3) and docs/library.md have every function": check_man_library,
    "mandoc finds no error in the manual pages": check_man_lint,
}


# --- self-test ------------------------------------------------------------------------------------

KEY_HEAD = "| key | range | default | meaning |\n|---|---|---|---|\n"
SOUND = {
    "app/config/gateway.c": 'static const struct setting_choice names[] = {\n\t{ "a", A },\n\t{ "b", 1 },\n'
                    "#define ROW(symbol, name) { name, 0 },\n\tHG_HMAC_KERNELS(ROW)\n#undef ROW\n"
                    "\t\t{ NULL, 0 },\n};\n"
                    "#define GATEWAY(key, type, x) \\\n\t{ key },\n"
                    'GATEWAY("life", INTEGER, 1, 9, NULL, "5", life, "seconds, (some)"),\n'
                    'GATEWAY("poll", CHOICE, 0, 0, names, "a", poll, "how")\n',
    "app/config/port.c": "#define PORT(key) { key },\n"
                         'PORT("mac", NULL, mac, "MAC "\n"address")\n',
    "app/config/listener.c": 'LISTENER("hint", STRING, 0, 0, NULL, HINT_LONG, hint, "text")\n',
    "lib/hmac/hmac.h": '#define HG_HMAC_KERNELS(X) \\\n\tX(one, "c")   \\\n\tX(two_x, "d-x")\n',
    "lib/tls/context.h": '#define HINT_LONG \\\n\t"left:"  \\\n\t"right"\n',
    "app/gateway/stats.h": '#define STATS_WORKER(X) \\\n\tX(rx, "received") \\\n\tX(tx,   \\\n\t\t"sent, "'
                   '"all")\n\n#define STATS_HANDSHAKE(X) \\\n\tX(records, "passed")\n',
    "lib/base/verdict.h": '#define HG_DROPS(X) \\\n\tX(ARP, arp, "ARP")\n',
    "lib/tls/ignored.h": '#define HG_TLS_IGNORED(X) \\\n\tX(MAC, mac, "MAC")\n',
    "app/config/options.c": 'fputs("usage\\n"\n"\\n"\n"  -c FILE  file\\n"\n"  --check  look\\n");\n',
    "app/show/hellogatectl": "one = command('look', look)\none.add_argument('--all')\n",
    "app/main/seccomp.c": "SCMP_SYS(read), SCMP_SYS(mmap)\n#if x\nSCMP_SYS(pipe)\n#endif\n",
    "docs/operating.md": "## System calls\n\n| for | allowed |\n|---|---|\n"
                         "| files | `read`; `mmap` without `PROT_EXEC` |\n\n## More\n\n| `write` |\n",
    "app/demo.sh": "", "tests/run.sh": "",
    "README.md": "# Name\n\n    sudo app/demo.sh\n\n    tests/run.sh\n\n[a](docs/counters.md#a-b) "
                 "[b](docs) [c](#name) [d](https://a.example/x) `[e](none)`\n\n    [f](none)\n",
    "docs/configuration.md":
        f"## [gateway]\n\n{KEY_HEAD}| `life` | 1 to 9 | `5` | x |\n| `poll` | `a`, `b`, c, d-x | a | x |\n"
        f"\n## [port NAME]\n\n{KEY_HEAD}| `mac` | text | - | x |\n"
        f"\n## [listener NAME]\n\n{KEY_HEAD}| `hint` | text | [below](#long) | x |\n"
        "\n    left:\n    right\n\n## Long\n"
        "\n| option | x |\n|---|---|\n| `-c` | x |\n",
    "docs/counters.md": "# A `b`\n\n| counter | meaning |\n|---|---|\n| `rx` | received. All. |\n"
                        "| `tx` | sent, all |\n| `drop_arp` | ARP |\n| `records` | passed |\n"
                        "| `ignored_mac` | MAC |\n",
    "docs/threat-model.md":
        "| # | input | tests |\n|---|---|---|\n| 1 | x | `unit a: b c`, `fixtures 1a-1c` |\n"
        "| 2 | x | `e2e d: e`, `diff: some` |\n| 3 | x | `fixtures 3.8-3.10`, `fixtures Eb+` |\n",
    "tests/unit/meson.build": "'x': [[], [\n'a',\n]]\n", "tests/e2e/meson.build": "'d': 9,\n",
    "tests/unit/x/test_a.c": "cmocka_unit_test(test_b_c)\n", "tests/e2e/test_d.py": "def test_e()\n",
    "tests/diff/run_diff.py": "('some', x)\n",
    "tests/fixtures/table.py": "class F:\n    def __init__(self, id): self.id = id\n"
                               "FIXTURES = [F(f'1{c}') for c in 'abc'] + [F('Eb+')]\n",
    "tests/fixtures/network.py": "from fixtures.table import F\nFRAMES = [F(f'3.{n}') for n in (8, 9, 10)]\n"
                                 "DENY = LEFT_OUT = []\n",
    "docs/man/hellogate.8": ".TH HELLOGATE 8 2024-01-01\n.SH NAME\nhellogate \\- x\n.SH OPTIONS\n"
                            ".TP\n.BI \\-c \" FILE\"\nx\n.TP\n.B \\-\\-check\nx\n",
    "lib/tls/cookies.h": "int hg_a_b(\n\tint c);\n",
    "docs/library.md": "| `hg_a_b()` |\n",
    "docs/man/hg_tls_cookies.3": ".TH HG_A_B 3 2024-01-01\n.SH NAME\nhg_a_b \\- x\n",
    "docs/man/hellogatectl.1": ".TH HELLOGATECTL 1 2024-01-01\n.SH NAME\nhellogatectl \\- x\n"
                               ".SH COMMANDS\n.TP\n.B look \\-\\-all\nx\n",
    "docs/man/hellogate.conf.5": ".TH HELLOGATE.CONF 5 2024-01-01\n.SH NAME\nhellogate.conf \\- x\n"
                                 ".SH KEYS\n.BR life ,\n\\fBpoll\\fR, mac, hint\n",
}
KEYS, COUNTERS, THREATS = "docs/configuration.md", "docs/counters.md", "docs/threat-model.md"
# Check, file, what is put in place of what, what must be reported.
FAULTS = [
    (page_configuration, "app/config/gateway.c", "1, 9", "1, 8", "range of life is '1 to 8'"),
    (page_configuration, "app/config/gateway.c", '"b", 1', '"e", 1', "range of poll is 'a, e, c, d-x'"),
    (page_configuration, "lib/hmac/hmac.h", '"c"', '"e"', "range of poll is 'a, b, e, d-x'"),
    (page_configuration, "app/config/gateway.c", "HG_HMAC_KERNELS(ROW)", "", "range of poll is 'a, b'"),
    (page_configuration, "app/config/gateway.c", '"5"', "NULL", "default of life is '-'"),
    (page_configuration, "app/config/port.c", "mac\"", "max\"", "[port] has no key mac"),
    (page_configuration, KEYS, "| `hint` | text | [below](#long) | x |\n", "", "0 rows for hint"),
    (page_configuration, KEYS, "right", "wrong", "default of hint is 'left:right'"),
    (page_configuration, KEYS, "## [port NAME]", "## More", ":12: not | key"),
    (page_configuration, KEYS, "(#long) | x |\n", "(#long) | |\n", "meaning"),
    (page_counters, "app/gateway/stats.h", '"received"', '"taken"', "md:5: the meaning of rx"),
    (page_counters, "app/gateway/stats.h", '"received"', '"receive"', "md:5: the meaning of rx"),
    (page_counters, "app/gateway/stats.h", "records", "written", "no counter records"),
    (page_counters, "lib/base/verdict.h", "arp,", "arps,", "0 rows for drop_arps"),
    (page_counters, "lib/tls/ignored.h", "mac,", "macs,", "0 rows for ignored_macs"),
    (page_counters, COUNTERS, "| `tx` | sent, all |", "| `rx` | received |", "2 rows for rx"),
    (check_calls, "app/main/seccomp.c", "SCMP_SYS(read)", "SCMP_SYS(send)", "system call send"),
    (check_calls, "docs/operating.md", "`mmap`", "`mmap`, `fork`", "does not know fork"),
    (page_links, "README.md", "(docs)", "(doc)", "README.md:7: there is no doc"),
    (page_links, "README.md", "#a-b", "#a-c", "no heading for #a-c"),
    (page_links, "README.md", "# Name", "# Names", "no heading for #name"),
    (check_readme, "README.md", "    tests/run.sh", "The script tests/run.sh", "tests/run.sh"),
    (check_threats, THREATS, "| 2 |", "| 4 |", "the rows are 1, 4, 3"),
    (check_threats, THREATS, "`e2e d: e`, `diff: some`", "all", ":4: 'all' is not"),
    (check_threats, THREATS, "`, `d", "` and `d", "is not `test`"),
    (check_threats, THREATS, "unit a", "units a", ":3: there is no b c in test"),
    (check_threats, THREATS, "1a-1c", "1a-1d", "there is no 1d"),
    (check_threats, THREATS, "1a-1c", "1a-2c", "there is no 1a-2c"),
    (check_threats, "tests/fixtures/table.py", "'abc'", "'ac'", "there is no 1b"),
    (check_threats, "tests/fixtures/network.py", "8, 9", "8, 7", "there is no 3.9"),
    (check_threats, "tests/unit/x/test_a.c", "b_c", "b_cd", "there is no b c in tests/unit"),
    (check_threats, "tests/unit/meson.build", "'a'", "'b'", "there is no a in tests/unit/meson"),
    (check_threats, "tests/e2e/test_d.py", "def test_e", "def rest_e", "there is no e in"),
    (check_threats, "tests/e2e/meson.build", "'d'", "'c'", "there is no d in tests/e2e/meson"),
    (check_threats, "tests/diff/run_diff.py", "some", "none", "there is no some in"),
    (check_man_options, "docs/man/hellogate.8", "\\-check", "\\-checks", "not mention --check"),
    (check_man_options, "app/config/options.c", "  -c FILE", "  -d FILE", "not mention -d"),
    (check_man_keys, "docs/man/hellogate.conf.5", "poll", "polls", "not mention poll"),
    (check_man_library, "docs/man/hg_tls_cookies.3", "hg_a_b", "hg_a_c",
     "3:1: does not mention hg_a_b"),
    (check_man_library, "docs/library.md", "hg_a_b", "hg_a",
     "library.md:1: does not mention hg_a_b"),
    (check_man_library, "lib/tls/cookies.h", "int", "long", "no functions found"),
    (check_man_tool, "docs/man/hellogatectl.1", "look", "see", "not mention look"),
    (check_man_tool, "app/show/hellogatectl", "--all", "--some", "not mention --some"),
    (check_man_lint, "docs/man/hellogate.8", ".B ", ".Bogus ", "hellogate.8:"),
]


def self_test(tap: Tap) -> None:
    with tempfile.TemporaryDirectory() as top:
        root = Path(top)
        lay(root, SOUND)
        for command in README_COMMANDS:
            (root / command).chmod(0o755)
        for title, check in CHECKS.items():
            tap.result(f"sound: {title}", *apply(check, root))
        tap.result("every check has a fault",
                   [f"{title} has none" for title, check in CHECKS.items()
                    if check not in {fault[0] for fault in FAULTS}])
        find_faults(tap, root, SOUND, FAULTS)
        (root / README_COMMANDS[0]).chmod(0o644)
        tap.result("fault: a command that cannot be run",
                   [] if check_readme(root) else ["not found"])


if __name__ == "__main__":
    sys.exit(main(__doc__, CHECKS, Path.resolve, self_test))
