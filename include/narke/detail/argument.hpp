// Arguments of a task: from what `remote` is given to what the callable receives.
//
// An argument is in one of three forms:
//  - value: converted to the parameter's type when `remote` was called, and owned by the task;
//  - ref:   an object_ref that stands for its value, read in place, copied, or moved when it is the
//    last;
//  - list:  a vector of refs for a vector parameter, gathered when all are ready.
// `prepare` turns lists, and refs of another type than the parameter's, into values, and brings
// arrays to the host for a CPU task; then `deliver` cannot fail but by the parameter's own copy or
// move, or for want of memory for the copy of an array that is to be written.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <exception>
#include <initializer_list>
#include <memory>
#include <new>
#include <ranges>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

#include <narke/detail/copyable.hpp>
#include <narke/detail/gpu_part.hpp>
#include <narke/detail/parameter.hpp>
#include <narke/detail/put_slot.hpp>
#include <narke/detail/task_node.hpp>
#include <narke/detail/watching.hpp>
#include <narke/object_ref.hpp>

namespace narke::detail {

/// Throws std::invalid_argument: a move-only value would have to be copied.
[[noreturn]] NARKE_EXPORT void throw_not_last_ref(const char* what);

template <class T>
inline constexpr bool is_vector_of_refs = false;
template <class T, class A>
inline constexpr bool is_vector_of_refs<std::vector<object_ref<T>, A>> = true;

// A range that can be made from elements of type E which convert to its own. A concept of its own:
// nvcc 13.0 looks into a requires-clause of a member although it was false before.
template <class Owned, class E>
concept is_range_from_converted = requires(const E* e) {
  Owned(e, e);
  typename Owned::value_type;
  requires std::is_convertible_v<const E&, typename Owned::value_type>;
};

// The element type of a parameter that a vector of refs can be gathered for; void when it is none.
template <class Owned>
struct gathered {
  using type = void;
};
template <class T, class A>
requires(!is_object_ref<T>) struct gathered<std::vector<T, A>> {
  using type = T;
};

// The element type of what an array can be made from: a vector, a span, another array's builder.
template <class U>
struct elements_of {
  using type = void;
};
template <class T, class A>
struct elements_of<std::vector<T, A>> {
  using type = T;
};
template <class T, std::size_t N>
struct elements_of<std::span<T, N>> {
  using type = std::remove_const_t<T>;
};

// What becomes the array of a parameter by a copy of the elements, or by taking them over.
template <class Owned, class U>
concept makes_array = is_array<Owned> && !std::is_convertible_v<U, Owned> &&
    std::is_constructible_v<Owned, U> &&
    std::is_same_v<typename elements_of<std::remove_cvref_t<U>>::type, typename Owned::value_type>;

template <class Owned, class E>
concept makes_array_of = is_array<Owned> && requires {
  requires std::is_convertible_v<const E&, typename Owned::value_type>;
};

// An array, for a parameter std::span<const T> of its elements.
template <class P, class U>
concept array_for_span = host_span_parameter<P> && is_array<std::remove_cvref_t<U>> &&
    std::is_same_v<typename std::remove_cvref_t<P>::value_type,
                   typename std::remove_cvref_t<U>::value_type>;

// Elements that lie side by side and may be compared as bytes.
template <class R>
concept plain_elements = std::ranges::contiguous_range<R> && std::ranges::sized_range<R> &&
    std::is_trivially_copyable_v<std::ranges::range_value_t<R>>;

// A vector whose bytes say whether it equals another.
template <class T>
inline constexpr bool is_plain_vector = false;
template <class T>
requires(std::is_trivially_copyable_v<T> && !std::is_same_v<T, bool>)
inline constexpr bool is_plain_vector<std::vector<T>> = true;

/// One argument for a parameter declared as P of a task that runs at Place. Movable until it is
/// registered as a dependency, then it stays put.
template <class P, task_place Place = task_place::cpu>
class argument {
  static_assert(checked_parameter<P, Place>::is_fine);
  using owned = typename owned_for<P>::type;
  using element = typename gathered<owned>::type;
  static constexpr parameter_kind kind = owned_for<P>::kind;
  static constexpr bool is_view = kind == parameter_kind::host_view;
  static constexpr bool is_gpu_view = kind == parameter_kind::gpu_view;
  static constexpr bool is_builder = kind == parameter_kind::builder;
  static constexpr bool is_const_lvalue = kind == parameter_kind::plain &&
                                          std::is_lvalue_reference_v<P> &&
                                          std::is_const_v<std::remove_reference_t<P>>;
  static constexpr bool takes_ref_itself = is_object_ref<owned>;
  // Views are made for the call, whatever the parameter's reference. On a GPU the body may be
  // called again, so that it gets copies, and the argument keeps what they are made from.
  static constexpr bool keeps_value =
      Place == task_place::gpu && kind == parameter_kind::plain && !is_const_lvalue;
  using delivered =
      std::conditional_t<kind == parameter_kind::plain && !keeps_value, P, std::remove_cvref_t<P>>;

