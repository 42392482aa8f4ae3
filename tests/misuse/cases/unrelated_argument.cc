// expect: cannot convert
#include <narke/narke.hpp>

#include <string>

int main() {
  narke::task([](std::string s) { return s; }).remote(std::tuple{1, 2});
}
