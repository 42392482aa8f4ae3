// expect: no match for
#include <narke/narke.hpp>

int main() {
  auto ref = narke::put(1);
  return ref + 1;
}
