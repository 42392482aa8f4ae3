// Arguments of a task: from what `remote` is given to what the callable receives.
//
// An argument is in one of three forms:
//  - value: converted to the parameter's type when `remote` was called, and owned by the task;
//  - ref:   an object_ref that stands for its value, read in place, copied, or moved when it is the
//    last;
//  - list:  a vector of refs for a vector parameter, gathered when all are ready.
// `prepare` turns lists, and refs of another type than the parameter's, into values; then `deliver`
// cannot fail but by the parameter's own copy or move.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <exception>
#include <initializer_list>
#include <memory>
#include <new>
#include <ranges>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <narke/detail/copyable.hpp>
#include <narke/detail/task_node.hpp>
#include <narke/object_ref.hpp>

namespace narke::detail {

/// Throws std::invalid_argument: a move-only value would have to be copied.
[[noreturn]] NARKE_EXPORT void throw_not_last_ref(const char* what);

template <class T>
inline constexpr bool is_vector_of_refs = false;
template <class T, class A>
inline constexpr bool is_vector_of_refs<std::vector<object_ref<T>, A>> = true;

// What a task owns for a parameter declared as P.
template <class P>
struct owned_for {
  using type = std::remove_cvref_t<P>;
  static constexpr bool is_view = false;
};
template <class Char, class Traits>
struct owned_for_view_of_string {
  using type = std::basic_string<Char, Traits>;
  static constexpr bool is_view = true;
};
template <class T>
struct owned_for_span {
  using type = std::vector<std::remove_const_t<T>>;
  static constexpr bool is_view = true;
};
template <class P>
requires requires {
  typename std::remove_cvref_t<P>::traits_type;
} && std::same_as < std::remove_cvref_t<P>,
    std::basic_string_view < typename std::remove_cvref_t<P>::value_type,
typename std::remove_cvref_t<P>::traits_type >> struct owned_for<P>
    : owned_for_view_of_string<typename std::remove_cvref_t<P>::value_type,
                               typename std::remove_cvref_t<P>::traits_type> {};
template <class P>
requires requires {
  typename std::remove_cvref_t<P>::element_type;
} && std::same_as<std::remove_cvref_t<P>,
                  std::span<const typename std::remove_cvref_t<P>::value_type>>
struct owned_for<P> : owned_for_span<typename std::remove_cvref_t<P>::value_type> {
};

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

/// One argument for a parameter declared as P. Movable until it is registered as a dependency, then
/// it stays put.
template <class P>
class argument {
  using owned = typename owned_for<P>::type;
  using element = typename gathered<owned>::type;
  static constexpr bool is_view = owned_for<P>::is_view;
  static constexpr bool is_const_lvalue =
      std::is_lvalue_reference_v<P> && std::is_const_v<std::remove_reference_t<P>>;
  static constexpr bool takes_ref_itself = is_object_ref<owned>;

  static_assert(!std::is_lvalue_reference_v<P> || is_const_lvalue,
                "narke::task: a parameter T& is refused: stored values are immutable and shared. "
                "Take const T& to read "
                "in place, or T to own a copy");

  enum class form : unsigned char { nothing, value, ref, list };

  // A ref of type U: how to read it as the parameter, where that takes more than a cast.
  struct ref_form {
    result_slot* slot = nullptr;
    bool may_move = false;
    // Makes the owned value from the slot's; null when the slot holds `owned` itself or is viewed
    // in place.
    void (*convert)(argument& self) = nullptr;
    // For views (string_view, span): the view of the slot's value; null: by conversion.
    P (*view)(result_slot& slot) = nullptr;
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
    delete list_;
  }

