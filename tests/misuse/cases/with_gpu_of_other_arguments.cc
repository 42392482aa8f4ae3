// expect: both implementations take the same number of arguments
#include <narke/narke.hpp>

int main() {
  const auto on_gpu = [](narke::gpu_context&, int x, int) { return x; };
  narke::task([](int x) { return x; }).with_gpu(on_gpu).remote(1);
}
