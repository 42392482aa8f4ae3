// Values and exceptions that show what the runtime does with them: how often copied, moved, and
// how many live.
#pragma once

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

namespace narke_test {

/// What happened to all `tracked` values made with it.
struct traffic {
  std::atomic<int> copies{0};
  std::atomic<int> moves{0};
  std::atomic<int> alive{0};
};

/// A copyable value without a default constructor that counts in its `traffic`.
class tracked {
 public:
  tracked(std::shared_ptr<traffic> where, int v) : traffic_{std::move(where)}, value{v} {
    ++traffic_->alive;
  }
  tracked(const tracked& other) : traffic_{other.traffic_}, value{other.value} {
    ++traffic_->copies;
    ++traffic_->alive;
  }
  tracked(tracked&& other) noexcept : traffic_{other.traffic_}, value{other.value} {
    other.value = -1;
    ++traffic_->moves;
    ++traffic_->alive;
  }
  tracked& operator=(const tracked&) = delete;
  ~tracked() { --traffic_->alive; }

 private:
  std::shared_ptr<traffic> traffic_;

 public:
  int value;
};

inline std::shared_ptr<traffic> new_traffic() { return std::make_shared<traffic>(); }

/// Neither copyable nor default constructible.
struct move_only {
  explicit move_only(int v) : value{std::make_unique<int>(v)} {}
  std::unique_ptr<int> value;
};

/// Copyable, not default constructible.
struct no_default {
  explicit no_default(int v) : value{v} {}
  int value;
};

/// An exception with data of its own, so that slicing or rewording shows.
struct odd_error : std::runtime_error {
  odd_error(const std::string& what, int c) : std::runtime_error{what}, code{c} {}
  int code;
};

/// Copying it throws; moving does not.
struct throws_when_copied {
  throws_when_copied() = default;
  throws_when_copied(const throws_when_copied&) { throw odd_error{"copied", 7}; }
  throws_when_copied(throws_when_copied&&) noexcept = default;
};

/// Calls `f` and gives the `code` of the odd_error it throws; -1 when it throws none.
template <typename F>
int odd_code(F&& f) {
  try {
    f();
  } catch (const odd_error& caught) {
    return caught.code;
  }
  return -1;
}

/// Calls `f` and gives the message of the `E` it throws; empty when it throws none.
template <typename E, typename F>
std::string message_of(F&& f) {
  try {
    f();
  } catch (const E& caught) {
    return caught.what();
  }
  return {};
}

}  // namespace narke_test
