#!/usr/bin/env python3
"""cli_test.py PROGRAM SOURCE_DIR: the program `narke` as a user meets it."""
import json
import os
import subprocess
import sys
import tempfile
import unittest

import jsonschema

PROGRAM = ""
SOURCE = ""


def run(*arguments, **options):
    options.setdefault("stdout", subprocess.PIPE)
    environment = {**os.environ, **options.pop("environment", {})}
    return subprocess.run([PROGRAM, *arguments], stderr=subprocess.PIPE, text=True, timeout=60,
                          env=environment, check=False, **options)


def source_file(*parts):
    return os.path.join(SOURCE, *parts)


def topology(name):
    folder = os.environ.get("NARKE_TOPOLOGIES", source_file("..", "shared", "topologies"))
    path = os.path.join(folder, name)
    if not os.path.exists(path):
        raise unittest.SkipTest(f"{path} is not there")
    return path


class CliTest(unittest.TestCase):
    def report(self, *arguments, **options):
        """The JSON report, which must keep the schema and come without a message."""
        result = run("report", "--json", *arguments, **options)
        self.assertEqual(result.stderr, "")
        self.assertEqual(result.returncode, 0)
        report = json.loads(result.stdout)
        with open(source_file("docs", "report.schema.json"), encoding="utf-8") as file:
            jsonschema.Draft202012Validator(json.load(file)).validate(report)
        return report

    def refused(self, *arguments, naming):
        """Exit code 2, nothing on standard output, one message that names the culprit."""
        result = run(*arguments)
        self.assertEqual(result.returncode, 2, result)
        self.assertEqual(result.stdout, "")
        self.assertTrue(result.stderr.startswith("narke: "), result.stderr)
        self.assertIn(naming, result.stderr)


class Report(CliTest):
    def test_of_this_machine_agrees_with_the_kernel(self):
        report = self.report()
        self.assertTrue(report["machine"]["is_this_system"])
        self.assertEqual(report["host"]["hostname"], os.uname().nodename)
        self.assertLessEqual(report["cluster_resources"]["CPU"], len(os.sched_getaffinity(0)))
        self.assertGreaterEqual(report["cluster_resources"]["CPU"], 1)
        self.assertEqual(report["available_resources"], report["cluster_resources"])
        self.assertFalse(report["runtime"]["initialized"])

    def test_follows_the_affinity_mask(self):
        cpu = min(os.sched_getaffinity(0))
        report = self.report(preexec_fn=lambda: os.sched_setaffinity(0, {cpu}))
        self.assertEqual(report["machine"]["limits"]["affinity_cpus"], 1)
        self.assertEqual(report["cluster_resources"]["CPU"], 1)

    def test_as_text_has_the_tree_and_the_resources(self):
        result = run("report")
        self.assertEqual(result.returncode, 0)
        self.assertEqual(result.stderr, "")
        for part in ("Machine ", "  Package ", "Usable by this process\n", "Resources ", "CPU"):
            self.assertIn(part, result.stdout)

    def test_holds_no_environment(self):
        secret = {"NARKE_TEST_TOKEN": "hunter2-hunter2"}
        self.assertNotIn("hunter2", json.dumps(self.report(environment=secret)))
        self.assertNotIn("hunter2", run("report", environment=secret).stdout)

    def test_emulated_gpus_have_the_count_and_memory_asked_for(self):
        report = self.report("--emulated-gpus", "2:1GiB")
        self.assertEqual(report["cluster_resources"]["GPU"], 2)
        self.assertEqual([gpu["memory.total_bytes"] for gpu in report["gpus"]], [1 << 30] * 2)
        self.assertTrue(all(gpu["is_emulated"] for gpu in report["gpus"]))
        self.assertEqual(len({gpu["uuid"] for gpu in report["gpus"]}), 2)
        self.assertEqual([(link["from"], link["to"], link["peer_access"])
                          for link in report["gpu_links"]], [(0, 1, True), (1, 0, True)])
        self.assertIn("GPU1     P2P     X",
                      run("report", "--emulated-gpus", "2:1GiB").stdout)
        default = self.report("--emulated-gpus=1")["gpus"][0]
        self.assertEqual(default["memory.total_bytes"], 16 << 30)
        self.assertNotIn("GPU", self.report("--emulated-gpus", "0")["cluster_resources"])
        self.assertIn("GPU 1: narke emulated GPU, 1 GiB",
                      run("report", "--emulated-gpus", "2:1GiB").stdout)


