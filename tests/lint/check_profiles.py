#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Checks pmd-config/: the schema, every profile, the daemon's table of keys, the installed files,
the documentation, and host-setup.sh against a made-up /sys. Prints TAP.

usage: check_profiles.py SOURCE_ROOT
"""

import fcntl
import glob
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Callable

sys.dont_write_bytecode = True
from checking import Problems, Tap  # noqa: E402

NAME_MAX = 63  # as app/config/ini.h has it
LINE_MAX = 320  # bytes of a profile: longer ones are hard to read
ATTRIBUTES = {"type", "min", "max", "choices", "pattern", "default", "required", "help"}
# What the daemon parses further is a string with a pattern here.
C_TYPES = {"INTEGER": "integer", "CHOICE": "choice", "FLAG": "choice",
           "STRING": "string", "CUSTOM": "string"}

# Devices whose frames can come from a kernel or a virtual machine on the same host. To all others a
# checksum that is left out is a wrong one.
SAME_HOST = {"net_af_packet", "net_af_xdp", "net_memif", "net_pcap", "net_tap", "net_virtio"}

Ini = dict[str, dict[str, str]]


# --- reading ------------------------------------------------------------------------------------

def read_ini(text: str) -> tuple[Ini, Problems]:
    """Reads as app/config/ini.c does, and reports what it would refuse."""
    ini: Ini = {}
    problems: Problems = []
    section = None
    for number, raw in enumerate(text.splitlines(keepends=True), 1):
        def complain(what: str, at: int = number) -> None:
            problems.append(f"line {at}: {what}")
        if len(raw.encode()) > LINE_MAX or "\0" in raw:
            complain(f"longer than {LINE_MAX} bytes or with a zero byte")
        line = re.split(r"(?<!\\);", raw)[0].replace("\\;", ";").strip()
        if not line:
            continue
        if line.startswith("["):
            section = line[1:-1].strip()
            if not line.endswith("]") or not 0 < len(section) <= NAME_MAX:
                complain("not a [section]")
            if section in ini:
                complain(f"section [{section}] a second time")
            ini.setdefault(section, {})
            continue
        key, equals, value = (part.strip() for part in line.partition("="))
        if not equals or not key or section is None:
            complain("neither comment, [section] nor a key in a section")
            continue
        if key in ini[section]:
            complain(f"key {key} a second time")
        if len(key) > NAME_MAX or not value:
            complain(f"key {key}: no value, or longer than {NAME_MAX} bytes")
        ini[section][key] = value
    return ini, problems


def choices_of(rule: dict[str, str]) -> list[str]:
    return [choice.strip() for choice in rule.get("choices", "").split(",")]


def value_problem(rule: dict[str, str], value: str) -> str:
    """Why the value is not legal, or nothing."""
    if rule["type"] == "integer":
        if not re.fullmatch(r"[0-9]{1,9}", value):
            return f"'{value}' is not a number"
        if not int(rule["min"]) <= int(value) <= int(rule["max"]):
            return f"{value} is not from {rule['min']} to {rule['max']}"
    elif rule["type"] == "choice":
        if value not in choices_of(rule):
            return f"'{value}' is not one of {rule['choices']}"
    elif not re.fullmatch(rule.get("pattern", ".*"), value):
        return f"'{value}' does not match {rule['pattern']}"
    return ""


def check_schema(text: str) -> tuple[Ini, Problems]:
    schema, problems = read_ini(text)
    for name, rule in schema.items():
        def complain(what: str, where: str = name) -> None:
            problems.append(f"[{where}] {what}")
        if not re.fullmatch(r"[a-z]+\.[a-z-]+", name):
            complain("is not section.key")
        for attribute in sorted(rule.keys() - ATTRIBUTES):
            complain(f"has the unknown attribute {attribute}")
        if "help" not in rule:
            complain("has no help")
        wanted = {"integer": {"min", "max", "default"}, "choice": {"choices", "default"},
                  "string": set()}.get(rule.get("type", ""))
        if wanted is None:
            complain(f"has the type {rule.get('type')}")
        elif wanted - rule.keys():
            complain(f"lacks {', '.join(sorted(wanted - rule.keys()))}")
        elif "default" in rule and value_problem(rule, rule["default"]):
            complain("default: " + value_problem(rule, rule["default"]))
        if rule.get("required", "yes") != "yes":
            complain("required is not yes")
    return schema, problems


def check_profile(schema: Ini, text: str, stem: str) -> tuple[Ini, Problems]:
    profile, problems = read_ini(text)
    for section, keys in profile.items():
        if not any(name.startswith(section + ".") for name in schema):
            problems.append(f"unknown section [{section}]")
            continue
        for key, value in keys.items():
            rule = schema.get(f"{section}.{key}")
            problem = value_problem(rule, value) if rule else "unknown key"
            if problem:
                problems.append(f"{section}.{key}: {problem}")
    for name, rule in schema.items():
        section, key = name.split(".")
        if rule.get("required") == "yes" and key not in profile.get(section, {}):
            problems.append(f"{name} is missing")
    driver = profile.get("driver", {}).get("name", "")
    if driver and stem not in (driver, driver.removesuffix("_pci")):
        problems.append(f"the file of {driver} is called {stem}.ini")
    if (profile.get("offload", {}).get("partial-checksum") == "accept" and driver not in SAME_HOST):
        problems.append(f"accepts checksums that are left out, which {driver} has no neighbour for")
    if not text.startswith("; SPDX-License-Identifier: BSD-3-Clause\n"):
        problems.append("no SPDX line")
    return profile, problems


def c_arguments(text: str) -> list[str]:
    """Splits what stands between the parentheses that text starts inside of; joins literals."""
    arguments, depth = [""], 0
    for token in re.finditer(r'"(?:[^"\\]|\\.)*"|/\*.*?\*/|\s+|.', text, re.S):
        word = token.group()
        if word == ")" and depth == 0:
            break
        depth += (word == "(") - (word == ")")
        if word == "," and depth == 0:
            arguments.append("")
        elif not word.isspace() and not word.startswith("/*"):
            arguments[-1] += word
    return [argument.replace('""', "") if len(argument) > 2 else argument
            for argument in arguments]


def without_macros(source: str) -> str:
    """C without its preprocessor's lines: what is left of a macro's name is where it is used."""
    return re.sub(r"(?m)^#(?:.*\\\n)*.*", "", source)


def c_choices(source: str, lists: dict[str, list[str]]) -> dict[str, list[str]]:
    """The names of each table of choices, whose rows are { "name", value } or lists of names LIST(ROW)."""
    return {table: [name for quoted, words in re.findall(r'\{ "([^"]*)",|\b([A-Z_]+)\(\w+\)', rows)
                    for name in ([quoted] if quoted else lists[words])]
            for table, rows in re.findall(r"struct setting_choice (\w+)\[\] = \{(.*?)\n\};",
                                          without_macros(source), re.S)}


def check_c_table(schema: Ini, source: str) -> Problems:
    """PROFILE_KEY("section", "key", TYPE, min, max, "default" or NULL, "help", choices, ...)"""
    problems: Problems = []
    seen: list[str] = []
    choices = c_choices(source, {})
    source = without_macros(source)
    for match in re.finditer(r"PROFILE_KEY\(", source):
        arguments = c_arguments(source[match.end():])
        if len(arguments) < 8:
            problems.append(f"PROFILE_KEY({', '.join(arguments)}) has too few arguments")
            continue
        name = f"{arguments[0].strip(chr(34))}.{arguments[1].strip(chr(34))}"
        seen.append(name)
        rule = schema.get(name)
        if rule is None:
            problems.append(f"{name} is in the daemon's table, not in the schema")
            continue
        theirs = {"type": C_TYPES.get(arguments[2], arguments[2]),
                  "min": arguments[3].rstrip("uU"), "max": arguments[4].rstrip("uU"),
                  "default": "" if arguments[5] == "NULL" else arguments[5].strip('"')}
        ours = {"type": rule["type"], "min": rule.get("min", "0"), "max": rule.get("max", "0"),
                "default": rule.get("default", "")}
        if rule["type"] == "choice" or arguments[7] != "NULL":
            theirs["choices"] = "|".join(choices.get(arguments[7], ["none"]))
            ours["choices"] = "|".join(choices_of(rule))
        problems += [f"{name}: {what} is '{theirs[what]}' in the daemon, '{ours[what]}' here"
                     for what in theirs if theirs[what] != ours[what]]
        if not arguments[6].strip('"'):
            problems.append(f"{name} has no help in the daemon's table")
    problems += [f"{name} is in the daemon's table twice" for name in set(seen)
                 if seen.count(name) > 1]
    return problems + [f"{name} is in the schema, not in the daemon's table"
                       for name in schema if name not in seen]


# --- the parts together ---------------------------------------------------------------------------

def check_installed(root: Path) -> Problems:
    folder = root / "pmd-config"
    listed = set(re.findall(r"'([^']+\.(?:ini|sh))'", (folder / "meson.build").read_text()))
    there = {path.name for path in folder.iterdir() if path.suffix in (".ini", ".sh")}
    return [f"{name} is in {'the folder' if name in there else 'meson.build'} only"
            for name in sorted(listed ^ there)]


def check_documentation(schema: Ini, profiles: dict[str, Ini], text: str) -> Problems:
    """docs/pmd-config.md has a row for every key, with its range and default, and every profile."""
    problems = []
    for name, rule in schema.items():
        section, key = name.split(".")
        wanted = f"{rule['min']} to {rule['max']}" if rule["type"] == "integer" else \
            ", ".join(f"`{choice}`" for choice in choices_of(rule)) if rule["type"] == "choice" \
            else "string"
        start = f"| `[{section}]` | `{key}` | {wanted}"
        default = f"`{rule['default']}`" if "default" in rule else \
            "required" if "required" in rule else "none"
        rows = [row for row in text.splitlines() if row.startswith(start)]
        if len(rows) != 1 or [cell.strip() for cell in rows[0].split("|")][4] != default:
            problems.append(f"there is no one row that starts with '{start}' and has {default}")
    for stem, profile in profiles.items():
        tried = profile.get("driver", {}).get("tried", "").partition(":")[0]
        name = profile.get("driver", {}).get("name", "")
        if not re.search(rf"(?m)^\| `{stem}\.ini` \| `{name}` \| {tried}\b", text):
            problems.append(f"there is no row '| `{stem}.ini` | `{name}` | {tried}'")
    return problems


def check_drivers(profiles: dict[str, Ini], libraries: list[str]) -> Problems:
    """The installed DPDK has a driver of every profile's name."""
    missing = {profile["driver"]["name"] for profile in profiles.values()
               if "name" in profile.get("driver", {})}
    for library in libraries:
        content = Path(library).read_bytes()
        missing = {name for name in missing if b"\0" + name.encode() + b"\0" not in content}
        if not missing:
            break
    return [f"no library has a driver called {name}" for name in sorted(missing)]


