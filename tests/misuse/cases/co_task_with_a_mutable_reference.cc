// expect: narke
#include <narke/narke.hpp>

narke::co_task<> changes(int& x) {
  x = 1;
  co_return;
}

int main() { narke::task(changes).remote(1); }
