// expect: no constructor takes these arguments
#include <narke/narke.hpp>

#include <string>

struct counter {
  explicit counter(int) {}
};

int main() {
  narke::actor<counter>().remote(std::string{"ten"});
}