def check_checker(schema: Ini) -> Problems:
    """What is wrong has to be found: every text below has one fault."""
    head = "; SPDX-License-Identifier: BSD-3-Clause\n"
    good = head + "[driver]\nname = net_x\ntried = no: never\n"
    faults = {
        "unknown key": good + "speed = 5\n",
        "unknown section": good + "[queue]\nmax = 1\n",
        "second time": good + "name = net_x\n",
        "[driver] a second": good + "[driver]\ndescription = x\n",
        "not from": good + "[queues]\nburst = 65\n",
        "not a number": good + "[queues]\nburst = 3x\n",
        "not one of": good + "[rss]\nhash = tcp\n",
        "does not match": good + "[rss]\nkey = " + 82 * "a" + "\n",
        "longer than": good + "[quirks]\nnote = " + 400 * "x" + "\n",
        "no value": good + "[eal]\noptions =\n",
        "neither": good + "[rss]\nhash udp\n",
        "tried is missing": good.replace("tried", ";"),
        "is called": good.replace("net_x", "net_y"),
        "no neighbour": good + "[offload]\npartial-checksum = accept\n",
        "no SPDX": good.removeprefix(head),
    }
    problems = [f"a sound profile is refused: {what}"
                for what in check_profile(schema, good, "net_x")[1]]
    for what, text in faults.items():
        found = check_profile(schema, text, "net_x")[1]
        if not any(what in problem for problem in found):
            problems.append(f"not found: {what} (found: {found})")
    for what, text in {"has no help": "[a.b]\ntype = string\n", "type": "[a.b]\nhelp = x\n",
                       "lacks": "[a.b]\nhelp = x\ntype = integer\n",
                       "default": "[a.b]\nhelp = x\ntype = choice\nchoices = a\ndefault = b\n",
                       "attribute": "[a.b]\nhelp = x\ntype = string\nunit = s\n"}.items():
        if not any(what in problem for problem in check_schema(text)[1]):
            problems.append(f"not found in a schema: {what}")
    row = 'PROFILE_KEY("queues", "burst", INTEGER, 1, 64,\n"3" "2", "a, (b)", NULL, burst)'
    one = {"queues.burst": schema["queues.burst"]}
    problems += [f"a sound table is refused: {what}" for what in check_c_table(one, row)]
    for old, new in (("INTEGER", "STRING"), ("1,", "2,"), ("64", "65"), ('"3"', ""),
                     ("burst\"", "bust\""), ("a, (b)", ""), (row, ""), (row, row + row)):
        if not check_c_table(one, row.replace(old, new)):
            problems.append(f"not found in the daemon's table: {old!r} as {new!r}")
    table = ('static const struct setting_choice hashes[] = {\n\t{ "none", NONE },\n\t{ "ip", IP },\n'
             '\t{ "udp", UDP },\n\t{ NULL, 0 },\n};\n'
             'PROFILE_KEY("rss", "hash", CHOICE, 0, 0, "none", "x", hashes, rss_hash)')
    one = {"rss.hash": schema["rss.hash"]}
    problems += [f"a sound table of choices is refused: {what}" for what in check_c_table(one, table)]
    for old, new in (('{ "ip", IP },', ""), ('"ip", IP', '"ipv4", IP'), ('"udp"', '"ip"'), ("hashes,", "hash,"),
                     ("hashes,", "NULL,"), ('"ip", IP },\n\t{ "udp", UDP', '"udp", UDP },\n\t{ "ip", IP'),
                     (", hashes, rss_hash", "")):
        if not check_c_table(one, table.replace(old, new)):
            problems.append(f"not found in the daemon's choices: {old!r} as {new!r}")
    return problems


