// A value that is there before anybody asks for it: what put makes.
#pragma once

#include <utility>

#include <narke/detail/node_memory.hpp>
#include <narke/detail/result_slot.hpp>

namespace narke::detail {

/// A slot that has its value from the start.
template <class T>
class put_slot final : public typed_slot<T>, public node_memory {
 public:
  template <class U>
  explicit put_slot(U&& value) {
    this->emplace_from([&]() -> T { return T(std::forward<U>(value)); });
    this->publish_unshared();
  }

 private:
  void let_go() noexcept override {
    this->destroy_value();
    delete this;
  }
};

}  // namespace narke::detail
