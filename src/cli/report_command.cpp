#include "cli/report_command.hpp"

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "base/byte_size.hpp"
#include "base/environment.hpp"
#include "cli/messages.hpp"
#include "observe/machine_resources.hpp"
#include "observe/report.hpp"
#include "topology/discover.hpp"

namespace narke::internal {
namespace {

struct report_arguments {
  bool json = false;
  std::optional<std::string> topology_file;
  std::optional<std::string> emulated_gpus;
};

machine described_machine(const report_arguments& arguments) {
  if (arguments.topology_file) return load_machine(*arguments.topology_file);
  discover_options options;
  options.with_gpus = !arguments.emulated_gpus;
  options.visible_devices = environment_value("CUDA_VISIBLE_DEVICES");
  return discover_machine(options);
}

void run_report(const report_arguments& arguments) {
  std::optional<device_count_and_memory> emulated;
  if (arguments.emulated_gpus) {
    try {
      emulated = parse_emulated_gpus(*arguments.emulated_gpus, "--emulated-gpus");
    } catch (const std::invalid_argument& refused) {
      throw usage_error{refused.what()};
    }
  }
  machine described = described_machine(arguments);
  if (emulated) {
    described = with_emulated_gpus(std::move(described), emulated->count, emulated->memory_bytes);
  }
  const auto resources = cluster_resources(described);
  const report_inputs inputs{.described = described,
                             .cluster_resources = resources,
                             .available_resources = resources};
  print_data(arguments.json ? report_json(inputs) : report_text(inputs));
}

}  // namespace

void add_report_command(CLI::App& program) {
  auto arguments = std::make_shared<report_arguments>();
  CLI::App* const verb = program.add_subcommand(
      "report", "Tell what this machine has and how much of it this process may use");
  verb->set_version_flag("--version", version_text(), "Print the version and how it was built");
  verb->add_flag("--json", arguments->json, "As JSON, after docs/report.schema.json");
  verb->add_option("--topology", arguments->topology_file,
                   "Describe the machine of this hwloc XML file instead")
      ->type_name("FILE.xml");
  verb->add_option("--emulated-gpus", arguments->emulated_gpus,
                   "Pretend to have N GPUs (of MEMORY each, 16GiB by default) instead of its own")
      ->type_name("N[:MEMORY]");
  verb->callback([arguments] { run_report(*arguments); });
}

}  // namespace narke::internal
