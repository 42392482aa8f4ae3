// What must always hold of a simulated machine.
#include <algorithm>

#include <gtest/gtest.h>

#include "simulated_machine.hpp"

namespace narke_test {

void simulated_machine::check() const {
  check_permits();
  check_books();
  check_shares();
  check_oldest_does_not_fit();
  check_no_deadlock();
}

void simulated_machine::check_permits() const {
  ASSERT_GE(core_.permits_held(), 0);
  ASSERT_EQ(core_.permits_held() + fast_running_ + idle_permits_, num_cpus_);
  quantity in_use;
  for (const auto& [id, task] : running_) {
    in_use += task.blocked ? quantity::zero() : task.request.cpus;
  }
  ASSERT_EQ(core_.cpus_in_use(), in_use);
  ASSERT_EQ(core_.permits_wanted() == 0, core_.head_ticks() == no_ticks);
}

void simulated_machine::check_books() const {
  resource_amounts expected = full_amounts(core_.totals());
  const auto subtract = [&](const allocation& held) {
    expected.memory_bytes -= held.memory_bytes;
    for (const auto& gpu : held.gpus) {
      if (!is_lost(gpu.index)) {
        expected.gpus[static_cast<std::size_t>(gpu.index)].share -= gpu.share;
        expected.gpus[static_cast<std::size_t>(gpu.index)].memory_bytes -= gpu.bytes;
      }
    }
    for (const auto& [name, amount] : held.custom) {
      expected.custom[name] -= amount;
    }
  };
  for (const auto& [id, task] : running_) {
    if (task.share == 0) subtract(task.held);
  }
  for (const auto& [id, share] : shares_) {
    subtract(share.held);  // once, however many run on it
  }
  ASSERT_EQ(core_.available(), expected);
  ASSERT_GE(expected.memory_bytes, 0);
  for (const auto& gpu : expected.gpus) {
    ASSERT_GE(gpu.share, quantity::zero());
    ASSERT_GE(gpu.memory_bytes, 0);
  }
  for (const auto& [name, amount] : expected.custom) {
    ASSERT_GE(amount, quantity::zero()) << name;
  }
}

// Never more of a GPU than there is of it, lost ones too; every share has members.
void simulated_machine::check_shares() const {
  ASSERT_EQ(core_.share_count(), shares_.size());
  std::vector<quantity> held(core_.totals().gpus.size());
  const auto add = [&held](const allocation& granted) {
    for (const auto& gpu : granted.gpus) {
      held[static_cast<std::size_t>(gpu.index)] += gpu.share;
    }
  };
  for (const auto& [id, task] : running_) {
    if (task.share == 0) add(task.held);
  }
  for (const auto& [id, share] : shares_) {
    ASSERT_FALSE(share.members.empty());
    add(share.held);
  }
  for (const auto& share : held) {
    ASSERT_LE(share, quantity::one());
  }
}

// Told from the free amounts alone, without the ledger.
bool simulated_machine::fits(const resource_request& request) const {
  const auto& free = core_.available();
  const quantity each = std::min(request.gpus, quantity::one());
  const auto good = std::count_if(free.gpus.begin(), free.gpus.end(), [&](const auto& gpu) {
    return gpu.share >= each && gpu.memory_bytes >= request.gpu_memory_bytes;
  });
  return good >= request.gpus.ceil_whole() && request.memory_bytes <= free.memory_bytes &&
         std::all_of(request.custom.begin(), request.custom.end(), [&](const auto& wanted) {
           return wanted.amount <= free.custom.at(wanted.name);
         });
}

void simulated_machine::check_oldest_does_not_fit() const {
  if (pending_.empty()) {
    return;
  }
  const auto& [id, waiting] = *pending_.begin();
  const auto& request = waiting.request;
  // An older head of the other lane goes first to CPUs.
  const bool has_cpus =
      request.cpus.is_zero() || (request.cpus <= core_.cpu_balance() && id < fast_head());
  ASSERT_FALSE(fits(request) && has_cpus) << "ticket " << id << " could run";
  ASSERT_FALSE(may_take_over(waiting)) << "ticket " << id << " could take a share over";
}

// When nobody runs who would let go by himself, nothing may be kept from anybody: a blocked task
// may wait for just that.
void simulated_machine::check_no_deadlock() const {
  const auto runners = running_where([](const auto& t) { return !t.blocked && !t.for_life; });
  if (fast_running_ > 0 || !runners.empty()) {
    return;
  }
  const quantity cpus = core_.cpu_balance() + quantity::from_whole(idle_permits_);
  for (const auto& [id, waiting] : pending_) {
    const bool has_cpus = waiting.request.cpus.is_zero() || waiting.request.cpus <= cpus;
    ASSERT_FALSE(fits(waiting.request) && has_cpus) << "ticket " << id << " is held back for ever";
    ASSERT_FALSE(may_take_over(waiting)) << "ticket " << id << " is held back for ever";
  }
}

}  // namespace narke_test
