// expect: take narke::array_builder<T> by value, which consumes its argument
#include <narke/narke.hpp>

void scale(narke::gpu_context&, narke::array_builder<float>&) {}

int main() {
  narke::task(scale).remote(narke::array<float>{});
}