# --- host-setup.sh --------------------------------------------------------------------------------

NIC, VIRTIO, MLX, BRIDGE = "0000:01:00.0", "0000:02:00.0", "0000:03:00.0", "0000:00:1f.0"
ROUTE = "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n"
ROUTE6 = "{zero} {len} {zero} 00 {zero} 00000400 00000001 00000000 {flags} {dev}\n"


class FakeHost:
    """A tree that host-setup.sh takes for /sys, /proc and /run/hellogate."""

    def __init__(self, script: Path, top: str) -> None:
        self.script = script
        self.top = Path(top)
        self.device(BRIDGE, "0x060100", "", "")
        self.device(NIC, "0x020000", "ixgbe", "net/eth1")
        self.device(VIRTIO, "0x020000", "virtio-pci", "virtio3/net/eth2")
        self.device(MLX, "0x020000", "mlx5_core", "")
        for name in ("bind", "unbind"):
            self.put(f"bus/pci/drivers/vfio-pci/{name}", "")
        self.put("proc/mounts", "hugetlbfs /dev/hugepages hugetlbfs rw,pagesize=2M 0 0\n")
        self.put("proc/meminfo", "MemTotal: 9000000 kB\nMemAvailable: 900000 kB\n")
        self.put("proc/net/route", ROUTE)
        self.put("proc/net/ipv6_route", "")
        self.pages = [f"devices/system/node/node{node}/hugepages/hugepages-2048kB/nr_hugepages"
                      for node in (0, 1)]
        for path in self.pages:
            self.put(path, "3")

    def device(self, pci: str, kind: str, driver: str, interface: str) -> None:
        where = self.top / "bus/pci/devices" / pci
        for name, content in (("class", kind), ("driver_override", "(null)"), ("numa_node", "0"),
                              ("vendor", "0x8086"), ("device", "0x10fb")):
            self.put(f"bus/pci/devices/{pci}/{name}", content)
        group = self.top / "kernel/iommu_groups" / pci.replace(":", "")
        (group / "devices").mkdir(parents=True)
        (group / "devices" / pci).symlink_to(where)
        (where / "iommu_group").symlink_to(group)
        if driver:
            for name in ("bind", "unbind"):
                self.put(f"bus/pci/drivers/{driver}/{name}", "")
            (where / "driver").symlink_to(self.top / "bus/pci/drivers" / driver)
        if interface:
            self.put(f"bus/pci/devices/{pci}/{interface}/flags", "0x1003")
            (where / interface / "device").symlink_to(where)
            classes = self.top / "class/net"
            classes.mkdir(parents=True, exist_ok=True)
            (classes / os.path.basename(interface)).symlink_to(where / interface)

    def put(self, path: str, content: str) -> None:
        (self.top / path).parent.mkdir(parents=True, exist_ok=True)
        (self.top / path).write_text(content)

    def get(self, path: str) -> str:
        return (self.top / path).read_text().strip()

    def snapshot(self) -> dict[str, str]:
        """All but the state, where a refusal may leave an empty file."""
        return {str(path): path.read_text() for path in self.top.rglob("*")
                if path.is_file() and self.top / "run" not in path.parents}

    def run(self, *words: str) -> tuple[int, str]:
        done = subprocess.run([str(self.script), *words], text=True, timeout=60, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              env={"PATH": os.environ["PATH"], "HG_SYSFS": str(self.top)})
        return done.returncode, done.stdout

    def refuses(self, reason: str, *words: str) -> Problems:
        """It must say one sentence with the reason, exit with 2 and change nothing."""
        before = self.snapshot()
        status, output = self.run(*words)
        problems = []
        if status != 2 or reason not in output:
            problems.append(f"{' '.join(words)}: status {status}, not 2 with '{reason}': {output}")
        if output.count("\n") != 1:
            problems.append(f"{' '.join(words)}: more than one line: {output}")
        if self.snapshot() != before:
            problems.append(f"{' '.join(words)}: changed something though it refused")
        return problems

    def does(self, expected: str, *words: str) -> Problems:
        status, output = self.run(*words)
        if status == 0 and expected in output:
            return []
        return [f"{' '.join(words)}: status {status}, not 0 with '{expected}': {output}"]

    def holds(self, **contents: str) -> Problems:
        return [f"{path} holds '{self.get(path)}', not '{wanted}'"
                for path, wanted in contents.items() if self.get(path) != wanted]


