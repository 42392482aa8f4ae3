#include "harness/gpu_setup.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "harness/raw_driver.hpp"

namespace bench {

int gpu_main(
    const std::string& name, const std::string& description,
    const std::function<std::vector<workload>(const options&, const gpu_choice&)>& workloads,
    int argc, const char* const* argv, const std::function<void(CLI::App&)>& add_options) {
  bool wants_emulated = false;
  gpu_choice choice;
  const program which{
      .name = name,
      .description = description,
      .workloads =
          [&](const options& chosen) {
            choice = choose_gpus(wants_emulated);
            std::vector<workload> all = workloads(chosen, choice);
            for (workload& each : all) each.labels["device"] = choice.device;
            return all;
          },
      .add_options =
          [&](CLI::App& app) {
            app.add_flag("--emulated", wants_emulated, "Emulated devices, though there is a GPU");
            if (add_options) add_options(app);
          },
      .notes = [&]() -> std::vector<std::string> {
        if (!choice.is_emulated) {
          return {fmt::format("on {} of \"{}\"", choice.devices_max, choice.device)};
        }
        return {"EMULATED devices, made of CPU threads: none of these times is a GPU's"};
      }};
  return main_of(which, argc, argv);
}

}  // namespace bench
