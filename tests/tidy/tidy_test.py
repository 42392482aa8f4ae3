"""Plants a violation of every rule in a small tree, and sees it reported; a clean tree is clean.

Usage: tidy_test.py PATH_OF_CHECK_TIDY
"""

import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
CHECK_TIDY = pathlib.Path(sys.argv.pop(1) if len(sys.argv) > 1 else "scripts/check-tidy").resolve()
sys.path.insert(0, str(CHECK_TIDY.parent / "lib"))

import tidy  # noqa: E402
from tidy import cpp_text  # noqa: E402
from tidy.tree import Tree  # noqa: E402

CLEAN = {
    "CMakeLists.txt": "narke_layer(base DEPENDS fmt::fmt)\n"
                      "narke_layer(driver DEPENDS narke_base)\n"
                      "narke_layer(topology DEPENDS narke_driver)\n"
                      "narke_layer(api DEPENDS narke_topology)\n"
                      "add_executable(narke src/cli/main.cpp)\n",
    "tests/CMakeLists.txt": "file(GLOB sources here)\nnarke_tests(base LINK narke_base)\n",
    "README.md": "Start at `<narke/narke.hpp>`; `src/base` is below. Run `./scripts/go`.\n",
    "scripts/go": "#!/bin/sh\necho ready\n",
    "include/narke/narke.hpp": "// All of it.\n#pragma once\n",
    "src/base/clock.hpp": "// Time.\n#pragma once\nint now();\n",
    "src/base/clock.cpp": '#include "base/clock.hpp"\n\nint now() { return 1\'000; }\n',
    "src/driver/driver.cpp": '#include "base/clock.hpp"\n#include <narke/narke.hpp>\n',
    "src/cli/main.cpp": "int main() {}\n",
    "tests/base/clock_test.cpp": '#include "base/clock.hpp"\n',
}

LONG_BODY = "  step();\n" * 80

# Rule: (file, its text) that break it, each on its own; the file is added to the clean tree.
PLANTED = {
    "layers": [
        ("src/base/up.cpp", '#include "driver/driver.hpp"\n'),
        ("include/narke/narke.hpp", '// X.\n#pragma once\n#include "base/clock.hpp"\n'),
        ("tests/conformance/a_test.cpp", '#include "base/clock.hpp"\n'),
        ("tests/base/up_test.cpp", '#include "driver/driver.hpp"\n'),
        ("bench/chain/narke.cpp", '#include "driver/driver.hpp"\n'),
        ("bench/harness/raw_driver.cpp", '#include "base/clock.hpp"\n'),
    ],
    "include-form": [
        ("src/base/quoted.cpp", '#include "narke/narke.hpp"\n'),
        ("src/base/relative.cpp", '#include "clock.hpp"\n'),
    ],
    "restricted-header": [
        ("src/base/tree.cpp", "#include <hwloc.h>\n"),
        ("src/driver/real.cpp", "#include <cuda.h>\n"),
        ("src/driver/real.cpp", "#include <thrust/sort.h>\n"),
        ("include/narke/narke.hpp", "// X.\n#pragma once\n#include <fmt/format.h>\n"),
        ("src/base/options.cpp", "#include <CLI/CLI.hpp>\n"),
        ("src/base/checks.cpp", "#include <gtest/gtest.h>\n"),
    ],
    "banned-call": [
        ("src/base/a.cpp", line + "\n") for line in (
            'auto a = std::getenv("A");', 'int a = setenv("A", "1", 1);',
            "void f() { std::atomic_thread_fence(std::memory_order_seq_cst); }",
            "int a = rand();", "void f() { srand(1); }", 'int a = sprintf(b, "%d", 1);',
            "void f() { strcpy(a, b); }", "int a = atoi(text);", "void f() { usleep(1); }",
            "void f() { out << std::endl; }", 'int a = std::system("ls");',
            'auto a = popen("ls", "r");', "void f() { exit(1); }", "auto a = localtime(&now);",
            "void f() { signal(2, g); }", "void f() { std::cout << 1; }",
            'void f() { printf("1"); }', "using namespace std;", "volatile int a = 1;",
        )
    ],
    "one-environment-reader": [
        ("src/driver/reader.cpp", 'auto a = secure_getenv("A");\n'),
    ],
    "function-length": [
        ("src/base/long.cpp", "int f(int a) {\n" + LONG_BODY + "}\n"),
        ("src/base/long.cpp", "namespace a {\nclass b : c {\n  void f() const noexcept override {\n"
                              + LONG_BODY + "  }\n};\n}\n"),
        ("src/base/long.cpp", "a::a() : b_{1}, c_{2} {\n" + LONG_BODY + "}\n"),
        ("src/base/long.cpp", "template <class T, class U = std::vector<T>>\nauto f(T t) -> U {\n"
                              + LONG_BODY + "}\n"),
        ("src/base/long.cpp", "bool operator==(a b, a c) {\n" + LONG_BODY + "}\n"),
        ("src/base/long.cpp", "TEST(a, b) {\n" + LONG_BODY + "}\n"),
        ("scripts/long.py", "def f():\n" + "    step()\n" * 80),
        ("scripts/go", "#!/bin/sh\nf() {\n" + LONG_BODY + "}\n"),
    ],
    "unfinished": [
        ("src/base/later.cpp", "// TO" "DO: the rest\n"),
        ("docs/LATER.md", "FIX" "ME\n"),
    ],
    "file-length": [("src/base/big.cpp", "int f();\n" * 801)],
    "line-length": [
        ("src/base/wide.cpp", "// " + "x" * 98 + "\n"),
        ("scripts/go", "#!/bin/sh\n# " + "x" * 99 + "\n"),
    ],
    "whitespace": [
        ("src/base/tab.cpp", "int f() {\n\treturn 1;\n}\n"),
        ("src/base/end.cpp", "int f(); \n"),
        ("src/base/cut.cpp", "int f();"),
    ],
    "pragma-once": [("src/base/clock.hpp", "// Time.\nint now();\n")],
    "header-opening": [("src/base/clock.hpp", "#pragma once\nint now();\n")],
    "dead-source": [
        ("src/graph/unbuilt.cpp", "int f();\n"),
        ("tests/graph/unbuilt_test.cpp", "int f();\n"),
        ("examples/unbuilt.cpp", "int main() {}\n"),
    ],
    "dead-header": [("src/base/unused.hpp", "// Unused.\n#pragma once\n")],
    "machine-path": [
        ("scripts/go", "#!/bin/sh\ncd /wo" "rk/main\n"),
        ("docs/PLACES.md", "See /ho" "me/somebody/narke.\n"),
    ],
    "documented-path": [
        ("README.md", "Read `docs/NOWHERE.md`. `<narke/narke.hpp>`\n"),
        ("README.md", "The header `<narke/nowhere.hpp>`; `<narke/narke.hpp>`\n"),
        ("README.md", "[a link](docs/nowhere.md) `<narke/narke.hpp>`\n"),
        ("README.md", "    ./scripts/nowhere\n`<narke/narke.hpp>`\n"),
        ("docs/GUIDE.md", "All of `src/nowhere/`.\n"),
    ],
}


