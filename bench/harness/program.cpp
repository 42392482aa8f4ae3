#include "harness/program.hpp"

#include <algorithm>
#include <exception>
#include <fstream>
#include <iostream>
#include <ostream>
#include <regex>
#include <thread>

#include <fmt/format.h>

namespace bench {
namespace {

constexpr std::chrono::milliseconds pause_between_runs{10};

bool is_chosen(const std::string& name, const options& chosen) {
  return chosen.filter.empty() || std::regex_search(name, std::regex{chosen.filter});
}

workload_result empty_result(const workload& work) {
  return {.name = work.name,
          .variant = work.variant,
          .item = work.item,
          .items = work.items,
          .bytes_an_item = work.bytes_an_item,
          .compared_by = work.compared_by,
          .compared_counter = work.compared_counter,
          .labels = work.labels,
          .baseline = work.contenders.empty() ? "" : work.contenders.front().name};
}

repetition measure_once(const workload& work, const contender& one) {
  run measured;
  one.body(measured);
  if (measured.is_started()) throw std::logic_error{"run::start() without stop()"};
  const double items = double(work.items);
  return {.real_ns = double(measured.real_time().count()) / items,
          .cpu_ns = double(measured.cpu_time().count()) / items,
          .counters = measured.counters()};
}

/// A contender that failed once does not run again.
void run_once(const workload& work, const contender& one, contender_result& result,
              bool is_counted) {
  if (!result.error.empty()) return;
  try {
    repetition measured = measure_once(work, one);
    if (is_counted) {
      result.repetitions.push_back(std::move(measured));
    } else {
      result.first_real_ns = measured.real_ns;
    }
  } catch (const std::exception& wrong) {
    result.error = wrong.what();
    result.repetitions.clear();
  }
}

workload_result run_workload(const workload& work, const std::vector<const contender*>& those,
                             int repetitions) {
  workload_result result = empty_result(work);
  for (const contender* each : those) {
    result.contenders.push_back({.contender = each->name, .full_name = work.name_of(*each)});
  }
  int runs_most = 1;
  for (const contender* each : those) runs_most = std::max(runs_most, each->runs);
  for (int i = work.warms_up ? -1 : 0; i != repetitions; ++i) {
    for (int j = 0; j != (i >= 0 ? runs_most : 1); ++j) {
      for (std::size_t k = 0; k != those.size(); ++k) {
        if (j >= those[k]->runs) continue;
        // Threads of the one before that spin for a while go to sleep.
        std::this_thread::sleep_for(pause_between_runs);
        run_once(work, *those[k], result.contenders[k], i >= 0);
      }
    }
  }
  return result;
}

std::string all_names(const std::vector<workload>& all) {
  std::string names;
  for (const workload& work : all) {
    for (const contender& one : work.contenders) names += "  " + work.name_of(one) + '\n';
  }
  return names;
}

/// Whether it could be written.
bool write_json(const std::string& text, const options& chosen, std::ostream& out,
                std::ostream& err) {
  if (chosen.json == "-") {
    out << text << std::flush;
    return bool(out);
  }
  std::ofstream file{chosen.json, std::ios::trunc};
  file << text << std::flush;
  if (file) return true;
  err << fmt::format("--json: cannot write \"{}\"\n", chosen.json);
  return false;
}

/// How many contenders failed; tells of each.
std::size_t tell_failures(const std::vector<workload_result>& results, std::ostream& err) {
  std::size_t failed = 0;
  for (const workload_result& result : results) {
    for (const contender_result& one : result.contenders) {
      if (one.error.empty()) continue;
      ++failed;
      err << fmt::format("{}: {}\n", one.full_name, one.error);
    }
  }
  return failed;
}

int run_chosen(const program& which, const options& chosen, const char* executable,
               std::ostream& out, std::ostream& err) {
  const std::vector<workload> all = which.workloads(chosen);
  std::ostream& table = chosen.json == "-" ? err : out;
  const machine_context context = read_context(which.name, executable, chosen.quick);
  table << table_head(context, which.notes ? which.notes() : std::vector<std::string>{});
  if (chosen.quick) table << "--quick: less of everything; a look, no figure to quote\n";
  const std::vector<workload_result> results = run_workloads(all, chosen, table);
  if (results.empty()) {
    throw command_line_end{fmt::format("{}: --filter \"{}\" leaves nothing of:\n{}", which.name,
                                       chosen.filter, all_names(all)),
                           2};
  }
  bool is_well = tell_failures(results, err) == 0;
  if (!chosen.json.empty()) {
    is_well = write_json(to_json(context, results), chosen, out, err) && is_well;
  }
  return is_well ? 0 : 1;
}

}  // namespace

std::vector<workload_result> run_workloads(const std::vector<workload>& all, const options& chosen,
                                           std::ostream& table) {
  std::vector<workload_result> results;
  for (const workload& work : all) {
    std::vector<const contender*> those;
    for (const contender& one : work.contenders) {
      if (is_chosen(work.name_of(one), chosen)) those.push_back(&one);
    }
    if (those.empty()) continue;
    results.push_back(run_workload(work, those, chosen.repetitions));
    table << to_table(results.back()) << std::flush;
  }
  return results;
}

int run_program(const program& which, int argc, const char* const* argv, std::ostream& out,
                std::ostream& err) {
  try {
    const options chosen =
        parse_options(which.name, which.description, which.add_options, argc, argv);
    return run_chosen(which, chosen, argc > 0 ? argv[0] : "", out, err);
  } catch (const command_line_end& end) {
    (end.exit_code() == 0 ? out : err) << end.what() << std::flush;
    return end.exit_code();
  } catch (const std::exception& failed) {
    err << fmt::format("{}: {}\n", which.name, failed.what());
    return 1;
  }
}

int main_of(const program& which, int argc, const char* const* argv) {
  return run_program(which, argc, argv, std::cout, std::cerr);
}

}  // namespace bench
