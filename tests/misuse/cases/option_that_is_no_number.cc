// expect: cannot convert
#include <narke/narke.hpp>

int main() {
  narke::task([] {}, {.num_cpus = "two"}).remote();
}
