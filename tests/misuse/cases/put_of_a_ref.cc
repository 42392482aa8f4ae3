// expect: this is a ref already
#include <narke/narke.hpp>

int main() {
  narke::put(narke::put(1));
}
