#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "support/sanitizers.hpp"
#include "support/scoped_environment.hpp"
#include "topology/discover.hpp"
#include "topology/scratch_directory.hpp"
#include "topology/small_topology.hpp"

namespace {

using namespace narke::internal;
using narke_test::scoped_environment;
using narke_test::scratch_directory;
using narke_test::small_topology;
using narke_test::topology_writer;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

machine load_small(const load_options& options = {}) {
  const scratch_directory directory;
  return load_machine(directory.write("small.xml", small_topology()), options);
}

const gpu_link& link_between(const machine& machine, int from, int to) {
  const auto link =
      std::find_if(machine.gpu_links.begin(), machine.gpu_links.end(),
                   [&](const auto& each) { return each.from == from && each.to == to; });
  if (link == machine.gpu_links.end()) throw std::runtime_error("no such link");
  return *link;
}

TEST(load_machine, cpu_side_of_a_file_is_read) {
  const machine machine = load_small();
  EXPECT_EQ(machine.hostname, "small");
  EXPECT_EQ(machine.architecture, "x86_64");
  EXPECT_THAT(machine.source, HasSubstr("small.xml"));
  EXPECT_FALSE(machine.is_this_system);
  EXPECT_EQ(machine.pus, 4);
  EXPECT_EQ(machine.memory_bytes, 2147483648U);
  ASSERT_THAT(machine.packages, SizeIs(2));
  EXPECT_EQ(machine.packages[1].model, "Test CPU");
  EXPECT_EQ(machine.packages[1].cores, 2);
  ASSERT_THAT(machine.numa_nodes, SizeIs(2));
  EXPECT_EQ(machine.numa_nodes[1].memory_bytes, 1073741824U);
  EXPECT_THAT(machine.numa_nodes[1].pus, ElementsAre(2, 3));
  ASSERT_THAT(machine.cores, SizeIs(4));
  EXPECT_EQ(machine.cores[2].package, 1);
  EXPECT_EQ(machine.cores[2].numa_node, 1);
  EXPECT_THAT(machine.cores[2].pus, ElementsAre(2));
  EXPECT_EQ(machine.limits.usable_cpus, 4);
  EXPECT_EQ(machine.limits.usable_memory_bytes, 2147483648U);
  EXPECT_EQ(machine.limits.affinity_cpus, std::nullopt);
  EXPECT_THAT(machine.warnings, IsEmpty());
}

TEST(load_machine, gpu_with_three_os_devices_is_counted_once) {
  const machine machine = load_small();
  ASSERT_THAT(machine.gpus, SizeIs(6));
  for (int i = 0; i < 6; ++i) {
    const gpu_info& gpu = machine.gpus[static_cast<std::size_t>(i)];
    EXPECT_EQ(gpu.index, i);
    EXPECT_EQ(gpu.uuid, topology_writer::uuid(i));
    EXPECT_EQ(gpu.name, "Test V100");
    EXPECT_EQ(gpu.memory_total_bytes, std::uint64_t{16} << 30);
    EXPECT_EQ(gpu.multiprocessors, 80);
    EXPECT_EQ(gpu.compute_capability, std::nullopt);
    EXPECT_EQ(gpu.numa_node, i == 5 ? 1 : 0);
  }
  EXPECT_EQ(machine.gpus[2].pci_bus_id, "00000000:08:00.0");
  EXPECT_EQ(machine.gpus[5].pci_bus_id, "00000000:81:00.0");
}

TEST(load_machine, links_have_the_words_of_nvidia_smi) {
  const machine machine = load_small();
  ASSERT_THAT(machine.gpu_links, SizeIs(30));
  const std::map<std::pair<int, int>, std::string> kinds = {
      {{0, 1}, "NV2"},  {{0, 2}, "PXB"},  {{0, 3}, "PHB"}, {{0, 4}, "NODE"},
      {{0, 5}, "SYS"},  {{1, 2}, "PXB"},  {{2, 3}, "PHB"}, {{2, 4}, "NODE"},
      {{3, 4}, "NV1"},  {{4, 5}, "SYS"}};
  for (const auto& [pair, kind] : kinds) {
    EXPECT_EQ(link_between(machine, pair.first, pair.second).kind, kind)
        << pair.first << "-" << pair.second;
    EXPECT_EQ(link_between(machine, pair.second, pair.first).kind, kind)
        << pair.second << "-" << pair.first;
  }
}

TEST(load_machine, gpus_of_one_switch_are_pix_without_nvlink) {
  std::string xml = small_topology();
  const std::size_t begin = xml.find("<distances2hetero");
  xml.erase(begin, xml.find("</topology>") - begin);
  const scratch_directory directory;
  const machine machine = load_machine(directory.write("plain.xml", xml));
  EXPECT_EQ(link_between(machine, 0, 1).kind, "PIX");
  EXPECT_EQ(link_between(machine, 0, 1).nvlink_bandwidth_mb_per_s, std::nullopt);
}

TEST(load_machine, nvlink_bandwidth_is_direct_or_what_the_switch_passes_on) {
  const machine machine = load_small();
  EXPECT_EQ(link_between(machine, 0, 1).nvlink_bandwidth_mb_per_s, 50000);
  EXPECT_EQ(link_between(machine, 3, 4).nvlink_bandwidth_mb_per_s, 25000);
  EXPECT_EQ(link_between(machine, 4, 3).nvlink_bandwidth_mb_per_s, 25000);
  EXPECT_EQ(link_between(machine, 0, 3).nvlink_bandwidth_mb_per_s, std::nullopt);
}

TEST(load_machine, visible_devices_choose_and_order_the_gpus_of_a_file) {
  const machine machine = load_small({.visible_devices = "1,0"});
  ASSERT_THAT(machine.gpus, SizeIs(2));
  EXPECT_EQ(machine.gpus[0].index, 0);
  EXPECT_EQ(machine.gpus[0].uuid, topology_writer::uuid(1));
  EXPECT_EQ(machine.gpus[1].uuid, topology_writer::uuid(0));
  ASSERT_THAT(machine.gpu_links, SizeIs(2));
  EXPECT_EQ(machine.gpu_links[0].nvlink_bandwidth_mb_per_s, 50000);
  EXPECT_THAT(machine.warnings, IsEmpty());
}

TEST(load_machine, visible_devices_that_hide_gpus_are_explained) {
  const machine machine = load_small({.visible_devices = "0,9,1"});
  EXPECT_THAT(machine.gpus, SizeIs(1));
  ASSERT_THAT(machine.warnings, SizeIs(1));
  EXPECT_THAT(machine.warnings[0], HasSubstr("CUDA_VISIBLE_DEVICES"));
  EXPECT_THAT(machine.warnings[0], HasSubstr("\"9\""));
}

/// The small machine with each `from` replaced.
machine load_changed(const std::string& from, const std::string& to) {
  std::string xml = small_topology();
  EXPECT_NE(xml.find(from), std::string::npos);
  for (std::size_t at = 0; (at = xml.find(from, at)) != std::string::npos; at += to.size()) {
    xml.replace(at, from.size(), to);
  }
  const scratch_directory directory;
  return load_machine(directory.write("changed.xml", xml));
}

TEST(load_machine, a_gpu_without_a_model_has_the_name_of_its_pci_device) {
  std::string xml = small_topology();
  const std::string model = "<info name=\"GPUModel\" value=\"Test V100\"/>\n";
  for (std::size_t at = 0; (at = xml.find(model, at)) != std::string::npos;) {
    xml.erase(at, model.size());
  }
  const std::string address = " pci_busid=\"0000:04:00.0\"";
  xml.insert(xml.find(address), " name=\"GV100\x1b[GL]\"");
  const std::size_t escape = xml.find('\x1b');
  xml.replace(escape, 1, " ");
  const scratch_directory directory;
  const machine machine = load_machine(directory.write("nameless.xml", xml));
  ASSERT_THAT(machine.gpus, SizeIs(6));
  EXPECT_EQ(machine.gpus[0].name, "GV100 [GL]");
  EXPECT_EQ(machine.gpus[1].name, "");
}

TEST(load_machine, facts_of_a_gpu_that_are_no_numbers_are_left_out) {
  for (const char* bad : {"", "much", "16777216k", "-1", "18446744073709551615", "1e9"}) {
    const machine machine =
        load_changed("value=\"16777216\"", std::string{"value=\""} + bad + "\"");
    ASSERT_THAT(machine.gpus, SizeIs(6)) << bad;
    EXPECT_EQ(machine.gpus[0].memory_total_bytes, std::nullopt) << bad;
    EXPECT_EQ(machine.gpus[0].multiprocessors, 80);
  }
  EXPECT_EQ(load_changed("value=\"80\"", "value=\"many\"").gpus[0].multiprocessors, std::nullopt);
}

// By its devices a GPU is NVIDIA's where the file does not say which PCI device they are of.
TEST(load_machine, devices_of_other_vendors_are_no_gpus_of_cuda) {
  const machine machine = load_changed("[10de:1db8]", "[1002:1db8]");
  EXPECT_THAT(machine.gpus, SizeIs(6)) << "CUDA and NVML say whose they are";
  std::string xml = small_topology();
  for (const auto& [from, to] :
       {std::pair{std::string{"[10de:1db8]"}, std::string{"[1002:1db8]"}},
        std::pair{std::string{"NVIDIA Corporation"}, std::string{"Somebody"}}}) {
    for (std::size_t at = 0; (at = xml.find(from, at)) != std::string::npos; at += to.size()) {
      xml.replace(at, from.size(), to);
    }
  }
  const scratch_directory directory;
  EXPECT_THAT(load_machine(directory.write("others.xml", xml)).gpus, IsEmpty());
}

TEST(load_machine, links_are_told_by_bridges_where_nvlink_does_not_come_out_even) {
  const machine machine = load_changed("0 50000 0 0 0 50000", "0 50001 0 0 0 50001");
  EXPECT_EQ(link_between(machine, 0, 1).nvlink_bandwidth_mb_per_s, 50001);
  EXPECT_EQ(link_between(machine, 0, 1).kind, "PIX");
  const narke::internal::machine first = load_changed("Test V100", "Test P100");
  EXPECT_EQ(link_between(first, 0, 1).kind, "PIX") << "50,000 are no multiple of 20,000";
}

TEST(load_machine, names_in_a_file_cannot_reach_the_terminal_as_escapes) {
  std::string xml = small_topology();
  for (std::size_t at = 0; (at = xml.find("Test V100", at)) != std::string::npos;) {
    xml.replace(at, 9, "a&#10;b\xc2\x9b" "c");
  }
  const scratch_directory directory;
  const machine machine = load_machine(directory.write("names.xml", xml));
  ASSERT_THAT(machine.gpus, SizeIs(6));
  EXPECT_EQ(machine.gpus[0].name, "a?b?c");
}

TEST(load_machine, file_wins_over_the_environment_of_hwloc) {
  const scoped_environment synthetic("HWLOC_SYNTHETIC", "pack:1 core:9 pu:1");
  const scoped_environment file("HWLOC_XMLFILE", "/no/such/file.xml");
  EXPECT_EQ(load_small().pus, 4);
}

/// The reason that a file with this content is refused for; "" when it is read.
std::string refusal_of(const std::string& content, const load_options& options = {}) {
  const scratch_directory directory;
  const std::string file = directory.write("given.xml", content);
  try {
    (void)load_machine(file, options);
  } catch (const topology_error& error) {
    EXPECT_EQ(error.source(), file);
    EXPECT_THAT(error.what(), HasSubstr(file));
    EXPECT_THAT(error.what(), HasSubstr(error.reason()));
    EXPECT_NE(error.reason(), "");
    return error.reason();
  }
  return {};
}

std::string with(std::string text, const std::string& what, const std::string& instead) {
  const std::size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return text.replace(at, what.size(), instead);
}

TEST(load_machine_refuses, what_is_no_hwloc_topology) {
  EXPECT_EQ(refusal_of(small_topology()), "");
  EXPECT_THAT(refusal_of(""), HasSubstr("empty"));
  EXPECT_THAT(refusal_of("hello"), HasSubstr("not XML"));
  EXPECT_THAT(refusal_of("<?xml version=\"1.0\"?>"), HasSubstr("not XML"));
  EXPECT_THAT(refusal_of("<!-- open"), HasSubstr("not XML"));
  EXPECT_THAT(refusal_of("<html><body/></html>"), HasSubstr("root is <html>"));
  EXPECT_THAT(refusal_of("<topologydiff></topologydiff>"), HasSubstr("root is <topologydiff>"));
  EXPECT_THAT(refusal_of("<topology/>"), HasSubstr("cut off"));
  EXPECT_THAT(refusal_of("<topology></topology>"), HasSubstr("hwloc does not accept it"));
  EXPECT_THAT(refusal_of(std::string("<topology>\0</topology>", 22)), HasSubstr("zero byte"));
  EXPECT_THAT(refusal_of("<"), HasSubstr("root is <>"));
}

TEST(load_machine_refuses, another_version_with_its_number) {
  const std::string three = with(small_topology(), "version=\"2.0\"", "version=\"3.0\"");
  EXPECT_EQ(refusal_of(three), "hwloc XML format 3.0; this program reads 1.x-2.x");
  const std::string huge = with(small_topology(), "version=\"2.0\"", "version=\"99999999999\"");
  EXPECT_THAT(refusal_of(huge), HasSubstr("format 99999999999"));
  const std::string word = with(small_topology(), "version=\"2.0\"", "version=\"two\"");
  EXPECT_THAT(refusal_of(word), HasSubstr("format two"));
}

TEST(load_machine_refuses, file_that_is_cut_off) {
  const std::string xml = small_topology();
  EXPECT_THAT(refusal_of(xml.substr(0, xml.size() / 2)), HasSubstr("cut off"));
}

TEST(load_machine_refuses, unbalanced_elements) {
  EXPECT_THAT(refusal_of(with(small_topology(), "</object>", "")), testing::Not(IsEmpty()));
}

TEST(load_machine_refuses, entities) {
  const std::string bomb = with(small_topology(), "<!DOCTYPE topology SYSTEM \"hwloc2.dtd\">",
                                "<!DOCTYPE topology [<!ENTITY a \"b\">]>");
  EXPECT_THAT(refusal_of(bomb), HasSubstr("entities"));
}

TEST(load_machine_refuses, file_that_is_too_large) {
  EXPECT_THAT(refusal_of(small_topology(), {.file_bytes_max = 1000}),
              HasSubstr("1000 is the most"));
}

std::string refusal_of_path(const std::string& path) {
  try {
    (void)load_machine(path);
  } catch (const topology_error& error) {
    return error.reason();
  }
  return {};
}

TEST(load_machine_refuses, path_that_is_no_readable_file) {
  const scratch_directory directory;
  EXPECT_THAT(refusal_of_path(directory.path() + "/absent.xml"), HasSubstr("No such file"));
  EXPECT_THAT(refusal_of_path(directory.path()), HasSubstr("directory"));
  EXPECT_THAT(refusal_of_path("/dev/zero"), HasSubstr("not a regular file"));
  EXPECT_THAT(refusal_of_path(""), HasSubstr("No such file"));
  const std::string pipe = directory.path() + "/pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_THAT(refusal_of_path(pipe), HasSubstr("not a regular file"));
}

TEST(load_machine_refuses, a_file_that_cannot_be_tried_in_a_process_of_its_own) {
  if (narke_test::needs_descriptors) GTEST_SKIP() << "the sanitizer needs a free descriptor";
  const scratch_directory directory;
  const std::string file = directory.write("small.xml", small_topology());
  static_cast<void>(load_machine(file));  // what hwloc keeps open is open
  const int free = ::dup(STDERR_FILENO);
  ::close(free);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit one_more{static_cast<rlim_t>(free) + 1, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &one_more), 0);
  std::string told;
  try {
    static_cast<void>(load_machine(file));
  } catch (const topology_error& refused) {
    told = refused.what();
  }
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_THAT(told, HasSubstr("no process can be started to check it: Too many open files"));
  EXPECT_THAT(load_machine(file).gpus, SizeIs(6));
}

TEST(load_machine_refuses, file_without_permission) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may read every file";
  const scratch_directory directory;
  const std::string file = directory.write("secret.xml", small_topology());
  ASSERT_EQ(::chmod(file.c_str(), 0), 0);
  EXPECT_THAT(refusal_of_path(file), HasSubstr("Permission denied"));
}

}  // namespace
