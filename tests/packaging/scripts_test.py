"""What the scripts do with wrong options, and where packages are missing.

Usage: scripts_test.py SCRIPTS_DIR
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

SCRIPTS = pathlib.Path(sys.argv.pop(1) if len(sys.argv) > 1 else "scripts").resolve()


def run(command, **options):
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          check=False, **options)


class TestScript(unittest.TestCase):
    def test_wrong_options_exit_2_with_the_usage(self):
        for options in (["--preset", "fast"], ["--preset"], ["--frobnicate"], ["runtime"], ["-R"]):
            with self.subTest(options=options):
                done = run([SCRIPTS / "test", *options])
                self.assertEqual(done.returncode, 2)
                self.assertIn("Usage: scripts/test", done.stderr)
                self.assertEqual(done.stdout, "")

    def test_help_goes_to_stdout(self):
        done = run([SCRIPTS / "test", "--help"])
        self.assertEqual(done.returncode, 0)
        self.assertIn("Usage: scripts/test", done.stdout)


class BenchScript(unittest.TestCase):
    def test_wrong_options_exit_2_with_the_usage(self):
        for options in (["--frobnicate"], ["gpu_chain"], ["--only"], ["--only", "gpu_nothing"],
                        ["--only", ""], ["--only=gpu,nothing"], ["--repetitions", "0"],
                        ["--repetitions", "1001"], ["--repetitions", "many"], ["--repetitions"],
                        ["--results"], ["--results", ""]):
            with self.subTest(options=options):
                done = run([SCRIPTS / "bench", *options])
                self.assertEqual(done.returncode, 2)
                self.assertTrue(done.stderr.startswith("scripts/bench: "), done.stderr)
                self.assertIn("Usage: scripts/bench", done.stderr)
                self.assertEqual(done.stdout, "")

    def test_help_and_list_name_every_workload(self):
        folders = sorted(file.parent.name for file in (SCRIPTS.parent / "bench").glob("*/main.cpp"))
        self.assertIn("gpu_chain", folders)
        done = run([SCRIPTS / "bench", "--list"])
        self.assertEqual((done.returncode, done.stdout.split()), (0, folders))
        done = run([SCRIPTS / "bench", "--help"])
        self.assertEqual(done.returncode, 0)
        for folder in folders:
            self.assertIn(folder, done.stdout)


class GuardScript(unittest.TestCase):
    def test_wrong_options_exit_2_with_the_usage(self):
        for options in (["--frobnicate"], ["--path", "nowhere"], ["--functions", "many"]):
            with self.subTest(options=options):
                done = run([SCRIPTS / "guard", *options])
                self.assertEqual(done.returncode, 2)
                self.assertIn("usage: scripts/guard", done.stderr)
                self.assertEqual(done.stdout, "")

    def test_help_names_every_path(self):
        done = run([SCRIPTS / "guard", "--help"])
        self.assertEqual(done.returncode, 0)
        for path in ("fan_out", "chain", "nested", "actor_calls", "gpu_chain", "put_get"):
            self.assertIn(path, done.stdout)


class Packages(unittest.TestCase):
    """With commands of our own in place of dpkg-query, apt-get, sudo and id."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.installed = self.folder / "installed"
        self.installed.write_text("present\n", encoding="utf-8")
        self.log = self.folder / "log"
        self.log.write_text("", encoding="utf-8")
        for name in ("bash", "cat", "env", "grep", "printf"):
            os.symlink(f"/usr/bin/{name}", self.folder / name)
        self.command("dpkg-query", 'for name; do :; done; grep -qx "$name" "$FAKE/installed" '
                                   '&& echo installed')
        self.command("apt-cache", 'test ! -e "$FAKE/old-lists"')
        self.command("apt-get", 'echo "apt-get $*" >>"$FAKE/log"\n'
                                'case "$*" in *update*) exit 0 ;; esac\n'
                                'test ! -e "$FAKE/broken"')
        self.command("id", 'cat "$FAKE/uid"')
        self.be("0")

    def command(self, name, body):
        file = self.folder / name
        file.write_text(f"#!/bin/bash\n{body}\n", encoding="utf-8")
        file.chmod(0o755)

    def be(self, uid):
        (self.folder / "uid").write_text(uid + "\n", encoding="utf-8")

    def require(self, *packages):
        script = f'set -euo pipefail; source "{SCRIPTS}/lib/packages.sh"; ' \
                 f'narke_require_packages {" ".join(packages)}; echo reached'
        return run(["/bin/bash", "-c", script],
                   env={"PATH": str(self.folder), "FAKE": str(self.folder)})

    def calls(self):
        return [line for line in self.log.read_text(encoding="utf-8").splitlines()]

    def test_nothing_missing_does_not_start_apt(self):
        self.assertEqual(self.require("present").stdout, "reached\n")
        self.assertEqual(self.calls(), [])

    def test_only_what_is_missing_is_installed(self):
        self.assertEqual(self.require("present", "absent").stdout, "reached\n")
        self.assertEqual(len(self.calls()), 1)
        self.assertRegex(self.calls()[0], r"install .* absent$")
        self.assertNotIn("present", self.calls()[0])

    def test_lists_without_the_package_are_fetched_first(self):
        (self.folder / "old-lists").touch()
        self.assertEqual(self.require("absent").returncode, 0)
        self.assertEqual(["update" in call for call in self.calls()], [True, False])

    def test_a_failed_installation_is_told_with_its_command(self):
        (self.folder / "broken").touch()
        done = self.require("absent")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("apt-get install -y --no-install-recommends absent", done.stderr)

    def test_without_root_and_sudo_the_command_is_printed(self):
        self.be("1000")
        done = self.require("absent", "present")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("apt-get install -y --no-install-recommends absent\n", done.stderr)
        self.assertEqual(self.calls(), [])

    def test_sudo_that_asks_for_a_password_is_not_asked_without_a_terminal(self):
        self.be("1000")
        self.command("sudo", 'echo "sudo $*" >>"$FAKE/log"; exit 1')
        self.assertEqual(self.require("absent").returncode, 2)
        self.assertEqual(self.calls(), ["sudo -n true"])

    def test_sudo_without_a_password_installs(self):
        self.be("1000")
        self.command("sudo", '[[ "$1" != -n ]] || shift; "$@"')
        self.command("true", "exit 0")
        self.assertEqual(self.require("absent").returncode, 0)
        self.assertRegex(self.calls()[0], r"install .* absent$")


if __name__ == "__main__":
    unittest.main()
