// Tutorial 2: ask for results last. `remote` returns at once, `get` waits. In the loop that
// submits, `get` makes the loop serial again, as in Ray:
//
//   results = [ray.get(do_some_work.remote(x)) for x in range(12)]    # one after another
//   results = ray.get([do_some_work.remote(x) for x in range(12)])    # side by side
//
// advice: get-in-loop
#include <narke/narke.hpp>

#include <chrono>
#include <iostream>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

int do_some_work(int x) {
  std::this_thread::sleep_for(30ms);
  return x * x;
}

auto milliseconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() -
                                                               start)
      .count();
}

int main() {
  narke::session session;
  auto work = narke::task(do_some_work);

  auto start = std::chrono::steady_clock::now();
  std::vector<int> in_loop;
  for (int x = 0; x < 12; ++x) in_loop.push_back(narke::get(work.remote(x)));  // waits twelve times
  std::cout << "get in the loop: " << milliseconds_since(start) << " ms\n";

  start = std::chrono::steady_clock::now();
  std::vector<narke::object_ref<int>> refs;
  for (int x = 0; x < 12; ++x) refs.push_back(work.remote(x));
  const std::vector<int> at_end = narke::get(refs);  // waits once; in the order of the refs
  std::cout << "get at the end:  " << milliseconds_since(start) << " ms\n";

  const std::vector<int> expected{0, 1, 4, 9, 16, 25, 36, 49, 64, 81, 100, 121};
  return in_loop == expected && at_end == expected ? 0 : 1;
}
