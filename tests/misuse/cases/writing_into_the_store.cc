// expect: discards qualifiers
#include <narke/narke.hpp>

#include <string>

int main() {
  auto ref = narke::put(std::string{"immutable"});
  narke::get(ref).clear();
}