  // The body gets the value itself, and may move from it.
  static constexpr bool gives_rvalue =
      kind == parameter_kind::plain && !keeps_value && std::is_rvalue_reference_v<P>;
  struct no_original {};
  struct an_original {
    std::unique_ptr<owned> value;
  };

  // A task that only reads a large vector may share it with others that were given the same.
  template <class U>
  static constexpr bool may_share =
      Place == task_place::cpu && (is_const_lvalue || is_view) && is_plain_vector<owned> &&
      std::is_lvalue_reference_v<U> && plain_elements<U> &&
      std::is_same_v<std::ranges::range_value_t<U>, typename gathered<owned>::type>;

  // let_go_list: its refs are gone, its entries are not.
  enum class form : unsigned char { nothing, value, ref, list, let_go_list };

  // How to read a ref of some type as the parameter, where that takes more than a cast.
  struct ref_reader {
    // Makes the owned value from the slot's, or brings an array to the host; null when the slot
    // holds `owned` itself or is viewed in place.
    void (*convert)(argument& self) = nullptr;
    // For what is read in place: the slot's value as the parameter.
    delivered (*view)(result_slot& slot) = nullptr;
  };
  struct ref_form {
    result_slot* slot;
    const ref_reader* reader;
    dependent entry;
  };
  struct list_form {
    std::vector<result_slot*> slots;
    std::unique_ptr<dependent[]> entries;
    bool may_move = false;
    void (*gather)(argument& self) = nullptr;

    ~list_form() { let_slots_go(); }
    void let_slots_go() noexcept {
      for (result_slot* slot : std::exchange(slots, {})) {
        slot->release_ref();
      }
    }
  };

 public:
  argument(const argument&) = delete;
  argument& operator=(const argument&) = delete;
  argument& operator=(argument&&) = delete;
  argument(argument&& other) noexcept(std::is_nothrow_move_constructible_v<owned>) { take(other); }
  ~argument() {
    let_go();
    if (form_ == form::let_go_list) {
      delete_list();
    }
  }

