// expect: the ref's value does not convert to the parameter's type
#include <narke/narke.hpp>

#include <string>

int main() {
  narke::task([](int x) { return x; }).remote(narke::put(std::string{"text"}));
}
