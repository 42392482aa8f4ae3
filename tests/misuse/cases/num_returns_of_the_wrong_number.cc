// expect: not the number of elements
#include <narke/narke.hpp>

int main() {
  narke::task([] { return std::tuple{1, 2}; }).num_returns<3>().remote();
}
