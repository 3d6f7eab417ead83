#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Adds up what meson test reports: summary.py [--skipped WHAT_AND_WHY]... [--failed WHAT]... TREE...

TREE is a build directory. Prints how long what took, each skipped test, each failed one with the end of
what its file printed, and last of all how many of which there were. What could not be built here counts
as one skipped test, a build that fails as one failed one.
"""
import argparse
import collections
import json
import pathlib
import sys
import xml.etree.ElementTree as xml

LAST = 40  # lines


def times(tree: pathlib.Path) -> None:
    """Of each step of run.sh: how long, and how much of the CPUs; of each suite: its tests together."""
    steps = tree / 'meson-logs' / 'steps.txt'
    for line in steps.read_text().splitlines() if steps.exists() else ():
        name, wall, user, system = line.split()
        print(f'{tree.name:<16} {name:<10} {"":>6} {float(wall):8.0f} {float(user) + float(system):8.0f}')
    log = tree / 'meson-logs' / 'testlog.json'
    suites = collections.defaultdict(list)
    for line in log.read_text().splitlines() if log.exists() else ():
        told = json.loads(line)
        suite = told['name'].partition(' / ')[0].rpartition(':')[2].partition('+')[0]
        suites[suite].append(told['duration'])
    for name, durations in sorted(suites.items()):
        print(f'{tree.name:<16} {name:<10} {len(durations):>6} {sum(durations):8.0f}')


def printed(suite: xml.Element) -> list[str]:
    """Why something in it failed: its last lines of each kind, behind a mark that .ci/run knows."""
    return [f'| {line}'[:400] for kind in ('system-out', 'system-err') for part in suite.iter(kind)
            for line in (part.text or '').splitlines()[-LAST:]]


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument('--skipped', action='append', default=[])
    parser.add_argument('--failed', action='append', default=[])
    parser.add_argument('trees', type=pathlib.Path, nargs='*')
    args = parser.parse_args()
    print(f'{"tree":<16} {"suite":<10} {"files":>6} {"seconds":>8} {"of CPUs":>8}')
    for tree in args.trees:
        times(tree)
    failed, passed, skipped = len(args.failed), 0, len(args.skipped)
    for what in args.failed:
        print(f'failed {what}')
    for what_and_why in args.skipped:
        print(f'skipped {what_and_why}')
    for tree in args.trees:
        report = tree / 'meson-logs' / 'testlog.junit.xml'
        if not report.exists():
            print(f'{report} is missing')
            failed += 1
            continue
        others = sorted(report.parent.glob('openssl-*.junit.xml'))  # those of tests/openssl.sh
        for part in (report, *others):
            where = ': '.join([tree.name] + ([] if part is report else [part.name.split('.junit')[0]]))
            for suite in xml.parse(part).getroot().iter('testsuite'):
                before = failed
                for case in suite.iter('testcase'):
                    name = f'{where}: {suite.get("name")}: {case.get("name")}'
                    if case.find('failure') is not None or case.find('error') is not None:
                        failed += 1
                        print(f'failed {name}')
                    elif case.find('skipped') is not None:
                        skipped += 1
                        print(f'skipped {name}')
                    else:
                        passed += 1
                if failed > before:
                    print('\n'.join(printed(suite)))
    if passed == 0:
        failed += 1
    print(f'{passed} passed, {failed} failed, {skipped} skipped')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
