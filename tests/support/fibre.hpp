// Threads of control that take turns on one thread, by hand: what a seed decides about them is
// decided the same every time. Sanitizers are told of every change of stacks. One thread only; a
// fibre may not yield inside a catch clause or while an exception unwinds, since these belong to
// the thread.
#pragma once

#include <ucontext.h>

#include <cstddef>
#include <functional>

namespace narke_test {

class fibre {
 public:
  /// Begins with the first resume().
  explicit fibre(std::function<void()> body);
  fibre(const fibre&) = delete;
  fibre& operator=(const fibre&) = delete;
  /// What stands on the stack of one that has not ended is left there.
  ~fibre();

  /// Lets it run until it yields or ends. Requires: not ended, and no fibre runs.
  void resume();
  [[nodiscard]] bool has_ended() const { return has_ended_; }
  [[nodiscard]] const std::byte* lowest_stack_byte() const;

  /// The one that runs; null outside of all.
  static fibre* current();
  /// Back to who resumed it. Requires: a fibre runs.
  static void yield();

 private:
  struct stack_memory;

  static void enter(unsigned high, unsigned low);
  void run();
  void leave(bool for_good);

  std::function<void()> body_;
  stack_memory* stack_;
  ucontext_t own_{};
  ucontext_t outside_{};
  bool has_ended_ = false;
  // For sanitizers.
  void* own_fake_stack_ = nullptr;
  void* outside_fake_stack_ = nullptr;
  const void* outside_bottom_ = nullptr;
  std::size_t outside_size_ = 0;
  void* outside_thread_ = nullptr;
};

}  // namespace narke_test
