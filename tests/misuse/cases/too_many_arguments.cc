// expect: cannot convert
#include <narke/narke.hpp>

int main() {
  narke::task([](int x) { return x; }).remote(1, 2);
}
