#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <array>
#include <set>

#include "driver/fake_driver.hpp"
#include "support/scoped_environment.hpp"
#include "topology/discover.hpp"
#include "topology/scratch_directory.hpp"

namespace {

using namespace narke::internal;
using narke_test::fake_driver_settings;
using narke_test::scoped_environment;
using narke_test::scratch_directory;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr const char* uuid_0 = "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6";
constexpr const char* uuid_1 = "GPU-c0ffee00-0000-0000-0000-000000000002";

/// Finds no control group and no driver unless a test says where.
discover_options bare() {
  return {.driver_library = "libnarke-no-such-driver.so.1",
          .cgroup_root = "/no/such/root",
          .proc_cgroup_file = "/no/such/file",
          .nvidia_proc_directory = "/no/such/directory"};
}

discover_options with_fake_driver() {
  discover_options options = bare();
  options.driver_library = NARKE_FAKE_CUDA;
  return options;
}

TEST(discover_machine, this_machine_is_described_as_it_is) {
  const machine machine = discover_machine(bare());
  std::array<char, 256> name{};
  ASSERT_EQ(::gethostname(name.data(), name.size() - 1), 0);
  EXPECT_EQ(machine.hostname, name.data());
  EXPECT_NE(machine.architecture, "");
  EXPECT_EQ(machine.source, "this machine");
  EXPECT_TRUE(machine.is_this_system);
  EXPECT_GE(machine.pus, 1);
  EXPECT_LE(machine.pus, ::sysconf(_SC_NPROCESSORS_CONF));
  EXPECT_GT(machine.memory_bytes, std::uint64_t{64} << 20);
  EXPECT_THAT(machine.numa_nodes, testing::Not(IsEmpty()));
  std::multiset<int> pus;
  for (const auto& core : machine.cores) pus.insert(core.pus.begin(), core.pus.end());
  EXPECT_THAT(pus, SizeIs(static_cast<std::size_t>(machine.pus)));
  EXPECT_EQ(std::set<int>(pus.begin(), pus.end()).size(), pus.size());
  EXPECT_GE(machine.limits.usable_cpus, 1);
  EXPECT_EQ(machine.limits.cgroup_version, "");
  EXPECT_EQ(machine.limits.usable_memory_bytes, machine.memory_bytes);
}

TEST(discover_machine, machine_without_a_driver_has_no_gpu_and_no_warning) {
  discover_options options = bare();
  for (const char* value : {"", "-1", "0", "0,1", "GPU-8932f937"}) {
    options.visible_devices = value;
    const machine machine = discover_machine(options);
    EXPECT_THAT(machine.gpus, IsEmpty());
    EXPECT_EQ(machine.cuda_driver_version, std::nullopt);
    EXPECT_THAT(machine.warnings, IsEmpty()) << value;
  }
}

TEST(discover_machine, control_groups_limit_what_is_usable) {
  const scratch_directory directory;
  directory.write("root/cgroup.controllers", "cpu memory\n");
  directory.write("root/job/cpu.max", "50000 100000\n");
  directory.write("root/job/memory.max", "1048576\n");
  discover_options options = bare();
  options.cgroup_root = directory.path() + "/root";
  options.proc_cgroup_file = directory.write("proc", "0::/job\n");
  const machine machine = discover_machine(options);
  EXPECT_EQ(machine.limits.cgroup_version, "v2");
  EXPECT_EQ(machine.limits.quota_cpus, 0.5);
  EXPECT_EQ(machine.limits.usable_cpus, 1);
  EXPECT_EQ(machine.limits.usable_memory_bytes, 1048576U);
}

TEST(discover_machine, gpus_of_the_driver_are_listed_with_their_facts) {
  const fake_driver_settings fake{{"DEVICES", "2"},
                                  {"UUIDS", std::string(uuid_0) + ";" + uuid_1},
                                  {"NAMES", "NVIDIA H100;NVIDIA A40"},
                                  {"PCI", "ffff:3b:00.0;ffff:af:00.0"},
                                  {"MEMORY", "85031714816;48305799168"},
                                  {"CC", "9.0;8.6"},
                                  {"PEERS", "01;00"},
                                  {"VERSION", "13000"}};
  const machine machine = discover_machine(with_fake_driver());
  EXPECT_EQ(machine.cuda_driver_version, "13.0");
  EXPECT_THAT(machine.warnings, IsEmpty());
  ASSERT_THAT(machine.gpus, SizeIs(2));
  const gpu_info& gpu = machine.gpus[1];
  EXPECT_EQ(gpu.index, 1);
  EXPECT_EQ(gpu.uuid, uuid_1);
  EXPECT_EQ(gpu.name, "NVIDIA A40");
  EXPECT_EQ(gpu.pci_bus_id, "0000FFFF:AF:00.0");
  EXPECT_EQ(gpu.memory_total_bytes, 48305799168U);
  EXPECT_EQ(gpu.compute_capability, "8.6");
  EXPECT_EQ(gpu.multiprocessors, 101);
  EXPECT_FALSE(gpu.is_emulated);
  // No PCI device of this machine is there, so its place and the kind of link stay unknown.
  EXPECT_EQ(gpu.numa_node, std::nullopt);
  ASSERT_THAT(machine.gpu_links, SizeIs(2));
  EXPECT_EQ(machine.gpu_links[0].kind, "");
  EXPECT_EQ(machine.gpu_links[0].peer_access, true);
  EXPECT_EQ(machine.gpu_links[1].peer_access, false);
}

TEST(discover_machine, gpu_is_joined_with_its_place_by_its_pci_address) {
  // hwloc's own way to stand in for a machine: PCI devices of a file, GPUs of the driver.
  const scratch_directory directory;
  const std::string xml = directory.write(
      "place.xml",
      "<?xml version=\"1.0\"?>\n<!DOCTYPE topology SYSTEM \"hwloc2.dtd\">\n"
      "<topology version=\"2.0\"><object type=\"Machine\" os_index=\"0\" cpuset=\"0x1\" "
      "complete_cpuset=\"0x1\" allowed_cpuset=\"0x1\" nodeset=\"0x8\" complete_nodeset=\"0x8\" "
      "allowed_nodeset=\"0x8\" gp_index=\"1\"><object type=\"NUMANode\" os_index=\"3\" "
      "cpuset=\"0x1\" complete_cpuset=\"0x1\" nodeset=\"0x8\" complete_nodeset=\"0x8\" "
      "gp_index=\"2\" local_memory=\"1024\"/><object type=\"PU\" os_index=\"0\" cpuset=\"0x1\" "
      "complete_cpuset=\"0x1\" nodeset=\"0x8\" complete_nodeset=\"0x8\" gp_index=\"3\"/>"
      "<object type=\"Bridge\" gp_index=\"4\" bridge_type=\"0-1\" depth=\"0\" "
      "bridge_pci=\"0000:[00-00]\"><object type=\"PCIDev\" gp_index=\"5\" "
      "pci_busid=\"0000:00:04.0\" pci_type=\"0302 [10de:1db8] [10de:131d] a1\" "
      "pci_link_speed=\"1\"/><object type=\"PCIDev\" gp_index=\"6\" pci_busid=\"0000:00:05.0\" "
      "pci_type=\"0302 [10de:1db8] [10de:131d] a1\" pci_link_speed=\"1\"/></object></object>"
      "</topology>\n");
  const scoped_environment stand_in("HWLOC_XMLFILE", xml);
  const fake_driver_settings fake{
      {"DEVICES", "3"}, {"PCI", "0000:00:05.0;0000:00:04.0;0000:00:06.0"}};
  const machine machine = discover_machine(with_fake_driver());
  EXPECT_FALSE(machine.is_this_system);
  EXPECT_THAT(machine.warnings, ElementsAre(HasSubstr("HWLOC_XMLFILE")));
  ASSERT_THAT(machine.gpus, SizeIs(3));
  EXPECT_EQ(machine.gpus[0].numa_node, 3);
  EXPECT_EQ(machine.gpus[1].numa_node, 3);
  EXPECT_EQ(machine.gpus[2].numa_node, std::nullopt);
  ASSERT_THAT(machine.gpu_links, SizeIs(6));
  EXPECT_EQ(machine.gpu_links[0].kind, "PHB");
  EXPECT_EQ(machine.gpu_links[1].kind, "");
}

TEST(discover_machine, gpus_are_not_looked_for_unless_asked) {
  const fake_driver_settings fake{{"DEVICES", "2"}, {"FAIL", "cuInit:999"}};
  discover_options options = with_fake_driver();
  options.with_gpus = false;
  options.visible_devices = "banana";
  const machine machine = discover_machine(options);
  EXPECT_THAT(machine.gpus, IsEmpty());
  EXPECT_THAT(machine.warnings, IsEmpty());
  EXPECT_EQ(machine.cuda_driver_version, std::nullopt);
}

TEST(discover_machine, broken_driver_is_one_warning_and_no_gpu) {
  const fake_driver_settings fake{{"DEVICES", "2"}, {"FAIL", "cuInit:999"}};
  const machine machine = discover_machine(with_fake_driver());
  EXPECT_THAT(machine.gpus, IsEmpty());
  EXPECT_THAT(machine.warnings, ElementsAre(HasSubstr("CUDA_ERROR_UNKNOWN (999)")));
  EXPECT_EQ(machine.cuda_driver_version, "13.0");
}

TEST(discover_machine, broken_visible_devices_are_explained_and_change_nothing) {
  const fake_driver_settings fake{{"DEVICES", "2"}};
  discover_options options = with_fake_driver();
  options.visible_devices = "0,banana,1";
  const machine machine = discover_machine(options);
  EXPECT_THAT(machine.gpus, SizeIs(2)) << "the driver alone decides what is visible";
  ASSERT_THAT(machine.warnings, SizeIs(1));
  EXPECT_THAT(machine.warnings[0], HasSubstr("CUDA_VISIBLE_DEVICES: entry 2, \"banana\""));
}

TEST(discover_machine, visible_devices_are_held_against_all_gpus_of_the_kernel_driver) {
  const scratch_directory directory;
  directory.write("gpus/0000:3b:00.0/information",
                  "Model: \t\t NVIDIA H100\nGPU UUID: \t " + std::string(uuid_0) + "\n");
  directory.write("gpus/0000:af:00.0/information",
                  "Model: \t\t NVIDIA A40\nGPU UUID: \t " + std::string(uuid_1) + "\n");
  const fake_driver_settings fake{{"DEVICES", "1"}};
  discover_options options = with_fake_driver();
  options.nvidia_proc_directory = directory.path() + "/gpus";
  const auto warnings_for = [&](const char* value) {
    options.visible_devices = value;
    return discover_machine(options).warnings;
  };
  EXPECT_THAT(warnings_for("1"), IsEmpty());
  EXPECT_THAT(warnings_for("GPU-c0"), IsEmpty());
  EXPECT_THAT(warnings_for("0,2"), ElementsAre(HasSubstr("\"2\", is above")));
  EXPECT_THAT(warnings_for("GPU-f"), ElementsAre(HasSubstr("no device's UUID")));
  EXPECT_THAT(warnings_for("MIG-1234"), IsEmpty());
}

TEST(discover_machine, kernel_driver_that_hides_uuids_is_no_reason_to_complain) {
  const scratch_directory directory;
  directory.write("gpus/0000:3b:00.0/information", "Model: \t\t NVIDIA H100\n");
  const fake_driver_settings fake{{"DEVICES", "1"}};
  discover_options options = with_fake_driver();
  options.nvidia_proc_directory = directory.path() + "/gpus";
  options.visible_devices = "GPU-8932f937";
  EXPECT_THAT(discover_machine(options).warnings, IsEmpty());
}

}  // namespace
