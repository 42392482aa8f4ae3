#include "driver/cuda_driver.hpp"

#include <dlfcn.h>
#include <unistd.h>

#include <fmt/format.h>

#include <cerrno>
#include <optional>
#include <utility>

#include "driver/clean_text.hpp"
#include "driver/driver_symbols.hpp"

namespace narke::internal {
namespace {

constexpr int version_required = 12000;
constexpr const char* bootstrap_symbol = "cuGetProcAddress_v2";
constexpr const char* what_to_do = "GPUs are left out; install or repair the NVIDIA driver";

cuda_driver absent() { return {}; }

cuda_driver broken(std::string problem, int version = 0) {
  return {.state = driver_state::broken, .version = version, .problem = std::move(problem)};
}

/// Whether dlopen failed because the library itself is not there. The text of dlerror is
/// translated by some locales, but it begins with the name asked for only when nothing was found:
/// for a library that was found it is the path, or the name of what that library needs.
bool is_missing(const std::string& library, const std::string& reason) {
  if (library.find('/') != std::string::npos) {
    return ::access(library.c_str(), F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR);
  }
  return reason.starts_with(library + ":");
}

bool means_no_gpu(cu_result code) {
  return code == cu_result::no_device || code == cu_result::stub_library;
}

/// Asks a library for the entry points of the table, each by its own version.
class symbol_source {
 public:
  explicit symbol_source(cu_get_proc_address_fn* get_proc_address)
      : get_proc_address_(get_proc_address) {}

  /// After the first failure nothing more is asked.
  template <class Function>
  void ask(Function*& slot, const char* name, int version) {
    if (code_ != cu_result::success) return;
    void* address = nullptr;
    auto status = cu_proc_address_status::success;
    code_ = get_proc_address_(name, &address, version, cu_proc_address_legacy_stream, &status);
    if (code_ == cu_result::success && address == nullptr) code_ = cu_result::not_found;
    if (code_ != cu_result::success) missing_ = name;
    slot = reinterpret_cast<Function*>(address);
  }

  [[nodiscard]] cu_result code() const { return code_; }
  [[nodiscard]] const std::string& missing() const { return missing_; }

 private:
  cu_get_proc_address_fn* get_proc_address_;
  cu_result code_ = cu_result::success;
  std::string missing_;
};

// What a CUDA driver answers to the two entries of our own.
cu_result refuse_to_emulate(cu_stream, const emulated_work&) { return cu_result::not_supported; }
cu_result ignore_annotation(annotation, cu_device_ptr, std::size_t, cu_stream, const char*) {
  return cu_result::success;
}

/// Fills the table. The answer is what is wrong with a driver that lacks something.
std::optional<cuda_driver> fill(const std::string& library, symbol_source& source,
                                driver_table& table) {
  const auto ask = [&source](auto*& slot, const char* name, int version) {
    source.ask(slot, name, version);
  };
  visit_fact_symbols(table, ask);
  const bool has_facts = source.code() == cu_result::success;
  if (has_facts) visit_execution_symbols(table, ask);
  if (means_no_gpu(source.code())) return absent();
  if (source.code() != cu_result::success) {
    return broken(fmt::format(
        "{} does not give the entry point {} (CUDA error {}){}: {}.", library, source.missing(),
        static_cast<int>(source.code()),
        has_facts ? "; it can tell of its devices but not run work on them" : "", what_to_do));
  }
  table.emulate = refuse_to_emulate;
  table.annotate = ignore_annotation;
  return std::nullopt;
}

/// A driver from before CUDA 12.0 has no bootstrap symbol, but may still tell its version.
cuda_driver too_old(const std::string& library, void* handle) {
  auto* get_version =
      reinterpret_cast<cu_driver_get_version_fn*>(::dlsym(handle, "cuDriverGetVersion"));
  int version = 0;
  if (get_version != nullptr) {
    const cu_result code = get_version(&version);
    if (means_no_gpu(code)) return absent();
    if (code != cu_result::success) version = 0;
  }
  const std::string found =
      version > 0 ? fmt::format("serves CUDA {}", cuda_version_text(version))
                  : fmt::format("has no symbol {}", bootstrap_symbol);
  return broken(fmt::format("{} {}, and CUDA {} is the oldest that works: {}.", library, found,
                            cuda_version_text(version_required), what_to_do),
                version);
}

cuda_driver initialise(const std::string& library, const driver_table& table) {
  int version = 0;
  cu_result code = table.driver_get_version(&version);
  if (means_no_gpu(code)) return absent();
  if (code == cu_result::success && version < version_required) {
    return broken(fmt::format("{} serves CUDA {}, and CUDA {} is the oldest that works: {}.",
                              library, cuda_version_text(version),
                              cuda_version_text(version_required), what_to_do),
                  version);
  }
  if (code == cu_result::success) code = table.init(0);
  if (means_no_gpu(code)) return absent();
  if (code != cu_result::success) {
    return broken(fmt::format("The CUDA driver cannot be initialised, {}: {}.",
                              describe_result(table, code), what_to_do),
                  version);
  }
  return {.state = driver_state::present, .table = table, .version = version};
}

}  // namespace

cuda_driver load_cuda_driver(const std::string& library) {
  void* handle = ::dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* text = ::dlerror();
    const std::string reason = text != nullptr ? text : "no reason given";
    if (is_missing(library, reason)) return absent();
    return broken(fmt::format("{} is there but cannot be loaded ({}): {}.", library,
                              clean_text(reason), what_to_do));
  }
  auto* bootstrap =
      reinterpret_cast<cu_get_proc_address_fn*>(::dlsym(handle, bootstrap_symbol));
  if (bootstrap == nullptr) return too_old(library, handle);

  driver_table table;
  symbol_source source(bootstrap);
  if (auto failed = fill(library, source, table)) return *std::move(failed);
  return initialise(library, table);
}

std::string cuda_version_text(int version) {
  return fmt::format("{}.{}", version / 1000, version % 1000 / 10);
}

std::string describe_result(const driver_table& table, cu_result code) {
  const char* name = nullptr;
  const char* text = nullptr;
  const bool named = table.get_error_name(code, &name) == cu_result::success && name != nullptr;
  const bool told = table.get_error_string(code, &text) == cu_result::success && text != nullptr;
  const int number = static_cast<int>(code);
  if (!named) return fmt::format("CUDA error {}", number);
  if (!told) return fmt::format("{} ({})", clean_text(name), number);
  return fmt::format("{} ({}): {}", clean_text(name), number, clean_text(text));
}

}  // namespace narke::internal