  /// A value, by implicit conversion.
  template <class U>
  requires(!std::same_as<std::remove_cvref_t<U>, argument> &&
           !is_object_ref<std::remove_cvref_t<U>> &&
           !(is_vector_of_refs<std::remove_cvref_t<U>> && !std::is_void_v<element>)&&(
               std::is_convertible_v<U, owned> ||
               (is_view && std::is_convertible_v<U, std::remove_cvref_t<P>>))) argument(U&& value) {
    if constexpr (std::is_lvalue_reference_v<U> && plain_elements<U>) {
      const std::size_t bytes =
          std::ranges::size(value) * sizeof(std::ranges::range_value_t<U>);
      if (bytes >= noted_bytes_min) {
        if constexpr (may_share<U>) {
          if (bytes >= shared_bytes_min) {
            make_shared(std::ranges::data(value), std::ranges::size(value));
            return;
          }
        }
        note_large_argument(std::ranges::data(value), bytes, false);
      }
    }
    if constexpr (std::is_convertible_v<U, owned>) {
      make_value([&]() -> owned { return std::forward<U>(value); });
    } else {
      const std::remove_cvref_t<P> view = std::forward<U>(value);
      make_value([&] { return owned(view.begin(), view.end()); });
    }
  }
  /// Elements of which a GPU task gets an array.
  template <class U>
  requires makes_array<owned, U> argument(U&& elements) {
    make_value([&] { return owned(std::forward<U>(elements)); });
  }
  /// An array, read in place.
  template <class U>
  requires array_for_span<P, U> argument(U&& elements) {
    using handle = std::remove_cvref_t<U>;
    make_ref<handle>(new put_slot<handle>(std::forward<U>(elements)), true);
  }
  /// A braced list of elements, as in remote({1, 2, 3}).
  template <class E>
  requires(std::is_constructible_v<owned, std::initializer_list<E>> && !takes_ref_itself)
      argument(std::initializer_list<E> elements) {
    make_value([&] { return owned(elements); });
  }
  /// The same when the elements only convert: {1, 2, 3} for a vector of double.
  template <class E>
  requires(!std::is_constructible_v<owned, std::initializer_list<E>> && !takes_ref_itself &&
           is_range_from_converted<owned, E>) argument(std::initializer_list<E> elements) {
    make_value([&] { return owned(elements.begin(), elements.end()); });
  }
  template <class E>
  requires makes_array_of<owned, E> argument(std::initializer_list<E> elements) {
    using values = std::vector<typename owned::value_type>;
    make_value([&] { return owned(values(elements.begin(), elements.end())); });
  }
  /// A braced list of the members or constructor arguments of the parameter's type, as in
  /// remote({1, "two"}).
  template <class First, class Second, class... Rest>
  requires requires(First&& first, Second&& second, Rest&&... rest) {
    owned{std::forward<First>(first), std::forward<Second>(second), std::forward<Rest>(rest)...};
  }
  argument(First&& first, Second&& second, Rest&&... rest) {
    make_value([&] {
      return owned{std::forward<First>(first), std::forward<Second>(second),
                   std::forward<Rest>(rest)...};
    });
  }
  argument() requires std::default_initializable<owned> {
    make_value([] { return owned(); });
  }

  /// A ref that is passed as it is: the parameter is itself a ref.
  template <class U>
  requires(takes_ref_itself&& std::is_convertible_v<object_ref<U>, owned>)
      argument(object_ref<U> ref) {
    ref_access::checked(ref, "remote");
    make_value([&]() -> owned { return std::move(ref); });
  }
  /// A ref that stands for its value.
  template <class U>
  requires(!takes_ref_itself && !std::is_void_v<U>) argument(const object_ref<U>& ref) {
    static_assert(reads_in_place<U>() || is_copyable<U>,
                  "narke::task: a parameter that takes a move-only value needs an rvalue ref: "
                  "remote(std::move(ref))");
    ref_access::checked(ref, "remote").add_ref();
    make_ref<U>(ref_access::slot(ref), false);
  }
  template <class U>
  requires(!takes_ref_itself && !std::is_void_v<U>) argument(object_ref<U>&& ref) {
    ref_access::checked(ref, "remote");
    make_ref<U>(ref_access::release(ref), true);
  }
  template <class U>
  requires(!takes_ref_itself && !std::is_void_v<U>) argument(const object_ref<U>&& ref)
      : argument{static_cast<const object_ref<U>&>(ref)} {}

