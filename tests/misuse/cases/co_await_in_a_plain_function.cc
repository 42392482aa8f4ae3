// expect: unable to find the promise type for this coroutine
#include <narke/narke.hpp>

int plain(narke::object_ref<int> ref) { return co_await ref; }

int main() { return plain(narke::put(1)); }
