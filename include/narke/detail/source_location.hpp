// std::source_location where the compiler has it; elsewhere (clang 14) a type of the same shape,
// for its tools.
#pragma once

#include <version>

#if defined(__cpp_lib_source_location) && defined(__has_builtin)
#if __has_builtin(__builtin_source_location) || (defined(__GNUC__) && !defined(__clang__))
#define NARKE_HAS_SOURCE_LOCATION 1
#endif
#endif

#ifdef NARKE_HAS_SOURCE_LOCATION
#include <source_location>

namespace narke {
using source_location = std::source_location;
}
#else
#include <cstdint>

namespace narke {
class source_location {
 public:
  static constexpr source_location current(const char* file = __builtin_FILE(),
                                           const char* function = __builtin_FUNCTION(),
                                           std::uint_least32_t line = __builtin_LINE()) noexcept {
    source_location here;
    here.file_ = file;
    here.function_ = function;
    here.line_ = line;
    return here;
  }
  [[nodiscard]] constexpr const char* file_name() const noexcept { return file_; }
  [[nodiscard]] constexpr const char* function_name() const noexcept { return function_; }
  [[nodiscard]] constexpr std::uint_least32_t line() const noexcept { return line_; }
  [[nodiscard]] constexpr std::uint_least32_t column() const noexcept { return 0; }

 private:
  const char* file_ = "";
  const char* function_ = "";
  std::uint_least32_t line_ = 0;
};
}  // namespace narke
#endif
