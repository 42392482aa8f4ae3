// expect: a CPU task takes std::span<const T>
#include <narke/narke.hpp>

int main() {
  narke::task([](narke::device_span<const float> x) { return x.size(); }).remote(
      narke::array<float>{});
}
