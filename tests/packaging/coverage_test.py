"""What scripts/coverage counts: a small tree is compiled with --coverage, run, and measured.

Usage: coverage_test.py SCRIPTS_DIR COMPILER
"""

import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
SCRIPTS = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "scripts").resolve()
COMPILER = sys.argv[2] if len(sys.argv) > 2 else "g++"
sys.path.insert(0, str(SCRIPTS / "lib"))

from coverage import measure, never_run, source  # noqa: E402

SKIPPED = 77

PROGRAM = """\
#include <stdexcept>
#include <string>
#include <vector>

struct noisy { ~noisy(); };
noisy::~noisy() {}

int sign(int x) {
  if (x < 0)
    return -1;
  return x > 0 ? 1 : 0;
}

std::vector<std::string> words(const std::string& first) {
  const noisy one;
  return {first, "second",
          "third"};
}

template <typename T>
bool is_small(T value) {
  return value < 10;
}

template <typename T>
const char* size_word(T value) {
  if (is_small(value)) {
    return "small";
  }
  return "large";
}

enum class colour { red, green, blue };

int number_of(colour which) {
  switch (which) {
    case colour::red:
      return 1;
    case colour::green:
      return 2;
    case colour::blue:
      return 3;
  }
  return 0;
}

int caught(bool throws) {
  try {
    if (throws) throw std::runtime_error{"x"};
    return 0;
  } catch (const std::runtime_error& error) {
    if (error.what()[0] == 'y') {
      return 1;
    }
  }
  return 2;
}

const std::string& the_static() {
  static const std::string text = "made once";
  return text;
}

int main() {
  words("a");
  the_static();
  size_word(1);
  size_word(100L);
  return sign(5) - 1 + caught(false) + number_of(colour::green) - 2;
}
"""


def line_of(text):
    return PROGRAM.split("\n").index(text) + 1


class Measure(unittest.TestCase):
    counts = None

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        root = pathlib.Path(folder.name).resolve()
        (root / "src").mkdir()
        (root / "build").mkdir()
        (root / "src/program.cpp").write_text(PROGRAM, encoding="utf-8")
        subprocess.run([COMPILER, "-std=c++20", "-O0", "-g1", "--coverage", "-o", "program",
                        str(root / "src/program.cpp")], cwd=root / "build", check=True)
        if not subprocess.run([root / "build/program"], check=False).returncode == 0:
            raise AssertionError("the program does not do what it should")
        cls.counts = measure.counts_of(root, root / "build")["src/program.cpp"]

    def ways(self, text):
        line = line_of(text)
        return sorted(min(count, 1) for key, counts in self.counts.branches.items()
                      if key[1] == line for count in counts)

    def ran(self, text):
        return self.counts.lines.get(line_of(text))

    def test_lines_that_ran_are_told_from_those_that_did_not(self):
        self.assertEqual(self.ran("    return -1;"), 0)
        self.assertGreater(self.ran("  return x > 0 ? 1 : 0;"), 0)
        self.assertIsNone(self.ran("struct noisy { ~noisy(); };"))
        missed = [first for first, _ in measure.blocks_missed(self.counts.lines)]
        self.assertIn(line_of("    return -1;"), missed)
        self.assertNotIn(line_of("  return x > 0 ? 1 : 0;"), missed)

    def test_a_condition_has_two_ways(self):
        self.assertEqual(self.ways("  if (x < 0)"), [0, 1])
        self.assertEqual(self.ways("  return x > 0 ? 1 : 0;"), [0, 1])

    def test_what_the_compiler_decides_is_no_branch(self):
        self.assertEqual(self.ways('  return {first, "second",'), [])
        self.assertEqual(self.ways('  static const std::string text = "made once";'), [])
        self.assertEqual(self.ways("  words(\"a\");"), [])

    def test_a_template_counts_once(self):
        self.assertEqual(self.ways("  if (is_small(value)) {"), [1, 1])

    def test_the_way_past_a_switch_that_names_all_values_is_no_branch(self):
        self.assertEqual(self.ways("  switch (which) {"), [0, 0, 1])

    def test_what_a_catch_clause_does_and_what_follows_counts(self):
        self.assertEqual(self.ways("    if (error.what()[0] == 'y') {"), [0, 0])
        self.assertEqual(self.ran("      return 1;"), 0)
        self.assertEqual(self.ran("  return 2;"), 0)


