#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Checks that whatever a script calls is in the Debian packages that are installed for it: the
lists of .ci/packages. Prints TAP.

usage: check_packages.py SOURCE_ROOT
       check_packages.py --self-test     (every check must find its faults in made-up scripts)

In a shell script every first word of a command is a call, and so is a later word, or a string of
a Python script, that is the name of a program known here.
"""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Iterator, NamedTuple

sys.dont_write_bytecode = True
from check_source import list_files  # noqa: E402
from checking import Problems, Skip, Tap, apply, find_faults, lay, main  # noqa: E402

# Which programs come from which packages. What a new script calls may have to be added.
PROGRAMS = {
    "binutils": "nm objdump readelf",
    "botan": "botan",
    "bpftool": "bpftool",
    "build-essential": "cc gcc make dpkg-buildpackage",  # by what it depends on
    "chromium": "chromium",
    "clang": "clang",
    "clang-format-14": "clang-format-14",
    "coturn": "turnserver turnutils_peer turnutils_uclient",
    "curl": "curl",
    "debhelper": "dh",
    "debootstrap": "debootstrap",
    "default-jre-headless": "java",  # the same
    "dnsdist": "dnsdist",
    "dpdk": "dpdk-devbind.py",
    "dpdk-dev": "dpdk-testpmd",
    "ethtool": "ethtool",
    "gdb": "gdb",
    "gnutls-bin": "gnutls-cli gnutls-serv",
    "golang-go": "go",
    "iproute2": "bridge ip nstat ss tc",
    "iptables": "iptables ip6tables",
    "iputils-ping": "ping",
    "kmod": "lsmod modprobe rmmod",
    "libcoap3-bin": "coap-client-gnutls coap-client-notls coap-client-openssl coap-server-gnutls "
                    "coap-server-notls coap-server-openssl",
    "llvm": "llvm-cov llvm-profdata",
    "mandoc": "mandoc",
    "meson": "meson",
    "ncat": "ncat",
    "netcat-openbsd": "nc",
    "nftables": "nft",
    "ninja-build": "ninja",
    "ocserv": "ocserv",
    "openssl": "openssl",
    "pciutils": "lspci setpci",
    "pkg-config": "pkg-config",
    "procps": "pgrep pkill pmap ps sysctl uptime vmstat",
    "prometheus": "prometheus promtool",
    "psmisc": "fuser killall pstree",
    "python3": "python3",
    "qemu-user": "qemu-aarch64",
    "shellcheck": "shellcheck",
    "shfmt": "shfmt",
    "socat": "socat",
    "strace": "strace",
    "sudo": "sudo",
    "systemd": "systemctl systemd-analyze systemd-sysusers systemd-tmpfiles",
    "tcpdump": "tcpdump",
    "wireshark-common": "dumpcap",
    "tshark": "tshark",
    "valgrind": "valgrind",
    "wget": "wget",
}
BY_OTHERS = ("build-essential", "default-jre-headless", "python3")
BROUGHT = ["binutils"]  # comes with build-essential, which is everywhere that needs it
# What debootstrap's minbase has of Debian 12, 13 and testing.
MINBASE = set("""
    apt-cache apt-get awk basename bash cat chgrp chmod chown chroot cmp comm cp cut date dd
    deb-systemd-invoke df diff dirname dpkg dpkg-deb dpkg-query du env expr find flock getent
    grep gunzip gzip head hostname id install ldconfig ldd ln ls mkdir mkfifo mknod mktemp mount
    mountpoint mv nice nohup nproc nsenter numfmt od paste perl printenv readlink realpath renice rm
    rmdir sed seq setpriv setsid sh sha256sum sleep sort split stat stdbuf stty sync tac tail tar
    taskset tee timeout touch tr truncate umount uname uniq unshare wc whoami xargs""".split())
BUILTINS = set("""
    . : [ alias break builtin cd command compgen complete continue declare echo eval exec exit
    export false getopts hash jobs kill let local mapfile printf pwd read readonly return set
    shift shopt source test times trap true type ulimit umask unset wait""".split())
# Without them something is told less, or in another way.
OPTIONAL = {"git", "systemctl"}
# Commands of a shell whose later words are for people.
TALK = {"echo", "printf", "die", "fail", "refuse", "say", "skip", "warn"}

# The packages that a file can count on, by its path: the first that fits.
HAS = (
    (r"\.ci/(install-packages|run)|app/show/hellogatectl", [""]),
    (r"app/system/build-deb", ["build package"]),
    (r"app/system/.*", [""]),
    (r"pmd-config/.*", ["kernel"]),
    (r"\.ci/configure", ["demo", "soak", "tests", "fuzz", "bench"]),
    (r"\.ci/arm64-sysroot", ["arm64-tools"]),
    (r"app/show/embed\.py", ["build"]),
    (r"app/demo\.sh", ["demo"]),
    (r"bench/load/spoof\.py", ["demo", "bench"]),
    (r"bench/measure/(report|plots)\.py", ["bench-report"]),
    (r"bench/(peers/targets|measure/(amplification|flood)|load/hellos)\.py", ["bench bench-peers"]),
    (r"bench/.*", ["bench"]),
    (r"tests/lab/.*", ["tests", "soak", "bench"]),
    (r"tests/e2e/harness\.py", ["tests", "soak"]),
    (r"tests/soak\.sh|tests/e2e/(soak|flood)\.py", ["soak"]),
    (r"tests/fuzz\.sh|tests/fuzz/report\.py", ["fuzz"]),
    (r"tests/distro\.sh", ["distro"]),
    (r"tests/.*", ["tests"]),
)
KERNEL = ["kmod"]  # what Debian's kernels come with
# Words that are the name of a program and of something else.
NAMES = {("bench/load/hellos.py", "ncat")}
# Calls in Python whose first string, or first string in a list, is a program.
RUNNERS = {"Popen", "Process", "check_call", "check_output", "command", "need", "process",
           "run", "which"}
RUNNER_MODULES = {"subprocess", "harness", "lab.process", "lab.gateway", "bed", "result"}
SCRIPT = re.compile(r"#!\s*(?:/usr/bin/env )?(?:/\w+)*/?(bash|sh|python3)\b")


class Call(NamedTuple):
    line: int
    program: str
    certain: bool  # it is called; otherwise it is if there is such a program


# --- lists ----------------------------------------------------------------------------------------

def lists(root: Path) -> dict[str, list[str]]:
    """The packages of each list; of A|B all that may be chosen."""
    words = {"kernel": KERNEL}
    for line in (root / ".ci/packages").read_text().splitlines():
        if line and not line.startswith("#"):
            name, _, rest = line.partition(":")
            words[name] = rest.split()

    def whole(name: str) -> list[str]:
        return [package for word in words[name] for package in
                (whole(word[1:]) if word[0] == "+" else word.lstrip("?").split("|"))]

    return {name: whole(name) for name in words}


OWNER = {program: package for package, programs in PROGRAMS.items() for program in programs.split()}


# --- calls ----------------------------------------------------------------------------------------

def literal(word: dict) -> str | None:
    """A word of a shell script without variables and the like."""
    text = ""
    for part in word["Parts"]:
        inner = part.get("Parts") or [] if part["Type"] == "DblQuoted" else [part]
        if any(p["Type"] not in ("Lit", "SglQuoted") for p in inner):
            return None
        text += "".join(p.get("Value", "") for p in inner)
    return text


def parts_of(node: object) -> Iterator[dict]:
    """All nodes of a syntax tree that have a type."""
    if isinstance(node, dict):
        if "Type" in node:
            yield node
        for value in node.values():
            yield from parts_of(value)
    elif isinstance(node, list):
        for value in node:
            yield from parts_of(value)


def shell_calls(text: str, own: set[str]) -> list[Call]:
    """own: functions of the files that are sourced; those of this one are added."""
    if not shutil.which("shfmt"):
        raise Skip("shfmt is not installed")
    done = subprocess.run(["shfmt", "--to-json"], input=text, capture_output=True, text=True,
                          check=False)
    if done.returncode != 0:
        return [Call(1, f"? {done.stderr.strip()}", True)]
    nodes = list(parts_of(json.loads(done.stdout)))
    own |= {node["Name"]["Value"] for node in nodes if node["Type"] == "FuncDecl"}
    calls = []
    for node in nodes:
        if node["Type"] != "CallExpr" or not node.get("Args"):
            continue
        words = [(word["Pos"]["Line"], literal(word)) for word in node["Args"]]
        line, first = words[0]
        if first and first not in own and first not in BUILTINS and "/." not in f"/{first}":
            calls.append(Call(line, first, True))
        for (_, shell), (_, option), (at, script) in zip(words, words[1:], words[2:]):
            if shell in ("sh", "bash") and option == "-c" and script:
                calls += [call._replace(line=at) for call in shell_calls(script, own)]
        if first not in TALK and (first, words[1:][:1]) != ("command", [(line, "-v")]):
            calls += [Call(at, word, False) for at, word in words[1:] if word]
    return calls


def python_calls(text: str) -> list[Call]:
    calls: list[Call] = []
    tree = ast.parse(text)
    imported = {name for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))
                for name in (getattr(node, "module", None), *(alias.name for alias in node.names))}
    if not imported & RUNNER_MODULES:
        return calls
    for node in ast.walk(tree):
        listed: list[ast.expr] = []
        if isinstance(node, (ast.List, ast.Tuple)):
            listed = node.elts
        elif isinstance(node, ast.Call):
            listed = node.args
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if isinstance(node.func, ast.Attribute) and \
                    getattr(node.func.value, "id", "") not in RUNNER_MODULES | {"shutil"}:
                name = ""  # of an object that has commands of its own
            first = node.args[0] if node.args else None
            if isinstance(first, (ast.List, ast.Tuple)) and first.elts:
                first = first.elts[0]
            if name in RUNNERS and isinstance(first, ast.Constant) and isinstance(first.value, str):
                calls.append(Call(first.lineno, first.value, True))
        calls += [Call(e.lineno, e.value, False) for e in listed
                  if isinstance(e, ast.Constant) and isinstance(e.value, str)]
    return calls


# --- checks ---------------------------------------------------------------------------------------

def scripts(root: Path) -> Iterator[tuple[str, str, str]]:
    """Name, language and text of each."""
    for name in list_files(root):
        path = root / name
        if path.suffix in (".h", ".c", ".md", ".bin") or name == "tests/lint/check_packages.py":
            continue
        with open(path, "rb") as file:
            first = file.readline(80).decode(errors="replace")
        match = SCRIPT.match(first)
        language = match.group(1) if match else {".py": "python3", ".sh": "sh"}.get(path.suffix)
        if language:
            yield name, "python" if language == "python3" else "shell", path.read_text()


def lists_of(name: str) -> list[str]:
    return next((found for pattern, found in HAS if re.fullmatch(pattern, name)), [])


def calls_of(root: Path) -> Iterator[tuple[str, list[Call]]]:
    every = list(scripts(root))
    own: dict[str, set[str]] = {}  # functions of shell: files of a folder may source each other
    for name, language, text in every:
        if language == "shell":
            own.setdefault(os.path.dirname(name), set()).update(re.findall(r"(?m)^(\w+)\(\)", text))
    for name, language, text in every:
        calls = python_calls(text) if language == "python" else \
            shell_calls(text, set(own[os.path.dirname(name)]))
        yield name, sorted(set(calls))


def check_calls(root: Path) -> Problems:
    table, problems = lists(root), []
    for name, calls in calls_of(root):
        if not lists_of(name):
            problems.append(f"{name}:1: check_packages.py does not know which packages it has")
        for line, program, certain in calls:
            if os.path.dirname(program) in ("/bin", "/sbin", "/usr/bin", "/usr/sbin"):
                program = os.path.basename(program)
            package = OWNER.get(program)
            if program.startswith("? "):
                problems.append(f"{name}:1: cannot be read: {program[2:]}")
            if program in MINBASE | OPTIONAL or (name, program) in NAMES or \
                    not (package or certain):
                continue
            if not package and re.fullmatch(r"[\w.+-]+", program):
                problems.append(f"{name}:{line}: no package is known here that has {program}")
            for names in lists_of(name) if package else []:
                if package not in [p for one in names.split() for p in table[one] + BROUGHT]:
                    problems.append(f"{name}:{line}: {program} comes from {package}, which is "
                                    f"not in the list '{names}' of .ci/packages")
    return list(dict.fromkeys(problems))


def check_installs(root: Path) -> Problems:
    """A script has the lists that it installs, and no others."""
    table, problems = lists(root), []
    for name, language, text in scripts(root):
        if language != "shell" or name == ".ci/install-packages":
            continue
        wanted = set()
        for line, words in enumerate(text.splitlines(), 1):
            match = re.search(r"/install-packages\"?((?: --list)?(?: [a-z][a-z0-9-]+)+)", words)
            found = match.group(1).split() if match else []
            problems += [f"{name}:{line}: there is no list {one}" for one in found
                         if one not in (*table, "--list")]
            wanted |= set(found) if "--list" not in found else set()
        known = {one for names in lists_of(name) for one in names.split()}
        if wanted and not known & wanted:
            problems.append(f"{name}:1: it installs {', '.join(sorted(wanted))}, and HAS says "
                            f"{', '.join(sorted(known)) or 'nothing'}")
    return problems


def check_copies(root: Path) -> Problems:
    """Where the list has to be written out once more."""
    build = set(lists(root)["build"])
    problems = []
    for name, pattern in (("app/system/control", r"(?m)^Build-Depends: (.*)$"),
                          ("docs/operating.md", r"(?m)^    apt-get install (build-essential.*)$")):
        text = (root / name).read_text()
        match = re.search(pattern, text)
        told = re.sub(r"\(.*?\)", "", match.group(1)) if match else ""
        words = set(re.findall(r"[a-z][\w.+-]+", told))
        words = words - {"debhelper-compat"} | {"build-essential"}
        if words != build:
            line = text[:match.start()].count("\n") + 1 if match else 1
            problems.append(f"{name}:{line}: not the list 'build' of .ci/packages: "
                            f"{', '.join(sorted(words ^ build))}")
    return problems


def files_of(listed: str) -> set[str]:
    return {os.path.basename(path) for path in listed.split()}


def of_own_name(program: str) -> str:
    """The files of the package that is called like the program, and that the other one brings."""
    return subprocess.run(["dpkg-query", "-L", program], capture_output=True, text=True,
                          check=False).stdout


def check_owners(_: Path) -> Problems:
    """What is said here of packages, where dpkg knows them."""
    if not shutil.which("dpkg-query"):
        raise Skip("this is no Debian")
    problems = []
    for package, programs in PROGRAMS.items():
        done = subprocess.run(["dpkg-query", "-L", package], capture_output=True, text=True,
                              check=False)
        names = files_of(done.stdout)
        if done.returncode == 0 and package not in BY_OTHERS:
            problems += [f"check_packages.py:1: {package} has no {program}"
                         for program in programs.split() if program not in names and
                         program not in files_of(of_own_name(program))]
    return problems


CHECKS = {
    "what is called is installed": check_calls,
    "lists are those that are installed": check_installs,
    "copies of the list": check_copies,
    "programs are where they are said to be": check_owners,
}

# --- self-test ------------------------------------------------------------------------------------

SOUND = {
    ".ci/packages": "# Lists\nbuild: build-essential meson python3\ndemo: +build iproute2\n"
                    "tests: +demo a|b ?c gnutls-bin\n",
    "app/demo.sh": "#!/usr/bin/env bash\n.ci/install-packages demo\nhelp() {\n\ttrue\n}\n"
                   "if ! x=$(ip link | grep -c 1); then help; fi\nsh -c 'ip link'\n"
                   "echo \"no sysctl\" sysctl\nip netns exec \"$x\" cat file\n",
    "app/system/control": "Build-Depends: debhelper-compat (= 13), meson, python3\n",
    "docs/operating.md": "    apt-get install build-essential meson python3\n",
    "tests/e2e/test_a.py": "import subprocess\ncommand('ip', 'link')\nneed('gnutls-cli')\n"
                           "subprocess.run(['cc', '-v'])\nx = 'sysctl'\nrun(globals())\n",
}
DEMO, TEST = "app/demo.sh", "tests/e2e/test_a.py"
# Check, file, what is put in place of what, what must be reported.
FAULTS = [
    (check_calls, ".ci/packages", " iproute2", "", "demo.sh:6: ip comes from iproute2"),
    (check_calls, ".ci/packages", " gnutls-bin", "", "py:3: gnutls-cli comes from gnutls-bin"),
    (check_calls, ".ci/packages", "build-essential ", "", "py:4: cc comes from build-essential"),
    (check_calls, DEMO, "grep", "frob", "demo.sh:6: no package is known here"),
    (check_calls, DEMO, "grep", "/usr/bin/pgrep", "demo.sh:6: pgrep comes from procps"),
    (check_calls, DEMO, "'ip", "'sysctl", "demo.sh:7: sysctl comes from procps"),
    (check_calls, DEMO, "cat", "sysctl", "demo.sh:9: sysctl comes from procps"),
    (check_calls, DEMO, "; fi", "", "demo.sh:1: cannot be read"),
    (check_calls, TEST, "command('ip'", "command('frob'", "py:2: no package"),
    (check_calls, TEST, "'-v'", "'sysctl'", "py:4: sysctl comes from procps"),
    (check_calls, TEST, "'link'", "*['sysctl', '-w']", "py:2: sysctl comes from procps"),
    (check_installs, DEMO, "s demo", "s demon", "demo.sh:2: there is no list demon"),
    (check_installs, DEMO, "s demo", "s build", "it installs build, and HAS says demo"),
    (check_copies, "app/system/control", " meson,", "", "control:1: not the list 'build'"),
    (check_copies, "docs/operating.md", "python3", "python3 more", "operating.md:1: not the list"),
]


def self_test(tap: Tap) -> None:
    with tempfile.TemporaryDirectory() as top:
        root = Path(top)
        lay(root, SOUND)
        for title, check in CHECKS.items():
            tap.result(f"sound: {title}", *apply(check, root))
        find_faults(tap, root, SOUND, FAULTS)
        PROGRAMS["dpkg"] = "frob"
        problems, skip = apply(check_owners, root)
        tap.result("fault: a program that a package has not",
                   [] if skip or any("dpkg has no frob" in p for p in problems) else ["not found"],
                   skip)


if __name__ == "__main__":
    sys.exit(main(__doc__, CHECKS, Path.resolve, self_test))
