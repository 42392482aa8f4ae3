// expect: a GPU task takes narke::gpu_context& as its first parameter, and once
#include <narke/narke.hpp>

void late(int, narke::gpu_context&) {}

int main() {
  narke::task(late).remote(1, 2);
}
