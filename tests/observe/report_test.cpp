#include "observe/report.hpp"

#include <chrono>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "observe/keeps_schema.hpp"
#include "observe/machine_resources.hpp"

namespace narke::internal {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::keeps_schema;

// Two packages of a NUMA node and two cores each, a GPU next to each node.
machine two_gpu_machine() {
  machine described;
  described.hostname = "box";
  described.architecture = "x86_64";
  described.source = "this machine";
  described.memory_bytes = std::uint64_t{64} << 30;
  described.pus = 4;
  for (int i = 0; i < 2; ++i) {
    described.packages.push_back({.os_index = i, .model = "CPU X", .cores = 2, .pus = 2});
    described.numa_nodes.push_back(
        {.os_index = i, .memory_bytes = std::uint64_t{32} << 30, .pus = {2 * i, 2 * i + 1}});
    for (int pu = 2 * i; pu < 2 * i + 2; ++pu) {
      described.cores.push_back({.os_index = pu, .pus = {pu}, .package = i, .numa_node = i});
    }
    gpu_info gpu;
    gpu.index = i;
    gpu.uuid = "GPU-00000000-0000-0000-0000-00000000000" + std::to_string(i);
    gpu.name = "Tesla V100-SXM2-16GB";
    gpu.pci_bus_id = "00000000:0" + std::to_string(i) + ":00.0";
    gpu.numa_node = i;
    described.gpus.push_back(gpu);
  }
  described.gpus[0].memory_total_bytes = std::uint64_t{16} << 30;
  described.gpus[0].compute_capability = "7.0";
  described.gpu_links = {{.from = 0, .to = 1, .kind = "NV2", .nvlink_bandwidth_mb_per_s = 50'000.0},
                         {.from = 1, .to = 0, .kind = "NV2"}};
  described.caches = {{.level = 3, .type = "unified", .size_bytes = 32 << 20, .count = 2},
                      {.level = 1, .type = "data", .size_bytes = 32 << 10, .count = 4}};
  described.limits = {.affinity_cpus = 4, .quota_cpus = 2.5, .memory_bytes = std::uint64_t{8} << 30,
                      .cgroup_version = "v2", .usable_cpus = 3,
                      .usable_memory_bytes = std::uint64_t{8} << 30};
  return described;
}

report_inputs inputs_of(const machine& described) {
  const auto resources = cluster_resources(described);
  return {.described = described,
          .cluster_resources = resources,
          .available_resources = resources,
          .host = {.hostname = "here", .os = "Debian", .kernel = "Linux 6", .architecture = "x"},
          .generated_at = std::chrono::system_clock::from_time_t(1'700'000'000)};
}

TEST(report, json_keeps_its_schema_and_tells_the_machine) {
  const machine described = two_gpu_machine();
  const std::string text = report_json(inputs_of(described));
  ASSERT_TRUE(keeps_schema("report.schema.json", text));
  const json report = json::parse(text);
  EXPECT_EQ(report.at("generated_at"), "2023-11-14T22:13:20Z");
  EXPECT_EQ(report.at("host").at("hostname"), "here");
  EXPECT_EQ(report.at("machine").at("hostname"), "box");
  EXPECT_EQ(report.at("machine").at("packages").size(), 2U);
  EXPECT_EQ(report.at("machine").at("numa_nodes")[1].at("pus"), json({2, 3}));
  EXPECT_EQ(report.at("machine").at("limits").at("quota_cpus"), 2.5);
  EXPECT_EQ(report.at("machine").at("limits").at("cpuset_cpus"), nullptr);
  EXPECT_EQ(report.at("gpu_links").size(), 2U);
  EXPECT_EQ(report.at("gpu_links")[0].at("nvlink_bandwidth_mb_per_s"), 50'000.0);
  EXPECT_EQ(report.at("cluster_resources").at("GPU"), 2.0);
  EXPECT_EQ(report.at("cluster_resources").at("accelerator_type:V100"), 1.0);
  EXPECT_EQ(report.at("cluster_resources").at("node:box"), 1.0);
}

TEST(report, gpus_have_nvidia_smis_keys_and_null_for_what_is_not_known) {
  const machine described = two_gpu_machine();
  const json gpus = json::parse(report_json(inputs_of(described))).at("gpus");
  EXPECT_EQ(gpus.at(0).at("uuid"), "GPU-00000000-0000-0000-0000-000000000000");
  EXPECT_EQ(gpus.at(0).at("pci.bus_id"), "00000000:00:00.0");
  EXPECT_EQ(gpus.at(0).at("memory.total_bytes"), std::uint64_t{16} << 30);
  EXPECT_EQ(gpus.at(0).at("compute_cap"), "7.0");
  EXPECT_EQ(gpus.at(1).at("memory.total_bytes"), nullptr);
  EXPECT_EQ(gpus.at(1).at("compute_cap"), nullptr);
  EXPECT_EQ(gpus.at(1).at("memory.used_bytes"), nullptr);
  EXPECT_EQ(gpus.at(1).at("power.draw_watts"), nullptr);
}

TEST(report, a_machine_of_which_nothing_is_known_is_still_a_report) {
  const machine described;
  const std::string text = report_json(inputs_of(described));
  EXPECT_TRUE(keeps_schema("report.schema.json", text));
  const json report = json::parse(text);
  EXPECT_EQ(report.at("machine").at("memory_bytes"), nullptr);
  EXPECT_EQ(report.at("cluster_resources"), json({{"CPU", 1.0}, {"node:localhost", 1.0}}));
  EXPECT_THAT(report_text(inputs_of(described)), HasSubstr("No GPU"));
}

TEST(report, runtime_facts_are_null_until_there_is_a_runtime) {
  const machine described = two_gpu_machine();
  report_inputs inputs = inputs_of(described);
  const json before = json::parse(report_json(inputs)).at("runtime");
  EXPECT_EQ(before.at("initialized"), false);
  EXPECT_EQ(before.at("tasks_submitted"), nullptr);

  inputs.runtime = runtime_facts{.num_cpus = 3, .workers = 4, .tasks_submitted = 10,
                                 .tasks_finished = 7, .tasks_failed = 1, .tasks_pending = 2,
                                 .object_store_used_bytes = 1024,
                                 .object_store_limit_bytes = 1 << 20, .trace_events = 99,
                                 .trace_events_dropped = 5,
                                 .uptime = std::chrono::milliseconds{1'500}};
  const std::string text = report_json(inputs);
  ASSERT_TRUE(keeps_schema("report.schema.json", text));
  const json after = json::parse(text).at("runtime");
  EXPECT_EQ(after.at("initialized"), true);
  EXPECT_EQ(after.at("tasks_finished"), 7);
  EXPECT_EQ(after.at("trace_events_dropped"), 5);
  EXPECT_EQ(after.at("uptime_ms"), 1'500);
  EXPECT_THAT(report_text(inputs), HasSubstr("7 finished, 1 failed, 2 pending"));
  EXPECT_THAT(report_text(inputs), HasSubstr("1 KiB of 1 MiB"));
}

TEST(report, text_shows_gpus_under_their_numa_nodes_and_the_links) {
  const machine described = two_gpu_machine();
  const std::string text = report_text(inputs_of(described));
  EXPECT_EQ(text.find("Machine box (64 GiB, x86_64)\n"
                      "  Package 0: 2 cores, 2 threads, CPU X\n"
                      "    NUMANode 0: 32 GiB, CPUs 0-1\n"
                      "      GPU 0: Tesla V100-SXM2-16GB, 16 GiB, compute 7.0, 00000000:00:00.0, "
                      "GPU-00000000-0000-0000-0000-000000000000\n"
                      "  Package 1: 2 cores, 2 threads, CPU X\n"
                      "    NUMANode 1: 32 GiB, CPUs 2-3\n"
                      "      GPU 1: Tesla V100-SXM2-16GB, 00000000:01:00.0, "
                      "GPU-00000000-0000-0000-0000-000000000001\n"
                      "  Caches: L3 32 MiB x 2, L1 data 32 KiB x 4\n"
                      "Usable by this process\n"
                      "  3 CPUs: affinity 4, cgroup quota 2.5\n"
                      "  8 GiB of memory: cgroup limit 8 GiB\n"),
            0U)
      << text;
  EXPECT_EQ(link_matrix(described),
            "        GPU0  GPU1 NUMANode\n"
            "GPU0       X   NV2        0\n"
            "GPU1     NV2     X        1\n");
  EXPECT_THAT(text, HasSubstr(link_matrix(described)));
}

TEST(report, emulated_gpus_and_the_links_between_them_are_shown) {
  const machine described =
      with_emulated_gpus(two_gpu_machine(), 3, std::uint64_t{256} << 20);
  const std::string text = report_json(inputs_of(described));
  ASSERT_TRUE(keeps_schema("report.schema.json", text));
  const json report = json::parse(text);
  ASSERT_EQ(report.at("gpus").size(), 3U);
  EXPECT_EQ(report.at("gpus")[2].at("is_emulated"), true);
  EXPECT_EQ(report.at("gpus")[2].at("memory.total_bytes"), 256 << 20);
  ASSERT_EQ(report.at("gpu_links").size(), 6U);
  EXPECT_EQ(report.at("gpu_links")[0].at("kind"), nullptr);
  EXPECT_EQ(report.at("gpu_links")[0].at("peer_access"), true);
  EXPECT_EQ(report.at("cluster_resources").at("accelerator_type:emulated"), 1.0);
  EXPECT_EQ(link_matrix(described),
            "        GPU0  GPU1  GPU2 NUMANode\n"
            "GPU0       X   P2P   P2P        ?\n"
            "GPU1     P2P     X   P2P        ?\n"
            "GPU2     P2P   P2P     X        ?\n");
  EXPECT_THAT(report_text(inputs_of(described)),
              AllOf(HasSubstr("GPU 2: narke emulated GPU, 256 MiB"), HasSubstr("P2P = ")));
}

TEST(report, how_the_runtime_uses_its_gpus_is_shown) {
  const machine described = two_gpu_machine();
  report_inputs inputs = inputs_of(described);
  EXPECT_EQ(json::parse(report_json(inputs)).at("runtime").at("gpus"), nullptr);
  inputs.runtime = runtime_facts{.num_cpus = 2, .workers = 2};
  inputs.runtime->gpus = {{.index = 0,
                           .is_open = true,
                           .capacity_bytes = 4 << 20,
                           .used_bytes = 1 << 20,
                           .peak_bytes = 3 << 20,
                           .evictions = 2},
                          {.index = 1, .is_open = false, .is_lost = true}};
  inputs.runtime->gpu_tasks = 7;
  inputs.runtime->bytes_to_devices = 2 << 20;
  const std::string text = report_json(inputs);
  ASSERT_TRUE(keeps_schema("report.schema.json", text));
  const json runtime = json::parse(text).at("runtime");
  EXPECT_EQ(runtime.at("gpus")[0].at("state"), "open");
  EXPECT_EQ(runtime.at("gpus")[0].at("used_bytes"), 1 << 20);
  EXPECT_EQ(runtime.at("gpus")[1].at("state"), "lost");
  EXPECT_EQ(runtime.at("gpus")[1].at("capacity_bytes"), nullptr);
  EXPECT_EQ(runtime.at("gpu_tasks"), 7);
  EXPECT_THAT(report_text(inputs),
              AllOf(HasSubstr("GPU 0: 1 MiB of 4 MiB used, 3 MiB at most; 2 arrays had to leave\n"),
                    HasSubstr("GPU 1: lost\n"),
                    HasSubstr("GPU tasks: 7; copied to devices 2 MiB, to the host 0 bytes")));
}

TEST(report, a_resource_with_nothing_left_shows_as_0) {
  const machine described = two_gpu_machine();
  report_inputs inputs = inputs_of(described);
  inputs.available_resources.erase("GPU");
  EXPECT_THAT(report_text(inputs), HasSubstr("2            0\n"));
}

TEST(report, a_gpu_of_unknown_place_stands_under_the_machine) {
  machine described = two_gpu_machine();
  described.gpus[1].numa_node = std::nullopt;
  described.gpu_links.clear();
  const std::string text = report_text(inputs_of(described));
  EXPECT_THAT(text, HasSubstr("\n  GPU 1: "));
  EXPECT_EQ(link_matrix(described), "");
}

TEST(report, a_numa_node_over_two_packages_stands_above_them) {
  machine described = two_gpu_machine();
  described.numa_nodes.pop_back();
  for (core_info& core : described.cores) core.numa_node = 0;
  EXPECT_THAT(report_text(inputs_of(described)),
              HasSubstr("Machine box (64 GiB, x86_64)\n  NUMANode 0: 32 GiB"));
}

TEST(report, names_from_outside_cannot_harm_the_terminal_or_the_json) {
  machine described = two_gpu_machine();
  described.gpus[0].name = "evil \x1b[31m\n name \xff";
  described.hostname = "h\x07ost";
  described.warnings = {"a\x1b]0;title\x07"};
  const report_inputs inputs = inputs_of(described);
  const std::string text = report_text(inputs);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(text.find('\x07'), std::string::npos);
  const std::string as_json = report_json(inputs);
  EXPECT_TRUE(keeps_schema("report.schema.json", as_json));
  EXPECT_EQ(json::parse(as_json).at("gpus")[0].at("name"), "evil \x1b[31m\n name \ufffd");
}

TEST(report, links_that_name_no_gpu_are_left_out_of_the_matrix) {
  machine described = two_gpu_machine();
  described.gpu_links.push_back({.from = 0, .to = -1, .kind = "NV1"});
  described.gpu_links.push_back({.from = 7, .to = 0, .kind = "NV1"});
  EXPECT_THAT(link_matrix(described), Not(HasSubstr("NV1")));
}

TEST(report, numbers_of_cpus_are_shown_in_ranges) {
  machine described = two_gpu_machine();
  described.numa_nodes[0].pus = {8, 3, 1, 2, 0};
  described.numa_nodes[1].pus = {};
  described.numa_nodes[1].memory_bytes = 0;
  EXPECT_THAT(report_text(inputs_of(described)),
              AllOf(HasSubstr("NUMANode 0: 32 GiB, CPUs 0-3,8\n"),
                    HasSubstr("NUMANode 1: unknown size, no CPUs\n")));
}

// As of a topology file of another machine, which says less.
TEST(report, what_a_machine_does_not_say_of_itself_is_said_to_be_unknown) {
  machine described = two_gpu_machine();
  described.is_this_system = false;
  described.source = "cluster.xml";
  described.hostname.clear();
  described.architecture.clear();
  described.memory_bytes = 0;
  described.packages[1] = {.os_index = -1, .model = "", .cores = 1, .pus = 1};
  described.gpus[1] = {.index = 1};
  described.limits = {.cpuset_cpus = 2, .usable_cpus = 1, .usable_memory_bytes = 1 << 20};
  const std::string text = report_text(inputs_of(described));
  EXPECT_THAT(text, HasSubstr("Machine without a name (unknown size, unknown architecture, from "
                              "cluster.xml)\n"));
  EXPECT_THAT(text, HasSubstr("  Package 1: 1 core, 1 thread\n"));
  EXPECT_THAT(text, HasSubstr("  GPU 1: unknown model\n"));
  EXPECT_THAT(text, HasSubstr("\nUsable\n  1 CPU: cpuset 2\n  1 MiB of memory\n"));
  const std::string as_json = report_json(inputs_of(described));
  ASSERT_TRUE(keeps_schema("report.schema.json", as_json));
  const json report = json::parse(as_json);
  EXPECT_EQ(report.at("machine").at("is_this_system"), false);
  EXPECT_EQ(report.at("machine").at("hostname"), nullptr);
  EXPECT_EQ(report.at("machine").at("packages")[1].at("os_index"), nullptr);
  EXPECT_EQ(report.at("machine").at("packages")[1].at("model"), nullptr);
  EXPECT_EQ(report.at("machine").at("limits").at("cpuset_cpus"), 2);
  EXPECT_EQ(report.at("gpus")[1].at("name"), nullptr);
  EXPECT_EQ(report.at("gpus")[1].at("uuid"), nullptr);
}

TEST(report, a_link_of_no_kind_is_told_by_what_it_can) {
  machine described = two_gpu_machine();
  described.gpu_links = {{.from = 0, .to = 1, .peer_access = true},
                         {.from = 1, .to = 0, .peer_access = false},
                         {.from = -1, .to = 0, .kind = "NV1"},
                         {.from = 0, .to = -1, .kind = "NV1"}};
  EXPECT_THAT(link_matrix(described),
              AllOf(HasSubstr("GPU0       X   P2P"), HasSubstr("GPU1       ?     X")));
  const std::string text = report_json(inputs_of(described));
  ASSERT_TRUE(keeps_schema("report.schema.json", text));
  const json links = json::parse(text).at("gpu_links");
  ASSERT_EQ(links.size(), 2U) << "those that name no GPU are left out";
  EXPECT_EQ(links[1].at("peer_access"), false);
}

TEST(report, a_gpu_that_had_no_task_is_closed) {
  const machine described = two_gpu_machine();
  report_inputs inputs = inputs_of(described);
  inputs.runtime = runtime_facts{.num_cpus = 1, .workers = 1};
  inputs.runtime->gpus = {{.index = 0}, {.index = 1, .is_lost = true}};
  const std::string text = report_json(inputs);
  ASSERT_TRUE(keeps_schema("report.schema.json", text));
  EXPECT_EQ(json::parse(text).at("runtime").at("gpus")[0].at("state"), "closed");
  EXPECT_THAT(report_text(inputs), AllOf(Not(HasSubstr("GPU 0: closed")),
                                         Not(HasSubstr("GPU tasks")), HasSubstr("GPU 1: lost")));
}

TEST(report, tasks_and_advice_come_with_their_places_and_times) {
  const machine described = two_gpu_machine();
  report_inputs inputs = inputs_of(described);
  const auto here = source_location::current();
  inputs.advice = {{.code = "get-in-loop", .message = "use wait", .location = here, .count = 8},
                   {.code = "tasks-too-fine", .message = "do more", .location = {}, .count = 1}};
  inputs.tasks = task_list_facts{};
  inputs.tasks->left_out = 3;
  inputs.tasks->tasks = {{.id = 1,
                          .name = "waits",
                          .state = "PENDING_ARGS_AVAIL",
                          .required_resources = {{"CPU", 0.5}},
                          .waits_for = {7},
                          .reason = "waits for task 7"},
                         {.id = 2,
                          .parent_id = 1,
                          .name = "counter.add",
                          .is_actor_call = true,
                          .state = "FINISHED",
                          .file = "main.cpp",
                          .line = 5,
                          .thread = "worker 0",
                          .started_ago_ms = 2'000.0,
                          .ended_ago_ms = 500.0}};
  const std::string text = report_json(inputs);
  ASSERT_TRUE(keeps_schema("report.schema.json", text));
  const json report = json::parse(text);
  EXPECT_EQ(report.at("advice")[0].at("line"), here.line());
  EXPECT_EQ(report.at("advice")[1].at("file"), nullptr);
  EXPECT_EQ(report.at("tasks_left_out"), 3);
  const json& waits = report.at("tasks")[0];
  EXPECT_EQ(waits.at("parent_task_id"), nullptr);
  EXPECT_EQ(waits.at("type"), "NORMAL_TASK");
  EXPECT_EQ(waits.at("file"), nullptr);
  EXPECT_EQ(waits.at("start_time_ms"), nullptr);
  EXPECT_EQ(waits.at("waits_for"), json({7}));
  EXPECT_EQ(waits.at("required_resources"), (json{{"CPU", 0.5}}));
  const json& ended = report.at("tasks")[1];
  EXPECT_EQ(ended.at("parent_task_id"), 1);
  EXPECT_EQ(ended.at("type"), "ACTOR_TASK");
  EXPECT_EQ(ended.at("worker"), "worker 0");
  EXPECT_EQ(ended.at("start_time_ms"), 1'700'000'000'000.0 - 2'000.0);
  EXPECT_EQ(ended.at("end_time_ms"), 1'700'000'000'000.0 - 500.0);
}

TEST(report, it_holds_no_environment) {
  ::setenv("NARKE_TEST_SECRET", "hunter2-hunter2", 1);
  const machine described = two_gpu_machine();
  EXPECT_THAT(report_json(inputs_of(described)), Not(HasSubstr("hunter2")));
  EXPECT_THAT(report_text(inputs_of(described)), Not(HasSubstr("hunter2")));
}

TEST(report, this_host_knows_its_kernel) {
  EXPECT_THAT(this_host().kernel, HasSubstr("Linux "));
  EXPECT_FALSE(this_host().architecture.empty());
}

}  // namespace
}  // namespace narke::internal
