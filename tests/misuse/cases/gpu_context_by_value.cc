// expect: a GPU task takes narke::gpu_context& as its first parameter, and once
#include <narke/narke.hpp>

int main() {
  narke::task([](const narke::gpu_context&) {}).remote();
}
