// expect: error
// expect: co_task
#include <narke/narke.hpp>

narke::co_task<int> later(narke::object_ref<int> ref) { co_return co_await ref; }

int main() { narke::task(later).remote(narke::put(1)); }
