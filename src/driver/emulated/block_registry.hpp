// Every block of device memory, with the parts that its owner hands out of it and what was done to
// them: so that a wrong access can be told with its history. Owned by the emulator, which holds
// its lock around every call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "driver/driver_abi.hpp"
#include "driver/emulated/violation.hpp"

namespace narke::internal::emulation {

struct pool_state;

/// Where in the order of things something was done.
struct stream_place {
  std::uint32_t stream = 0;  ///< its number; 0 = no stream
  std::uint64_t sequence = 0;
};

struct history_note {
  const char* action;  ///< "allocated", "freed", "read", "written"
  std::string by;      ///< the label of the work, or the entry point
  stream_place place;
};

/// The last things that were done; the first one is never forgotten.
class block_history {
 public:
  void add(history_note note);
  /// "allocated by 'x' on stream 1 #2; freed by …"
  [[nodiscard]] std::string text() const;

 private:
  static constexpr std::size_t notes_max = 8;
  std::deque<history_note> notes_;
  std::size_t forgotten_ = 0;
};

/// A piece of a block as annotated.
struct block_part {
  std::size_t bytes = 0;
  std::string label;
  bool is_live = true;
  block_history history;
};

struct device_block {
  cu_device_ptr begin = 0;
  std::size_t bytes = 0;  ///< as asked for
  std::uint64_t pool_bytes = 0;
  int ordinal = 0;
  std::uint64_t number = 0;
  std::shared_ptr<pool_state> pool;
  bool is_freed = false;
  block_history history;
  std::map<cu_device_ptr, block_part> parts;  ///< by begin; empty until something is annotated
};

struct finding {
  violation_kind kind;
  std::string text;
};

class block_registry {
 public:
  /// Forgets freed blocks at the same addresses.
  std::shared_ptr<device_block> add(device_block block);

  /// The block, live or freed, that holds `address`; null when there is none.
  [[nodiscard]] std::shared_ptr<device_block> find(cu_device_ptr address) const;
  /// The block that begins there.
  [[nodiscard]] std::shared_ptr<device_block> find_begin(cu_device_ptr begin) const;

  /// What is wrong with an access to these bytes, if anything.
  [[nodiscard]] std::optional<finding> check(cu_device_ptr begin, std::size_t bytes) const;
  /// Adds to the history of whatever holds `begin`.
  void note(cu_device_ptr begin, history_note note);

  /// A part is handed out or put back. As long as nobody told of one that was put back, handing
  /// out includes that what was there before ends.
  std::optional<finding> annotate_alloc(cu_device_ptr begin, std::size_t bytes,
                                        const std::string& label, stream_place place);
  std::optional<finding> annotate_free(cu_device_ptr begin, std::size_t bytes,
                                       const std::string& label, stream_place place);

  [[nodiscard]] std::string describe(const device_block& block) const;
  [[nodiscard]] std::size_t live_count() const { return live_count_; }
  /// Says that a block is not live any more.
  void mark_freed(device_block& block, history_note note);

  template <class Function>
  void for_each(const Function& function) const {
    for (const auto& [begin, block] : blocks_) function(*block);
  }

 private:
  [[nodiscard]] std::string explain(cu_device_ptr begin, std::size_t bytes,
                                    const device_block* block, const std::string& what) const;
  [[nodiscard]] std::optional<finding> check_parts(const device_block& block, cu_device_ptr begin,
                                                   std::size_t bytes) const;

  std::map<cu_device_ptr, std::shared_ptr<device_block>> blocks_;  // by begin, freed ones too
  std::size_t live_count_ = 0;
  bool frees_are_told_ = false;
  std::uint64_t next_number_ = 1;
};

}  // namespace narke::internal::emulation