class ReportOfATopologyFile(CliTest):
    def test_describes_that_machine(self):
        report = self.report("--topology", source_file("tests", "cli", "small_machine.xml"))
        self.assertFalse(report["machine"]["is_this_system"])
        self.assertEqual(report["machine"]["cores"], 2)
        self.assertEqual(report["machine"]["numa_nodes"][0]["memory_bytes"], 1 << 30)
        self.assertEqual(report["cluster_resources"]["CPU"], 2)
        self.assertNotIn("GPU", report["cluster_resources"])

    def test_takes_emulated_gpus_too(self):
        report = self.report("--topology", source_file("tests", "cli", "small_machine.xml"),
                             "--emulated-gpus", "3")
        self.assertEqual(report["cluster_resources"]["GPU"], 3)

    def test_dgx_2_has_16_gpus_with_uuids_numa_nodes_and_nvlinks(self):
        path = topology("nvidiaDGX2.xml")
        report = self.report("--topology", path)
        gpus = report["gpus"]
        self.assertEqual(len(gpus), 16)
        self.assertEqual(len({gpu["uuid"] for gpu in gpus}), 16)
        self.assertEqual({gpu["numa_node"] for gpu in gpus}, {0, 1})
        self.assertEqual(report["cluster_resources"]["GPU"], 16)
        self.assertEqual(report["cluster_resources"]["accelerator_type:V100"], 1)
        fast = [link for link in report["gpu_links"] if link["nvlink_bandwidth_mb_per_s"]]
        self.assertGreaterEqual(len(fast), 16)
        text = run("report", "--topology", path).stdout
        self.assertEqual(text.count("        GPU0  GPU1"), 1)
        self.assertIn("NV6", text)
        self.assertIn("GPU 15: Tesla V100", text)

    def test_power8_has_4_gpus_each_counted_once(self):
        report = self.report("--topology", topology("power8gpudistances.xml"))
        self.assertEqual(len(report["gpus"]), 4)

    def test_format_3_is_refused_with_its_name(self):
        path = topology("nvidiaDGX2-v3.xml")
        self.refused("report", "--topology", path, naming="3.0")
        self.refused("report", "--json", "--topology", path, naming=path)

    def test_that_is_none_is_refused_with_its_name(self):
        self.refused("report", "--topology", "/no/such/file.xml", naming="/no/such/file.xml")
        self.refused("report", "--topology", source_file("tests"), naming="tests")
        self.refused("report", "--topology", os.devnull, naming=os.devnull)
        with open(source_file("tests", "cli", "small_machine.xml"), encoding="utf-8") as file:
            whole = file.read()
        half = whole[:len(whole) // 2]
        for broken in ("", "not xml", "<topology/>", half, whole.replace("<", "")):
            with tempfile.NamedTemporaryFile("w", suffix=".xml") as file:
                file.write(broken)
                file.flush()
                self.refused("report", "--topology", file.name, naming=file.name)


class WrongUsage(CliTest):
    def test_is_exit_code_2_and_names_what_is_wrong(self):
        self.refused(naming="verb")
        self.refused("frobnicate", naming="frobnicate")
        self.refused("report", "--bogus", naming="--bogus")
        self.refused("report", "more", naming="more")
        self.refused("report", "--topology", naming="--topology")
        for bad in ("x", "-1", "2:", "2:lots", "1e9", "2:1GiB:3"):
            self.refused("report", "--emulated-gpus=" + bad, naming=bad)
            self.refused("report", "--emulated-gpus=" + bad, naming="--emulated-gpus")

    def test_a_verb_that_is_not_there_is_refused(self):
        self.refused("map", "--", "true", naming="map")

    def test_messages_carry_no_control_characters(self):
        result = run("report", "--topology", "/no/\x1b[31msuch")
        self.assertEqual(result.returncode, 2)
        self.assertNotIn("\x1b", result.stderr)


class Streams(CliTest):
    def test_help_and_version_work_everywhere_as_data(self):
        for arguments in (["--help"], ["report", "--help"], ["-h"]):
            result = run(*arguments)
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            self.assertIn("report", result.stdout)
        for arguments in (["--version"], ["report", "--version"]):
            result = run(*arguments)
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            for part in ("narke 0.", "compiler: ", "build type: ", "hwloc: "):
                self.assertIn(part, result.stdout)

    def test_a_full_standard_output_is_an_error(self):
        for arguments in (["report"], ["report", "--json"], ["--help"], ["--version"]):
            with open("/dev/full", "w", encoding="utf-8") as full:
                result = run(*arguments, stdout=full)
            self.assertEqual(result.returncode, 1)
            self.assertIn("standard output", result.stderr)

    def test_a_pipe_that_nobody_reads_is_an_error_and_no_signal(self):
        reading, writing = os.pipe()
        os.close(reading)
        result = run("report", stdout=writing)
        os.close(writing)
        self.assertEqual(result.returncode, 1)
        self.assertIn("Broken pipe", result.stderr)

    def test_a_closed_standard_output_is_an_error(self):
        result = run("report", stdout=None, preexec_fn=lambda: os.close(1))
        self.assertEqual(result.returncode, 1)
        self.assertIn("standard output is closed", result.stderr)


if __name__ == "__main__":
    PROGRAM, SOURCE = sys.argv[1:3]
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
