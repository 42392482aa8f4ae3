#!/usr/bin/env python3
"""Says for which GPUs object files hold code: machine code as sm_90, PTX as compute_90.

Usage: cuda_architectures.py [--expect "sm_80 compute_90 ..."] FILE.o...

Prints a line for each file. Exit code: 0 done, 1 a file does not hold exactly what was expected or
cannot be read, 2 wrong usage.
"""

import argparse
import struct
import sys

# The container that nvcc puts into the section: a head of 16 bytes, then entries of
# (kind, attributes, bytes of the head, bytes of the content, ..., architecture at byte 28).
SECTION = ".nv_fatbin"
MAGIC = 0xBA55ED50
PTX, MACHINE_CODE = 1, 2


def section_of(data, name):
    """The content of an ELF file's section; empty when it has none of that name."""
    if data[:6] != b"\x7fELF\x02\x01":
        raise ValueError("is no 64-bit little-endian ELF file")
    table, = struct.unpack_from("<Q", data, 0x28)
    size, count, names = struct.unpack_from("<HHH", data, 0x3A)
    sections = [struct.unpack_from("<IIQQQQ", data, table + i * size) for i in range(count)]
    texts = sections[names][4]
    for text, _, _, _, offset, length in sections:
        begin = texts + text
        if data[begin:data.index(b"\0", begin)] == name.encode():
            return data[offset:offset + length]
    return b""


def architectures(content):
    found = []
    at = 0
    while at + 16 <= len(content):
        magic, _, head, length = struct.unpack_from("<IHHQ", content, at)
        if magic != MAGIC:
            raise ValueError(f"has no container at byte {at} of {SECTION}")
        entry, end = at + head, at + head + length
        while entry < end:
            kind, _, entry_head, entry_length = struct.unpack_from("<HHIQ", content, entry)
            number, = struct.unpack_from("<I", content, entry + 28)
            if kind in (PTX, MACHINE_CODE):
                found.append(("compute_" if kind == PTX else "sm_") + str(number))
            entry += entry_head + entry_length
        at = (end + 7) // 8 * 8
    return sorted(set(found), key=lambda name: (name.startswith("c"), int(name.split("_")[1])))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--expect", metavar="LIST")
    parser.add_argument("files", nargs="+", metavar="FILE.o")
    options = parser.parse_args()
    right = True
    for file in options.files:
        try:
            with open(file, "rb") as opened:
                found = architectures(section_of(opened.read(), SECTION))
        except (OSError, ValueError, struct.error) as error:
            print(f"{file}: {error}", file=sys.stderr)
            right = False
            continue
        print(f"{file}: {' '.join(found) or 'no code for GPUs'}")
        if options.expect is not None and set(found) != set(options.expect.split()):
            print(f"{file}: expected {options.expect}", file=sys.stderr)
            right = False
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