  /// A value, by implicit conversion.
  template <class U>
  requires(!std::same_as<std::remove_cvref_t<U>, argument> &&
           !is_object_ref<std::remove_cvref_t<U>> &&
           !(is_vector_of_refs<std::remove_cvref_t<U>> && !std::is_void_v<element>)&&(
               std::is_convertible_v<U, owned> ||
               (is_view && std::is_convertible_v<U, std::remove_cvref_t<P>>))) argument(U&& value) {
    if constexpr (std::is_convertible_v<U, owned>) {
      make_value([&]() -> owned { return std::forward<U>(value); });
    } else {
      const std::remove_cvref_t<P> view = std::forward<U>(value);
      make_value([&] { return owned(view.begin(), view.end()); });
    }
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

  [[nodiscard]] bool has_refs() const noexcept { return form_ == form::ref || form_ == form::list; }

  void register_on(task_node& node) noexcept {
    if (form_ == form::ref) {
      node.depend_on(*ref_.slot, ref_.entry);
    } else if (form_ == form::list) {
      for (std::size_t i = 0; i != list_->slots.size(); ++i) {
        node.depend_on(*list_->slots[i], list_->entries[i]);
      }
    }
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

  /// Requires: every ref is ready and none failed. Throws what a conversion or copy throws.
  void prepare() {
    if (form_ == form::ref && ref_.convert != nullptr) {
      ref_.convert(*this);
    } else if (form_ == form::list) {
      list_->gather(*this);
    }
  }

  /// The parameter. Requires: prepare() returned; called once.
  P deliver() {
    if constexpr (is_view) {
      return form_ == form::ref ? ref_.view(*ref_.slot) : P(value_);
    } else if constexpr (is_const_lvalue) {
      return form_ == form::ref ? ref_.view(*ref_.slot) : static_cast<P>(value_);
    } else if constexpr (std::is_rvalue_reference_v<P>) {
      if (form_ == form::ref) {
        replace_ref([this] { return taken<owned>(); });
      }
      return static_cast<P>(value_);
    } else {
      if (form_ == form::ref) {
        return taken<owned>();
      }
      return P(std::move(value_));
    }
  }

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
      list_->let_slots_go();
    }
  }

 private:
  template <class U>
  static constexpr bool reads_in_place() {
    if constexpr (is_view) {
      return std::is_convertible_v<const U&, std::remove_cvref_t<P>>;
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

  template <class U>
  void make_ref(result_slot* slot, bool may_move) noexcept {
    static_assert(reads_in_place<U>() || std::is_convertible_v<U, owned>,
                  "narke::task: the ref's value does not convert to the parameter's type");
    ::new (static_cast<void*>(std::addressof(ref_))) ref_form{};
    ref_.slot = slot;
    ref_.may_move = may_move;
    if constexpr (reads_in_place<U>()) {
      ref_.view = [](result_slot& of) -> P {
        return static_cast<const U&>(ref_access::typed<U>(of).value());
      };
    } else if constexpr (!std::is_same_v<U, owned>) {
      ref_.convert = [](argument& self) {
        self.replace_ref([&self]() -> owned { return self.template taken<U>(); });
      };
    }
    form_ = form::ref;
  }

  // The slot's value: moved when this is the last ref and the caller gave it up, else copied.
  template <class U>
  U taken() {
    U& stored = ref_access::typed<U>(*ref_.slot).value();
    if (ref_.may_move && ref_.slot->is_last_ref()) {
      return std::move(stored);
    }
    if constexpr (is_copyable<U>) {
      return std::as_const(stored);
    } else {
      throw_not_last_ref("a task's argument");
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
    ::new (static_cast<void*>(std::addressof(value_))) owned(std::move(all));
    form_ = form::value;
    delete std::exchange(list_, nullptr);
  }

  void take(argument& other) {
    form_ = other.form_;
    switch (form_) {
      case form::value:
        ::new (static_cast<void*>(std::addressof(value_))) owned(std::move(other.value_));
        return;
      case form::ref:
        ::new (static_cast<void*>(std::addressof(ref_))) ref_form(other.ref_);
        break;
      case form::list:
        list_ = std::exchange(other.list_, nullptr);
        break;
      case form::nothing:
        break;
    }
    other.form_ = form::nothing;
  }

  form form_ = form::nothing;
  union {
    owned value_;
    ref_form ref_;
  };
  list_form* list_ = nullptr;  // its entries stay until the argument goes
};

/// The parameter type under which a generic callable receives an argument given as A: a ref's value
/// by const reference, anything else as its own.
template <class A>
struct generic_parameter {
  using type = std::decay_t<A>&&;
};
template <class A>
requires is_object_ref<std::remove_cvref_t<A>>
struct generic_parameter<A> {
  using type = const typename std::remove_cvref_t<A>::value_type&;
};
template <class A>
using generic_parameter_t = typename generic_parameter<A>::type;

}  // namespace narke::detail
