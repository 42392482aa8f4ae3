// expect: read-only
#include <narke/narke.hpp>

int main() {
  narke::task([](auto& x) { x = 1; }).remote(narke::put(1));
}
