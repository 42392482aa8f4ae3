// What is fuzzed: functions that take bytes from outside. Each calls `std::abort` by `require` when
// what must hold does not; what the code under it throws, but for its own refusals, ends the
// program too. scripts/fuzz runs them with libFuzzer, tests/fuzz/replay_test.cpp with the corpus.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace narke_fuzz {

void job_file(std::string_view bytes);
void state_file(std::string_view bytes);
void visible_devices(std::string_view bytes);
void option_text(std::string_view bytes);
void topology_xml(std::string_view bytes);

inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

/// Nothing that a terminal would obey.
inline bool is_harmless(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool c1 =
        byte == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0;
    if (byte < 0x20 || byte == 0x7f || c1) return false;
  }
  return true;
}

}  // namespace narke_fuzz
