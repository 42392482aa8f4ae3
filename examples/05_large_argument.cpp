// Tutorial 5: hand over large values once. An argument given by value is copied for every task, as
// each task owns its arguments. `put` stores the value once; tasks with a parameter `const T&` read
// it in place, without any copy.
//
// advice: none
#include <narke/narke.hpp>

#include <iostream>
#include <utility>
#include <vector>

using matrix = std::vector<double>;

/// Where the task found its argument: the same place in memory for all that share it.
const double* place_of(const matrix& values) { return values.data(); }

double sum_of_column(const matrix& values, std::size_t columns, std::size_t column) {
  double sum = 0;
  for (std::size_t i = column; i < values.size(); i += columns) sum += values[i];
  return sum;
}

int main() {
  narke::session session;
  constexpr std::size_t columns = 500;
  matrix values(columns * columns, 0.5);
  auto place = narke::task(place_of);

  // By value: copied on the way, so the task sees a matrix of its own.
  const bool is_copied = narke::get(place.remote(values)) != values.data();

  // Once: moved into the store here (an lvalue would be copied once), then shared by all tasks.
  const double* const before = values.data();
  const narke::object_ref<matrix> stored = narke::put(std::move(values));
  const bool is_shared =
      narke::get(place.remote(stored)) == before && narke::get(stored).data() == before;

  std::vector<narke::object_ref<double>> sums;
  for (std::size_t column = 0; column < columns; ++column) {
    sums.push_back(narke::task(sum_of_column).remote(stored, columns, column));
  }
  double total = 0;
  for (const double sum : narke::get(sums)) total += sum;
  std::cout << "the sum of 500 x 500 halves is " << total << "; copied by value: " << std::boolalpha
            << is_copied << ", shared by put: " << is_shared << '\n';
  return is_copied && is_shared && total == 125'000 ? 0 : 1;
}
