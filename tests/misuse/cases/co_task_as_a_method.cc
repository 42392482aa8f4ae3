// expect: a method of an actor cannot be a co_task
#include <narke/narke.hpp>

struct counter {
  narke::co_task<int> add(int by) { co_return by; }
};

int main() {
  auto actor = narke::actor<counter>().remote();
  actor.task(&counter::add).remote(1);
}
