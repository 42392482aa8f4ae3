// expect: error
// expect: advice
#include <narke/narke.hpp>

int main() {
  narke::advice();
}
