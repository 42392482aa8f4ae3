// expect: error
// expect: explain
#include <narke/narke.hpp>

int main() {
  narke::explain(narke::put(1));
}
