"""How scripts/guard counts what callgrind dumped, and compares it with the bounds.

Usage: guard_test.py SCRIPTS_DIR
"""

import pathlib
import sys
import tempfile
import unittest

SCRIPTS = pathlib.Path(sys.argv.pop(1) if len(sys.argv) > 1 else "scripts").resolve()
sys.dont_write_bytecode = True
sys.path.insert(0, str(SCRIPTS / "lib"))

from guard import bounds, counts  # noqa: E402
from guard.counts import Totals  # noqa: E402

DUMP = """\
# callgrind format
positions: instr line
events: Ir

ob=/lib/libnarke.so
fl=???
fn=narke::submit(int)
0x10 0 100
0x14 0 100
cfn=operator new(unsigned long)
calls=7 0x500 0
0x14 0 700
0x18 0 50

fn=narke::run()'2
0x30 0 5
ob=/lib/libc.so.6
fn=malloc
0x10 0 7
cfn=calloc
calls=3 0x900 0
0x12 0 30
fn=operator new(unsigned long)
0x500 0 7
cfn=malloc
calls=7 0x10 0
0x504 0 70

totals: 269
"""

SUBMIT = ("/lib/libnarke.so", "narke::submit(int)")
RUN = ("/lib/libnarke.so", "narke::run()")

DISASSEMBLY = """\
   10:\tlock xadd %rax,(%rdx)
   14:\txchg   %rax,0x8(%rdi)
   18:\txchg   %ax,%ax
   1c:\tmov    %rax,(%rdx)
   20:\tlock cmpxchg %rcx,(%rdi)
   24:\tmfence
   28:\tcall   500 <blocklock>
"""


def atomics_of(file):
    return frozenset((0x10, 0x30)) if file == "/lib/libnarke.so" else frozenset()


class Counting(unittest.TestCase):
    def test_instructions_of_callees_are_not_the_callers(self):
        table = counts.by_function(counts.Dump(DUMP), atomics_of)
        self.assertEqual(table[SUBMIT].instructions, 250)

    def test_levels_of_a_recursion_are_one_function(self):
        table = counts.by_function(counts.Dump(DUMP), atomics_of)
        self.assertEqual(table[RUN], Totals(5, 0, 5))

    def test_an_address_is_that_of_one_file(self):
        table = counts.by_function(counts.Dump(DUMP), atomics_of)
        self.assertEqual(table[SUBMIT].atomics, 100)
        self.assertEqual(table["/lib/libc.so.6", "malloc"].atomics, 0)

    def test_an_allocation_counts_once_where_it_was_asked_for(self):
        table = counts.by_function(counts.Dump(DUMP), atomics_of)
        self.assertEqual(table[SUBMIT].allocations, 7)
        self.assertEqual(counts.total(table).allocations, 7)

    def test_atomics_have_a_prefix_or_exchange_with_memory(self):
        self.assertEqual(counts.atomic_addresses(DISASSEMBLY), {0x10, 0x14, 0x20, 0x24})

    def test_what_both_runs_have_in_common_is_no_tasks(self):
        once, twice = {SUBMIT: Totals(1100, 10, 30)}, {SUBMIT: Totals(2100, 10, 50)}
        self.assertEqual(counts.for_one(once, twice, 100), {SUBMIT: Totals(10, 0, 0.2)})

    def test_a_function_of_the_longer_run_alone_counts(self):
        self.assertEqual(counts.for_one({}, {RUN: Totals(300, 0, 0)}, 100), {RUN: Totals(3, 0, 0)})


class Bounds(unittest.TestCase):
    def test_within_the_margin_is_well(self):
        self.assertEqual(bounds.exceeded(Totals(1049, 0.01, 10.4), Totals(1000, 0, 10)), [])

    def test_above_the_margin_is_named(self):
        self.assertEqual(bounds.exceeded(Totals(1053, 0, 10), Totals(1000, 0, 10)),
                         ["instructions"])
        self.assertEqual(bounds.exceeded(Totals(1000, 1, 11), Totals(1000, 0, 10)),
                         ["allocations", "atomics"])

    def test_table_shows_what_was_counted_beside_the_bound(self):
        text = bounds.table({"chain": Totals(1300, 0, 9), "fan_out": Totals(7, 0, 1)},
                            {"chain": Totals(1000, 0, 9)})
        lines = [line.split() for line in text.splitlines()]
        self.assertEqual(lines[1], ["chain", "1300", "1000", "0.00", "0.00", "9.00", "9.00",
                                    "ABOVE"])
        self.assertEqual(lines[2], ["fan_out", "7", "-", "0.00", "-", "1.00", "-"])

    def test_what_is_written_is_read(self):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "bounds.json"
            bounds.write(file, {"chain": Totals(1352.6, 0.004, 9.214)})
            self.assertEqual(bounds.read(file), {"chain": Totals(1353, 0, 9.21)})

    def test_recorded_bounds_are_of_the_paths_that_are_counted(self):
        from guard import measure
        recorded = bounds.read(SCRIPTS.parent / "tests" / "guard" / "bounds.json")
        self.assertEqual(list(recorded), list(measure.PATHS))

    def test_tables_come_between_the_marks_of_a_document(self):
        text = "a\n<!-- counts: begin, by hand -->\nold\n<!-- counts: end -->\nb\n"
        self.assertEqual(bounds.put_between_marks(text, "new"), text.replace("old", "new"))
        self.assertIsNone(bounds.put_between_marks("a\n", "new"))
        self.assertIn("| `chain` | 1353 | 0.00 | 9.21 |",
                      bounds.totals_table({"chain": Totals(1353, 0, 9.21)}))

    def test_functions_are_named_shortly(self):
        for full, short in (
                ("narke::internal::publish(narke::detail::task_node&, int**)", "publish"),
                ("auto narke::detail::launch_task<0ul, int (*)(int)>(int)", "launch_task"),
                ("(anonymous namespace)::tree(int)", "tree"),
                ("pthread_mutex_lock@@GLIBC_2.2.5", "pthread_mutex_lock"),
                ("operator new(unsigned long, std::align_val_t)", "operator new")):
            self.assertEqual(bounds.short_name(full), short)


if __name__ == "__main__":
    unittest.main()
