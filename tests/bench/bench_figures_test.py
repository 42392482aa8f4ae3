"""The figures that scripts/bench draws of what the programs wrote.

Usage: bench_figures_test.py BENCH_FIGURES_PY
"""

import importlib.util
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest
from xml.etree import ElementTree

SCRIPT = pathlib.Path(sys.argv.pop(1) if len(sys.argv) > 1 else "scripts/lib/bench_figures.py")
sys.dont_write_bytecode = True
spec = importlib.util.spec_from_file_location("bench_figures", SCRIPT)
bench_figures = importlib.util.module_from_spec(spec)
spec.loader.exec_module(bench_figures)

SVG = "{http://www.w3.org/2000/svg}"


def record(contender, real, workload="sort", variant="size:8", **more):
    return {"workload": workload, "variant": variant, "contender": contender, "baseline": "bubble",
            "compared_by": "real_time", "item": "element", "run_type": "iteration",
            "real_time": real, "cpu_time": real} | more


def figures(*records):
    return bench_figures.figures_of([{"benchmarks": list(records)}])


def curve(contender, real, points, variant="stencil/50%"):
    more = {}
    for work, (granularity, efficiency) in points.items():
        more |= {f"granularity_at_{work}_ns": granularity, f"efficiency_at_{work}_ns": efficiency}
    return record(contender, real, "metg", variant, **more)


def elements(figure, name, kind=None):
    root = ElementTree.fromstring(figure)
    return [each for each in root.iter(SVG + name) if kind is None or each.get("class") == kind]


def words(figure):
    return [each.text for each in elements(figure, "text")]


class Ratios(unittest.TestCase):
    def test_others_stand_beside_narke(self):
        figure = figures(record("bubble", 400), record("narke", 100))["ratios_cpu.svg"]
        self.assertIn("4.00 x", words(figure))
        self.assertIn("400 ns", words(figure))

    def test_bars_go_to_the_right_for_what_takes_longer(self):
        figure = figures(record("slow", 1000), record("fast", 10), record("narke", 100))
        slow, fast, _ = elements(figure["ratios_cpu.svg"], "rect")
        self.assertAlmostEqual(float(slow.get("x")),
                               float(fast.get("x")) + float(fast.get("width")))
        self.assertAlmostEqual(float(slow.get("width")), float(fast.get("width")), places=1)

    def test_what_is_off_the_scale_says_so(self):
        text = words(figures(record("bogo", 1e6), record("narke", 1))["ratios_cpu.svg"])
        self.assertIn("1000000 x \u2192", text)

    def test_of_a_share_more_is_better(self):
        figure = figures(record("bubble", 1, compared_by="share_least", share_least=0.25),
                         record("narke", 1, compared_by="share_least", share_least=0.5))
        self.assertIn("2.00 x", words(figure["ratios_cpu.svg"]))

    def test_the_gpu_side_has_a_figure_of_its_own(self):
        figure = figures(record("raw_driver", 1, device="emulated"),
                         record("narke", 2, device="emulated"))
        self.assertEqual(list(figure), ["ratios_gpu.svg"])

    def test_a_contender_that_failed_is_left_out(self):
        failed = {**record("bogo", 1), "error_occurred": True, "error_message": "wrong"}
        figure = figures(failed, record("narke", 2))["ratios_cpu.svg"]
        self.assertNotIn("bogo", words(figure))

    def test_without_narke_there_is_nothing_to_draw(self):
        self.assertEqual(figures(record("bubble", 1)), {})


class Metg(unittest.TestCase):
    POINTS = {64000: (65000, 0.98), 1000: (2000, 0.5), 125: (1000, 0.125)}

    def test_each_runtime_has_a_curve_from_long_tasks_to_short_ones(self):
        figure = figures(curve("narke", 2000, self.POINTS), curve("onetbb", 3000, self.POINTS))
        lines = elements(figure["metg.svg"], "polyline")
        self.assertEqual(len(lines), 2)
        places = [tuple(map(float, point.split(","))) for point in lines[0].get("points").split()]
        self.assertEqual(len(places), 3)
        self.assertEqual(places, sorted(places, key=lambda place: -place[0]))
        self.assertLess(places[0][1], places[2][1])

    def test_metg_of_each_pattern_is_told(self):
        figure = figures(curve("narke", 2000, self.POINTS),
                         curve("narke", 700, self.POINTS, "fft/50%"))["metg.svg"]
        for each in ("stencil", "fft", "2 us", "700 ns"):
            self.assertIn(each, words(figure))


class Files(unittest.TestCase):
    def test_same_results_give_the_same_bytes_for_light_and_dark(self):
        records = [record("bubble", 400), record("narke", 100)]
        self.assertEqual(figures(*records), figures(*records))
        self.assertIn("prefers-color-scheme: dark", figures(*records)["ratios_cpu.svg"])

    def test_figures_are_written_where_asked(self):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "sort.json"
            file.write_text(json.dumps({"benchmarks": [record("narke", 1)]}), encoding="utf-8")
            out = pathlib.Path(folder) / "figures"
            subprocess.run([SCRIPT, "--out", out, file], check=True)
            self.assertEqual([each.name for each in out.iterdir()], ["ratios_cpu.svg"])

    def test_a_file_that_is_no_json_is_named(self):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            file.write("{")
            file.flush()
            done = subprocess.run([SCRIPT, "--out", "/dev/null", file.name], capture_output=True,
                                  text=True, check=False)
            self.assertEqual(done.returncode, 2)
            self.assertIn(file.name, done.stderr)


if __name__ == "__main__":
    unittest.main()
