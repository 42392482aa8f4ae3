#include "jobs/job_queue.hpp"

#include <algorithm>

namespace narke::internal {

// What older jobs keep for themselves while one round looks for the next to run.
class job_queue::claims {
 public:
  explicit claims(ledger& of) : ledger_{of} {}
  ~claims() {
    for (const allocation& one : held_) ledger_.release(one);
  }
  claims(const claims&) = delete;
  claims& operator=(const claims&) = delete;

  void add(allocation one) { held_.push_back(std::move(one)); }

  bool gpus_are_kept = false;
  bool cpus_are_kept = false;

 private:
  ledger& ledger_;
  std::vector<allocation> held_;
};

job_queue::job_queue(resource_totals totals, int running_max)
    : ledger_{std::move(totals)},
      free_cpus_{quantity::from_whole(ledger_.totals().cpus)},
      running_max_{static_cast<std::size_t>(running_max)} {}

std::optional<std::string> job_queue::infeasible_reason(const resource_request& request) const {
  return ledger_.infeasible_reason(request);
}

void job_queue::add(int id, const resource_request& request) {
  auto& line = lines_[request];
  if (line == nullptr)
    line = std::make_unique<line_of_jobs>(line_of_jobs{.request = request, .ids = {}});
  if (!line->ids.empty()) by_age_.erase({line->ids.top(), line.get()});
  line->ids.push(id);
  by_age_.insert({line->ids.top(), line.get()});
  ++waiting_;
}

std::optional<placed_job> job_queue::take_next() {
  if (running_ >= running_max_) return std::nullopt;
  claims kept{ledger_};
  for (const auto& [id, line] : by_age_) {
    auto held = try_place(line->request, kept);
    if (!held) continue;
    placed_job placed{.id = id, .cpus = line->request.cpus, .held = std::move(*held)};
    free_cpus_ -= placed.cpus;
    ++running_;
    --waiting_;
    line_of_jobs* const taken_from = line;
    by_age_.erase({id, taken_from});
    taken_from->ids.pop();
    if (!taken_from->ids.empty()) by_age_.insert({taken_from->ids.top(), taken_from});
    return placed;
  }
  return std::nullopt;
}

// What the request gets at the moment; nullopt when it waits, with what it keeps in `kept`.
std::optional<allocation> job_queue::try_place(const resource_request& request, claims& kept) {
  const bool wants_cpus = !request.cpus.is_zero();
  if (wants_cpus && kept.cpus_are_kept) return std::nullopt;
  auto held = ledger_.try_allocate(request);
  if (!held) {
    if (!kept.gpus_are_kept) keep_gpus_for(request, kept);
    return std::nullopt;
  }
  if (request.cpus <= free_cpus_) return held;
  kept.cpus_are_kept = true;
  kept.add(std::move(*held));
  return std::nullopt;
}

void job_queue::keep_gpus_for(const resource_request& request, claims& kept) {
  kept.gpus_are_kept = true;
  std::vector<gpu_amount> emptiest = ledger_.available().gpus;
  std::stable_sort(emptiest.begin(), emptiest.end(),
                   [](const auto& a, const auto& b) { return a.share > b.share; });
  const auto wanted = static_cast<std::size_t>(request.gpus.ceil_whole());
  emptiest.resize(std::min(wanted, emptiest.size()));
  for (const gpu_amount& gpu : emptiest) {
    if (gpu.share.is_zero()) continue;
    const resource_request all_of_it{
        .gpus = gpu.share, .wish = placement_wish::gpu, .wish_index = gpu.id};
    if (auto claim = ledger_.try_allocate(all_of_it)) kept.add(std::move(*claim));
  }
}

void job_queue::give_back(const placed_job& ended) {
  ledger_.release(ended.held);
  free_cpus_ += ended.cpus;
  --running_;
}

bool job_queue::everything_is_free() const {
  return running_ == 0 && ledger_.available() == full_amounts(ledger_.totals()) &&
         free_cpus_ == quantity::from_whole(ledger_.totals().cpus);
}

}  // namespace narke::internal
