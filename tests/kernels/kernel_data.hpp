// Numbers by seed, and comparison by bits, for the tests of kernels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

namespace narke::kernels::test {

inline std::vector<float> random_floats(std::size_t n, std::uint32_t seed, float low = -1000.0F,
                                        float high = 1000.0F) {
  std::mt19937 engine{seed};
  std::uniform_real_distribution<float> distribution{low, high};
  std::vector<float> values(n);
  for (float& value : values) value = distribution(engine);
  return values;
}

inline std::vector<std::uint32_t> random_bits(std::size_t n, std::uint32_t seed) {
  std::mt19937 engine{seed};
  std::vector<std::uint32_t> values(n);
  for (std::uint32_t& value : values) value = std::uint32_t(engine());
  return values;
}

/// Room for a kernel's scratch memory, filled with what no kernel may rely on.
class workspace {
 public:
  explicit workspace(std::size_t bytes) : bytes_(bytes, std::byte{0xa5}) {}

  [[nodiscard]] void* data() { return bytes_.data(); }
  [[nodiscard]] std::size_t size() const { return bytes_.size(); }

 private:
  std::vector<std::byte> bytes_;
};

template <class Element>
bool same_bits(const std::vector<Element>& left, const std::vector<Element>& right) {
  return left.size() == right.size() &&
         (left.empty() ||
          std::memcmp(left.data(), right.data(), left.size() * sizeof(Element)) == 0);
}

template <class Element>
bool same_bits(const Element& left, const Element& right) {
  return std::memcmp(&left, &right, sizeof(Element)) == 0;
}

/// A stream that is none: enough for what must be refused before anything uses it.
inline void* some_stream() {
  static int stream = 0;
  return &stream;
}

}  // namespace narke::kernels::test
