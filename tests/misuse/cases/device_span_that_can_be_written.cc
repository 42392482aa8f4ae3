// expect: Take narke::device_span<const T> to read them, or narke::array_builder<T> by value
#include <narke/narke.hpp>

void scale(narke::gpu_context&, narke::device_span<float>) {}

int main() {
  narke::task(scale).remote(narke::array<float>{});
}
