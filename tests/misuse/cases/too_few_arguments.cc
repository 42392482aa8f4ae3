// expect: no matching function
#include <narke/narke.hpp>

struct whole {
  explicit whole(int) {}
};

int main() {
  narke::task([](int x, whole) { return x; }).remote(1);
}
