#include <narke/narke.hpp>

int half_of_the_sum() {
  const auto one = narke::task([] { return 1; }).remote();
  return narke::get(one);
}
