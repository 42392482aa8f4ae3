// expect: cannot convert
#include <narke/narke.hpp>

int main() {
  auto written = narke::allocate<int>(4);
  narke::task([](narke::array_builder<int> all) { return all; }).remote(written);
}
