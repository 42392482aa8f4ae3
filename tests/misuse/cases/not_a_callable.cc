// expect: static assertion failed: narke
#include <narke/narke.hpp>

int main() {
  narke::task(5).remote();
}
