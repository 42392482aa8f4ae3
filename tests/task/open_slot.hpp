// A slot in memory of its own whose end can be seen.
#pragma once

#include <utility>

#include <narke/detail/result_slot.hpp>

namespace narke_test {

template <class T>
class open_slot final : public narke::detail::typed_slot<T> {
 public:
  explicit open_slot(int* gone = nullptr) : gone_{gone} {}

 private:
  ~open_slot() = default;
  void let_go() noexcept override {
    if (gone_ != nullptr) ++*gone_;
    this->destroy_value();
    delete this;
  }
  int* gone_;
};

}  // namespace narke_test
