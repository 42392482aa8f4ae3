// expect: static assertion failed: narke
// expect: std::move(ref)
#include <narke/narke.hpp>

#include <memory>

int main() {
  const auto ref = narke::put(std::make_unique<int>(1));
  narke::task([](std::unique_ptr<int> p) { return *p; }).remote(std::move(ref));
}
