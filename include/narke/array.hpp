// array: immutable elements that live where they are needed, in host memory and on GPUs. A handle
// is cheap to copy; its copies ("replicas") in memory are made and dropped by the runtime.
// array_builder is the writable form, owned once, which becomes an array as the result of a task.
#pragma once

#include <cstddef>
#include <limits>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <narke/detail/array_buffer.hpp>

namespace narke {

template <class T>
class array;
template <class T>
class array_builder;

namespace detail {
struct array_access;

template <class T>
inline constexpr bool is_array_element =
    std::is_trivially_copyable_v<T> && !std::is_const_v<T> && !std::is_volatile_v<T> &&
    !std::is_reference_v<T>;

template <class T>
std::size_t bytes_of(std::size_t count) {
  if (count > std::numeric_limits<std::ptrdiff_t>::max() / sizeof(T)) {
    throw_array_too_large(count, sizeof(T));
  }
  return count * sizeof(T);
}
}  // namespace detail

/// Elements in the memory of a GPU, as a kernel sees them. The body of a GPU task passes it on; it
/// cannot read it, as the elements come to be only when the stream gets there.
template <class T>
class device_span {
 public:
  using element_type = T;
  using value_type = std::remove_cv_t<T>;
  using size_type = std::size_t;
  using pointer = T*;
  using reference = T&;
  using iterator = T*;

  constexpr device_span() noexcept = default;
  NARKE_HOST_DEVICE constexpr device_span(T* data, std::size_t size) noexcept
      : data_{data}, size_{size} {}
  template <class U>
  requires std::is_convertible_v<U (*)[], T (*)[]>
  NARKE_HOST_DEVICE constexpr device_span(device_span<U> other) noexcept
      : data_{other.data()}, size_{other.size()} {}

  [[nodiscard]] NARKE_HOST_DEVICE constexpr T* data() const noexcept { return data_; }
  [[nodiscard]] NARKE_HOST_DEVICE constexpr std::size_t size() const noexcept { return size_; }
  [[nodiscard]] NARKE_HOST_DEVICE constexpr std::size_t size_bytes() const noexcept {
    return size_ * sizeof(T);
  }
  [[nodiscard]] NARKE_HOST_DEVICE constexpr bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] NARKE_HOST_DEVICE constexpr T* begin() const noexcept { return data_; }
  [[nodiscard]] NARKE_HOST_DEVICE constexpr T* end() const noexcept { return data_ + size_; }
  /// On the device alone.
  [[nodiscard]] NARKE_HOST_DEVICE constexpr T& operator[](std::size_t index) const noexcept {
    return data_[index];
  }
  /// `count` elements from `offset` on. Requires: they are there.
  [[nodiscard]] NARKE_HOST_DEVICE constexpr device_span subspan(std::size_t offset,
                                                                std::size_t count) const noexcept {
    return {data_ + offset, count};
  }

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

/// A handle to immutable, contiguous elements of a trivially copyable type. Copies share them. Any
/// thread.
template <class T>
class array {
  static_assert(detail::is_array_element<T>,
                "narke::array<T>: T must be trivially copyable, and neither const nor a reference");

 public:
  using value_type = T;

  /// No elements.
  array() noexcept = default;
  array(const array&) noexcept = default;
  array(array&& other) noexcept
      : buffer_{std::move(other.buffer_)}, size_{std::exchange(other.size_, 0)} {}
  array& operator=(array other) noexcept {
    buffer_ = std::move(other.buffer_);
    size_ = other.size_;
    return *this;
  }
  ~array() = default;
  /// Copies the elements.
  explicit array(std::span<const T> elements) : size_{elements.size()} {
    if (size_ != 0) {
      buffer_ = detail::make_host_buffer(detail::bytes_of<T>(size_));
      std::uninitialized_copy(elements.begin(), elements.end(),
                              static_cast<T*>(detail::builder_bytes(*buffer_)));
    }
  }
  explicit array(const std::vector<T>& elements) : array{std::span<const T>{elements}} {}
  /// Takes the vector over, without a copy.
  explicit array(std::vector<T>&& elements) : size_{elements.size()} {
    if (size_ == 0) {
      return;
    }
    auto owner = std::make_unique<std::vector<T>>(std::move(elements));
    T* data = owner->data();
    buffer_ = detail::adopt_host_buffer(
        data, detail::bytes_of<T>(size_), owner.get(),
        [](void* vector) noexcept { delete static_cast<std::vector<T>*>(vector); });
    static_cast<void>(owner.release());
  }
  /// What was written into `builder`.
  array(array_builder<T>&& builder) noexcept;

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t size_bytes() const noexcept { return size_ * sizeof(T); }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }

