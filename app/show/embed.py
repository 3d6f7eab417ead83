#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Makes C of a file: embed.py FILE NAME OUTPUT writes const char NAME[] and const size_t NAME_len."""
import pathlib
import sys

source, name, output = sys.argv[1:]
data = pathlib.Path(source).read_bytes()
rows = [', '.join(f'{byte:#04x}' for byte in data[i:i + 16]) for i in range(0, len(data), 16)]
body = ',\n\t'.join(rows)
pathlib.Path(output).write_text(f'#include <stddef.h>\n\nextern const char {name}[];\n'
                                f'extern const size_t {name}_len;\n'
                                f'const char {name}[] = {{\n\t{body}\n}};\n'
                                f'const size_t {name}_len = sizeof({name});\n', encoding='ascii')
