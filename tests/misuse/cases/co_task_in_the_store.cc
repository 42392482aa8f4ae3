// expect: a co_task is no value
#include <narke/narke.hpp>

narke::co_task<int> one() { co_return 1; }

int main() { narke::put(one()); }
