// A step that the engine leaves out on purpose, once: for the tests that show that each step of its
// order is needed, and would be missed. Null outside of tests. Guarded by the engine's mutex.
#pragma once

#include <cstdint>

namespace narke::internal {

enum class engine_step : std::uint8_t {
  note_reader,       ///< a body's place among the readers of its input
  note_copy_down,    ///< a copy to the host among the readers of what it reads
  note_copy_across,  ///< a copy to another device, likewise
  note_scratch,      ///< a body among the users of its scratch memory
  expect_input,      ///< a body waits until each input is enqueued
  expect_slot_read,  ///< a slot is written again when its copy to the device is complete
  expect_slot_made,  ///< a slot is read when its copy from the device is complete
  take_free_event,   ///< an event is recorded again when nobody polls it any more
};

struct engine_mutation {
  engine_step step = engine_step::note_reader;
  std::uint64_t nth = 0;   ///< from 1; 0 = none is left out, they are counted
  std::uint64_t seen = 0;  ///< how often the step was come to
};

/// Whether the step is left out here.
[[nodiscard]] inline bool is_left_out(engine_mutation* mutation, engine_step step) noexcept {
  return mutation != nullptr && mutation->step == step && ++mutation->seen == mutation->nth;
}

}  // namespace narke::internal
