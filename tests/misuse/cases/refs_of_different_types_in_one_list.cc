// expect: error
#include <narke/narke.hpp>

#include <string>
#include <vector>

int main() {
  std::vector refs{narke::put(1), narke::put(std::string{"text"})};
}