  /// A vector of refs to gather.
  template <class U, class A>
  requires(!std::is_void_v<element> && std::is_convertible_v<U, element>)
      argument(const std::vector<object_ref<U>, A>& refs) {
    static_assert(is_copyable<U>,
                  "narke::task: a vector of refs to move-only values is gathered from an rvalue: "
                  "std::move(refs)");
    make_list<U>(refs, false);
  }
  template <class U, class A>
  requires(!std::is_void_v<element> && std::is_convertible_v<U, element>)
      argument(std::vector<object_ref<U>, A>&& refs) {
    make_list<U>(refs, true);
    refs.clear();
  }

  /// The parameter is itself a ref, or a vector of refs.
  static constexpr bool passes_refs = takes_ref_itself || is_vector_of_refs<owned>;

  /// Whether it may be gathered from a list of refs. That leaves something until it is destroyed.
  static constexpr bool may_be_list = !std::is_void_v<element>;

  [[nodiscard]] bool has_refs() const noexcept { return form_ == form::ref || form_ == form::list; }

  /// How many refs are not ready.
  [[nodiscard]] std::uint32_t register_on(task_node& node) noexcept {
    std::uint32_t registered = 0;
    if (form_ == form::ref) {
      registered = node.depend_on(*ref_.slot, ref_.entry) ? 1 : 0;
    } else if (form_ == form::list) {
      for (std::size_t i = 0; i != list_->slots.size(); ++i) {
        registered += node.depend_on(*list_->slots[i], list_->entries[i]) ? 1U : 0U;
      }
    }
    return registered;
  }

  /// False when `visit` said stop.
  bool visit_slots(bool (*visit)(void* context, const result_slot& slot), void* context) const {
    if (form_ == form::ref) {
      return visit(context, *ref_.slot);
    }
    if (form_ == form::list) {
      for (const result_slot* slot : list_->slots) {
        if (!visit(context, *slot)) {
          return false;
        }
      }
    }
    return true;
  }

  /// Whether a body can be called with it again. False for what it gives away for good.
  static constexpr bool is_repeatable =
      !is_builder && (is_const_lvalue || is_view || is_gpu_view || is_copyable<owned>);

  /// Requires: every ref is ready and none failed. Throws what a conversion or copy throws.
  /// `keeps`: the body may be called again.
  void prepare(bool keeps = false) {
    if (form_ == form::ref && ref_.reader->convert != nullptr) {
      ref_.reader->convert(*this);
    } else if (form_ == form::list) {
      list_->gather(*this);
    }
    if constexpr (is_builder || keeps_value) {
      if (form_ == form::ref) {
        replace_ref([this] { return taken<owned>(); });
      }
    }
    if constexpr (gives_rvalue) {
      if (keeps) {
        keep_original();
      }
    }
  }

  /// Calls `visit` with the array that the body reads or writes on its GPU, if there is one.
  /// Requires: prepare() returned.
  void visit_gpu_input(gpu_part::visit_input visit, void* context) {
    if constexpr (is_gpu_view || is_builder) {
      if (const array_ptr& buffer = array_access::buffer(elements())) {
        visit(context, *buffer);
      }
    }
  }

