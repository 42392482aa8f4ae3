// expect: use of deleted function
#include <narke/narke.hpp>

#include <vector>

int main() {
  auto elements = narke::array<int>{std::vector{1, 2}}.host();
}
