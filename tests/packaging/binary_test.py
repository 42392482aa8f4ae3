"""Looks at the built library: what it shows, what it needs, and whether it is hardened.

Usage: binary_test.py LIBRARY HARDENED(ON|OFF) [PROGRAM...]
"""

import re
import subprocess
import sys
import unittest

NEEDED = re.compile(r"lib(fmt|spdlog|hwloc|stdc\+\+|gcc_s|m|c|dl|pthread)\.so|ld-linux")


def output_of(*command):
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout


class Library(unittest.TestCase):
    library = None
    hardened = False
    programs = ()

    def test_shows_only_names_of_narke(self):
        strangers = []
        for line in output_of("nm", "-DC", "--defined-only", self.library).splitlines():
            kind, name = line[17:18], line[19:]
            # Weak and unique ones are the standard library's templates, made for narke's types.
            if kind not in "WVuw" and "narke::" not in name:
                strangers.append(line)
        self.assertEqual(strangers, [])

    def test_needs_no_cuda_and_nothing_unexpected(self):
        dynamic = output_of("readelf", "-dW", self.library)
        needed = re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic)
        self.assertTrue(needed)
        self.assertEqual([name for name in needed if not NEEDED.match(name)], [])

    def test_calls_nothing_that_speaks_to_a_network(self):
        calls = {"socket", "bind", "listen", "accept", "accept4", "connect", "getaddrinfo",
                 "gethostbyname", "sendto", "recvfrom", "shm_open"}
        for binary in (self.library, *self.programs):
            with self.subTest(binary=binary):
                used = {line.split()[-1].split("@")[0]
                        for line in output_of("nm", "-D", "--undefined-only", binary).splitlines()}
                self.assertEqual(used & calls, set())

    def test_has_a_versioned_name(self):
        self.assertRegex(output_of("readelf", "-dW", self.library),
                         r"\(SONAME\).*\[libnarke\.so\.\d+\.\d+\]")

    def test_is_hardened(self):
        if not self.hardened:
            return
        for binary in (self.library, *self.programs):
            with self.subTest(binary=binary):
                self.assertIn("GNU_RELRO", output_of("readelf", "-lW", binary))
                self.assertRegex(output_of("readelf", "-dW", binary), r"BIND_NOW|FLAGS_1.*NOW")
                self.assertIn("DYN", output_of("readelf", "-hW", binary))
                self.assertNotRegex(output_of("readelf", "-lW", binary), r"GNU_STACK.*RWE")
        self.assertTrue("__stack_chk_fail" in output_of("nm", "-D", self.library))


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    Library.library, Library.hardened = sys.argv[1], sys.argv[2] == "ON"
    Library.programs = tuple(sys.argv[3:])
    unittest.main(argv=sys.argv[:1])