  /// The elements in host memory, copied from a GPU when they are only there; the first call waits
  /// for that. The span is valid as long as some handle to these elements lives. Throws
  /// narke::error inside the body of a GPU task, object_lost_error or device_lost_error when they
  /// are gone.
  [[nodiscard]] std::span<const T> host() const& {
    if (!buffer_) {
      return {};
    }
    return {static_cast<const T*>(detail::host_bytes(*buffer_)), size_};
  }
  std::span<const T> host() const&& = delete;  // the span would outlive the handle
  /// A copy of the elements; as host().
  [[nodiscard]] std::vector<T> to_vector() const {
    const std::span<const T> elements = host();
    return {elements.begin(), elements.end()};
  }

  /// Whether both are handles to the same elements in memory.
  friend bool operator==(const array& a, const array& b) noexcept {
    return a.buffer_ == b.buffer_ && a.size_ == b.size_;
  }

 private:
  friend struct detail::array_access;
  friend class array_builder<T>;
  array(detail::array_ptr buffer, std::size_t size) noexcept
      : buffer_{std::move(buffer)}, size_{size} {}

  detail::array_ptr buffer_;  // none when there are no elements
  std::size_t size_ = 0;
};

template <class T>
array(std::vector<T>) -> array<T>;
template <class T>
array(std::span<T>) -> array<std::remove_const_t<T>>;
template <class T>
array(array_builder<T>) -> array<T>;

/// Writable elements with one owner: in host memory (narke::allocate) or on the GPU of a task
/// (gpu_context::allocate). As the result of a task, also inside a tuple or pair, it becomes an
/// array. As a parameter by value it consumes its argument: written in place when that was the last
/// handle, else a copy. One thread at a time.
template <class T>
class array_builder {
  static_assert(detail::is_array_element<T>,
                "narke::array_builder<T>: T must be trivially copyable, and neither const nor a "
                "reference");

 public:
  using value_type = T;
  using iterator = T*;

  array_builder() noexcept = default;
  array_builder(const array_builder&) = delete;
  array_builder& operator=(const array_builder&) = delete;
  array_builder(array_builder&& other) noexcept
      : buffer_{std::move(other.buffer_)},
        data_{std::exchange(other.data_, nullptr)},
        size_{std::exchange(other.size_, 0)} {}
  array_builder& operator=(array_builder&& other) noexcept {
    buffer_ = std::move(other.buffer_);
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
    return *this;
  }
  ~array_builder() = default;

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t size_bytes() const noexcept { return size_ * sizeof(T); }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  /// On a GPU: for kernels and algorithms, not to be read or written by the body.
  [[nodiscard]] T* data() const noexcept { return data_; }
  [[nodiscard]] T* begin() const noexcept { return data_; }
  [[nodiscard]] T* end() const noexcept { return data_ + size_; }
  [[nodiscard]] T& operator[](std::size_t index) const noexcept { return data_[index]; }
  operator device_span<T>() const noexcept { return {data_, size_}; }
  operator device_span<const T>() const noexcept { return {data_, size_}; }

 private:
  friend struct detail::array_access;
  friend class array<T>;
  array_builder(detail::array_ptr buffer, std::size_t size) noexcept
      : buffer_{std::move(buffer)},
        data_{static_cast<T*>(detail::builder_bytes(*buffer_))},
        size_{size} {}

  detail::array_ptr buffer_;
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

namespace detail {

/// For the runtime's templates.
struct array_access {
  template <class T>
  static const array_ptr& buffer(const array<T>& handle) noexcept {
    return handle.buffer_;
  }
  template <class T>
  static array_ptr take_buffer(array<T>&& handle) noexcept {
    handle.size_ = 0;
    return std::move(handle.buffer_);
  }
  template <class T>
  static const array_ptr& buffer(const array_builder<T>& builder) noexcept {
    return builder.buffer_;
  }
  template <class T>
  static array<T> make_array(array_ptr buffer, std::size_t size) noexcept {
    return {std::move(buffer), size};
  }
  template <class T>
  static array_builder<T> make_builder(array_ptr buffer, std::size_t size) noexcept {
    return {std::move(buffer), size};
  }
  template <class T>
  static array_ptr take_buffer(array_builder<T>&& builder) noexcept {
    builder.data_ = nullptr;
    builder.size_ = 0;
    return std::move(builder.buffer_);
  }
};

}  // namespace detail

template <class T>
array<T>::array(array_builder<T>&& builder) noexcept : size_{builder.size()} {
  buffer_ = detail::array_access::take_buffer(std::move(builder));
  if (buffer_) {
    detail::seal_builder(*buffer_);
  }
}

/// `count` uninitialised elements in host memory, to be written and returned from a CPU task, or
/// made an array. Throws std::bad_alloc.
template <class T>
[[nodiscard]] array_builder<T> allocate(std::size_t count) {
  if (count == 0) {
    return {};
  }
  return detail::array_access::make_builder<T>(
      detail::make_host_buffer(detail::bytes_of<T>(count)), count);
}

/// The bytes of the elements, once for each handle.
template <class T>
[[nodiscard]] std::size_t size_bytes(const array<T>& value) {
  return sizeof(value) + value.size_bytes();
}

}  // namespace narke
