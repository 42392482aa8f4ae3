#include "random_history.hpp"

#include <algorithm>
#include <numeric>

namespace narke_test {
namespace {

// Only some words of an array are ever written and compared: the others would cost time alone.
constexpr std::size_t stride = 61;
constexpr std::size_t samples_of(std::size_t count) {
  return (count + stride - 1) / stride;
}

struct meant_to_throw {};

using samples = std::vector<word>;

samples mix(const std::vector<samples>& inputs, std::size_t count, word salt) {
  samples made(samples_of(count));
  for (std::size_t k = 0; k != made.size(); ++k) {
    word sum = salt + k;
    for (const samples& each : inputs) {
      sum = sum * 3 + (each.empty() ? 1 : each[k % each.size()]);
    }
    made[k] = sum;
  }
  return made;
}

struct known_array {
  words handle;
  samples expected;
};

struct device_input {
  const word* data;
  std::size_t count;
};

word mix_one(const std::vector<device_input>& from, std::size_t k, word salt) {
  word sum = salt + k;
  for (const device_input& each : from) {
    const std::size_t there = samples_of(each.count);
    sum = sum * 3 + (there == 0 ? 1 : each.data[k % there * stride]);
  }
  return sum;
}

// What one work does.
struct plan {
  std::vector<std::size_t> outputs;  // in words
  std::vector<int> places;           // of each output: on which of its devices it is made
  bool others_read = true;           // the inputs, over a link
  std::size_t scratch_bytes = 0;
  int consumed = -1;  // which input
  word salt = 0;
  bool synchronizes = false;
  bool throws = false;
};

void run_plan(const plan& what, gpu_context& gpu, test_work& work) {
  // The engine cannot see whether a body enqueued anything since it began or since it waited, and
  // waits for the end of one that did not, too, though in vain: here each does, even one that finds
  // no memory.
  for (int i = 0; i != gpu.size(); ++i) {
    gpu.on(i).emulate([] {});
  }
  std::vector<words_builder> made;
  made.reserve(what.outputs.size());
  for (std::size_t i = 0; i != what.outputs.size(); ++i) {
    made.push_back(gpu.on(what.places[i]).allocate<word>(what.outputs[i]));
  }
  void* scratch = what.scratch_bytes != 0 ? gpu.allocate_temporary(what.scratch_bytes) : nullptr;
  std::vector<device_input> from;
  for (std::size_t i = 0; i != work.inputs.size(); ++i) {
    const std::size_t count = work.inputs[i].size();
    from.push_back({count != 0 ? work.input(i, gpu) : nullptr, count});
  }
  word salt = what.salt;
  for (std::size_t i = 0; i != made.size(); ++i) {
    const bool is_first = what.places[i] == 0;
    const std::vector<device_input> read =
        is_first || what.others_read ? from : std::vector<device_input>{};
    void* const its_scratch = is_first ? scratch : nullptr;
    gpu.on(what.places[i])
        .emulate([read, out = made[i].data(), count = made[i].size(), salt, its_scratch] {
          for (std::size_t k = 0; k != samples_of(count); ++k) {
            out[k * stride] = mix_one(read, k, salt);
          }
          if (its_scratch != nullptr) {
            *static_cast<word*>(its_scratch) = salt;
          }
        });
    ++salt;
  }
  if (scratch != nullptr && what.salt % 2 == 0) {
    gpu.free_temporary(scratch);
  }
  if (what.synchronizes) {
    gpu.synchronize();
    gpu.emulate([] {});
  }
  if (what.throws) {
    throw meant_to_throw{};
  }
  for (words_builder& each : made) {
    work.results.emplace_back(std::move(each));
  }
  if (what.consumed >= 0) {
    words_builder taken = work.consume(static_cast<std::size_t>(what.consumed), gpu);
    gpu.emulate([out = taken.data(), count = taken.size(), salt] {
      for (std::size_t k = 0; k != samples_of(count); ++k) {
        out[k * stride] = out[k * stride] * 5 + salt;
      }
    });
    work.results.emplace_back(std::move(taken));
  }
}

class history {
 public:
  explicit history(const history_options& options)
      : options_{options}, random_{options.seed}, scene_{make_scene()} {}

  history_outcome run() {
    for (int made = 0; made < options_.works && !scene_.is_stuck;) {
      switch (below(10)) {
        case 0:
        case 1:
        case 2:
        case 3:
          if (waiting_ < 10) {
            submit_one();
            ++made;
            if (options_.meanwhile) {
              options_.meanwhile(scene_, made);
            }
          }
          scene_.step();
          break;
        case 4:
          check_one();
          break;
        case 5:
          drop_one();
          break;
        case 6:
          add_host_array();
          break;
        default:
          for (std::size_t steps = below(12); steps != 0; --steps) {
            scene_.step();
          }
      }
    }
    finish();
    return outcome_;
  }

