// expect: cannot convert
#include <narke/narke.hpp>

#include <vector>

int main() {
  std::vector<narke::object_ref<int>> refs;
  narke::wait(refs, {.timeout = 5});
}
