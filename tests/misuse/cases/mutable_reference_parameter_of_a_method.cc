// expect: T& is refused
#include <narke/narke.hpp>

struct counter {
  void add(int& n) { n = 0; }
};

int main() {
  narke::actor<counter>().remote().task(&counter::add).remote(1);
}