def setup_words(host: FakeHost) -> Problems:
    return (host.does("usage:", "--help") + host.does("0000:01:00.0", "status") +
            host.does("nothing to put back", "undo") +
            host.refuses("a command is missing") + host.refuses("unknown command", "frob") +
            host.refuses("unknown option", "--frob") +
            host.refuses("wrong number of arguments", "bind") +
            host.refuses("wrong number of arguments", "undo", "all"))


def setup_bind_refusals(host: FakeHost) -> Problems:
    problems = (host.refuses("is not a PCI address", "bind", "eth1") +
                host.refuses("is not a PCI address", "bind", "../../0000:01:00.0") +
                host.refuses("there is no PCI device 0000:05:00.0", "bind", "05:00.0") +
                host.refuses("is not a network device", "bind", BRIDGE) +
                host.refuses("vfio-pci only", "bind", NIC, "uio_pci_generic") +
                host.refuses("must stay bound", "bind", MLX))
    host.put("proc/net/route", ROUTE + "eth1 00000000 0102000A 0003 0 0 0 00000000 0 0 0\n")
    problems += host.refuses("eth1 is up and has the default route", "bind", NIC)
    host.put("proc/net/route", ROUTE + "eth1 000012C6 00000000 0001 0 0 0 00FFFFFF 0 0 0\n")
    problems += host.does("would write", "--dry-run", "bind", NIC)
    route = {"zero": 32 * "0", "len": "00", "flags": "00000003", "dev": "eth2"}
    host.put("proc/net/ipv6_route", ROUTE6.format(**route))
    problems += host.refuses("eth2 is up and has the default route", "bind", VIRTIO)
    host.put("proc/net/ipv6_route", ROUTE6.format(**route | {"flags": "00200200"}) +
             ROUTE6.format(**route | {"len": "40"}))
    problems += host.does("would write", "--dry-run", "bind", VIRTIO)
    (host.top / f"bus/pci/devices/{NIC}/net/eth1/upper_br0").mkdir()
    problems += host.refuses("eth1 is part of br0", "bind", NIC)
    (host.top / "class/net/eth1").unlink()
    problems += host.refuses("eth2 is the only network interface", "bind", VIRTIO)
    return problems + host.does("would write", "--dry-run", "--force", "bind", VIRTIO)


