// expect: error
// expect: gpu_context
#include <narke/narke.hpp>

int main() {
  narke::task([](narke::gpu_context&) {}).remote();
}
