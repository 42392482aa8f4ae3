#include <cstring>
#include <future>
#include <memory>
#include <vector>

#include "harness/cpu.hpp"
#include "machine/workload.hpp"

namespace bench::machine {
namespace {

workload of_bytes(const char* variant, const parameters& asked, std::function<void(run&)> body) {
  return {.name = "machine",
          .variant = fmt::format("{}/MB:{}", variant, asked.bytes / 1'000'000),
          .item = "pass over the memory",
          .bytes_an_item = double(asked.bytes),
          .contenders = {{"machine", std::move(body)}}};
}

/// Four sums side by side: one alone would wait for its own additions, not for memory.
std::uint64_t sum_of(const std::uint64_t* begin, const std::uint64_t* end) {
  std::uint64_t sums[4] = {};
  for (; begin + 4 <= end; begin += 4) {
    for (int k = 0; k != 4; ++k) sums[k] += begin[k];
  }
  return sums[0] + sums[1] + sums[2] + sums[3];
}

}  // namespace

workload read_memory(const parameters& asked) {
  return of_bytes("read_by_all", asked, [asked](run& measured) {
    const std::vector<std::uint64_t> all(asked.bytes / sizeof(std::uint64_t), 3);
    const auto threads = std::size_t(thread_count());
    const std::size_t share = all.size() / threads / 4 * 4;
    std::uint64_t sum = 0;
    measured.start();
    std::vector<std::future<std::uint64_t>> parts;
    for (std::size_t t = 0; t != threads; ++t) {
      const std::uint64_t* const begin = all.data() + t * share;
      parts.push_back(std::async(std::launch::async, sum_of, begin, begin + share));
    }
    for (auto& each : parts) sum += each.get();
    measured.stop();
    expect_equal<std::uint64_t>(sum, 3 * share * threads, "the sum");
  });
}

workload copy_memory(const parameters& asked, bool is_fresh) {
  return of_bytes(is_fresh ? "copy_to_fresh" : "copy", asked, [asked, is_fresh](run& measured) {
    const std::vector<char> from(asked.bytes, 'a');
    std::unique_ptr<char[]> to;
    if (!is_fresh) {
      to = std::make_unique_for_overwrite<char[]>(asked.bytes);
      std::memset(to.get(), 0, asked.bytes);
    }
    measured.start();
    if (is_fresh) to = std::make_unique_for_overwrite<char[]>(asked.bytes);
    std::memcpy(to.get(), from.data(), asked.bytes);
    measured.stop();
    expect(to[asked.bytes - 1] == 'a', "the copy is wrong");
  });
}

}  // namespace bench::machine