  /// The parameter. Requires: prepare() returned; called once, or once more while
  /// can_deliver_again() or `keeps`. `gpu`: that of the running body; null for a CPU task.
  delivered deliver(gpu_context* gpu = nullptr, bool keeps = false) {
    if constexpr (is_gpu_view) {
      const array_ptr& buffer = array_access::buffer(elements());
      using T = typename owned::value_type;
      return buffer
                 ? delivered(static_cast<const T*>(device_bytes(*buffer, *gpu)), elements().size())
                 : delivered();
    } else if constexpr (is_builder) {
      return deliver_builder(gpu);
    } else if constexpr (keeps_value) {
      if constexpr (is_copyable<owned>) {
        return std::as_const(value_);
      } else {
        is_consumed_ = true;
        return std::move(value_);
      }
    } else if constexpr (is_view) {
      return form_ == form::ref ? ref_.reader->view(*ref_.slot) : delivered(value_);
    } else if constexpr (is_const_lvalue) {
      return form_ == form::ref ? ref_.reader->view(*ref_.slot) : static_cast<P>(value_);
    } else if constexpr (std::is_rvalue_reference_v<P>) {
      if (form_ == form::ref) {
        replace_ref([this] { return taken<owned>(); });
      }
      return static_cast<P>(value_);
    } else {
      if (form_ == form::ref) {
        return taken<owned>(keeps);
      }
      if constexpr (is_repeatable) {
        if (keeps) {
          return P(std::as_const(value_));
        }
      }
      return P(std::move(value_));
    }
  }
  /// Calls `visit` with what the parameter is made of: the owned value, or a view of its elements.
  /// Requires: prepare() returned. Changes nothing.
  template <class Visit>
  void visit_value(Visit&& visit) const {
    if (form_ == form::value) {
      visit(value_);
    } else if constexpr (is_view) {
      visit(ref_.reader->view(*ref_.slot));
    } else if constexpr (is_const_lvalue) {
      visit(static_cast<const owned&>(ref_.reader->view(*ref_.slot)));
    } else {
      visit(static_cast<const owned&>(ref_access::typed<owned>(*ref_.slot).value()));
    }
  }
  /// False when the body was given what cannot be given twice.
  [[nodiscard]] bool can_deliver_again() const noexcept { return !is_consumed_; }

  /// Drops the value or the refs. The entries on the slots' lists stay readable until the argument
  /// is destroyed: a task that was cancelled while it waited is still on those lists.
  void let_go() noexcept {
    if (form_ == form::value) {
      form_ = form::nothing;
      std::destroy_at(std::addressof(value_));
    } else if (form_ == form::ref) {
      form_ = form::nothing;
      if (ref_.slot != nullptr) {  // always so; compilers that do not see it warn in user code
        ref_.slot->release_ref();
      }
    } else if (form_ == form::list) {
      form_ = form::let_go_list;
      list_->let_slots_go();
    }
  }

 private:
  // Apart: compilers that look into it warn in user code of a list that is not there.
  [[gnu::noinline]] void delete_list() noexcept { delete list_; }

  template <class U>
  static constexpr bool reads_in_place() {
    if constexpr (is_view) {
      return std::is_convertible_v<const U&, std::remove_cvref_t<P>> || array_for_span<P, U>;
    } else if constexpr (is_gpu_view) {
      return std::is_same_v<U, owned>;
    } else if constexpr (is_const_lvalue) {
      return std::is_same_v<U, owned> || (std::is_class_v<owned> && std::is_base_of_v<owned, U>);
    } else {
      return false;
    }
  }

  template <class Make>
  void make_value(Make&& make) {
    ::new (static_cast<void*>(std::addressof(value_))) owned(std::forward<Make>(make)());
    form_ = form::value;
  }

  // A large vector that is only read: a copy that other tasks hold, when it is equal to the last
  // byte, else a new one that they may share. The handle to it lies in a slot of this argument.
  template <class E>
  void make_shared(const E* data, std::size_t size) {
    using handle = std::shared_ptr<const owned>;
    const void* const type = &type_mark<owned>;
    const std::size_t bytes = size * sizeof(E);
    auto found = std::static_pointer_cast<const owned>(find_equal_argument(type, data, bytes));
    note_large_argument(data, bytes, found != nullptr);
    if (found == nullptr) {
      found = std::make_shared<const owned>(data, data + size);
      remember_argument(type, data, bytes, found, found->data());
    }
    result_slot* const slot = new put_slot<handle>(std::move(found));
    static constexpr ref_reader reader{.view = [](result_slot& of) -> delivered {
      return static_cast<const owned&>(*ref_access::typed<handle>(of).value());
    }};
    ::new (static_cast<void*>(std::addressof(ref_))) ref_form{slot, &reader, {}};
    form_ = form::ref;
  }

