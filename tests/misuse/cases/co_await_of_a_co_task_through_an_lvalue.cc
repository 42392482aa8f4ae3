// expect: a co_task is awaited once, and given up
#include <narke/narke.hpp>

narke::co_task<int> inner() { co_return 1; }
narke::co_task<int> outer() {
  auto part = inner();
  co_return co_await part;
}

int main() { narke::task(outer).remote(); }
