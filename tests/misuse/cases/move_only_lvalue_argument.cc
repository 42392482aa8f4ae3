// expect: cannot convert
#include <narke/narke.hpp>

#include <memory>

int main() {
  auto value = std::make_unique<int>(1);
  narke::task([](std::unique_ptr<int> p) { return *p; }).remote(value);
}