def setup_bind(host: FakeHost) -> Problems:
    before = host.snapshot()
    device, drivers = f"bus/pci/devices/{NIC}", "bus/pci/drivers"
    status, output = host.run("--dry-run", "bind", NIC.removeprefix("0000:"))
    wanted = "".join(f"would write '{value}' to {host.top}/{path}\n" for value, path in (
        ("vfio-pci", f"{device}/driver_override"), (NIC, f"{device}/driver/unbind"),
        (NIC, f"{drivers}/vfio-pci/bind")))
    problems = []
    if (status, output) != (0, wanted) or host.snapshot() != before:
        problems.append(f"dry run: status {status}, wanted:\n{wanted}got:\n{output}")
    problems += host.does("ixgbe -> vfio-pci", "bind", NIC)
    problems += host.holds(**{f"{device}/driver_override": "vfio-pci",
                              f"{drivers}/ixgbe/unbind": NIC,
                              f"{drivers}/vfio-pci/bind": NIC, f"{drivers}/ixgbe/bind": "",
                              "run/host-setup.state": f"driver {NIC} ixgbe (null)"})
    # A second time must not take what the first one made for what was there before.
    host.put(f"{device}/driver_override", "vfio-pci")
    problems += host.does("ixgbe -> vfio-pci", "bind", NIC)
    problems += host.does(f"driver {NIC} ixgbe (null)", "status")
    problems += host.does("would write", "--dry-run", "undo")
    problems += host.does("back at ixgbe", "undo")
    problems += host.holds(**{f"{device}/driver_override": "", f"{drivers}/ixgbe/bind": NIC})
    return problems + host.does("nothing to put back", "undo")


