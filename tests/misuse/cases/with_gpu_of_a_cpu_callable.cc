// expect: with_gpu takes a callable whose first parameter is narke::gpu_context&
#include <narke/narke.hpp>

int main() {
  narke::task([](int x) { return x; }).with_gpu([](int x) { return x; }, {.num_gpus = 0.25});
}
