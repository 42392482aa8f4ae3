#include <narke/narke.hpp>

int half_of_the_sum();

// Both units instantiate the same templates: a header with a definition that is not inline would
// not link.
int main() {
  const auto one = narke::task([] { return 1; }).remote();
  return narke::get(one) + half_of_the_sum() == 2 ? 0 : 1;
}
