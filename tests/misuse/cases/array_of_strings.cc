// expect: T must be trivially copyable
#include <narke/narke.hpp>

#include <string>

int main() {
  narke::array<std::string> words;
}
