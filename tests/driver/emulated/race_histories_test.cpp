// Random small histories, told to the detector and to a closure of "happens before" that is worked
// out edge by edge: both must find the same races, byte for byte, and the same redundant waits.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bitset>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "driver/emulated/race_detector.hpp"

namespace {

using namespace narke::internal;

constexpr std::size_t nodes_max = 128;
constexpr cu_device_ptr memory_bytes = 24;

struct node {
  std::bitset<nodes_max> before;  ///< all that happens before it, and itself
  std::vector<accessed_bytes> accesses;
  bool is_work = false;
  bool ends_life = false;  ///< an alloc or free: nothing before it is compared with what follows
  bool forgets = false;    ///< the same, and it is not compared itself
};

/// What happened, with every edge followed to its end.
class brute_force {
 public:
  static constexpr std::size_t none = nodes_max;

  std::size_t add(std::initializer_list<std::size_t> predecessors) {
    node added;
    for (const std::size_t from : predecessors) {
      if (from != none) added.before |= nodes_[from].before;
    }
    added.before.set(nodes_.size());
    nodes_.push_back(added);
    return nodes_.size() - 1;
  }

  node& operator[](std::size_t index) { return nodes_[index]; }
  [[nodiscard]] std::size_t size() const { return nodes_.size(); }

  /// (earlier, byte) of all races of `later`.
  [[nodiscard]] std::set<std::pair<std::size_t, cu_device_ptr>> races_of(std::size_t later) const {
    std::set<std::pair<std::size_t, cu_device_ptr>> found;
    for (cu_device_ptr byte = 0; byte < memory_bytes; ++byte) {
      if (!touches(later, byte)) continue;
      for (std::size_t earlier = later; earlier-- > 0;) {
        if (nodes_[earlier].forgets && touches(earlier, byte)) break;
        const bool conflict =
            touches(earlier, byte) && (is_write(earlier, byte) || is_write(later, byte));
        if (conflict && !nodes_[later].before[earlier]) found.emplace(earlier, byte);
        if (nodes_[earlier].ends_life && touches(earlier, byte)) break;
      }
    }
    return found;
  }

  /// Whether all the work up to `what` is before the next node behind `knower` and `host`.
  [[nodiscard]] bool implied(std::size_t what, std::size_t knower, std::size_t host) const {
    std::bitset<nodes_max> known;
    if (knower != none) known |= nodes_[knower].before;
    if (host != none) known |= nodes_[host].before;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (nodes_[what].before[i] && nodes_[i].is_work && !known[i]) return false;
    }
    return true;
  }

 private:
  [[nodiscard]] bool touches(std::size_t index, cu_device_ptr byte) const {
    return std::any_of(nodes_[index].accesses.begin(), nodes_[index].accesses.end(),
                       [&](const accessed_bytes& a) { return contains(a, byte); });
  }
  [[nodiscard]] bool is_write(std::size_t index, cu_device_ptr byte) const {
    return std::any_of(nodes_[index].accesses.begin(), nodes_[index].accesses.end(),
                       [&](const accessed_bytes& a) {
                         return contains(a, byte) && a.access == byte_access::write;
                       });
  }
  static bool contains(const accessed_bytes& access, cu_device_ptr byte) {
    return byte >= access.begin && byte - access.begin < access.bytes;
  }

  std::vector<node> nodes_;
};

/// One random history told to both.
class history {
 public:
  explicit history(unsigned seed) : random_(seed) {
    for (int i = 0; i < 2 + pick(3); ++i) add_stream();
    for (int i = 0; i < 1 + pick(3); ++i) events_.push_back({detector_.new_event()});
  }

  void run() {
    const int length = 20 + pick(static_cast<int>(nodes_max) - 20);
    while (truth_.size() < static_cast<std::size_t>(length) && !testing::Test::HasFailure()) {
      const int kind = pick(21);
      if (kind < 8)
        operation();
      else if (kind < 10)
        change_hands();
      else if (kind < 13)
        record();
      else if (kind < 16)
        wait();
      else if (kind < 17)
        observe_stream();
      else if (kind < 18)
        observe_event();
      else if (kind < 19)
        host_access();
      else if (kind < 20)
        forget();
      else
        replace_stream();
    }
  }

  std::size_t races = 0;
  std::size_t redundant_waits = 0;

 private:
  static constexpr std::size_t none = brute_force::none;

  struct stream {
    race_stream_id id;
    std::size_t last = none;  ///< its newest node
    std::vector<std::pair<stream_position, std::size_t>> positions;
  };
  struct event {
    race_event_id id;
    std::size_t recorded = none;
  };

  int pick(int bound) { return std::uniform_int_distribution<int>(0, bound - 1)(random_); }
  stream& any_stream() { return streams_[static_cast<std::size_t>(pick(int(streams_.size())))]; }
  event& any_event() { return events_[static_cast<std::size_t>(pick(int(events_.size())))]; }

  accessed_bytes any_access() {
    const auto begin = static_cast<cu_device_ptr>(pick(int(memory_bytes)));
    const auto rest = static_cast<int>(memory_bytes - begin);
    return {.begin = begin,
            .bytes = static_cast<std::size_t>(pick(std::min(rest, 8) + 1)),
            .access = pick(2) == 0 ? byte_access::read : byte_access::write};
  }

