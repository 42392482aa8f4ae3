// expect: a parameter T& is refused
#include <narke/narke.hpp>

void count(narke::gpu_context&, int&) {}

int main() {
  narke::task(count).remote(1);
}
