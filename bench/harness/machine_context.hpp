// On what, when and by which program something was measured.
#pragma once

#include <string>
#include <vector>

namespace bench {

struct cache_facts {
  std::string type;  ///< "Data", "Instruction", "Unified"
  int level = 0;
  long size_bytes = 0;
  int num_sharing = 0;  ///< hardware threads that share it
};

struct machine_context {
  std::string date;  ///< local, with the offset from UTC
  std::string host_name;
  std::string executable;
  std::string program;  ///< its name alone
  int num_cpus = 0;
  int mhz_per_cpu = 0;  ///< 0 = unknown
  bool cpu_scaling_enabled = false;
  std::vector<cache_facts> caches;
  std::vector<double> load_average;
  std::string cpu_model;
  std::string compiler;
  std::string build_type;
  std::string narke_version;
  std::string commit;  ///< ends in "-dirty" where files had been changed; empty = unknown
  bool is_quick = false;
};

/// `executable` as the program was called. What cannot be found out stays empty.
[[nodiscard]] machine_context read_context(const std::string& program,
                                           const std::string& executable, bool is_quick);

/// What `--version` prints.
[[nodiscard]] std::string version_text(const std::string& program);

}  // namespace bench
