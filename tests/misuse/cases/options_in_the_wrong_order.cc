// expect: narke::task_options
#include <narke/narke.hpp>

int main() {
  narke::task([] {}, {.name = "x", .num_cpus = 1}).remote();
}
