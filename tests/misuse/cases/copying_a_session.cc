// expect: use of deleted function
#include <narke/narke.hpp>

int main() {
  narke::session one{};
  narke::session two = one;
}
