// A task whose every step a test can look at, or act in: what another thread may do at that moment,
// the test does there. Made with one reference for the runtime and one for its slot.
#pragma once

#include <functional>
#include <utility>
#include <vector>

#include <narke/detail/task_impl.hpp>
#include <narke/detail/task_node.hpp>

namespace narke_test {

struct task_hooks {
  std::function<void()> invoke = [] {};
  std::function<void()> fail = [] {};
  std::function<void()> gone = [] {};
  std::function<void()> registering = [] {};  ///< before it stands on any list
  /// Slots that it waits for. It adds a reference to each, and lets it go when it has run.
  std::vector<narke::detail::result_slot*> arguments = {};
};

class hooked_task final : public narke::detail::task_node {
 public:
  explicit hooked_task(task_hooks does = {}) : task_node{2}, does_{std::move(does)} {
    entries_.resize(does_.arguments.size());
    has_ref_arguments = !entries_.empty();
    for (auto* argument : does_.arguments) argument->add_ref();
    slot_.set_producer(*this);
  }

  void invoke() noexcept override {
    does_.invoke();
    if (const auto failed = first_failed_argument()) {
      slot_.set_error(failed);
    } else {
      slot_.emplace_from([] { return 7; });
    }
    let_go();
  }
  void fail(const std::exception_ptr& error) noexcept override {
    if (body_has_outcome()) slot_.set_error(error);
    let_go();
    does_.fail();
  }
  void clear_results() noexcept override {
    slot_.destroy_value();
    slot_.set_error(nullptr);
  }
  void let_go_arguments() noexcept override { let_go(); }
  std::uint32_t register_dependencies() noexcept override {
    does_.registering();
    std::uint32_t registered = 0;
    for (std::size_t i = 0; i != does_.arguments.size(); ++i) {
      registered += depend_on(*does_.arguments[i], entries_[i]) ? 1U : 0U;
    }
    return registered;
  }
  void visit_arguments(bool (*visit)(void*, const narke::detail::result_slot&),
                       void* context) const override {
    for (auto* argument : does_.arguments) {
      if (!visit(context, *argument)) return;
    }
  }
  narke::detail::result_slot* slot(std::size_t) noexcept override { return &slot_; }
  std::size_t slot_count() const noexcept override { return 1; }
  /// Owns the slot's first reference. Once.
  narke::object_ref<int> ref() { return narke::detail::ref_access::adopt<int>(slot_); }

 private:
  ~hooked_task() override { does_.gone(); }
  void let_go() {
    for (auto* argument : std::exchange(does_.arguments, {})) argument->release_ref();
  }

  task_hooks does_;
  std::vector<narke::detail::dependent> entries_;
  narke::detail::task_slot<int> slot_;
};

}  // namespace narke_test
