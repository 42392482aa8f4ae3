#include "topology/cgroup_limits.hpp"

#include <gtest/gtest.h>

#include <map>
#include <thread>

#include "topology/scratch_directory.hpp"

namespace {

using namespace narke::internal;

using tree = std::map<std::string, std::string>;

/// What the limits of a process are whose /proc/self/cgroup is `lines`, in a tree of files.
cgroup_limits limits_in(const tree& files, const std::string& lines) {
  const narke_test::scratch_directory directory;
  for (const auto& [name, content] : files) directory.write("root/" + name, content);
  const std::string proc = directory.write("proc", lines);
  return read_cgroup_limits(directory.path() + "/root", proc);
}

TEST(cgroup_limits, version_2_reads_quota_memory_and_cpuset) {
  const auto limits = limits_in({{"cgroup.controllers", "cpu memory\n"},
                                 {"job/cpu.max", "150000 100000\n"},
                                 {"job/memory.max", "1073741824\n"},
                                 {"job/cpuset.cpus.effective", "0-3,8\n"}},
                                "0::/job\n");
  EXPECT_EQ(limits.version, "v2");
  EXPECT_EQ(limits.quota_cpus, 1.5);
  EXPECT_EQ(limits.memory_bytes, 1073741824U);
  EXPECT_EQ(limits.cpuset_cpus, 5);
}

TEST(cgroup_limits, version_2_max_is_no_limit) {
  const auto limits = limits_in({{"cgroup.controllers", "cpu memory\n"},
                                 {"job/cpu.max", "max 100000\n"},
                                 {"job/memory.max", "max\n"},
                                 {"job/memory.high", "max\n"},
                                 {"job/cpuset.cpus.effective", "\n"}},
                                "0::/job\n");
  EXPECT_EQ(limits.version, "v2");
  EXPECT_EQ(limits.quota_cpus, std::nullopt);
  EXPECT_EQ(limits.memory_bytes, std::nullopt);
  EXPECT_EQ(limits.cpuset_cpus, std::nullopt);
}

TEST(cgroup_limits, smallest_limit_on_the_way_to_the_root_wins) {
  const auto limits = limits_in({{"cgroup.controllers", "cpu memory\n"},
                                 {"memory.max", "900\n"},
                                 {"a/cpu.max", "200000 100000\n"},
                                 {"a/memory.max", "800\n"},
                                 {"a/b/cpu.max", "400000 100000\n"},
                                 {"a/b/memory.high", "700\n"},
                                 {"a/b/c/memory.max", "max\n"},
                                 {"a/b/c/cpuset.cpus.effective", "0-7\n"},
                                 {"a/cpuset.cpus.effective", "0-5\n"},
                                 {"sibling/memory.max", "1\n"}},
                                "0::/a/b/c\n");
  EXPECT_EQ(limits.quota_cpus, 2.0);
  EXPECT_EQ(limits.memory_bytes, 700U);
  EXPECT_EQ(limits.cpuset_cpus, 6);
}

TEST(cgroup_limits, version_1_reads_each_controller_at_its_own_place) {
  const auto limits = limits_in({{"cpu/j1/cpu.cfs_quota_us", "50000\n"},
                                 {"cpu/j1/cpu.cfs_period_us", "100000\n"},
                                 {"memory/j2/memory.limit_in_bytes", "4096\n"},
                                 {"cpuset/j3/cpuset.cpus", "2,4,6\n"}},
                                "4:memory:/j2\n3:cpuset:/j3\n1:cpu:/j1\n9:name=systemd:/j1\n");
  EXPECT_EQ(limits.version, "v1");
  EXPECT_EQ(limits.quota_cpus, 0.5);
  EXPECT_EQ(limits.memory_bytes, 4096U);
  EXPECT_EQ(limits.cpuset_cpus, 3);
}

TEST(cgroup_limits, version_1_writes_no_limit_as_minus_one_or_a_huge_number) {
  const auto limits = limits_in({{"cpu/cpu.cfs_quota_us", "-1\n"},
                                 {"cpu/cpu.cfs_period_us", "100000\n"},
                                 {"memory/memory.limit_in_bytes", "9223372036854771712\n"}},
                                "1:cpu:/\n2:memory:/\n");
  EXPECT_EQ(limits.version, "v1");
  EXPECT_EQ(limits.quota_cpus, std::nullopt);
  EXPECT_EQ(limits.memory_bytes, std::nullopt);
}

TEST(cgroup_limits, version_1_effective_cpus_come_before_the_wish) {
  const auto limits = limits_in({{"cpuset/j/cpuset.cpus", "0-7\n"},
                                 {"cpuset/j/cpuset.effective_cpus", "0-1\n"}},
                                "1:cpuset:/j\n");
  EXPECT_EQ(limits.cpuset_cpus, 2);
}

TEST(cgroup_limits, controllers_that_share_a_mount_are_found_there) {
  const auto limits = limits_in({{"cpu,cpuacct/job/cpu.cfs_quota_us", "300000\n"},
                                 {"cpu,cpuacct/job/cpu.cfs_period_us", "100000\n"}},
                                "2:cpu,cpuacct:/job\n");
  EXPECT_EQ(limits.version, "v1");
  EXPECT_EQ(limits.quota_cpus, 3.0);
}

TEST(cgroup_limits, both_versions_at_once_are_hybrid) {
  const auto limits = limits_in({{"memory/job/memory.limit_in_bytes", "8192\n"},
                                 {"unified/job/cpu.max", "100000 100000\n"}},
                                "4:memory:/job\n0::/job\n");
  EXPECT_EQ(limits.version, "hybrid");
  EXPECT_EQ(limits.memory_bytes, 8192U);
  EXPECT_EQ(limits.quota_cpus, 1.0);
}

TEST(cgroup_limits, path_of_the_host_that_a_container_cannot_see_leaves_the_mount_itself) {
  const auto limits = limits_in({{"memory/memory.limit_in_bytes", "12288\n"}},
                                "4:memory:/docker/0123456789abcdef\n");
  EXPECT_EQ(limits.memory_bytes, 12288U);
}

TEST(cgroup_limits, path_out_of_the_mount_is_not_followed) {
  const auto limits = limits_in({{"cgroup.controllers", "memory\n"}, {"memory.max", "max\n"},
                                 {"../memory.max", "5\n"}, {"../x/memory.max", "6\n"}},
                                "0::/../x\n");
  EXPECT_EQ(limits.memory_bytes, std::nullopt);
}

TEST(cgroup_limits, nothing_there_is_no_limit) {
  EXPECT_EQ(limits_in({}, "0::/job\n4:memory:/job\n").version, "");
  const auto limits = read_cgroup_limits("/no/such/root", "/no/such/file");
  EXPECT_EQ(limits.version, "");
  EXPECT_EQ(limits.memory_bytes, std::nullopt);
}

TEST(cgroup_limits, malformed_files_are_no_limit) {
  for (const char* content : {"", "\n", "banana", "-5 100000", "100000", "100000 0", "0 100000",
                              "1e5 100000", "99999999999999999999 100000", "100000 100000 1"}) {
    const auto limits = limits_in({{"cgroup.controllers", "cpu\n"},
                                   {"job/cpu.max", content},
                                   {"job/memory.max", content},
                                   {"job/cpuset.cpus.effective", content}},
                                  "0::/job\n");
    EXPECT_EQ(limits.quota_cpus, std::nullopt) << content;
    if (std::string(content) != "100000") {
      EXPECT_EQ(limits.memory_bytes, std::nullopt) << content;
      EXPECT_EQ(limits.cpuset_cpus, std::nullopt) << content;
    }
  }
}

TEST(cgroup_limits, malformed_list_of_groups_is_no_group) {
  for (const char* lines : {"", "\n\n", "0", "0:", "banana\n:::\n", "0:memory"}) {
    const auto limits = limits_in({{"memory/memory.limit_in_bytes", "4096\n"}}, lines);
    EXPECT_EQ(limits.memory_bytes, std::nullopt) << lines;
  }
}

TEST(cpu_list, counts_what_the_kernel_writes) {
  EXPECT_EQ(count_cpu_list("0"), 1);
  EXPECT_EQ(count_cpu_list("0-3"), 4);
  EXPECT_EQ(count_cpu_list("0-3,8,10-11"), 7);
  EXPECT_EQ(count_cpu_list("1024-4095"), 3072);
}

TEST(cpu_list, anything_else_is_unknown) {
  for (const char* text : {"", ",", "-", "3-", "-3", "3-1", "0,", ",0", "0-3,2", "a", "0 1",
                           "0-3-5", "0-99999999", "99999999999999999999"}) {
    EXPECT_EQ(count_cpu_list(text), std::nullopt) << text;
  }
}

TEST(affinity, has_at_least_one_cpu_and_at_most_the_machine) {
  const auto cpus = count_affinity_cpus();
  ASSERT_TRUE(cpus.has_value());
  EXPECT_GE(*cpus, 1);
  EXPECT_LE(*cpus, static_cast<int>(std::thread::hardware_concurrency()));
}

int usable(std::optional<int> affinity, std::optional<int> cpuset, std::optional<double> quota) {
  const cgroup_limits groups{.version = "v2", .cpuset_cpus = cpuset, .quota_cpus = quota};
  return combine_limits(affinity, groups, 64, 1000).usable_cpus;
}

TEST(usable_cpus, are_the_smallest_of_affinity_cpuset_and_quota_rounded_up) {
  EXPECT_EQ(usable(8, std::nullopt, std::nullopt), 8);
  EXPECT_EQ(usable(8, 4, std::nullopt), 4);
  EXPECT_EQ(usable(2, 4, 3.0), 2);
  EXPECT_EQ(usable(8, 6, 2.5), 3);
  EXPECT_EQ(usable(8, 6, 100.0), 6);
  EXPECT_EQ(usable(std::nullopt, std::nullopt, std::nullopt), 64);
}

TEST(usable_cpus, are_never_below_one) {
  EXPECT_EQ(usable(8, 8, 0.5), 1);
  EXPECT_EQ(usable(8, 8, 0.001), 1);
  EXPECT_EQ(combine_limits(std::nullopt, {}, 0, 0).usable_cpus, 1);
}

TEST(usable_memory, is_the_smaller_of_machine_and_limit) {
  EXPECT_EQ(combine_limits(1, {.memory_bytes = 400}, 1, 1000).usable_memory_bytes, 400U);
  EXPECT_EQ(combine_limits(1, {.memory_bytes = 4000}, 1, 1000).usable_memory_bytes, 1000U);
  EXPECT_EQ(combine_limits(1, {}, 1, 1000).usable_memory_bytes, 1000U);
  EXPECT_EQ(combine_limits(1, {.memory_bytes = 400}, 1, 0).usable_memory_bytes, 400U);
}

}  // namespace