def setup_bind_failure(host: FakeHost) -> Problems:
    """A write that fails halfway: the device goes back and nothing is left to undo."""
    (host.top / "bus/pci/drivers/vfio-pci/bind").unlink()
    (host.top / "bus/pci/drivers/vfio-pci/bind").mkdir()
    status, output = host.run("bind", NIC)
    problems = [] if status == 2 and "is back at ixgbe" in output else [f"{status}: {output}"]
    problems += host.holds(**{f"bus/pci/devices/{NIC}/driver_override": "",
                              "bus/pci/drivers/ixgbe/bind": NIC, "run/host-setup.state": ""})
    return problems


def setup_iommu(host: FakeHost) -> Problems:
    group = host.top / "kernel/iommu_groups" / NIC.replace(":", "") / "devices"
    (group / VIRTIO).symlink_to(host.top / "bus/pci/devices" / VIRTIO)
    problems = host.does(f"{VIRTIO} shares the IOMMU group", "--dry-run", "bind", NIC)
    (host.top / f"bus/pci/devices/{NIC}/iommu_group").unlink()
    problems += host.does("enable_unsafe_noiommu_mode", "--dry-run", "bind", NIC)
    host.put("module/vfio/parameters/enable_unsafe_noiommu_mode", "Y\n")
    status, output = host.run("--dry-run", "bind", NIC)
    if status != 0 or "enable_unsafe" in output or "without an IOMMU" not in output:
        problems.append(f"with enable_unsafe_noiommu_mode: {status}: {output}")
    return problems


