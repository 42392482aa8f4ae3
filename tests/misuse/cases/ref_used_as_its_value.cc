// expect: cannot convert
#include <narke/narke.hpp>

int main() {
  int x = narke::put(1);
  return x;
}