  template <class U>
  void make_ref(result_slot* slot, bool may_move) noexcept {
    static_assert(reads_in_place<U>() || std::is_convertible_v<U, owned> || makes_array<owned, U>,
                  "narke::task: the ref's value does not convert to the parameter's type");
    static_assert(
        Place == task_place::cpu || !array_for_span<P, U>,
        "narke: a GPU task reads an array on its device: take narke::device_span<const T>");
    ::new (static_cast<void*>(std::addressof(ref_))) ref_form{slot, &reader_of<U>, {}};
    may_move_ = may_move;
    form_ = form::ref;
  }

  template <class U>
  static constexpr ref_reader make_reader() {
    ref_reader reader;
    if constexpr (array_for_span<P, U>) {
      reader.view = [](result_slot& of) -> delivered {
        const U& elements = ref_access::typed<U>(of).value();
        return elements.host();
      };
      reader.convert = [](argument& self) {
        static_cast<void>(self.ref_.reader->view(*self.ref_.slot));
      };
    } else if constexpr (is_gpu_view && reads_in_place<U>()) {
      // elements() reads the slot.
    } else if constexpr (reads_in_place<U>()) {
      reader.view = [](result_slot& of) -> delivered {
        return static_cast<const U&>(ref_access::typed<U>(of).value());
      };
    } else if constexpr (!std::is_same_v<U, owned>) {
      reader.convert = [](argument& self) {
        self.replace_ref([&self] { return owned(self.template taken<U>()); });
      };
    }
    return reader;
  }
  template <class U>
  static constexpr ref_reader reader_of = make_reader<U>();

  // The array of a parameter for a GPU, or to be written.
  const owned& elements() noexcept requires is_array<owned> {
    return form_ == form::ref ? ref_access::typed<owned>(*ref_.slot).value() : value_;
  }

  // Consumes the array: in place when this is its last handle. Else a copy is written, and the
  // argument keeps the array, for a body that is called again.
  delivered deliver_builder(gpu_context* gpu) requires is_builder {
    using T = typename owned::value_type;
    const std::size_t size = value_.size();
    array_ptr given = array_access::take_buffer(std::move(value_));
    if (!given) {
      return {};
    }
    array_buffer* const original = given.get();
    const auto keep = [&] {
      if constexpr (Place == task_place::gpu) {
        add_ref(*original);  // still there: the engine has a reference while the body runs
        value_ = array_access::make_array<T>(array_ptr{original}, size);
      }
    };
    try {
      array_ptr taken = take_for_writing(std::move(given), gpu);
      if (taken.get() == original) {
        is_consumed_ = true;
      } else {
        keep();
      }
      return array_access::make_builder<T>(std::move(taken), size);
    } catch (...) {
      keep();
      throw;
    }
  }

  // The slot's value: moved when this is the last ref and the caller gave it up, else copied.
  template <class U>
  U taken(bool keeps = false) {
    U& stored = ref_access::typed<U>(*ref_.slot).value();
    if (!keeps && may_move_ && ref_.slot->is_last_ref()) {
      return std::move(stored);
    }
    if constexpr (is_copyable<U>) {
      return std::as_const(stored);
    } else {
      throw_not_last_ref("a task's argument");
    }
  }

  // The body may do with an rvalue what it wants: another attempt gets it as it was.
  void keep_original() requires(gives_rvalue) {
    if constexpr (is_repeatable) {
      if (form_ == form::ref) {
        replace_ref([this] { return taken<owned>(true); });
      }
      if (original_.value == nullptr) {
        original_.value = std::make_unique<owned>(std::as_const(value_));
      } else {
        owned again(std::as_const(*original_.value));
        if (form_ == form::value) {  // not when the last attempt could not move it there
          form_ = form::nothing;
          std::destroy_at(std::addressof(value_));
        }
        ::new (static_cast<void*>(std::addressof(value_))) owned(std::move(again));
        form_ = form::value;
      }
    }
  }

