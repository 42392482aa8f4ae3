#include "harness/starpu.hpp"

#include "metg/workload.hpp"

namespace bench::metg {
namespace {

struct call {
  std::size_t task = 0;
  std::uint64_t rounds = 0;
  std::size_t inputs = 0;
  std::uint64_t* value = nullptr;
};

std::uint64_t& variable(void* data) {
  return *reinterpret_cast<std::uint64_t*>(STARPU_VARIABLE_GET_PTR(data));
}

/// Its inputs, then its result.
void run_one(void** data, void* argument) {
  const call& made = *static_cast<const call*>(argument);
  std::uint64_t inputs = 0;
  for (std::size_t k = 0; k != made.inputs; ++k) inputs += variable(data[k]);
  *made.value = variable(data[made.inputs]) = value_of(made.task, inputs, made.rounds);
}

/// For tasks of that many inputs.
starpu_codelet codelet_of(std::size_t inputs) {
  starpu_codelet what = starpu_codelet_of(run_one, "metg");
  what.nbuffers = int(inputs) + 1;
  for (std::size_t k = 0; k != inputs; ++k) what.modes[k] = STARPU_R;
  what.modes[inputs] = STARPU_W;
  return what;
}

/// Handles of two rows in turn. StarPU finds the dependences itself.
class rows {
 public:
  explicit rows(std::size_t columns) : values_(2 * columns), handles_(2 * columns) {
    for (std::size_t i = 0; i != values_.size(); ++i) {
      starpu_variable_data_register(&handles_[i], STARPU_MAIN_RAM,
                                    reinterpret_cast<std::uintptr_t>(&values_[i]),
                                    sizeof values_[i]);
    }
  }
  rows(const rows&) = delete;
  rows& operator=(const rows&) = delete;
  /// Waits for all tasks.
  ~rows() {
    for (starpu_data_handle_t each : handles_) starpu_data_unregister(each);
  }
  [[nodiscard]] starpu_data_handle_t of(std::size_t task) const {
    return handles_[task % handles_.size()];
  }

 private:
  std::vector<std::uint64_t> values_;
  std::vector<starpu_data_handle_t> handles_;
};

std::vector<std::uint64_t> run_grid(const grid& all, std::uint64_t rounds) {
  static std::array codelets{codelet_of(0), codelet_of(1), codelet_of(2), codelet_of(3)};
  std::vector<std::uint64_t> values(all.size());
  std::vector<call> calls(all.size());
  const rows data{all.columns()};
  for (std::size_t i = 0; i != all.size(); ++i) {
    const std::span<const std::size_t> in = all.inputs_of(i);
    calls[i] = {i, rounds, in.size(), &values[i]};
    std::vector<starpu_data_handle_t> handles;
    for (const std::size_t each : in) handles.push_back(data.of(each));
    handles.push_back(data.of(i));
    starpu_run(codelets.at(in.size()), &calls[i], handles);
  }
  starpu_task_wait_for_all();
  return values;
}

}  // namespace

contender starpu(const grid& all) {
  contender made = metg_of("starpu_data", all, run_grid);
  made.body = [body = std::move(made.body)](run& measured) {
    const starpu_session session;
    body(measured);
  };
  return made;
}

}  // namespace bench::metg
