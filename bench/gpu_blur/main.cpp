#include <filesystem>
#include <numeric>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "gpu_blur/pictures.hpp"
#include "gpu_blur/workload.hpp"

namespace {

using namespace bench::gpu_blur;

std::vector<bench::workload> workloads(const bench::options& chosen,
                                       const bench::gpu_choice& choice,
                                       const std::filesystem::path& folder) {
  picture_set set =
      load_pictures(folder, chosen.quick ? 2 : 16, chosen.quick ? 2'200'000 : 8'500'000);
  const std::size_t samples = std::accumulate(
      set.pictures.begin(), set.pictures.end(), std::size_t{0},
      [](std::size_t sum, const picture& each) { return sum + each.samples.size(); });
  const std::size_t count = set.pictures.size();
  const parameters asked{choice,
                         std::make_shared<const std::vector<picture>>(std::move(set.pictures))};
  return {{.name = "gpu_blur",
           .variant = fmt::format("pictures:{}/megapixels:{:.1f}", count, double(samples) / 3e6),
           .item = "picture",
           .items = count,
           .bytes_an_item = double(samples) / double(count),
           .contenders = {serial(asked), raw_driver(asked), narke_on_cpus(asked),
                          narke_on_gpu(asked), narke_on_either(asked)},
           .labels = {{"pictures", set.from}}}};
}

}  // namespace

int main(int argc, char** argv) {
  std::filesystem::path folder;
  return bench::gpu_main(
      "gpu_blur", "The blur of a folder of photographs on CPUs and on a GPU.",
      [&](const bench::options& chosen, const bench::gpu_choice& choice) {
        return workloads(chosen, choice, folder);
      },
      argc, argv,
      [&](CLI::App& app) {
        app.add_option("--images", folder,
                       fmt::format("Folder of pictures (.jpg, .jpeg, .png); unless given, {}, or "
                                   "made ones where that is not there",
                                   usual_folder));
      });
}