class Source(unittest.TestCase):
    def test_statements_that_decide_are_found_line_by_line(self):
        text = "\n".join(["int f(int a) {",          # 1
                          "  g(a);",                  # 2
                          "  if (h(a) &&",            # 3
                          "      a) {",               # 4
                          "    g(1);",                # 5
                          "  }",                      # 6
                          "  auto l = [](int x) {",   # 7
                          "    return x;",            # 8
                          "  };",                     # 9
                          "  k({1, a ? 2 : 3}, {",    # 10
                          "      4});",               # 11
                          "  // if (a) while",        # 12
                          '  g("if ?");',             # 13
                          "  for (;;)",               # 14
                          "    g(2);",                # 15
                          "}"])
        self.assertEqual(sorted(source.deciding_lines(text)), [3, 4, 10, 14, 15])

    def test_a_condition_around_a_lambda_keeps_its_lines(self):
        text = "bool b = any_of(v, [](int x) {\n  g();\n  return x;\n}) || c;"
        self.assertEqual(sorted(source.deciding_lines(text)), [1, 2, 3, 4])

    def test_switches_with_a_default_or_numbers_are_not_full(self):
        full = "switch (f(a)) {\n  case e::a:\n  case x::e::b: {\n  }\n}"
        self.assertEqual(sorted(source.full_switches(full)), [1])
        self.assertEqual(source.full_switches(full.replace("e::a", "1")), set())
        self.assertEqual(source.full_switches(full.replace("case x::e::b", "default")), set())

    def test_catch_clauses_are_found(self):
        text = "try {\n  f();\n} catch (const E& e) {\n  if (e) {\n    g();\n  }\n}\nh();"
        self.assertEqual(sorted(source.catching_lines(text)), [3, 4, 5, 6, 7])


class NeverRun(unittest.TestCase):
    LINES = ["f() {", "return 1;", "}", "g() {", "return 1;", "}", "h();"]

    def test_a_block_is_named_by_the_lines_that_make_it_the_only_one(self):
        self.assertEqual(never_run.name_of(self.LINES, 7), "h();")
        self.assertEqual(never_run.name_of(self.LINES, 5), "g() { / return 1;")

    def test_what_is_not_named_and_what_did_run_are_told(self):
        entries, wrong = never_run.read("# head\n\nsrc/a.cpp: h();\n    It cannot.\n"
                                        "src/a.cpp: g() { / return 1;\n    Seldom: a race.\n"
                                        "src/b.cpp: x;\n    No.\n")
        self.assertEqual(wrong, [])
        blocks = [("src/a.cpp", 7, 7, "h();"), ("src/c.cpp", 1, 2, "y;")]
        unnamed, stale = never_run.compare(entries, blocks)
        self.assertEqual([block[0] for block in unnamed], ["src/c.cpp"])
        self.assertEqual([entry.name for entry in stale], ["x;"])

    def test_an_entry_without_a_reason_is_wrong(self):
        _, wrong = never_run.read("src/a.cpp: h();\nsrc/a.cpp: k();\n    Because.\nnonsense\n")
        self.assertEqual(wrong, ["4: neither `FILE: TEXT` nor an indented reason", "1: no reason"])


if __name__ == "__main__":
    version = subprocess.run([COMPILER, "-dumpfullversion"], capture_output=True, text=True,
                             check=False)
    if "g++" not in pathlib.Path(COMPILER).resolve().name or not version.stdout.startswith("12."):
        print(f"{COMPILER} is not g++ 12, whose counts are read")
        sys.exit(SKIPPED)
    unittest.main(argv=sys.argv[:1])
