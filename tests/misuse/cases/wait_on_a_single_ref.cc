// expect: no matching function for call to
#include <narke/narke.hpp>

int main() {
  auto ref = narke::put(1);
  narke::wait(ref);
}
