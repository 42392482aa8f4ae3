// expect: stands in a coroutine that returns narke::co_task
#include <coroutine>

#include <narke/narke.hpp>

struct own {
  struct promise_type {
    own get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() {}
  };
};

own other(narke::object_ref<int> ref) { co_await ref; }

int main() { other(narke::put(1)); }
