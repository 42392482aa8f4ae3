// expect: use of deleted function
#include <narke/narke.hpp>

int main() {
  auto made = narke::task([] { return narke::allocate<int>(2); });
  auto elements = narke::get(made.remote()).host();
}
