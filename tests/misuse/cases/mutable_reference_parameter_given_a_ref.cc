// expect: T& is refused
#include <narke/narke.hpp>

#include <string>

int main() {
  auto text = narke::put(std::string{"shared"});
  narke::task([](std::string& s) { s.clear(); }).remote(text);
}
