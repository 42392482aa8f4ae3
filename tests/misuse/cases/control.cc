// expect: nothing
#include <narke/narke.hpp>

#include <memory>
#include <vector>

int main() {
  auto only = narke::put(std::make_unique<int>(1));
  narke::task([](std::unique_ptr<int> p) { return *p; }).remote(std::move(only));
  narke::task([](const int& x) { return x; }).remote(narke::put(1));
  auto [a, b] = narke::task([] { return std::pair{1, 2}; }).num_returns<2>().remote();
}
