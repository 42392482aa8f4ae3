#include "harness/raw_driver.hpp"
#include "gpu_working_set/lru_cache.hpp"
#include "gpu_working_set/workload.hpp"

namespace bench::gpu_working_set {
namespace {

enum stream_role : std::size_t { copies, computes, stream_count };

class by_hand {
 public:
  by_hand(const bench::raw_driver& driver, raw_device& device, const parameters& asked)
      : device_{device},
        asked_{asked},
        sums_{device.allocate<float>(asked.order.size())},
        workspace_{
            device.allocate<char>(narke::kernels::reduce_workspace_bytes(asked.elements) + 1)} {
    for (std::size_t i = 0; i != asked.arrays_that_fit; ++i) {
      places_.push_back(
          {device.allocate<float>(asked.elements), device.make_event(), device.make_event()});
    }
    for (std::size_t i = 0; i != asked.arrays; ++i) {
      arrays_.emplace_back(driver, asked.bytes());
      const std::vector<float> values = values_of(asked, i);
      std::copy(values.begin(), values.end(), arrays_.back().as<float>());
    }
  }

  /// Returns how many arrays were brought.
  std::size_t run() {
    lru_cache cache{asked_.arrays_that_fit};
    std::size_t brought = 0;
    for (std::size_t i = 0; i != asked_.order.size(); ++i) {
      const std::size_t array = asked_.order[i];
      const lru_cache::found at = cache.use(array);
      place& there = places_[at.place];
      if (!at.was_there) {
        ++brought;
        if (there.is_in_use) device_.wait(copies, there.is_read);
        device_.to_device(copies, there.data, arrays_[array].as<float>(), asked_.bytes());
        device_.record(there.is_there, copies);
        device_.wait(computes, there.is_there);
      }
      device_.enqueue(computes,
                      sum_of_elements{asked_.elements, there.data, sums_ + i, workspace_});
      device_.record(there.is_read, computes);
      there.is_in_use = true;
    }
    device_.synchronize(computes);
    return brought;
  }

  void check(const bench::raw_driver& driver) {
    const std::size_t bytes = asked_.order.size() * sizeof(float);
    const pinned_memory host{driver, bytes};
    device_.to_host(computes, host.as<float>(), sums_, bytes);
    device_.synchronize(computes);
    expect(same_bits({host.as<float>(), asked_.order.size()}, expected(asked_)), "a sum is wrong");
  }

 private:
  struct place {
    float* data = nullptr;
    cu_event is_there = nullptr;
    cu_event is_read = nullptr;
    bool is_in_use = false;
  };

  raw_device& device_;
  const parameters& asked_;
  float* sums_;
  char* workspace_;
  std::vector<place> places_;
  std::vector<pinned_memory> arrays_;
};

}  // namespace

contender raw_driver(const parameters& asked) {
  return {"raw_driver", [asked](run& measured) {
            const bench::raw_driver driver{asked.setup(), asked.choice};
            raw_device device{driver, 0, stream_count};
            by_hand work{driver, device, asked};

            measured.start();
            const std::size_t brought = work.run();
            measured.stop();

            measured.count("arrays_brought", double(brought));
            work.check(driver);
          }};
}

}  // namespace bench::gpu_working_set