  void add_stream() { streams_.push_back({detector_.new_stream("s" + std::to_string(named_++))}); }

  /// What the node's own edges say is in `truth_`; the label is the node's number.
  std::size_t append(stream& at, std::size_t also = none) {
    at.last = truth_.add({at.last, host_, also});
    return at.last;
  }

  void operation() {
    stream& at = any_stream();
    const std::size_t number = append(at);
    truth_[number].is_work = true;
    for (int i = pick(4); i > 0; --i) truth_[number].accesses.push_back(any_access());
    const auto position =
        detector_.operation(at.id, truth_[number].accesses, std::to_string(number));
    at.positions.emplace_back(position, number);
    compare(number);
  }

  void change_hands() {
    stream& at = any_stream();
    const std::size_t number = append(at);
    accessed_bytes block = any_access();
    block.access = byte_access::write;
    truth_[number].is_work = true;
    truth_[number].ends_life = true;
    truth_[number].accesses = {block};
    const std::string label = std::to_string(number);
    const auto position = pick(2) == 0 ? detector_.allocated(at.id, block.begin, block.bytes, label)
                                       : detector_.freed(at.id, block.begin, block.bytes, label);
    at.positions.emplace_back(position, number);
    compare(number);
  }

  void record() {
    stream& at = any_stream();
    event& target = any_event();
    target.recorded = append(at);
    at.positions.emplace_back(detector_.record(target.id, at.id), target.recorded);
  }

  void wait() {
    stream& at = any_stream();
    const event& target = any_event();
    if (target.recorded == none) {
      EXPECT_FALSE(detector_.is_redundant(at.id, target.id));
      EXPECT_EQ(detector_.wait(at.id, target.id), wait_effect::never_recorded);
      return;
    }
    const bool implied = truth_.implied(target.recorded, at.last, host_);
    redundant_waits += implied ? 1 : 0;
    EXPECT_EQ(detector_.is_redundant(at.id, target.id), implied);
    if (pick(4) == 0) return;
    EXPECT_EQ(detector_.wait(at.id, target.id),
              implied ? wait_effect::redundant : wait_effect::ordered);
    append(at, target.recorded);
    at.positions.emplace_back(detector_.tail(at.id), at.last);
  }

  void observe_stream() {
    const stream& at = !ended_.empty() && pick(3) == 0 ? ended_.back() : any_stream();
    if (at.positions.empty()) return;
    const auto& [position, number] =
        at.positions[static_cast<std::size_t>(pick(int(at.positions.size())))];
    detector_.host_observed(at.id, position);
    host_ = truth_.add({host_, number});
  }

  void observe_event() {
    const event& seen = any_event();
    detector_.host_observed(seen.id);
    if (seen.recorded != none) host_ = truth_.add({host_, seen.recorded});
  }

  void host_access() {
    const std::size_t number = truth_.add({host_});
    host_ = number;
    truth_[number].accesses = {any_access()};
    detector_.host_access(truth_[number].accesses[0], std::to_string(number));
    compare(number);
  }

  void forget() {
    const std::size_t number = truth_.add({});
    truth_[number].forgets = true;
    truth_[number].accesses = {any_access()};
    detector_.forget(truth_[number].accesses[0].begin, truth_[number].accesses[0].bytes);
  }

  void replace_stream() {
    const auto index = static_cast<std::size_t>(pick(int(streams_.size())));
    detector_.end_stream(streams_[index].id);
    ended_.push_back(streams_[index]);
    streams_.erase(streams_.begin() + static_cast<std::ptrdiff_t>(index));
    add_stream();
  }

  /// The detector's reports of one operation are true, each pair once, and leave no byte out.
  void compare(std::size_t later) {
    const auto expected = truth_.races_of(later);
    std::set<cu_device_ptr> bytes_expected;
    for (const auto& [earlier, byte] : expected) bytes_expected.insert(byte);
    std::set<cu_device_ptr> bytes_found;
    std::set<std::string> pairs;
    for (const race& found : detector_.take_races()) {
      ++races;
      EXPECT_EQ(found.later.label, std::to_string(later));
      EXPECT_TRUE(pairs.insert(found.earlier.label).second) << "told twice: " << describe(found);
      EXPECT_LT(found.seen, found.earlier.position);
      for (const raced_bytes& range : found.ranges) {
        for (cu_device_ptr byte = range.begin; byte < range.begin + range.bytes; ++byte) {
          EXPECT_TRUE(expected.contains({std::stoul(found.earlier.label), byte}))
              << "not true: " << describe(found);
          bytes_found.insert(byte);
        }
      }
    }
    EXPECT_EQ(bytes_found, bytes_expected) << "races of node " << later;
  }

  std::mt19937 random_;
  race_detector detector_;
  brute_force truth_;
  std::vector<stream> streams_;
  std::vector<stream> ended_;
  std::vector<event> events_;
  std::size_t host_ = none;  ///< the newest node of the host
  int named_ = 0;
};

TEST(race_histories, detector_and_closure_find_the_same_races_and_redundant_waits) {
  std::size_t races = 0;
  std::size_t redundant_waits = 0;
  for (unsigned seed = 1; seed <= 1500 && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    history random(seed);
    random.run();
    races += random.races;
    redundant_waits += random.redundant_waits;
  }
  EXPECT_GT(races, 10'000u);
  EXPECT_GT(redundant_waits, 1'000u);
}

}  // namespace
