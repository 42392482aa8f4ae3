// A list that needs no memory of its own while it is short. For plain values in places that are
// passed often.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>

namespace narke::internal {

template <typename T, std::size_t short_size>
class short_list {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  short_list() noexcept = default;
  short_list(const short_list&) = delete;
  short_list& operator=(const short_list&) = delete;
  ~short_list() = default;

  void push_back(T value) {
    if (size_ == capacity_) {
      grow();
    }
    data()[size_++] = value;
  }
  void erase(T* at) noexcept {
    std::move(at + 1, end(), at);
    --size_;
  }
  /// Its memory stays.
  void clear() noexcept { size_ = 0; }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] T* begin() noexcept { return data(); }
  [[nodiscard]] T* end() noexcept { return data() + size_; }
  [[nodiscard]] const T* begin() const noexcept { return data(); }
  [[nodiscard]] const T* end() const noexcept { return data() + size_; }
  [[nodiscard]] T& operator[](std::size_t index) noexcept { return data()[index]; }
  [[nodiscard]] const T& operator[](std::size_t index) const noexcept { return data()[index]; }
  [[nodiscard]] T& front() noexcept { return data()[0]; }
  [[nodiscard]] const T& front() const noexcept { return data()[0]; }
  [[nodiscard]] T& back() noexcept { return data()[size_ - 1]; }
  [[nodiscard]] const T& back() const noexcept { return data()[size_ - 1]; }

 private:
  [[nodiscard]] T* data() noexcept { return more_ != nullptr ? more_.get() : few_.data(); }
  [[nodiscard]] const T* data() const noexcept {
    return more_ != nullptr ? more_.get() : few_.data();
  }
  void grow() {
    auto larger = std::make_unique<T[]>(2 * capacity_);
    std::copy(begin(), end(), larger.get());
    more_ = std::move(larger);
    capacity_ *= 2;
  }

  std::array<T, short_size> few_{};
  std::unique_ptr<T[]> more_;  // all of them, once they are more than short_size
  std::size_t size_ = 0;
  std::size_t capacity_ = short_size;
};

}  // namespace narke::internal
