// expect: co_await in a co_task takes an object_ref, a vector of object_refs, or a co_task
#include <narke/narke.hpp>

narke::co_task<> waits() { co_await 1; }

int main() { narke::task(waits).remote(); }
