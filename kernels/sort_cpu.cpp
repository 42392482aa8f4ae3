#include "sort.hpp"

#include <array>
#include <bit>
#include <utility>

namespace narke::kernels {
namespace {

constexpr unsigned digit_bits = 11;
constexpr unsigned digits = 1U << digit_bits;
constexpr unsigned passes = 3;  // 33 bits cover 32

std::uint32_t rank_of(std::uint32_t key) {
  return key;
}

/// Whole numbers in the order of the floats: negative ones have all bits turned, the others the
/// sign; -0 takes the place of +0.
std::uint32_t rank_of(float key) {
  constexpr std::uint32_t sign = 0x80000000U;
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(key);
  if (bits == sign) return sign;
  return (bits & sign) != 0 ? ~bits : bits | sign;
}

using starts = std::array<std::array<std::size_t, digits>, passes>;

unsigned digit_of(std::uint32_t rank, unsigned pass) {
  return (rank >> (pass * digit_bits)) & (digits - 1);
}

/// Where the keys with each digit begin in the output of each pass.
template <class Key>
void find_starts(std::size_t n, const Key* in, starts& start) {
  for (std::size_t i = 0; i < n; ++i)
    for (unsigned pass = 0; pass < passes; ++pass) ++start[pass][digit_of(rank_of(in[i]), pass)];
  for (auto& counts : start) {
    std::size_t before = 0;
    for (std::size_t& count : counts) before += std::exchange(count, before);
  }
}

/// Radix sort from the lowest digit; three passes, of which the last writes to `out`.
template <class Key>
void radix_sort(std::size_t n, const Key* in, Key* out, Key* scratch) {
  starts start{};
  find_starts(n, in, start);
  const Key* from = in;
  Key* to = out;
  for (unsigned pass = 0; pass < passes; ++pass) {
    for (std::size_t i = 0; i < n; ++i)
      to[start[pass][digit_of(rank_of(from[i]), pass)]++] = from[i];
    from = to;
    to = to == out ? scratch : out;
  }
}

}  // namespace

void sort_cpu(std::size_t n, const std::uint32_t* in, std::uint32_t* out, std::uint32_t* scratch) {
  radix_sort(n, in, out, scratch);
}

void sort_cpu(std::size_t n, const float* in, float* out, float* scratch) {
  radix_sort(n, in, out, scratch);
}

}  // namespace narke::kernels
