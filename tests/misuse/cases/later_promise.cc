// expect: error
// expect: promise
#include <narke/narke.hpp>

int main() {
  narke::promise<int> promise;
}
