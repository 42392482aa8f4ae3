// expect: T& is refused
#include <narke/narke.hpp>

int main() {
  narke::task([](int& x) { ++x; }).remote(1);
}
