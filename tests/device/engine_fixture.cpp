#include "engine_fixture.hpp"

#include "support/watchdog.hpp"

namespace narke_test {

using narke::detail::array_access;
using narke::detail::array_buffer;
using narke::internal::emulated_clock;
using narke::internal::violation;

test_work::test_work(std::uint64_t share, std::vector<int> on, std::vector<words> given,
                     body_type run)
    : places{std::move(on)}, inputs{std::move(given)}, body{std::move(run)} {
  share_id = share;
  devices = places;
}

void test_work::prepare(void (*visit)(void*, array_buffer&), void* context) {
  if (prepare_throws) {
    throw std::runtime_error{"the arguments cannot be had"};
  }
  for (const words& each : inputs) {
    if (!each.empty()) {
      visit(context, *array_access::buffer(each));
    }
  }
}

void test_work::run_body(gpu_context& gpu) noexcept {
  ++times_run;
  thrown = nullptr;
  try {
    body(gpu, *this);
  } catch (...) {
    thrown = std::current_exception();
  }
}

bool test_work::try_rewind() noexcept {
  results.clear();
  return !was_consumed;
}

void test_work::ordered() noexcept {
  inputs.clear();
  is_ordered = true;
  if (when_ordered) {
    when_ordered();
  }
}

void test_work::completed(const std::exception_ptr& why) noexcept {
  error = why;
  inputs.clear();
  is_complete = true;
  if (when_completed) {
    when_completed();
  }
}

const word* test_work::input(std::size_t index, const gpu_context& gpu) const {
  return static_cast<const word*>(
      narke::detail::device_bytes(*array_access::buffer(inputs.at(index)), gpu));
}

words_builder test_work::consume(std::size_t index, gpu_context& gpu) {
  const std::size_t size = inputs.at(index).size();
  narke::detail::array_ptr given = array_access::take_buffer(std::move(inputs[index]));
  array_buffer& before = *given;
  // The engine has a reference to it until the body has ended: it can be had again.
  const auto give_back = [&] {
    narke::detail::add_ref(before);
    inputs[index] = array_access::make_array<word>(narke::detail::array_ptr{&before}, size);
  };
  narke::detail::array_ptr taken;
  try {
    taken = narke::detail::take_for_writing(std::move(given), &gpu);
  } catch (...) {
    give_back();
    throw;
  }
  if (taken.get() == &before) {
    was_consumed = true;
  } else {
    give_back();
  }
  return array_access::make_builder<word>(std::move(taken), size);
}

const words& test_work::result(std::size_t index) const {
  for (const std::exception_ptr& each : {error, thrown}) {
    if (each != nullptr) {
      std::rethrow_exception(each);
    }
  }
  return results.at(index);
}

scene_options small_scene(int devices, std::uint64_t memory_bytes, bool are_linked) {
  using narke::internal::emulated_links;
  scene_options options;
  options.driver.gpus = narke::internal::equal_gpus(devices, memory_bytes);
  options.driver.links =
      narke::internal::make_links(devices, are_linked ? emulated_links::all : emulated_links::none);
  options.driver.clock = emulated_clock::virtual_time;
  options.driver.model.context_bytes = 0;
  options.driver.model.context_ns = 0;
  options.driver.detect_races = true;
  options.engine.reserve_bytes = 0;
  options.engine.slab_bytes = 2 * mib;
  options.engine.chunk_bytes = 256 * kib;
  options.engine.slots_a_direction = 2;
  options.engine.is_emulated = true;
  options.engine.has_threads = false;
  for (int i = 0; i != devices; ++i) {
    options.engine.ordinals.push_back(i);
  }
  return options;
}

engine_scene::engine_scene(scene_options given)
    : options{std::move(given)}, driver{options.driver}, engine{gpu_engine::instance()} {
  gpu_engine_options its = options.engine;
  its.table = options.wrap ? &options.wrap(driver.table()) : &driver.table();
  if (!its.has_threads) {
    // The driver's clock stands while nobody asks for work; the host's goes on.
    its.now_ns = [this] { return driver.now_ns() + host_ns_; };
  }
  engine.start(std::move(its));
}

engine_scene::~engine_scene() {
  if (!is_finished_) {
    finish();
  }
}

test_work& engine_scene::make(std::uint64_t share, std::vector<words> inputs,
                              test_work::body_type body, std::vector<int> devices) {
  return *works.emplace_back(
      std::make_unique<test_work>(share, std::move(devices), std::move(inputs), std::move(body)));
}

test_work& engine_scene::submit(test_work& work) {
  engine.submit(work);
  return work;
}

bool engine_scene::step() {
  bool did = false;
  for (std::size_t i = 0; i != options.engine.ordinals.size(); ++i) {
    did = engine.advance(static_cast<int>(i)) || did;
  }
  host_ns_ += did ? 1'000 : 100'000;
  return did;
}

bool engine_scene::run_until(const std::function<bool()>& is_done) {
  // Each idle round lets a tenth of a marker's age go by, and looks at each stream.
  constexpr int idle_rounds_max = 2'000;
  constexpr int rounds_max = 10'000'000;
  int idle_rounds = 0;
  for (int round = 0; !is_done(); ++round) {
    idle_rounds = step() ? 0 : idle_rounds + 1;
    if (idle_rounds == idle_rounds_max || round == rounds_max) {
      is_stuck = true;
      if (!options.expects_violations) {
        ADD_FAILURE() << (idle_rounds == idle_rounds_max ? "nothing moves any more"
                                                         : "it moves but comes to no end");
      }
      return false;
    }
  }
  return true;
}

bool engine_scene::run_until_ordered(const test_work& work) {
  return run_until([&] { return work.is_ordered || work.is_complete; });
}

bool engine_scene::run_all() {
  return run_until([&] {
    driver.wait_until_idle();
    return engine.is_idle();
  });
}

std::string engine_scene::found(bool without_leaks) const {
  std::string text;
  for (const violation& each : driver.violations()) {
    if (without_leaks && each.kind == narke::internal::violation_kind::leak) {
      continue;
    }
    text += std::string{violation_name(each.kind)} + ": " + each.message + '\n';
  }
  return text;
}

void engine_scene::finish() {
  is_finished_ = true;
  // With threads the test has waited for its works.
  const bool has_ended = options.engine.has_threads || run_all();
  if (options.driver.query_patience_us != 0) {
    works.clear();  // nobody would let the copies to the host get on
  }
  const std::uint64_t outruns = engine.facts().order.outruns;
  engine.stop();
  works.clear();
  if (!has_ended) {
    return;
  }
  driver.check_leaks();
  if (!options.expects_violations) {
    EXPECT_EQ(driver.violation_count(), 0U) << found();
    // With threads the driver may be ahead of what the engine knows of it.
    if (!options.engine.has_threads || outruns == 0) {
      EXPECT_EQ(driver.redundant_waits(), 0U);
    }
  }
}

std::vector<word> counting(std::size_t count, word first) {
  std::vector<word> made(count);
  std::iota(made.begin(), made.end(), first);
  return made;
}

word mixed(std::span<const std::span<const word>> inputs, std::size_t i, word salt) {
  word sum = salt + i;
  for (std::size_t k = 0; k != inputs.size(); ++k) {
    if (!inputs[k].empty()) {
      sum = sum * 3 + inputs[k][i % inputs[k].size()];
    }
  }
  return sum;
}

std::vector<word> mixed_on_host(const std::vector<std::vector<word>>& inputs, std::size_t count,
                                word salt) {
  const std::vector<std::span<const word>> spans(inputs.begin(), inputs.end());
  std::vector<word> made(count);
  for (std::size_t i = 0; i != count; ++i) {
    made[i] = mixed(spans, i, salt);
  }
  return made;
}

test_work::body_type mixing(std::size_t count, word salt) {
  return [count, salt](gpu_context& gpu, test_work& work) {
    std::vector<std::span<const word>> from;
    for (std::size_t k = 0; k != work.inputs.size(); ++k) {
      const std::size_t size = work.inputs[k].size();
      from.emplace_back(size != 0 ? work.input(k, gpu) : nullptr, size);
    }
    words_builder made = gpu.allocate<word>(count);
    gpu.emulate([from, out = made.data(), count, salt] {
      for (std::size_t i = 0; i != count; ++i) {
        out[i] = mixed(from, i, salt);
      }
    });
    work.results.emplace_back(std::move(made));
  };
}

std::string message_of(const std::exception_ptr& why) {
  try {
    if (why != nullptr) {
      std::rethrow_exception(why);
    }
  } catch (const std::exception& caught) {
    return caught.what();
  }
  return {};
}

std::vector<word> values_of(const words& array) {
  return array.to_vector();
}

}  // namespace narke_test