 private:
  std::size_t below(std::size_t limit) { return limit == 0 ? 0 : random_() % limit; }
  bool chance(std::size_t one_in) { return below(one_in) == 0; }

  scene_options make_scene() {
    const int devices = 1 + static_cast<int>(below(3));
    are_linked_ = chance(2);
    scene_options made = small_scene(devices, 4 * mib, are_linked_);
    capacity_bytes_ = (256 + 128 * below(5)) * kib;
    made.engine.reserve_bytes = 4 * mib - capacity_bytes_;
    made.engine.slab_bytes = (64 << below(3)) * kib;
    made.engine.chunk_bytes = (8 << below(3)) * kib;
    made.engine.slots_a_direction = 1 + below(3);
    made.engine.compute_streams = 1 + static_cast<int>(below(4));
    made.engine.marker_period = 1 + below(16);
    made.engine.works_in_flight_max = 2 + below(30);
    made.engine.one_allocation_a_block = chance(8);
    made.driver.seed = options_.seed;
    made.driver.perturb = true;
    made.driver.detect_races = options_.detects_races;
    // Works stand in their streams for a while, or are done as soon as they are looked for.
    made.driver.model.launch_latency_ns = chance(2) ? 3'000 : 300'000;
    made.expects_violations = options_.expects_violations;
    if (options_.adjust) {
      options_.adjust(made);
    }
    devices_ = devices;
    return made;
  }

  // A part of what is left of the device, sometimes all of it.
  std::size_t some_words(std::uint64_t left_bytes) {
    const std::uint64_t whole = left_bytes / 512 * 512;
    if (whole == 0) {
      return 0;
    }
    const std::uint64_t bytes = chance(12) ? whole : 8 + below(chance(3) ? whole : whole / 8 + 1);
    return std::min(bytes, whole) / sizeof(word);
  }

  static std::uint64_t rounded(std::size_t count) {
    return narke::internal::device_memory::rounded(count * sizeof(word));
  }

  void add_host_array() {
    if (arrays_.size() >= 16) {
      return;
    }
    const std::size_t count = chance(10) ? 0 : some_words(capacity_bytes_ / 2);
    std::vector<word> values(count);
    const samples expected = mix({}, count, random_());
    for (std::size_t k = 0; k != expected.size(); ++k) {
      values[k * stride] = expected[k];
    }
    arrays_.push_back({words{std::move(values)}, expected});
  }

  void submit_one() {
    plan what;
    what.salt = random_();
    std::vector<words> inputs;
    std::vector<samples> model;
    std::uint64_t left = capacity_bytes_;
    for (std::size_t i = below(4); i != 0 && !arrays_.empty(); --i) {
      const std::size_t which = below(arrays_.size());
      const known_array& given = arrays_[which];
      const std::uint64_t bytes = given.handle.empty() ? 0 : rounded(given.handle.size());
      if (bytes > left) {
        continue;
      }
      left -= bytes;
      inputs.push_back(given.handle);
      model.push_back(given.expected);
      if (chance(4)) {  // perhaps the last handle
        arrays_.erase(arrays_.begin() + static_cast<std::ptrdiff_t>(which));
      }
    }
    for (std::size_t i = below(3); i != 0; --i) {
      const std::size_t count = some_words(left);
      if (count != 0) {
        left -= rounded(count);
        what.outputs.push_back(count);
      }
    }
    if (chance(4) && left >= 1024) {
      what.scratch_bytes = 8 + below(left / 2);
      left -= narke::internal::device_memory::rounded(what.scratch_bytes);
    }
    consume_one(what, inputs, left);
    what.synchronizes = chance(12);
    what.throws = chance(16);
    const std::vector<int> devices = some_devices();
    what.others_read = are_linked_;
    for (std::size_t i = 0; i != what.outputs.size(); ++i) {
      what.places.push_back(static_cast<int>(below(devices.size())));
    }
    start(what, std::move(inputs), model, devices);
  }

  // One, mostly.
  std::vector<int> some_devices() {
    std::vector<int> all(static_cast<std::size_t>(devices_));
    std::iota(all.begin(), all.end(), 0);
    std::shuffle(all.begin(), all.end(), random_);
    const bool are_several = devices_ > 1 && options_.has_works_of_several && chance(5);
    all.resize(are_several ? 2 + below(all.size() - 1) : 1);
    outcome_.works_of_several += are_several ? 1 : 0;
    return all;
  }

