// expect: yield_value
#include <narke/narke.hpp>

narke::co_task<int> yields() {
  co_yield 1;
  co_return 2;
}

int main() { narke::task(yields).remote(); }