  // The value that `make` returns takes the place of the ref.
  template <class Make>
  void replace_ref(Make&& make) {
    result_slot* slot = ref_.slot;
    const ref_form kept = ref_;
    try {
      // Made aside first: what `make` reads lies where the value will be.
      owned made = std::forward<Make>(make)();
      ::new (static_cast<void*>(std::addressof(value_))) owned(std::move(made));
    } catch (...) {
      ::new (static_cast<void*>(std::addressof(ref_))) ref_form(kept);
      throw;
    }
    form_ = form::value;
    slot->release_ref();
  }

  template <class U, class Refs>
  void make_list(Refs& refs, bool may_move) {
    auto list = std::make_unique<list_form>();
    for (const auto& ref : refs) {
      ref_access::checked(ref, "remote");
    }
    list->slots.reserve(refs.size());
    list->entries = std::make_unique<dependent[]>(refs.size());
    list->may_move = may_move;
    for (auto& ref : refs) {
      result_slot* slot = ref_access::slot(ref);
      if constexpr (std::is_const_v<Refs>) {
        slot->add_ref();
      } else {
        ref_access::release(ref);
      }
      list->slots.push_back(slot);
    }
    list->gather = [](argument& self) { self.template gather<U>(); };
    list_ = list.release();
    form_ = form::list;
  }

  template <class U>
  void gather() {
    owned all;
    if constexpr (!std::is_void_v<element>) {
      all.reserve(list_->slots.size());
      for (result_slot* slot : list_->slots) {
        U& stored = ref_access::typed<U>(*slot).value();
        if (list_->may_move && slot->is_last_ref()) {
          all.push_back(std::move(stored));
        } else if constexpr (is_copyable<U>) {
          all.push_back(std::as_const(stored));
        } else {
          throw_not_last_ref("a task's argument");
        }
      }
    }
    list_form* const gathered_from = list_;
    try {
      ::new (static_cast<void*>(std::addressof(value_))) owned(std::move(all));
    } catch (...) {
      list_ = gathered_from;  // the value lies where it was
      throw;
    }
    form_ = form::value;
    delete gathered_from;
  }

  void take(argument& other) {
    form_ = other.form_;
    may_move_ = other.may_move_;
    switch (form_) {
      case form::value:
        ::new (static_cast<void*>(std::addressof(value_))) owned(std::move(other.value_));
        return;
      case form::ref:
        ::new (static_cast<void*>(std::addressof(ref_))) ref_form(other.ref_);
        break;
      case form::list:
        list_ = other.list_;
        break;
      case form::nothing:
      case form::let_go_list:
        break;
    }
    other.form_ = form::nothing;
  }

  form form_ = form::nothing;
  bool is_consumed_ = false;
  bool may_move_ = false;  // from the value of a ref
  union {
    owned value_;
    ref_form ref_;
    list_form* list_;  // its entries stay until the argument goes
  };
  [[no_unique_address]] std::conditional_t<gives_rvalue, an_original, no_original> original_;
};

/// The parameter type under which a generic callable receives an argument given as A: a ref's value
/// by const reference, anything else as its own, a ref to nothing too.
template <class A>
struct generic_parameter {
  using type = std::decay_t<A>&&;
};
template <class A>
requires(is_object_ref<std::remove_cvref_t<A>> &&
         !std::is_same_v<std::remove_cvref_t<A>, object_ref<void>>) struct generic_parameter<A> {
  using type = const typename std::remove_cvref_t<A>::value_type&;
};
template <class A>
using generic_parameter_t = typename generic_parameter<A>::type;

/// The same for a GPU task, which reads arrays on its device.
template <class A, class Value = std::remove_cvref_t<A>>
struct gpu_parameter : generic_parameter<A> {};
template <class A, class T>
struct gpu_parameter<A, array<T>> {
  using type = device_span<const T>;
};
template <class A, class T>
struct gpu_parameter<A, object_ref<array<T>>> {
  using type = device_span<const T>;
};
template <class A>
using gpu_parameter_t = typename gpu_parameter<A>::type;

}  // namespace narke::detail
