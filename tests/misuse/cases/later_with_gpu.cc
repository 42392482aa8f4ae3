// expect: error
// expect: with_gpu
#include <narke/narke.hpp>

int main() {
  narke::task([](int x) { return x; }).with_gpu([](int x) { return x; }, {.num_gpus = 0.25});
}
