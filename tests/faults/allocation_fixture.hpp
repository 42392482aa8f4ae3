// Runs a scenario again and again, and refuses another of its allocations each time, whichever
// thread asks for it. Whatever came of the call: every ref resolves, everything is free again, and
// the runtime goes on. By default about 50 of the allocations of each scenario are refused, evenly;
// with NARKE_STRESS_SCALE=100 each one.
#pragma once

#include <faults/refused_memory.hpp>
#include <support/runtime_fixture.hpp>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <new>
#include <string>
#include <system_error>
#include <vector>

namespace narke_test {

/// What a scenario made, for the look at it once memory is there again.
class kept_refs {
 public:
  kept_refs() { refs_.reserve(refs_max); }

  template <class T>
  narke::object_ref<T> operator()(narke::object_ref<T> ref) {
    refs_.emplace_back(ref);
    return ref;
  }

  /// Each has a value or an error: none is for ever on its way.
  void expect_all_resolve() {
    for (const auto& ref : refs_) {
      EXPECT_TRUE(eventually([&] { return narke::is_ready(ref); })) << "a task was lost";
    }
    refs_.clear();
  }

 private:
  static constexpr std::size_t refs_max = 64;  // what stands here must not allocate
  std::vector<narke::object_ref<void>> refs_;
};

class allocation_faults : public runtime_test {
 protected:
  /// `run(kept)` for each allocation in turn: that one alone is refused, and then with the seven
  /// after it. What it checks itself is only reached when nothing was thrown before.
  template <class Scenario>
  void refuse_each(const char* name, Scenario run) {
    for (int warm = 0; warm != 3; ++warm) {
      refuse_memory(name, most_allocations, 0);
      run_once(run);
      allow_memory();
      look_again();
    }
    refuse_memory(name, most_allocations, 0);
    run_once(run);
    const long allocations = allow_memory();
    look_again();
    int refusals = 0;
    for (const long more : {0L, 7L}) {
      const long stride = stride_for(allocations);
      for (long nth = 1; nth <= allocations && !HasFatalFailure(); nth += stride) {
        refuse_memory(name, nth, more);
        run_once(run);
        allow_memory();
        refusals += was_memory_refused() ? 1 : 0;
        look_again();
        if (HasFailure()) {
          FAIL() << name << ": allocation " << nth << " of " << allocations << " and " << more
                 << " more were refused";
        }
      }
    }
    EXPECT_GT(refusals, 0) << name << " had " << allocations << " allocations";
    RecordProperty("allocations", static_cast<int>(allocations));
    RecordProperty("refusals", refusals);
  }

 private:
  static constexpr long most_allocations = 1L << 40;

  static long stride_for(long allocations) {
    const char* text = std::getenv("NARKE_STRESS_SCALE");
    const double scale = text ? std::atof(text) : 1.0;
    return std::max(1L, static_cast<long>(static_cast<double>(allocations) / (25 * scale)));
  }

  template <class Scenario>
  void run_once(Scenario& run) {
    try {
      run(kept_);
    } catch (const std::bad_alloc&) {
    } catch (const narke::error&) {
    } catch (const std::system_error&) {  // a thread that could not be made
    } catch (const std::exception& other) {
      allow_memory();
      ADD_FAILURE() << "it threw " << other.what();
    }
  }

  void look_again() {
    kept_.expect_all_resolve();
    if (narke::is_initialized()) {
      expect_nothing_held();
      EXPECT_EQ(narke::get(narke::task([] { return 7; }).remote()), 7);
    }
  }

  kept_refs kept_;
};

}  // namespace narke_test
