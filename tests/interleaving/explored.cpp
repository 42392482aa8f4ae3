#include <interleaving/explored.hpp>

#include <linux/futex.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <random>

#include <support/fibre.hpp>

namespace narke_test::explored {

namespace {

constexpr int points_max = 20'000;  // of one scene: more, and it goes round in circles

enum class standing : std::uint8_t { can_go_on, asleep, asleep_for_a_time, has_ended };

struct thread {
  std::unique_ptr<fibre> stack;
  standing now = standing::can_go_on;
  const void* place = nullptr;
  bool time_was_up = false;
  std::int64_t priority = 0;
};

// One run. The threads decide themselves, at each point, who goes on; the loop of the run only
// changes stacks.
class exploration {
 public:
  explicit exploration(std::uint64_t seed) : random_{seed * 2 + 1}, by_priority_{seed % 2 == 1} {}

  outcome run(scene& of);
  void point();
  void yield();
  bool sleep(const void* place, bool has_deadline);
  void wake(const void* place, int count);
  void fail(const std::string& what);
  std::uint32_t below(std::uint32_t bound) { return static_cast<std::uint32_t>(random_() % bound); }

 private:
  thread& current() { return threads_[current_]; }
  [[nodiscard]] bool can_be_chosen(const thread& each) const {
    return each.now == standing::can_go_on || each.now == standing::asleep_for_a_time;
  }
  void go_to(std::size_t chosen);
  [[nodiscard]] std::size_t choose();
  [[nodiscard]] bool all_have_ended() const;

  std::minstd_rand random_;
  const bool by_priority_;
  std::vector<thread> threads_;
  std::vector<std::size_t> candidates_;  // of one choice, kept for its memory
  std::size_t current_ = 0;
  std::int64_t lowest_ = 0;
  outcome result_;
};

exploration* running = nullptr;
const char* planted_bug = nullptr;

bool exploration::all_have_ended() const {
  return std::all_of(threads_.begin(), threads_.end(),
                     [](const thread& each) { return each.now == standing::has_ended; });
}

outcome exploration::run(scene& of) {
  running = this;
  for (auto& body : of.threads()) {
    threads_.push_back({.stack = std::make_unique<fibre>(std::move(body)), .priority = below(64)});
  }
  current_ = choose();
  while (result_.failure.empty() && !all_have_ended()) {
    if (current_ == threads_.size()) {
      fail("everybody sleeps: a wake was lost");
      break;
    }
    current().stack->resume();
    if (current_ != threads_.size() && current().stack->has_ended()) {
      current().now = standing::has_ended;
      current_ = choose();
    }
  }
  if (result_.failure.empty()) {
    of.at_end();
  }
  running = nullptr;
  return result_;
}

// The time of a sleeper is up when he is chosen, which happens seldom while others can go on.
std::size_t exploration::choose() {
  candidates_.clear();
  for (std::size_t i = 0; i != threads_.size(); ++i) {
    if (threads_[i].now == standing::can_go_on) {
      candidates_.push_back(i);
    }
  }
  if (candidates_.empty() || below(16) == 0) {
    for (std::size_t i = 0; i != threads_.size(); ++i) {
      if (threads_[i].now == standing::asleep_for_a_time) {
        candidates_.push_back(i);
      }
    }
  }
  if (candidates_.empty()) {
    return threads_.size();
  }
  std::size_t chosen = candidates_[below(static_cast<std::uint32_t>(candidates_.size()))];
  if (by_priority_) {
    chosen = *std::max_element(candidates_.begin(), candidates_.end(), [this](auto a, auto b) {
      return threads_[a].priority < threads_[b].priority;
    });
  }
  if (threads_[chosen].now == standing::asleep_for_a_time) {
    threads_[chosen].now = standing::can_go_on;
    threads_[chosen].time_was_up = true;
  }
  return chosen;
}

void exploration::go_to(std::size_t chosen) {
  if (chosen != current_) {
    current_ = chosen;
    fibre::yield();
  }
}

void exploration::point() {
  if (++result_.points > points_max) {
    fail("it goes round in circles");
  }
  if (!result_.failure.empty()) {
    fibre::yield();  // for good: nobody resumes it
  }
  if (by_priority_ && below(24) == 0) {
    current().priority = --lowest_;
  }
  go_to(choose());
}

// Who spins lets everybody else go first.
void exploration::yield() {
  current().priority = --lowest_;
  point();
}

bool exploration::sleep(const void* place, bool has_deadline) {
  thread& self = current();
  self.place = place;
  self.time_was_up = false;
  self.now = has_deadline ? standing::asleep_for_a_time : standing::asleep;
  go_to(choose());
  return !self.time_was_up;
}

void exploration::wake(const void* place, int count) {
  const std::size_t first = below(static_cast<std::uint32_t>(threads_.size()));
  for (std::size_t i = 0; i != threads_.size() && count > 0; ++i) {
    thread& each = threads_[(first + i) % threads_.size()];
    if ((each.now == standing::asleep || each.now == standing::asleep_for_a_time) &&
        each.place == place) {
      each.now = standing::can_go_on;
      --count;
    }
  }
}

void exploration::fail(const std::string& what) {
  if (result_.failure.empty()) {
    result_.failure = what;
  }
}

bool is_inside() { return running != nullptr && fibre::current() != nullptr; }

}  // namespace

outcome run(std::uint64_t seed, scene& of) { return exploration{seed}.run(of); }

void check(bool holds, const char* what) {
  if (!holds && running != nullptr) {
    running->fail(what);
    if (fibre::current() != nullptr) {
      fibre::yield();
    }
  }
}

std::uint32_t random_below(std::uint32_t bound) {
  return running != nullptr ? running->below(bound) : 1 % bound;
}

bool planted(const char* bug) {
  return planted_bug != nullptr && std::strcmp(planted_bug, bug) == 0;
}
void plant(const char* bug) { planted_bug = bug; }

void point() {
  if (is_inside()) {
    running->point();
  }
}
void yield() {
  if (is_inside()) {
    running->yield();
  }
}
bool sleep(const void* place, bool has_deadline) {
  return !is_inside() || running->sleep(place, has_deadline);
}
void wake(const void* place, int count) {
  if (is_inside()) {
    running->wake(place, count);
  }
}

long futex(atomic<std::uint32_t>* word, int operation, std::uint32_t value, const timespec* until,
           std::nullptr_t, unsigned) {
  if (operation == FUTEX_WAKE_PRIVATE) {
    point();
    wake(word, static_cast<int>(value));
    return 0;
  }
  if (word->load() != value) {
    errno = EAGAIN;
    return -1;
  }
  if (random_below(16) == 0) {
    errno = EINTR;
    return -1;
  }
  // The look at the word and the sleep are one step, as in the kernel.
  if (!sleep(word, until != nullptr)) {
    errno = ETIMEDOUT;
    return -1;
  }
  return 0;
}

}  // namespace narke_test::explored