  // In place or as a copy: there is room for the copy. Once alone: an array that is given twice
  // would be read as it was and be written.
  void consume_one(plan& what, const std::vector<words>& inputs, std::uint64_t left) {
    if (inputs.empty() || !chance(3)) {
      return;
    }
    const std::size_t which = below(inputs.size());
    const words& chosen = inputs[which];
    if (!chosen.empty() && rounded(chosen.size()) <= left &&
        std::count(inputs.begin(), inputs.end(), chosen) == 1) {
      what.consumed = static_cast<int>(which);
    }
  }

  void start(const plan& what, std::vector<words> inputs, const std::vector<samples>& model,
             const std::vector<int>& devices) {
    std::vector<samples> expected;
    word salt = what.salt;
    for (std::size_t i = 0; i != what.outputs.size(); ++i) {
      const bool reads = what.places[i] == 0 || what.others_read;
      expected.push_back(mix(reads ? model : std::vector<samples>{}, what.outputs[i], salt++));
    }
    if (what.consumed >= 0) {
      samples written = model[static_cast<std::size_t>(what.consumed)];
      for (word& each : written) {
        each = each * 5 + salt;
      }
      expected.push_back(std::move(written));
    }
    test_work& work = scene_.make(
        1 + below(6), std::move(inputs),
        [what](gpu_context& gpu, test_work& self) { run_plan(what, gpu, self); }, devices);
    work.key = &keys_[below(4)];
    ++waiting_;
    work.when_ordered = [this, &work, expected = std::move(expected)] {
      --waiting_;
      outcome_.works_called_again += work.times_run > 1 ? 1 : 0;
      for (std::size_t i = 0; i != work.results.size(); ++i) {
        arrays_.push_back({std::move(work.results[i]), expected[i]});
      }
      work.results.clear();
    };
    work.when_completed = [this, &work] {
      waiting_ -= work.is_ordered ? 0 : 1;
      ++outcome_.works_completed;
      note_failure(work.error);
      // Else it is the first call's, of a body that was to be called again.
      if (work.error == nullptr && !is_a<meant_to_throw>(work.thrown)) {
        note_failure(work.thrown);
      }
    };
    scene_.submit(work);
  }

  void note_failure(const std::exception_ptr& why) {
    if (why != nullptr) {
      ++outcome_.works_failed;
      outcome_.errors.push_back(why);
    }
  }

  void check(const known_array& asked) {
    ++outcome_.values_checked;
    try {
      const std::span<const word> values = asked.handle.host();
      for (std::size_t k = 0; k != asked.expected.size(); ++k) {
        if (values[k * stride] != asked.expected[k]) {
          ++outcome_.values_wrong;
          return;
        }
      }
    } catch (...) {
      ++outcome_.host_failures;
      outcome_.errors.push_back(std::current_exception());
    }
  }

  void check_one() {
    if (!arrays_.empty()) {
      const known_array asked = arrays_[below(arrays_.size())];
      check(asked);
    }
  }

  void drop_one() {
    while (arrays_.size() > 12 || (!arrays_.empty() && chance(3))) {
      arrays_.erase(arrays_.begin() + static_cast<std::ptrdiff_t>(below(arrays_.size())));
    }
  }

  void finish() {
    if (!scene_.is_stuck) {
      scene_.run_all();
    }
    const bool some_stay = chance(2);  // over the end of the engine
    while (!scene_.is_stuck && !some_stay && !arrays_.empty()) {
      check(arrays_.back());
      arrays_.pop_back();
    }
    outcome_.is_stuck = scene_.is_stuck;
    for (const auto& each : scene_.engine.facts().devices) {
      outcome_.evictions += each.evictions;
    }
    if (!scene_.is_stuck) {
      scene_.finish();
      for (const known_array& each : arrays_) {
        check(each);
      }
    }
    outcome_.found = scene_.found(options_.allows_leaks);
    outcome_.violations = scene_.driver.violation_count();
    outcome_.redundant_waits = scene_.driver.redundant_waits();
    outcome_.waits = scene_.calls("stream_wait_event");
  }

  const history_options& options_;
  std::mt19937_64 random_;
  std::uint64_t capacity_bytes_ = 0;
  int devices_ = 1;
  bool are_linked_ = false;
  int waiting_ = 0;
  char keys_[4] = {};
  history_outcome outcome_;
  std::vector<known_array> arrays_;
  engine_scene scene_;
};

}  // namespace

history_outcome run_history(const history_options& options) {
  history made{options};
  return made.run();
}

}  // namespace narke_test