def plant(folder, planted):
    for path, text in {**CLEAN, **planted}.items():
        file = pathlib.Path(folder) / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def violations_of(planted):
    with tempfile.TemporaryDirectory() as folder:
        plant(folder, planted)
        return tidy.check(Tree(folder))


class Rules(unittest.TestCase):
    def test_a_clean_tree_is_clean(self):
        self.assertEqual([str(violation) for violation in violations_of({})], [])

    def test_every_rule_has_a_planted_violation(self):
        self.assertEqual(set(PLANTED), set(tidy.RULES))

    def test_every_planted_violation_is_reported_where_it_is(self):
        for rule, plants in PLANTED.items():
            for path, text in plants:
                with self.subTest(rule=rule, text=text[:60]):
                    extra = {}
                    if rule == "one-environment-reader":
                        extra = {"src/base/environment.cpp": 'auto a = secure_getenv("A");\n'}
                    if "driver/driver.hpp" in text:
                        extra = {"src/driver/driver.hpp": "// A driver.\n#pragma once\n"}
                    reported = {(found.rule, found.path)
                                for found in violations_of({**extra, path: text})}
                    self.assertIn((rule, path), reported)


class ReadingCpp(unittest.TestCase):
    def test_comments_and_literals_are_no_code(self):
        clean = {"src/base/a.cpp": '// rand()\n/* atoi(x) */\nauto a = "usleep(1)";\n'
                                   'auto b = R"(sprintf(x))";\nauto c = \'"\'; // strcpy(a, b)\n'}
        self.assertEqual(violations_of(clean), [])

    def test_a_member_or_a_longer_name_is_not_the_banned_function(self):
        clean = {"src/base/a.cpp": "auto a = secure_getenv_list(1);\nvoid f() { gate.signal(); }\n"
                                   "auto g = on_exit(2) + file.system(3);\n"}
        self.assertEqual(violations_of(clean), [])

    def test_a_long_class_is_not_a_long_function(self):
        clean = {"src/base/a.cpp": "class a {\n" + "  int f() { return 1; }\n" * 90 + "};\n"}
        self.assertEqual(violations_of(clean), [])

    def test_a_long_table_is_not_a_long_function(self):
        clean = {"src/base/a.cpp": "const int a[] = {\n" + "  f(1),\n" * 90 + "};\n"}
        self.assertEqual(violations_of(clean), [])

    def test_functions_begin_and_end_where_they_do(self):
        text = ("namespace a {\n"
                "enum class e { x, y };\n"
                "struct s {\n"
                "  s() : v_{1},\n"
                "        w_(2) {\n"
                "    f();\n"
                "  }\n"
                "  int v_{3};\n"
                "};\n"
                "auto l = [](int x) {\n"
                "  return x;\n"
                "};\n"
                "}\n")
        self.assertEqual(list(cpp_text.functions(text)), [(4, 7), (10, 12)])


class Command(unittest.TestCase):
    def run_in(self, planted, *options):
        with tempfile.TemporaryDirectory() as folder:
            plant(folder, planted)
            return subprocess.run([sys.executable, str(CHECK_TIDY), "--root", folder, *options],
                                  capture_output=True, text=True, check=False)

    def test_exit_code_says_whether_there_are_violations(self):
        self.assertEqual(self.run_in({}).returncode, 0)
        done = self.run_in({"src/base/a.cpp": "int a = rand();\n"})
        self.assertEqual(done.returncode, 1)
        self.assertIn("src/base/a.cpp:1: banned-call: rand", done.stdout)

    def test_wrong_usage_exits_2(self):
        self.assertEqual(self.run_in({}, "--rule", "no-such-rule").returncode, 2)
        self.assertEqual(self.run_in({}, "--root", "no-such-folder").returncode, 2)

    def test_what_git_ignores_is_not_looked_at(self):
        with tempfile.TemporaryDirectory() as folder:
            plant(folder, {".gitignore": "/made/\n", "made/a.cpp": "int a = rand();\n"})
            subprocess.run(["git", "init", "-q", folder], check=True)
            self.assertEqual(tidy.check(Tree(folder)), [])


if __name__ == "__main__":
    unittest.main()
