// Tutorial 4: work with what is ready. When tasks take different times, `wait` hands over each
// result as it comes, so that the program's own part overlaps with the tasks that still run; `get`
// on all would let it stand idle till the slowest is done. In Ray:
//
//   while len(data_id_list):
//       done_id, data_id_list = ray.wait(data_id_list)
//       sum = process_incremental(sum, ray.get(done_id[0]))
//
// advice: none
#include <narke/narke.hpp>

#include <chrono>
#include <iostream>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

int load(int x) {
  std::this_thread::sleep_for((x * 7 % 5) * 10ms);  // some of them are slow
  return x;
}

int main() {
  narke::session session;
  std::vector<narke::object_ref<int>> pending;
  for (int x = 0; x < 12; ++x) pending.push_back(narke::task(load).remote(x));

  int sum = 0;
  std::cout << "in the order of their ends:";
  while (!pending.empty()) {
    auto [ready, not_ready] =
        narke::wait(pending, {.num_returns = 1});  // both in the order of `pending`
    for (const auto& ref : ready) {
      std::cout << ' ' << narke::get(ref);
      sum += narke::get(ref);
    }
    pending = std::move(not_ready);
  }
  std::cout << '\n';

  // The same as a loop, and cheaper for long lists.
  for (int x = 0; x < 12; ++x) pending.push_back(narke::task(load).remote(x));
  int sum_as_completed = 0;
  for (auto& ref : narke::as_completed(pending)) sum_as_completed += narke::get(ref);

  return sum == 66 && sum_as_completed == 66 ? 0 : 1;
}
