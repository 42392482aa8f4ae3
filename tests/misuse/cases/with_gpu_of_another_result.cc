// expect: both implementations return the same type
#include <narke/narke.hpp>

int main() {
  const auto on_gpu = [](narke::gpu_context& gpu, int x) { return gpu.allocate<float>(x); };
  narke::task([](int x) { return narke::allocate<double>(x); }).with_gpu(on_gpu).remote(1);
}
