// expect: cannot be a co_task
#include <narke/narke.hpp>

#include <vector>

narke::co_task<int> one(int x) { co_return x; }

int main() { narke::map(one, std::vector{1, 2}); }
