// expect: static assertion failed: narke
// expect: std::move(refs)
#include <narke/narke.hpp>

#include <memory>
#include <vector>

int main() {
  std::vector<narke::object_ref<std::unique_ptr<int>>> refs;
  narke::task([](std::vector<std::unique_ptr<int>> all) { return all.size(); }).remote(refs);
}
