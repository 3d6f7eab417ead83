#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Adds up JUnit reports of meson test: summary.py [--skipped WHAT_AND_WHY]... FAILED_BUILDS REPORT...

Prints each failed and each skipped test, and last of all how many of which there were. What could not
be built here counts as one skipped test.
"""
import argparse
import pathlib
import sys
import xml.etree.ElementTree as xml


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument('--skipped', action='append', default=[])
    parser.add_argument('failed_builds', type=int)
    parser.add_argument('reports', type=pathlib.Path, nargs='*')
    args = parser.parse_args()
    failed, passed, skipped = args.failed_builds, 0, len(args.skipped)
    for what_and_why in args.skipped:
        print(f'skipped {what_and_why}')
    for report in args.reports:
        if not report.exists():
            print(f'{report} is missing')
            failed += 1
            continue
        for suite in xml.parse(report).getroot().iter('testsuite'):
            for case in suite.iter('testcase'):
                name = f'{report.parts[0]}: {suite.get("name")}: {case.get("name")}'
                if case.find('failure') is not None or case.find('error') is not None:
                    failed += 1
                    print(f'failed {name}')
                elif case.find('skipped') is not None:
                    skipped += 1
                    print(f'skipped {name}')
                else:
                    passed += 1
    if passed == 0:
        failed += 1
    print(f'{passed} passed, {failed} failed, {skipped} skipped')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
