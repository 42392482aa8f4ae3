// Sets up the stand-in for libcuda.so.1, and puts the environment back afterwards. For one thread.
#pragma once

#include <cstdlib>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

namespace narke_test {

/// NARKE_FAKE_CUDA_<name> = value for each pair, until the end of the scope.
class fake_driver_settings {
 public:
  using setting = std::pair<std::string, std::string>;

  fake_driver_settings(std::initializer_list<setting> settings) {
    for (const auto& [name, value] : settings) {
      names_.push_back("NARKE_FAKE_CUDA_" + name);
      ::setenv(names_.back().c_str(), value.c_str(), 1);
    }
  }
  ~fake_driver_settings() {
    for (const auto& name : names_) ::unsetenv(name.c_str());
  }
  fake_driver_settings(const fake_driver_settings&) = delete;
  fake_driver_settings& operator=(const fake_driver_settings&) = delete;

 private:
  std::vector<std::string> names_;
};

}  // namespace narke_test
