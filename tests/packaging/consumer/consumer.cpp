#include <utility>

#include <narke/narke.hpp>

int main() {
  narke::init({.num_cpus = 2});
  auto square = narke::task([](int x) { return x * x; });
  auto first = square.remote(6);
  auto second = square.remote(std::move(first));
  const int result = narke::get(second);
  narke::shutdown();
  return result == 1296 ? 0 : 1;
}
