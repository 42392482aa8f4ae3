// Tutorial 7: code that may crash. A task with isolation::process runs in a worker process: when
// that dies, the task fails with worker_crashed_error and everything else goes on. In Ray every
// task runs so; here it is an option, as a process costs what the last lines print. These time one
// call after the other, which is what the advisor is there to find.
// advice: get-in-loop
#include <narke/narke.hpp>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <span>
#include <string>
#include <vector>

// A decoder from somewhere, with an error in it.
int decode(const std::string& picture) {
  if (picture == "broken") std::abort();
  return static_cast<int>(picture.size());
}

double first_of(std::span<const double> values) {
  return values.front();
}

// The median of the times of calls, in microseconds.
template <class Call>
double median_us(int calls, Call&& call) {
  std::vector<double> times;
  for (int i = 0; i < calls; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    call();
    const auto end = std::chrono::steady_clock::now();
    times.push_back(std::chrono::duration<double, std::micro>(end - begin).count());
  }
  std::nth_element(times.begin(), times.begin() + calls / 2, times.end());
  return times[static_cast<std::size_t>(calls / 2)];
}

int main() {
  narke::session session;
  const narke::task_options apart{.name = "decode", .isolation = narke::isolation::process};
  auto remote_decode = narke::task(decode, apart);

  int decoded = 0;
  std::string failure;
  for (const std::string picture : {"one", "broken", "three"}) {
    try {
      decoded += narke::get(remote_decode.remote(picture));
    } catch (const narke::worker_crashed_error& crashed) {
      failure = crashed.what();
    }
  }
  std::cout << "decoded " << decoded << " bytes; " << failure << '\n';

  const auto large = narke::put(narke::array<double>{std::vector<double>(8 << 20, 0.5)});  // 64 MiB
  const auto read = narke::task(first_of, apart);
  const auto on_thread = narke::task(decode);
  const bool is_right = narke::get(read.remote(large)) == 0.5;
  std::cout << "a call on a thread:             "
            << median_us(500, [&] { narke::get(on_thread.remote("x")); }) << " us\n"
            << "a call in a process:            "
            << median_us(500, [&] { narke::get(remote_decode.remote("x")); }) << " us\n"
            << "a call with an array of 64 MiB: "
            << median_us(5, [&] { narke::get(read.remote(large)); }) << " us\n"
            << "a call whose worker crashes, so that the next begins with another process: "
            << median_us(11,
                         [&] {
                           try {
                             narke::get(remote_decode.remote("broken"));
                           } catch (const narke::worker_crashed_error&) {
                           }
                         })
            << " us\n";
  return decoded == 8 && failure.find("SIGABRT") != std::string::npos && is_right ? 0 : 1;
}
