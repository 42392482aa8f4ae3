#include "simulation/deadlock_history.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include "scheduler/placement_core.hpp"
#include "worker/execute.hpp"
#include "worker/lent_cpus.hpp"
#include "worker/placement_lane.hpp"
#include "worker/thread_state.hpp"

namespace narke_test {

using narke::detail::ref_access;
using narke::detail::result_slot;
using narke::internal::this_thread_state;
using narke::internal::watched_wait;

namespace {

constexpr double memory_total = 100;
constexpr double rounding = 1e-6;

std::vector<int> own_gpu_ids() {
  const std::vector<int>* ids = this_thread_state.current->gpu_ids;
  return ids != nullptr ? *ids : std::vector<int>{};
}

}  // namespace

deadlock_history::deadlock_history(std::uint64_t seed)
    : random_{static_cast<std::uint32_t>(seed * 2'654'435'761U + 1)},
      licenses_{1 + below(3)},
      gpus_{below(3)},
      promised_{promise_.ref()} {
  plan();
}

// The plan.

deadlock_history::demand deadlock_history::random_demand() {
  demand asks;
  if (one_in(2)) asks.licenses = 1 + below(licenses_);
  if (gpus_ != 0 && one_in(3)) {
    constexpr double shares[] = {0.25, 0.5, 0.75, 1};
    asks.gpus = one_in(4) ? 1 + below(gpus_) : shares[below(4)];
  }
  if (one_in(5)) asks.memory = 20 * (1 + below(5));
  return asks;
}

void deadlock_history::plan() {
  members_.resize(2 + static_cast<std::size_t>(below(6)));
  actors_.resize(static_cast<std::size_t>(below(3)));
  for (actor_member& each : actors_) {
    if (one_in(3)) each.asks = random_demand();
    each.limit = 1 + below(2);
  }
  const int count = static_cast<int>(members_.size());
  for (int i = 0; i != count; ++i) {
    member& self = members_[static_cast<std::size_t>(i)];
    if (!actors_.empty() && one_in(3)) {
      self.actor = below(static_cast<int>(actors_.size()));
    } else {
      if (one_in(2)) self.asks = random_demand();
      if (i > 0 && one_in(4)) self.argument = below(i);
    }
    for (int wanted = one_in(4) ? 0 : 1 + below(2); wanted > 0; --wanted) {
      const int target = below(count);
      if (std::find(self.wants.begin(), self.wants.end(), target) == self.wants.end()) {
        self.wants.push_back(target);
      }
    }
    self.wants_promise = !self.wants.empty() && one_in(8);
    const auto all = static_cast<int>(self.wants.size()) + (self.wants_promise ? 1 : 0);
    self.goal = all == 0 ? 0 : 1 + static_cast<std::size_t>(below(all));
    self.until_failure = one_in(3);
    self.is_busy = one_in(4);
    self.fails = one_in(6);
  }
}

void deadlock_history::submit(int index) {
  member& self = members_[static_cast<std::size_t>(index)];
  if (self.actor >= 0) {
    auto& handle = actors_[static_cast<std::size_t>(self.actor)].handle;
    self.ref = handle.task(&history_actor::call).remote(index);
    return;
  }
  narke::task_options options;
  options.num_gpus = self.asks.gpus;
  options.memory = self.asks.memory;
  if (self.asks.licenses != 0) options.resources["license"] = self.asks.licenses;
  if (self.argument < 0) {
    self.ref = narke::task([this, index] { return body(index); }, options).remote();
  } else {
    const auto& argument = members_[static_cast<std::size_t>(self.argument)].ref;
    self.ref =
        narke::task([this, index](const int&) { return body(index); }, options).remote(argument);
  }
}

history_actor::history_actor(deadlock_history* history, int which) : history_{*history} {
  auto& own = history->actors_[static_cast<std::size_t>(which)];
  own.is_made = true;
  own.gpu_ids = own_gpu_ids();
}

int history_actor::call(int index) { return history_.body(index); }

// Bodies.

int deadlock_history::body(int index) {
  member& self = members_[static_cast<std::size_t>(index)];
  self.now = standing::at_work;
  self.gpu_ids = self.actor < 0 ? own_gpu_ids() : std::vector<int>{};
  ++moves_;
  while (!is_submitted_) virtual_threads::yield();
  if (!self.wants.empty()) wait(self);
  self.now = standing::at_work;
  ++moves_;
  while (self.is_busy && !self.is_gate_open && !is_over_) virtual_threads::yield();
  if (self.fails) throw std::runtime_error{"planned"};
  return index;
}

// As get and wait do: in place, else asleep and looking.
void deadlock_history::wait(member& self) {
  const auto slots = slots_of(self);
  if (slots.size() == 1 && !slots[0]->is_ready()) {
    self.now = standing::waiting_in_place;
    ++moves_;
    if (narke::internal::try_run_in_place(*slots[0])) return;
  }
  self.now = standing::waiting;
  ++moves_;
  const narke::internal::blocked_section blocked;
  const watched_wait watched{slots, self.goal, self.until_failure};
  for (int answered = question_; !is_over(self);) {
    if (is_over_) throw std::runtime_error{"given up"};
    if (answered != question_) {
      answered = question_;
      ++moves_;
      try {
        watched.look();
        self.is_told = false;
      } catch (const narke::deadlock_error&) {
        self.is_told = true;
      }
    }
    virtual_threads::yield();
  }
}

std::vector<result_slot*> deadlock_history::slots_of(const member& self) const {
  std::vector<result_slot*> slots;
  for (const int target : self.wants) {
    slots.push_back(ref_access::slot(members_[static_cast<std::size_t>(target)].ref));
  }
  if (self.wants_promise) slots.push_back(ref_access::slot(promised_));
  return slots;
}

bool deadlock_history::is_over(const member& self) const {
  std::size_t ready = 0;
  bool has_failed = false;
  const auto slots = slots_of(self);
  for (const result_slot* slot : slots) {
    ready += slot->is_ready() ? 1 : 0;
    has_failed = has_failed || (slot->is_ready() && slot->failed());
  }
  return self.until_failure ? has_failed || ready == slots.size() : ready >= self.goal;
}

bool deadlock_history::is_ready(int index) const {
  return ref_access::slot(members_[static_cast<std::size_t>(index)].ref)->is_ready();
}

// The history.

void deadlock_history::run() {
  narke::internal::resource_totals totals{.cpus = 2 + below(2),
                                          .memory_bytes = static_cast<std::int64_t>(memory_total)};
  for (int id = 0; id != gpus_; ++id) totals.gpus.push_back({.id = id, .memory_bytes = 1});
  totals.custom["license"] = narke::internal::quantity::from_whole(licenses_);
  virtual_runtime::instance().begin(totals, 0);
  for (std::size_t i = 0; i != members_.size() + 1; ++i) {
    threads_.add([this] {
      while (!is_done_) {
        virtual_runtime::instance().run_queued();
        virtual_threads::yield();
      }
    });
  }
  for (std::size_t i = 0; i != actors_.size(); ++i) {
    const demand& asks = actors_[i].asks;
    narke::actor_options options;
    options.num_gpus = asks.gpus;
    options.memory = asks.memory;
    if (asks.licenses != 0) options.resources["license"] = asks.licenses;
    options.max_concurrency = actors_[i].limit;
    actors_[i].handle = narke::actor<history_actor>(options).remote(this, static_cast<int>(i));
  }
  for (std::size_t i = 0; i != members_.size(); ++i) submit(static_cast<int>(i));
  is_submitted_ = true;
  bool is_last = false;
  while (!is_last && !testing::Test::HasFatalFailure()) {
    run_to_rest();
    ask_detector();
    is_last = !open_something();
    if (is_last) compare(true);
  }
  give_up();
}

void deadlock_history::run_to_rest() {
  for (int quiet = 0, seen = moves_; quiet != 4; ++quiet) {
    for (std::size_t i = 0; i != threads_.size(); ++i) threads_.resume(i);
    if (moves_ != seen) quiet = 0;
    seen = moves_;
  }
}

// All look at one moment: nothing changes by a look.
void deadlock_history::ask_detector() {
  ++question_;
  for (std::size_t i = 0; i != threads_.size(); ++i) threads_.resume(i);
  compare(false);
}

bool deadlock_history::open_something() {
  std::vector<int> closed;
  for (std::size_t i = 0; i != members_.size(); ++i) {
    if (members_[i].is_busy && !members_[i].is_gate_open) closed.push_back(static_cast<int>(i));
  }
  if (!is_promise_kept_) closed.push_back(-1);
  if (closed.empty()) return false;
  const int chosen = closed[static_cast<std::size_t>(below(static_cast<int>(closed.size())))];
  if (chosen < 0) {
    is_promise_kept_ = true;
    promise_.set_value(0);
  } else {
    members_[static_cast<std::size_t>(chosen)].is_gate_open = true;
  }
  return true;
}

std::string deadlock_history::describe() const {
  constexpr const char* words[] = {"not begun", "at work", "waiting", "waiting in place"};
  std::string text = "licenses " + std::to_string(licenses_) + ", GPUs " + std::to_string(gpus_);
  const auto asked = [](const demand& asks) {
    return " (" + std::to_string(asks.licenses) + " licenses, " + std::to_string(asks.gpus) +
           " GPUs, " + std::to_string(asks.memory) + " bytes)";
  };
  for (std::size_t i = 0; i != actors_.size(); ++i) {
    text += "\n  actor " + std::to_string(i) + asked(actors_[i].asks) + ", at once " +
            std::to_string(actors_[i].limit) + (actors_[i].is_made ? "" : ", not made");
  }
  for (std::size_t i = 0; i != members_.size(); ++i) {
    const member& self = members_[i];
    text += "\n  member " + std::to_string(i) + asked(self.asks) + ", actor " +
            std::to_string(self.actor) + ", argument " + std::to_string(self.argument) + ": " +
            (is_ready(static_cast<int>(i)) ? "ended" : words[static_cast<int>(self.now)]) +
            (self.is_told ? ", told" : "") + ", wants " + std::to_string(self.goal) + " of";
    for (const int target : self.wants) text += " " + std::to_string(target);
    text += self.wants_promise ? " promise" : "";
    text += self.until_failure ? ", or a failure" : "";
  }
  return text;
}

void deadlock_history::compare(bool is_last) {
  const std::vector<bool> ends = may_end();
  bool wants_gpus = false;
  bool is_held_by_actors = false;
  for (const member& each : members_) {
    wants_gpus = wants_gpus || (each.now == standing::not_begun && each.asks.gpus != 0);
  }
  for (const actor_member& each : actors_) {
    wants_gpus = wants_gpus || (!each.is_made && each.asks.gpus != 0);
    const double asks = each.asks.gpus + each.asks.licenses + each.asks.memory;
    is_held_by_actors = is_held_by_actors || asks != 0;
  }
  for (std::size_t i = 0; i != members_.size(); ++i) {
    const member& self = members_[i];
    if (self.now != standing::waiting || is_ready(static_cast<int>(i))) continue;
    ++waits_asked_;
    deadlocks_ += self.is_told ? 1 : 0;
    ASSERT_FALSE(self.is_told && ends[i])
        << "member " << i << " can go on, and is told a deadlock\n" << describe();
    // Of pieces of GPUs that others hold the detector knows sums alone.
    const bool is_exact = !wants_gpus || (is_last && !is_held_by_actors);
    ASSERT_TRUE(self.is_told || ends[i] || !is_exact)
        << "the deadlock of member " << i << " is not found\n" << describe();
    // Whatever could end has ended: what did not is a deadlock, by the history itself.
    ASSERT_TRUE(!is_last || is_held_by_actors || self.is_told)
        << "member " << i << " never goes on, and is not told\n" << describe();
  }
}

void deadlock_history::give_up() {
  is_over_ = true;
  for (actor_member& each : actors_) each.handle = {};
  const auto one_round = [this] {
    for (std::size_t i = 0; i != threads_.size(); ++i) {
      if (!threads_.has_ended(i)) threads_.resume(i);
    }
  };
  for (int round = 0; round != 60; ++round) one_round();
  is_done_ = true;
  one_round();
  for (std::size_t i = 0; i != members_.size(); ++i) {
    ASSERT_TRUE(is_ready(static_cast<int>(i))) << "member " << i << " was lost";
  }
  const auto usage = narke::internal::placement_lane::instance().usage();
  ASSERT_EQ(usage.pending + usage.running, 0U);
}

// The model.

std::vector<bool> deadlock_history::may_end() const {
  std::vector<bool> ended(members_.size());
  for (std::size_t i = 0; i != members_.size(); ++i) ended[i] = is_ready(static_cast<int>(i));
  for (bool changed = true; changed;) {
    changed = false;
    for (std::size_t i = 0; i != members_.size(); ++i) {
      if (!ended[i] && may_end(members_[i], ended)) {
        ended[i] = true;
        changed = true;
      }
    }
  }
  return ended;
}

bool deadlock_history::may_end(const member& self, const std::vector<bool>& ended) const {
  if (self.now == standing::at_work) return true;
  if (self.now == standing::not_begun) {
    if (self.argument >= 0 && !is_ready(self.argument)) {
      return ended[static_cast<std::size_t>(self.argument)];  // only then it asks for resources
    }
    if (self.actor < 0) return fits(self.asks, ended);
    const actor_member& actor = actors_[static_cast<std::size_t>(self.actor)];
    return (actor.is_made || fits(actor.asks, ended)) && has_a_turn(self.actor, ended);
  }
  std::size_t possible = self.wants_promise ? 1 : 0;
  bool something_comes = self.wants_promise && !is_promise_kept_;
  for (const int target : self.wants) {
    const bool comes = ended[static_cast<std::size_t>(target)];
    possible += comes ? 1 : 0;
    something_comes = something_comes || (comes && !is_ready(target));
  }
  const std::size_t all = self.wants.size() + (self.wants_promise ? 1 : 0);
  if (self.now == standing::waiting_in_place) return possible == all;
  return self.until_failure ? something_comes || possible == all : possible >= self.goal;
}

bool deadlock_history::has_a_turn(int actor, const std::vector<bool>& ended) const {
  int running = 0;
  for (std::size_t i = 0; i != members_.size(); ++i) {
    const bool runs = members_[i].now != standing::not_begun && !ended[i];
    running += members_[i].actor == actor && runs ? 1 : 0;
  }
  return running < actors_[static_cast<std::size_t>(actor)].limit;
}

// When all that may end has let go, and actors that have a turn to give.
bool deadlock_history::fits(const demand& asks, const std::vector<bool>& ended) const {
  free_resources free{static_cast<double>(licenses_), memory_total,
                      std::vector<double>(static_cast<std::size_t>(gpus_), 1.0)};
  const auto take = [&free](const demand& held, const std::vector<int>& ids) {
    free.licenses -= held.licenses;
    free.memory -= held.memory;
    for (const int id : ids) free.gpus[static_cast<std::size_t>(id)] -= std::min(held.gpus, 1.0);
  };
  for (std::size_t i = 0; i != members_.size(); ++i) {
    if (members_[i].now != standing::not_begun && !ended[i]) {
      take(members_[i].asks, members_[i].gpu_ids);
    }
  }
  for (std::size_t i = 0; i != actors_.size(); ++i) {
    if (actors_[i].is_made && !has_a_turn(static_cast<int>(i), ended)) {
      take(actors_[i].asks, actors_[i].gpu_ids);
    }
  }
  const double each = std::min(asks.gpus, 1.0);
  const auto good = std::count_if(free.gpus.begin(), free.gpus.end(),
                                  [each](double gpu) { return gpu + rounding >= each; });
  return asks.licenses <= free.licenses + rounding && asks.memory <= free.memory + rounding &&
         (asks.gpus == 0 || static_cast<double>(good) >= std::max(asks.gpus, 1.0));
}

}  // namespace narke_test
