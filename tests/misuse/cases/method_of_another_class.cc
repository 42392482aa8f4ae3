// expect: not a method of the actor's class
#include <narke/narke.hpp>

struct counter {
  int add() { return 1; }
};
struct other {
  int add() { return 1; }
};

int main() {
  narke::actor<counter>().remote().task(&other::add).remote();
}
