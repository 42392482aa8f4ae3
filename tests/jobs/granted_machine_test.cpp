#include "jobs/granted_machine.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "jobs/job_environment.hpp"

namespace narke::internal {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

machine machine_of(int cpus, int gpus) {
  machine described;
  described.limits.usable_cpus = cpus;
  for (int i = 0; i < gpus; ++i) {
    gpu_info gpu;
    gpu.index = i;
    gpu.uuid = fmt::format("GPU-0000000{}", i);
    gpu.name = "a GPU";
    gpu.pci_bus_id = fmt::format("00000000:0{}:00.0", i);
    gpu.memory_total_bytes = 1 << 30;
    described.gpus.push_back(gpu);
  }
  return described;
}

machine emulated_of(int cpus, int gpus) {
  machine described = machine_of(cpus, gpus);
  for (gpu_info& gpu : described.gpus) gpu.is_emulated = true;
  return described;
}

std::vector<std::string> entries_of(const granted_machine& granted) {
  std::vector<std::string> entries;
  for (const granted_gpu& gpu : granted.gpus) entries.push_back(gpu.entry);
  return entries;
}

TEST(granted_machine, names_real_gpus_by_uuid) {
  const auto granted = granted_of(machine_of(4, 2), {});
  EXPECT_EQ(granted.cpus, 4);
  EXPECT_THAT(entries_of(granted), ElementsAre("GPU-00000000", "GPU-00000001"));
  EXPECT_EQ(granted.visible_devices(std::vector<int>{1, 0}), "GPU-00000001,GPU-00000000");
  EXPECT_EQ(granted.visible_devices({}), "");
  EXPECT_TRUE(granted.by_pci_order);
  EXPECT_EQ(granted.totals().gpus.size(), 2U);
  EXPECT_EQ(granted.totals().gpus[1].memory_bytes, 1 << 30);
}

TEST(granted_machine, does_not_apply_the_variable_twice) {
  // The driver has hidden all but these two.
  const auto granted = granted_of(machine_of(4, 2), {.visible_devices = "5,7"});
  EXPECT_EQ(granted.gpus.size(), 2U);
}

TEST(granted_machine, counts_by_pci_address_where_a_uuid_is_unknown) {
  machine described = machine_of(1, 2);
  std::swap(described.gpus[0].pci_bus_id, described.gpus[1].pci_bus_id);
  described.gpus[1].uuid.clear();
  EXPECT_THAT(entries_of(granted_of(described, {})), ElementsAre("1", "0"));
  const auto in_order_of_user = granted_of(described, {.visible_devices = "3,2"});
  EXPECT_THAT(entries_of(in_order_of_user), ElementsAre("3", "2"));
  EXPECT_FALSE(in_order_of_user.by_pci_order);
}

TEST(granted_machine, emulated_gpus_go_by_number_and_are_hidden_by_the_variable) {
  EXPECT_THAT(entries_of(granted_of(emulated_of(1, 3), {})), ElementsAre("0", "1", "2"));
  const auto granted = granted_of(emulated_of(1, 4), {.visible_devices = "3,1"});
  EXPECT_THAT(entries_of(granted), ElementsAre("3", "1"));
  EXPECT_EQ(granted.gpus[0].id, 0);
  // No real GPU is to be seen: that says nothing of emulated ones.
  EXPECT_EQ(granted_of(emulated_of(1, 4), {.visible_devices = ""}).gpus.size(), 4U);
  EXPECT_EQ(granted_of(emulated_of(1, 4), {.visible_devices = "-1"}).gpus.size(), 4U);
}

TEST(granted_machine, keeps_to_the_gpus_that_slurm_gave) {
  EXPECT_THAT(entries_of(granted_of(machine_of(1, 4), {.slurm_job_gpus = "1,3"})),
              ElementsAre("GPU-00000001", "GPU-00000003"));
  EXPECT_THAT(entries_of(granted_of(machine_of(1, 4), {.slurm_job_gpus = "0-2"})),
              ElementsAre("GPU-00000000", "GPU-00000001", "GPU-00000002"));
  // A step's list goes before the job's.
  EXPECT_THAT(
      entries_of(granted_of(machine_of(1, 4), {.slurm_step_gpus = "2", .slurm_job_gpus = "1,2"})),
      ElementsAre("GPU-00000002"));
  // The control group hid the others: numbers of the whole machine say nothing here.
  EXPECT_EQ(granted_of(machine_of(1, 2), {.slurm_job_gpus = "6,7"}).gpus.size(), 2U);
  // The variable was applied by the driver, and is the narrower one.
  EXPECT_EQ(
      granted_of(machine_of(1, 2), {.visible_devices = "6,7", .slurm_job_gpus = "6"}).gpus.size(),
      2U);
}

TEST(granted_machine, says_what_of_slurm_it_does_not_understand) {
  const auto granted =
      granted_of(machine_of(8, 2), {.slurm_job_gpus = "x\x1b[2J", .slurm_cpus_on_node = "many"});
  EXPECT_EQ(granted.gpus.size(), 2U);
  EXPECT_EQ(granted.cpus, 8);
  ASSERT_EQ(granted.warnings.size(), 2U);
  EXPECT_THAT(granted.warnings[0], HasSubstr("SLURM_JOB_GPUS"));
  EXPECT_THAT(granted.warnings[0], Not(HasSubstr("\x1b")));
  EXPECT_THAT(granted.warnings[1], HasSubstr("SLURM_CPUS_ON_NODE"));
}

TEST(granted_machine, keeps_to_the_cpus_that_slurm_gave) {
  const machine described = machine_of(8, 0);
  EXPECT_EQ(granted_of(described, {.slurm_cpus_on_node = "4"}).cpus, 4);
  EXPECT_EQ(granted_of(described, {.slurm_cpus_on_node = "64"}).cpus, 8);
  EXPECT_EQ(granted_of(described, {.slurm_cpus_per_task = "2"}).cpus, 2);
  // A batch script has the whole share of the node, a task of a step its own.
  const outer_environment batch{.slurm_cpus_on_node = "6", .slurm_cpus_per_task = "2"};
  EXPECT_EQ(granted_of(described, batch).cpus, 6);
  outer_environment step = batch;
  step.slurm_step_id = "0";
  EXPECT_EQ(granted_of(described, step).cpus, 2);
}

TEST(granted_machine, reads_lists_of_numbers) {
  EXPECT_THAT(*parse_index_list("0"), ElementsAre(0));
  EXPECT_THAT(*parse_index_list("2,0-1,gpu:5"), ElementsAre(2, 0, 1, 5));
  for (const char* wrong : {"", ",", "1,", "a", "1-", "3-1", "-1", "99999", "1 2", "0-99999999"}) {
    EXPECT_EQ(parse_index_list(wrong), std::nullopt) << wrong;
  }
}

job job_with(double cpus) {
  auto settings = std::make_shared<job_settings>();
  settings->request.cpus = quantity::from_double(cpus, "");
  return {.id = 7, .command = "x", .settings = settings, .attempts = 2};
}

TEST(job_environment, holds_what_a_job_may_use_and_nothing_of_the_others) {
  const job_environment environment{
      {"PATH=/bin", "CUDA_VISIBLE_DEVICES=0,1", "CUDA_DEVICE_ORDER=FASTEST_FIRST",
       "NARKE_JOB_ID=99", "NARKE_NUM_CPUS=64", "CUDA_VISIBLE_DEVICES_X=kept"},
      "run-1"};
  const auto entries = environment.of(job_with(1.5), {1}, granted_of(machine_of(4, 2), {}));
  for (const char* entry :
       {"PATH=/bin", "CUDA_VISIBLE_DEVICES=GPU-00000001", "CUDA_DEVICE_ORDER=PCI_BUS_ID",
        "NARKE_JOB_ID=7", "NARKE_JOB_ATTEMPT=2", "NARKE_RUN_ID=run-1", "NARKE_NUM_CPUS=2",
        "OMP_NUM_THREADS=2", "CUDA_VISIBLE_DEVICES_X=kept"}) {
    EXPECT_EQ(std::count(entries.begin(), entries.end(), entry), 1) << entry;
  }
  EXPECT_EQ(entries.size(), 9U);
}

TEST(job_environment, hides_all_gpus_from_a_job_without) {
  const job_environment environment{{"CUDA_VISIBLE_DEVICES=0", "OMP_NUM_THREADS=16"}, "r"};
  const auto entries = environment.of(job_with(0), {}, granted_of(machine_of(4, 2), {}));
  EXPECT_THAT(entries, Contains("CUDA_VISIBLE_DEVICES="));
  EXPECT_THAT(entries, Contains("NARKE_NUM_CPUS=1"));
  EXPECT_THAT(entries, Contains("OMP_NUM_THREADS=16")) << "the user's own";
}

TEST(job_environment, keeps_the_user_s_order_where_gpus_are_named_in_it) {
  machine described = machine_of(1, 1);
  described.gpus[0].uuid.clear();
  const auto granted = granted_of(described, {.visible_devices = "3"});
  const job_environment environment{{"CUDA_DEVICE_ORDER=FASTEST_FIRST"}, "r"};
  EXPECT_THAT(environment.of(job_with(1), {0}, granted),
              Contains("CUDA_DEVICE_ORDER=FASTEST_FIRST"));
  EXPECT_THAT(job_environment({}, "r").of(job_with(1), {0}, granted),
              Not(Contains(testing::StartsWith("CUDA_DEVICE_ORDER"))));
}

}  // namespace
}  // namespace narke::internal
