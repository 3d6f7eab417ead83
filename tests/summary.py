#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Adds up JUnit reports of meson test: summary.py FAILED_BUILDS REPORT...

Prints each failed and each skipped test, and last of all how many of which there were.
"""
import pathlib
import sys
import xml.etree.ElementTree as xml


def main() -> int:
    failed = int(sys.argv[1])
    passed = skipped = 0
    for report in map(pathlib.Path, sys.argv[2:]):
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
