// expect: error
// expect: map
#include <narke/narke.hpp>

#include <vector>

int main() {
  narke::map([](int x) { return x; }, std::vector{1, 2, 3});
}
