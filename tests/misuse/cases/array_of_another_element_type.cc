// expect: the ref's value does not convert to the parameter's type
#include <narke/narke.hpp>

void look(narke::gpu_context&, narke::device_span<const float>) {}

int main() {
  narke::task(look).remote(narke::put(narke::array<double>{}));
}
