#include <narke/narke.hpp>

#include "gpu_fan/workload.hpp"
#include "harness/narke_gpu.hpp"

namespace bench::gpu_fan {
namespace {

using floats = ::narke::array<float>;
using floats_ref = ::narke::object_ref<floats>;
using span = ::narke::device_span<const float>;

const ::narke::task_options on_a_stream{.num_gpus = 1.0 / streams};

floats_ref decay_of(const floats_ref& root) {
  static const auto made = ::narke::task(
      [](::narke::gpu_context& gpu, span x) {
        auto out = gpu.allocate<float>(x.size());
        enqueue(gpu, decay{x.size(), x.data(), out.data()});
        return out;
      },
      on_a_stream);
  return made.remote(root);
}

floats_ref sum_of(floats_ref left, floats_ref right) {
  static const auto made = ::narke::task(
      [](::narke::gpu_context& gpu, span x, span y) {
        auto out = gpu.allocate<float>(x.size());
        enqueue(gpu, add{x.size(), x.data(), y.data(), out.data()});
        return out;
      },
      on_a_stream);
  return made.remote(std::move(left), std::move(right));
}

/// The result of one round: its sum, or without one the result of its first kernel.
floats_ref round(const floats_ref& root, shape kind, std::vector<floats_ref>& unread) {
  std::vector<floats_ref> parts;
  for (std::size_t k = 0; k != width; ++k) parts.push_back(decay_of(root));
  if (kind == shape::out) {
    unread.insert(unread.end(), parts.begin() + 1, parts.end());
    return parts.front();
  }
  for (std::size_t left = width; left != 1; left /= 2) {
    for (std::size_t k = 0; k != left / 2; ++k) {
      parts[k] = sum_of(std::move(parts[2 * k]), std::move(parts[2 * k + 1]));
    }
  }
  return std::move(parts.front());
}

floats run_all(std::size_t rounds, shape kind, const floats_ref& first) {
  std::vector<floats_ref> unread;
  unread.reserve(rounds * width);
  floats_ref at = first;
  for (std::size_t i = 0; i != rounds; ++i) {
    floats_ref result = round(kind == shape::diamond ? at : first, kind, unread);
    if (kind != shape::diamond) unread.push_back(result);
    at = std::move(result);
  }
  for (const floats_ref& each : unread) static_cast<void>(::narke::get(each));
  floats last = ::narke::get(at);
  static_cast<void>(last.host());
  return last;
}

}  // namespace

contender narke(const parameters& asked) {
  return {"narke", [asked](run& measured) {
            const gpu_session session{setup(), asked.choice};
            const auto first = ::narke::put(floats{first_values()});
            static_cast<void>(run_all(2, asked.kind, first));

            measured.start();
            const floats last = run_all(asked.rounds, asked.kind, first);
            measured.stop();

            expect(same_bits(last.host(), expected(asked)), "the last round's elements are wrong");
          }};
}

}  // namespace bench::gpu_fan
