// expect: assignment of read-only location
#include <narke/narke.hpp>

#include <vector>

int main() {
  const narke::array<int> all{std::vector{1, 2}};
  all.host()[0] = 3;
}
