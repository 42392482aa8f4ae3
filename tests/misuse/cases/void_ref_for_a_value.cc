// expect: cannot convert
#include <narke/narke.hpp>

int main() {
  auto done = narke::task([] {}).remote();
  narke::task([](int x) { return x; }).remote(done);
}
