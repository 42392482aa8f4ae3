// Tutorial 1: what a task returns. In Ray:
//
//   @ray.remote(num_returns=3)
//   def tuple3(id, lst): ...
//   x, y, z = tuple3.remote("ray rocks!", [2, 1])
//
// One callable may be called both ways: its tuple as one ref, or one ref for each part of it. A ref
// can be given to another task in place of its value; that task then waits for just this one.
//
// advice: none
#include <narke/narke.hpp>

#include <algorithm>
#include <iostream>
#include <string>
#include <tuple>
#include <vector>

std::tuple<std::string, std::size_t, std::vector<int>> tuple3(std::string id,
                                                              std::vector<int> values) {
  std::sort(values.begin(), values.end());
  return {id + "!", values.size(), values};
}

int main() {
  narke::session session;
  const std::vector<int> values{3, 1, 2};

  // Packed: one ref to the whole tuple.
  auto packed = narke::task(tuple3).remote("narke rocks", values);
  const auto& [id, count, sorted] =
      narke::get(packed);  // a reference into the store: `packed` keeps it alive

  // Three refs, each of its own type.
  auto [id_ref, count_ref, sorted_ref] =
      narke::task(tuple3).num_returns<3>().remote("narke rocks", values);
  auto largest =
      narke::task([](const std::vector<int>& list) { return list.back(); }).remote(sorted_ref);

  const bool is_right = id == "narke rocks!" && count == 3 && sorted == std::vector{1, 2, 3} &&
                        narke::get(id_ref) == id && narke::get(count_ref) == count &&
                        narke::get(sorted_ref) == sorted && narke::get(largest) == 3;
  std::cout << narke::get(id_ref) << " The largest of " << count << " is " << narke::get(largest)
            << ".\n";
  return is_right ? 0 : 1;
}