def setup_hugepages(host: FakeHost) -> Problems:
    both = {path: "3" for path in host.pages}
    problems = (host.refuses("wants a number", "hugepages", "some") +
                host.refuses("wants a number", "hugepages", "1048577") +
                host.refuses("MB available", "hugepages", "900") +
                host.does("nothing to do", "hugepages", "2") + host.holds(**both) +
                host.does("would write '8'", "--dry-run", "hugepages", "8") + host.holds(**both))
    problems += host.does("3 -> 8 pages", "hugepages", "08")
    problems += host.does("8 -> 9 pages", "hugepages", "9")
    problems += host.holds(**{path: "9" for path in host.pages})
    problems += host.does("nothing to do", "hugepages", "5")
    host.put(host.pages[1], "77")
    status, output = host.run("undo")
    if status != 0 or "is 77, not 9 as it was left: not touched" not in output:
        problems.append(f"undo after somebody else's change: {status}: {output}")
    problems += host.holds(**{host.pages[0]: "3", host.pages[1]: "77"})
    host.put("proc/mounts", "")
    problems += host.does("mounted on", "hugepages", "1")
    problems += host.does("mount ", "status") + host.does("unmounted", "undo")
    host.put("kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "0")
    problems += host.does("0 -> 4 pages", "--global", "hugepages", "4")
    return problems + host.holds(**{host.pages[0]: "3"})


def setup_cpus(host: FakeHost) -> Problems:
    cpus, work = "devices/system/cpu", "devices/virtual/workqueue/cpumask"
    irqs = {"1": "0-3", "2": "2", "7": "0,3", "9": "1"}
    host.put(f"{cpus}/online", "0-33\n")
    host.put("proc/cmdline", "quiet nohz_full=2-3 ro\n")
    host.put("proc/irq/default_smp_affinity", "3,ffffffff\n")
    host.put(work, "3,ffffffff\n")
    for number, affinity in irqs.items():
        host.put(f"proc/irq/{number}/smp_affinity_list", f"{affinity}\n")
    for cpu, governors in ((1, "performance powersave"), (2, "performance powersave"),
                           (3, "ondemand powersave")):
        host.put(f"{cpus}/cpu{cpu}/cpufreq/scaling_available_governors", governors)
        host.put(f"{cpus}/cpu{cpu}/cpufreq/scaling_governor", "powersave\n")
    before = {os.path.relpath(path, host.top): host.get(path) for path in host.snapshot()}
    problems = [what for words in ("some", "3-2", "2,", "1-2-3", "99999", "-1,2")
                for what in host.refuses("option" if words[0] == "-" else "a list of CPUs", "cpus",
                                         words)]
    problems += (host.refuses("only 0-33 are there", "cpus", "33-34") +
                 host.refuses("no CPU is left", "cpus", "0-33") +
                 host.does("would write '0-1' to", "--dry-run", "cpus", "2-3") +
                 host.holds(**before))
    problems += host.does("add, and boot again: isolcpus=managed_irq,domain,2-3 rcu_nocbs=2-3 "
                          "irqaffinity=0-1,4-33\n", "cpus", "3,02")
    masks = {"proc/irq/default_smp_affinity": "00000003,fffffff3", work: "00000003,fffffff3"}
    after = before | masks | {
        "proc/irq/1/smp_affinity_list": "0-1", "proc/irq/2/smp_affinity_list": "0-1,4-33",
        "proc/irq/7/smp_affinity_list": "0", f"{cpus}/cpu2/cpufreq/scaling_governor": "performance"}
    problems += host.holds(**after) + host.does("0 moved", "cpus", "2-3") + host.holds(**after)
    # Others after that: the first time knows what there was. Somebody else's change stays.
    problems += host.does("moved off CPUs 0-3", "cpus", "0-3")
    host.put("proc/irq/9/smp_affinity_list", "5\n")
    host.put("proc/cmdline", "isolcpus=managed_irq,domain,2 nohz_full=2 rcu_nocbs=2 "
             "irqaffinity=0-1,3-33\n")
    problems += host.does("has all that it can do", "--dry-run", "cpus", "2")
    problems += host.does("CPUs: online 0-33, isolated none", "status")
    problems += host.does("is 5, not 4-33 as it was left: not touched", "undo")
    problems += host.holds(**before | {
        "proc/irq/9/smp_affinity_list": "5", "proc/cmdline": host.get("proc/cmdline")})
    return problems


def setup_alone(host: FakeHost) -> Problems:
    """One at a time, and only root."""
    host.put("run/host-setup.state.lock", "")
    with open(host.top / "run/host-setup.state.lock", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        problems = host.refuses("another host-setup.sh is at work", "hugepages", "9")
    problems += host.does("3 -> 9", "hugepages", "9")
    done = subprocess.run(["/bin/bash", "-s", "--", "undo"], text=True, timeout=60, check=False,
                          input=host.script.read_text(), stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, env={"PATH": os.environ["PATH"]},
                          user=65534 if os.geteuid() == 0 else None)
    if done.returncode != 2 or "needs root" not in done.stdout:
        problems.append(f"without root: {done.returncode}: {done.stdout}")
    return problems


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    root = Path(sys.argv[1])
    tap = Tap()
    schema, problems = check_schema((root / "pmd-config/schema.ini").read_text())
    tap.result("schema", problems)
    tap.result("faults are found", check_checker(schema))
    profiles: dict[str, Ini] = {}
    for path in sorted((root / "pmd-config").glob("*.ini")):
        if path.name != "schema.ini":
            profiles[path.stem], problems = check_profile(schema, path.read_text(), path.stem)
            tap.result(f"profile {path.name}", problems)
    names = [profile.get("driver", {}).get("name") for profile in profiles.values()]
    tap.result("driver names are unique", [f"{name} has {names.count(name)} profiles"
                                           for name in set(names) if names.count(name) > 1])
    tap.result("everything is installed", check_installed(root))
    tap.result("docs/pmd-config.md has every key and profile", check_documentation(
        schema, profiles, (root / "docs/pmd-config.md").read_text()))
    table = root / "app/config/profile.c"
    tap.result("the daemon's table has the same keys",
               check_c_table(schema, table.read_text()) if table.exists() else [],
               "" if table.exists() else "no app/config/profile.c")
    libraries = glob.glob("/usr/lib/*/dpdk/pmds-*/librte_*.so.[0-9]*.[0-9]*")
    tap.result("the installed DPDK has every driver",
               check_drivers(profiles, libraries) if libraries else [],
               "" if libraries else "no DPDK drivers in /usr/lib")
    script = (root / "pmd-config/host-setup.sh").resolve()
    syntax = subprocess.run(["bash", "-c", 'bash -n "$0" && bash -n "$1"', str(script),
                             str(script.with_name("host-cpus.sh"))], text=True,
                            capture_output=True, check=False)
    tap.result("host-setup.sh: syntax", [syntax.stderr] if syntax.returncode else [])
    cases: list[tuple[str, Callable[[FakeHost], Problems]]] = [
        ("command line", setup_words), ("bind refuses", setup_bind_refusals),
        ("bind and undo", setup_bind), ("bind fails halfway", setup_bind_failure),
        ("bind without or with a shared IOMMU group", setup_iommu),
        ("hugepages and undo", setup_hugepages), ("cpus and undo", setup_cpus),
        ("one at a time, as root", setup_alone)]
    for name, case in cases:
        with tempfile.TemporaryDirectory() as top:
            tap.result(f"host-setup.sh: {name}", case(FakeHost(script, top)))
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
