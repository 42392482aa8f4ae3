// Sets environment variables for a scope and puts back what was there. Only while no runtime
// runs: setenv is not safe beside other threads.
#pragma once

#include <cstdlib>
#include <optional>
#include <string>

namespace narke_test {

class scoped_environment {
 public:
  scoped_environment(std::string name, const std::string& value) : name_{std::move(name)} {
    if (const char* text = std::getenv(name_.c_str())) before_ = text;
    setenv(name_.c_str(), value.c_str(), 1);
  }

  ~scoped_environment() {
    if (before_) {
      setenv(name_.c_str(), before_->c_str(), 1);
    } else {
      unsetenv(name_.c_str());
    }
  }

  scoped_environment(const scoped_environment&) = delete;
  scoped_environment& operator=(const scoped_environment&) = delete;

 private:
  std::string name_;
  std::optional<std::string> before_;
};

}  // namespace narke_test
