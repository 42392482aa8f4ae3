// expect: static assertion failed: narke
// expect: tuple, pair or array
#include <narke/narke.hpp>

int main() {
  narke::task([] { return 1; }).num_returns<2>().remote();
}
