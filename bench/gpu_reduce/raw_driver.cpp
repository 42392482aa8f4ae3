#include <array>
#include <memory>

#include "gpu_reduce/workload.hpp"
#include "harness/raw_driver.hpp"

namespace bench::gpu_reduce {
namespace {

/// Neighbouring parts on the same device; the first device adds up, and fetches what it needs.
class by_hand {
 public:
  by_hand(const bench::raw_driver& driver, const parameters& asked) : asked_{asked} {
    for (int i = 0; i != asked.devices; ++i) {
      devices_.push_back(std::make_unique<raw_device>(driver, i, 1));
      are_there_.push_back(devices_.back()->make_event());
      sums_.push_back(devices_.back()->allocate<float>(parts));
    }
    const pinned_memory host{driver, asked.elements * sizeof(float)};
    for (std::size_t k = 0; k != parts; ++k) bring(k, host);
    first().make_current();
    fetched_ = first().allocate<float>(parts);
  }

  void round() {
    for (std::size_t k = 0; k != parts; ++k) {
      raw_device& device = *devices_[owner(k)];
      device.make_current();
      device.enqueue(0, lasting<sum_of_elements>{
                            {asked_.elements, inputs_[k], sums_[owner(k)] + k, workspaces_[k]},
                            asked_.part_time});
      if (k + 1 == parts || owner(k + 1) != owner(k)) device.record(are_there_[owner(k)], 0);
    }
    add_up();
  }

  float fetch(const pinned_memory& to) {
    first().make_current();
    first().to_host(0, to.as<float>(), result_, sizeof(float));
    first().synchronize(0);
    return *to.as<float>();
  }

 private:
  raw_device& first() { return *devices_.front(); }
  [[nodiscard]] std::size_t owner(std::size_t k) const {
    return k * std::size_t(asked_.devices) / parts;
  }

  void bring(std::size_t k, const pinned_memory& host) {
    raw_device& device = *devices_[owner(k)];
    device.make_current();
    const std::vector<float> values = part(asked_, k);
    std::copy(values.begin(), values.end(), host.as<float>());
    inputs_[k] = device.allocate<float>(asked_.elements);
    workspaces_[k] =
        device.allocate<char>(narke::kernels::reduce_workspace_bytes(asked_.elements) + 1);
    device.to_device(0, inputs_[k], host.as<float>(), asked_.elements * sizeof(float));
    device.synchronize(0);
  }

  void add_up() {
    first().make_current();
    std::array<float*, parts> at{};
    for (std::size_t k = 0; k != parts; ++k) {
      at[k] = sums_[owner(k)] + k;
      if (owner(k) == 0) continue;
      if (owner(k) != owner(k - 1)) first().wait(0, are_there_[owner(k)]);
      first().from_peer(0, fetched_ + k, *devices_[owner(k)], at[k], sizeof(float));
      at[k] = fetched_ + k;
    }
    for (std::size_t left = parts; left != 1; left /= 2) {
      for (std::size_t k = 0; k != left / 2; ++k) {
        first().enqueue(0, add{1, at[2 * k], at[2 * k + 1], at[2 * k]});
        at[k] = at[2 * k];
      }
    }
    result_ = at[0];
  }

  const parameters& asked_;
  std::vector<std::unique_ptr<raw_device>> devices_;
  std::vector<cu_event> are_there_;
  std::vector<float*> sums_;
  std::array<float*, parts> inputs_{};
  std::array<void*, parts> workspaces_{};
  float* fetched_ = nullptr;
  float* result_ = nullptr;
};

}  // namespace

contender raw_driver(const parameters& asked) {
  return {"raw_driver", [asked](run& measured) {
            const bench::raw_driver driver{asked.setup(), asked.choice};
            by_hand work{driver, asked};
            const pinned_memory result{driver, sizeof(float)};
            float sum = 0;

            measured.start();
            for (std::size_t i = 0; i != asked.rounds; ++i) {
              work.round();
              sum = work.fetch(result);
            }
            measured.stop();

            expect_equal(sum, expected(asked), "the sum");
          }};
}

}  // namespace bench::gpu_reduce
