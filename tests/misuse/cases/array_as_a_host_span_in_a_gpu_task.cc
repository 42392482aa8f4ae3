// expect: a GPU task reads an array on its device: take narke::device_span<const T>
#include <narke/narke.hpp>

#include <span>

void look(narke::gpu_context&, std::span<const float>) {}

int main() {
  narke::task(look).remote(narke::put(narke::array<float>{}));
}
