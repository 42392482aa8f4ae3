#include "harness/raw_driver.hpp"

#include "gpu_link/workload.hpp"

namespace bench::gpu_link {
namespace {

enum stream_role : std::size_t { copies_in, computes, copies_back, stream_count };

/// Every array in registered memory, with room for its result.
struct host_arrays {
  host_arrays(const bench::raw_driver& driver, const parameters& asked) {
    for (std::size_t i = 0; i != asked.arrays; ++i) {
      in.emplace_back(driver, asked.bytes());
      out.emplace_back(driver, asked.bytes());
      const std::vector<float> values = input(asked, i);
      std::copy(values.begin(), values.end(), in.back().as<float>());
      std::fill_n(out.back().as<float>(), asked.elements, 0.0F);
    }
  }
  std::vector<pinned_memory> in;
  std::vector<pinned_memory> out;
};

void check_results(const parameters& asked, const host_arrays& host) {
  for (std::size_t i = 0; i != asked.arrays; ++i) {
    expect(same_bits({host.out[i].as<float>(), asked.elements}, output(asked, i)),
           fmt::format("result {} is wrong", i));
  }
}

/// Two places on the device for inputs and two for results, used in turn.
class pipeline {
 public:
  pipeline(raw_device& device, const parameters& asked) : device_{device}, asked_{asked} {
    for (place& each : places_) {
      each = {device.allocate<float>(asked.elements), device.allocate<float>(asked.elements),
              device.make_event(), device.make_event(), device.make_event()};
    }
  }

  void run(const host_arrays& host) {
    for (std::size_t i = 0; i != asked_.arrays; ++i) {
      place& at = places_[i % 2];
      if (i >= 2) device_.wait(copies_in, at.is_computed);
      device_.to_device(copies_in, at.in, host.in[i].as<float>(), asked_.bytes());
      device_.record(at.is_in, copies_in);
      device_.wait(computes, at.is_in);
      if (i >= 2 && asked_.goes_back) device_.wait(computes, at.is_back);
      device_.enqueue(computes, kernel(asked_, at.in, at.out));
      device_.record(at.is_computed, computes);
      if (!asked_.goes_back) continue;
      device_.wait(copies_back, at.is_computed);
      device_.to_host(copies_back, host.out[i].as<float>(), at.out, asked_.bytes());
      device_.record(at.is_back, copies_back);
    }
    for (std::size_t i = 0; i != stream_count; ++i) device_.synchronize(i);
  }

  /// The last result, for those that do not go back.
  void fetch_last(const pinned_memory& to) {
    device_.to_host(copies_back, to.as<float>(), places_[(asked_.arrays - 1) % 2].out,
                    asked_.bytes());
    device_.synchronize(copies_back);
  }

 private:
  struct place {
    float* in = nullptr;
    float* out = nullptr;
    cu_event is_in = nullptr;
    cu_event is_computed = nullptr;
    cu_event is_back = nullptr;
  };

  raw_device& device_;
  const parameters& asked_;
  place places_[2];
};

}  // namespace

contender link_alone(const parameters& asked) {
  return {"link_alone", [asked](run& measured) {
            const bench::raw_driver driver{asked.setup(), asked.choice};
            raw_device device{driver, 0, stream_count};
            const host_arrays host{driver, asked};
            float* const in = device.allocate<float>(asked.elements);
            float* const out = device.allocate<float>(asked.elements);
            const auto all = [&] {
              for (std::size_t i = 0; i != asked.arrays; ++i) {
                device.to_device(copies_in, in, host.in[i].as<float>(), asked.bytes());
                if (!asked.goes_back) continue;
                device.to_host(copies_back, host.out[i].as<float>(), out, asked.bytes());
              }
              for (std::size_t i = 0; i != stream_count; ++i) device.synchronize(i);
            };
            all();

            measured.start();
            all();
            measured.stop();

            device.to_host(copies_back, host.out.front().as<float>(), in, asked.bytes());
            device.synchronize(copies_back);
            expect(same_bits({host.out.front().as<float>(), asked.elements},
                             input(asked, asked.arrays - 1)),
                   "what came last is not what was sent last");
          }};
}

contender raw_driver(const parameters& asked) {
  return {"raw_driver", [asked](run& measured) {
            const bench::raw_driver driver{asked.setup(), asked.choice};
            raw_device device{driver, 0, stream_count};
            const host_arrays host{driver, asked};
            pipeline work{device, asked};

            measured.start();
            work.run(host);
            measured.stop();

            if (asked.goes_back) {
              check_results(asked, host);
              return;
            }
            work.fetch_last(host.out.front());
            expect(same_bits({host.out.front().as<float>(), asked.elements},
                             output(asked, asked.arrays - 1)),
                   "the last result is wrong");
          }};
}

}  // namespace bench::gpu_link
