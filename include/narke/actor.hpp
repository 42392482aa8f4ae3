// Actors: an object of the user's class that lives in the runtime, whose methods are called as
// tasks. Calls of one submitter (a task, an actor call, or a thread outside) run in the order
// submitted, one at a time unless max_concurrency says otherwise. Handles are values: copy them,
// pass them to tasks; the actor dies with the last one, after the calls already made, unless it is
// detached. T's destructor runs on the thread that finds the actor done, which often is the one
// that drops the last handle: do not drop it under a lock that ~T takes. A method or constructor
// whose first parameter is a gpu_context& works on the actor's GPU, which needs num_gpus.
//
// An actor is *lost* when its GPU is, or when one of its methods calls this_actor::fail. With
// max_restarts it is then made again, by the same constructor with the same arguments: its state is
// that of a new object, its name, its handles and the calls that wait stay. Methods that run when
// it is lost end on the lost state, and their results count. The call that was lost with it (the
// method that called this_actor::fail, those on the GPU) fails, or is given again before the later
// calls of its submitter, up to max_task_retries times: its method may so have run more than once.
// What a method throws by itself is its result, and never tried again. A killed actor, one that
// ended itself by this_actor::end, and one whose constructor threw are not made again.
//
// With isolation::process the state is in a process of its own, where T's methods are called, one
// at a time; they take and return what is narke::serializable. That the process ends is a loss of
// the actor by worker_crashed_error. See docs/isolation.md.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#include <narke/detail/gpu_task_impl.hpp>
#include <narke/detail/isolated_actor.hpp>
#include <narke/detail/task_impl.hpp>
#include <narke/detail/task_info_ref.hpp>
#include <narke/object_ref.hpp>
#include <narke/options.hpp>

namespace narke {

namespace detail {

/// The runtime's half of an actor. Counted: by its handles, and by the calls that are under way.
class actor_core;

NARKE_EXPORT void add_handle(actor_core& actor) noexcept;
NARKE_EXPORT void release_handle(actor_core& actor) noexcept;
/// Checks the options of a class of actors: std::invalid_argument, narke::error for what is not
/// there yet.
NARKE_EXPORT void check_actor_options(const actor_options& options);
struct made_actor {
  actor_core* actor;  ///< with one handle, which is the caller's
  bool is_made;       ///< its constructor is to be submitted; false: it was there already
};
/// A new actor, or the living one of that name when get_if_exists says so. Throws
/// std::invalid_argument when the name is taken, or is of an actor of another type, and
/// infeasible_request.
NARKE_EXPORT made_actor make_or_find_actor(const actor_options& options,
                                           const std::type_info& type);
/// The living actor of that name with one more handle. Throws actor_not_found, or
/// std::invalid_argument for another type.
NARKE_EXPORT actor_core* find_actor(const std::string& name, const std::type_info& type);
/// Makes `node` the first call of the actor.
NARKE_EXPORT void submit_constructor(actor_core& actor, task_node& node) noexcept;
NARKE_EXPORT void submit_call(actor_core& actor, task_node& node) noexcept;
NARKE_EXPORT void kill_actor(actor_core& actor);
struct method_settings {
  call_settings of_call;
  std::size_t stream_buffer = 64;
  task_info_ref info;  ///< null: as the actor has it
};
/// Checks that a runtime takes tasks, and that the actor may have one call more, which is then
/// counted as pending. Returns what the call has to follow; null for nothing. Throws
/// std::invalid_argument when it may have to be given again and cannot be,
/// pending_calls_limit_exceeded, and as check_can_submit.
NARKE_EXPORT const task_info* check_can_call(actor_core& actor, const method_settings& settings,
                                             bool is_repeatable);
/// A call that check_can_call counted could not be made.
NARKE_EXPORT void give_back_call(actor_core& actor) noexcept;
/// Throws std::invalid_argument for a group that the actor has not, or a bad number.
NARKE_EXPORT method_settings settings_for_method(const actor_core& actor,
                                                 const call_options& options);
/// Makes the constructor call of an actor again, each time with the same arguments.
class NARKE_EXPORT constructor_source {
 public:
  constructor_source() = default;
  constructor_source(const constructor_source&) = delete;
  constructor_source& operator=(const constructor_source&) = delete;
  virtual ~constructor_source();
  /// A call that nobody has a ref to. Throws what copying the arguments throws.
  [[nodiscard]] virtual task_node* make(actor_core& actor) const = 0;
};
/// Before submit_constructor: what the actor is made again from when it is lost.
NARKE_EXPORT void keep_constructor(actor_core& actor,
                                   std::unique_ptr<const constructor_source> source) noexcept;
[[noreturn]] NARKE_EXPORT void throw_cannot_restart(const actor_options& options);
/// The actor whose method runs on this thread. Throws narke::error outside of one, naming `call`.
NARKE_EXPORT actor_core& this_actor_core(const char* call);
/// The same with one more handle, checked to be of that type.
NARKE_EXPORT actor_core* this_actor_handle(const std::type_info& type);
NARKE_EXPORT void set_actor_state(actor_core& actor, void* state,
                                  void (*destroy)(void* state) noexcept) noexcept;
NARKE_EXPORT void* actor_state(const actor_core& actor) noexcept;
/// Whether its state is in a process of its own.
[[nodiscard]] NARKE_EXPORT bool is_isolated(const actor_core& actor) noexcept;
[[noreturn]] NARKE_EXPORT void throw_empty_handle(const char* call);

// Calls the constructor of T and gives the object to the actor.
template <class T>
struct construct_actor {
  actor_core* actor;

  template <class... A>
  void operator()(A&&... arguments) const {
    set_actor_state(*actor, make_state<T>(std::forward<A>(arguments)...),
                    [](void* object) noexcept { delete static_cast<T*>(object); });
  }
};

// Calls a method of the actor's object.
template <class T, class Method>
struct call_method {
  Method method;
  actor_core* actor;

  template <class... A>
  decltype(auto) operator()(A&&... arguments) const {
    return std::invoke(method, *static_cast<T*>(actor_state(*actor)),
                       std::forward<A>(arguments)...);
  }
};

// A method that is not const may have changed the actor before it threw.
template <class T, class Method, class... P>
inline constexpr bool is_repeatable<call_method<T, Method>, gpu_context&, P...> =
    std::is_invocable_v<Method, const T&, gpu_context&, P...>;

template <class T, class... A>
concept makes = std::is_constructible_v<T, A...> || requires(A&&... a) {
  T{std::forward<A>(a)...};
};

// What a constructor receives for an argument given as A: refs as their values where T takes those,
// else as they are.
template <class A>
struct gathered_parameter : generic_parameter<A> {};
template <class A>
requires is_vector_of_refs<std::remove_cvref_t<A>>
struct gathered_parameter<A> {
  using type = std::vector<typename std::remove_cvref_t<A>::value_type::value_type>&&;
};
template <class A>
struct moved_parameter : generic_parameter<A> {};
template <class A>
requires(is_object_ref<A> && !std::is_same_v<A, object_ref<void>>) struct moved_parameter<A> {
  using type = typename A::value_type&&;
};
template <class A>
struct moved_or_gathered_parameter : std::conditional_t<is_vector_of_refs<std::remove_cvref_t<A>>,
                                                        gathered_parameter<A>, moved_parameter<A>> {
};

// Arrays that a constructor on a GPU consumes.
template <class A, class Value = std::remove_cvref_t<A>>
struct built_parameter : gpu_parameter<A> {};
template <class A, class T>
struct built_parameter<A, array<T>> {
  using type = array_builder<T>;
};
template <class A, class T>
struct built_parameter<A, object_ref<array<T>>> {
  using type = array_builder<T>;
};

template <class T, class... P>
concept makes_on_gpu = makes<T, gpu_context&, P...>;

// The first of these ways in which T can be made; on a GPU, the gpu_context& comes first.
template <class T, class... A>
auto constructor_parameters_of() {
  if constexpr (makes<T, typename moved_parameter<A>::type...>) {
    return parameter_list<typename moved_parameter<A>::type...>{};
  } else if constexpr (makes<T, typename moved_or_gathered_parameter<A>::type...>) {
    return parameter_list<typename moved_or_gathered_parameter<A>::type...>{};
  } else if constexpr (makes_on_gpu<T, gpu_parameter_t<A>...>) {
    return parameter_list<gpu_context&, gpu_parameter_t<A>...>{};
  } else if constexpr (makes_on_gpu<T, typename built_parameter<A>::type...>) {
    return parameter_list<gpu_context&, typename built_parameter<A>::type...>{};
  } else if constexpr (makes_on_gpu<T, typename moved_parameter<A>::type...>) {
    return parameter_list<gpu_context&, typename moved_parameter<A>::type...>{};
  } else {
    return parameter_list<std::decay_t<A>&&...>{};
  }
}

// The node of a call with arguments for these parameters.
template <class Holder, std::size_t N, class Parameters>
struct call_node;
template <class Holder, std::size_t N, class... P>
struct call_node<Holder, N, parameter_list<P...>> {
  using type = task_impl<Holder, N, P...>;
  using arguments = std::tuple<argument<P>...>;
};
template <class Holder, std::size_t N, class... P>
struct call_node<Holder, N, parameter_list<gpu_context&, P...>> {
  using type = gpu_task_impl<Holder, N, P...>;
  using arguments = std::tuple<argument<P, task_place::gpu>...>;
};

// What is kept of a constructor's argument for the case that the actor is made again, and whether
// the parameter P can be made from it more than once.
template <class A, class Plain = std::decay_t<A>>
struct kept_argument {
  using type = typename owned_for<Plain>::type;
  template <class P, task_place Place>
  static constexpr bool is_repeatable =
      is_copyable<type>&& std::is_constructible_v<argument<P, Place>, const type&>;
};
template <class A, class U>
struct kept_argument<A, object_ref<U>> {
  using type = object_ref<U>;
  template <class P, task_place Place>
  static constexpr bool is_repeatable =
      is_object_ref<std::remove_cvref_t<P>> || std::is_lvalue_reference_v<P> || is_copyable<U>;
};
template <class A, class U, class Allocator>
struct kept_argument<A, std::vector<object_ref<U>, Allocator>> {
  using type = std::vector<object_ref<U>, Allocator>;
  template <class P, task_place Place>
  static constexpr bool is_repeatable = is_vector_of_refs<std::remove_cvref_t<P>> || is_copyable<U>;
};

template <class Parameters>
struct place_of;
template <class... P>
struct place_of<parameter_list<P...>> {
  using plain = parameter_list<P...>;
  static constexpr task_place value = task_place::cpu;
};
template <class... P>
struct place_of<parameter_list<gpu_context&, P...>> {
  using plain = parameter_list<P...>;
  static constexpr task_place value = task_place::gpu;
};

template <task_place Place, class Parameters, class... A>
inline constexpr bool are_repeatable = false;
template <task_place Place, class... P, class... A>
inline constexpr bool are_repeatable<Place, parameter_list<P...>, A...> =
    (true && ... && kept_argument<A>::template is_repeatable<P, Place>);

// The constructor call of a T, made from arguments that were given as A...
template <class T, class Node, class Arguments, class... A>
class kept_constructor final : public constructor_source {
 public:
  explicit kept_constructor(const std::remove_reference_t<A>&... arguments) : kept_(arguments...) {}

  task_node* make(actor_core& actor) const override {
    return std::apply(
        [&](const auto&... kept) -> task_node* {
          Arguments again{kept...};
          return std::apply(
              [&](auto&... each) {
                auto* call = new Node{construct_actor<T>{&actor}, std::move(each)...};
                const typename Node::refs dropped = call->make_refs();
                return call;
              },
              again);
        },
        kept_);
  }

 private:
  std::tuple<typename kept_argument<A>::type...> kept_;
};

struct handle_access;

}  // namespace detail

/// A method of a living actor, ready to be called.
template <class T, class Method, std::size_t N, class Parameters>
class actor_method;

/// The way to an actor whose state is a T. Empty by default.
template <class T>
class actor_handle {
 public:
  actor_handle() noexcept = default;
  actor_handle(const actor_handle& other) noexcept : actor_{other.actor_} {
    if (actor_ != nullptr) {
      detail::add_handle(*actor_);
    }
  }
  actor_handle(actor_handle&& other) noexcept : actor_{std::exchange(other.actor_, nullptr)} {}
  actor_handle& operator=(actor_handle other) noexcept {
    std::swap(actor_, other.actor_);
    return *this;
  }
  ~actor_handle() {
    if (actor_ != nullptr) {
      detail::release_handle(*actor_);
    }
  }

  /// The method, to be called by .remote(…). For an overloaded method, cast the pointer to the
  /// overload.
  template <class Method>
  requires std::is_member_function_pointer_v<Method>
  [[nodiscard]] auto task(Method method) const {
    using declared = detail::declared_parameters<Method>;
    static_assert(std::is_base_of_v<typename declared::object, T>,
                  "narke: this is not a method of the actor's class");
    return actor_method<T, Method, 0, typename declared::member_function>{*this, method};
  }

  explicit operator bool() const noexcept { return actor_ != nullptr; }
  friend bool operator==(const actor_handle& a, const actor_handle& b) noexcept {
    return a.actor_ == b.actor_;
  }

 private:
  friend struct detail::handle_access;
  detail::actor_core* actor_ = nullptr;
};

namespace detail {

struct handle_access {
  template <class T>
  static actor_handle<T> adopt(actor_core& actor) noexcept {
    actor_handle<T> handle;
    handle.actor_ = &actor;
    return handle;
  }
  template <class T>
  static actor_core& checked(const actor_handle<T>& handle, const char* call) {
    if (handle.actor_ == nullptr) [[unlikely]] {
      throw_empty_handle(call);
    }
    return *handle.actor_;
  }
};

}  // namespace detail

namespace detail {

// Makes the call as a Node, and submits it.
template <class Node, class T, class Method, class... A>
typename Node::refs make_call(actor_core& actor, Method method, const method_settings& settings,
                              const source_location& location, A&&... arguments) {
  const task_info* info = check_can_call(actor, settings, Node::is_repeatable);
  Node* call = nullptr;
  try {
    call = new Node{call_method<T, Method>{method, &actor}, std::forward<A>(arguments)...};
  } catch (...) {
    give_back_call(actor);
    throw;
  }
  if (info != nullptr) {
    add_ref(*info);
    call->info = info;
  }
  call->location = location;
  call->of_call = settings.of_call;
  if constexpr (Node::makes_stream) {
    call->limit_to(settings.stream_buffer);
  }
  typename Node::refs refs = call->make_refs();
  submit_call(actor, *call);
  return refs;
}

// The node of a call in the actor's process; `can_be`: whether it can be made there.
template <class T, class Method, std::size_t N, class Parameters>
struct call_elsewhere {
  static constexpr bool can_be = false;
  [[noreturn]] static void refuse() {
    refuse_isolation("a method that works on the GPU of its actor,", typeid(Method));
  }
};
template <class T, class Method, std::size_t N, class... P>
struct call_elsewhere<T, Method, N, parameter_list<P...>> {
  using holder = owned_callable<call_method<T, Method>>;
  using node = isolated_call<T, Method, holder, N, P...>;
  static constexpr bool can_be = can_be_isolated<call_here<T, Method>, sent_method<Method>, P...>;
  [[noreturn]] static void refuse() {
    refuse_isolation_of<call_here<T, Method>, sent_method<Method>, P...>();
  }
};
template <class T, class Method, std::size_t N, class... P>
struct call_elsewhere<T, Method, N, parameter_list<gpu_context&, P...>>
    : call_elsewhere<T, Method, N, void> {};

template <std::size_t N, class Parameters, class T, class Method, class... A>
auto launch_call(const actor_handle<T>& handle, Method method, const method_settings& settings,
                 const source_location& location, A&&... arguments) {
  using node = typename call_node<owned_callable<call_method<T, Method>>, N, Parameters>::type;
  actor_core& actor = handle_access::checked(handle, "remote");
  if (is_isolated(actor)) [[unlikely]] {
    using elsewhere = call_elsewhere<T, Method, N, Parameters>;
    if constexpr (elsewhere::can_be) {
      return make_call<typename elsewhere::node, T>(actor, method, settings, location,
                                                    std::forward<A>(arguments)...);
    } else {
      elsewhere::refuse();
    }
  }
  return make_call<node, T>(actor, method, settings, location, std::forward<A>(arguments)...);
}

// The same of a constructor.
template <class T, class Parameters>
struct constructor_elsewhere {
  static constexpr bool can_be = false;
  [[noreturn]] static void refuse() {
    refuse_isolation("a constructor that works on the GPU of its actor, of", typeid(T));
  }
};
template <class T, class... P>
struct constructor_elsewhere<T, parameter_list<P...>> {
  using holder = owned_callable<construct_actor<T>>;
  using parameters = parameter_list<typename sent_parameter<P>::type...>;
  struct call {
    using type = isolated_constructor<T, holder, typename sent_parameter<P>::type...>;
    using arguments = std::tuple<argument<typename sent_parameter<P>::type>...>;
  };
  static constexpr bool can_be =
      makes<T, typename sent_parameter<P>::type...> &&
      can_be_isolated<construct_here<T>, typename sent_parameter<P>::type...>;
  [[noreturn]] static void refuse() { refuse_isolation_of<construct_here<T>, P...>(); }
};
template <class T, class... P>
struct constructor_elsewhere<T, parameter_list<gpu_context&, P...>>
    : constructor_elsewhere<T, void> {};

}  // namespace detail

template <class T, class Method, std::size_t N, class... P>
class actor_method<T, Method, N, detail::parameter_list<P...>> {
 public:
  actor_method(actor_handle<T> handle, Method method, detail::method_settings settings = {})
      : handle_{std::move(handle)}, method_{method}, settings_{std::move(settings)} {}

  /// Calls the method and returns at once with the ref to its result, or with N refs. On a dead
  /// actor `get` of the ref throws actor_died_error. Throws pending_calls_limit_exceeded when the
  /// actor has max_pending_calls calls that are not done, std::invalid_argument for an empty
  /// handle or ref, or when max_task_retries is set and an argument cannot be given twice, and as a
  /// task's remote. Any thread.
  auto remote(detail::argument<P>... arguments,
              source_location location = source_location::current()) const {
    return detail::launch_call<N, detail::parameter_list<P...>>(handle_, method_, settings_,
                                                                location, std::move(arguments)...);
  }
  /// The same method, whose tuple, pair or array of M elements becomes M refs.
  template <std::size_t M>
  actor_method<T, Method, M, detail::parameter_list<P...>> num_returns() const {
    return {handle_, method_, settings_};
  }
  /// The same method, called with these options and no others. Throws std::invalid_argument for a
  /// bad one, and for a concurrency group that the actor has not.
  actor_method options(const call_options& replaced) const {
    return {
        handle_, method_,
        detail::settings_for_method(detail::handle_access::checked(handle_, "options"), replaced)};
  }

 private:
  actor_handle<T> handle_;
  Method method_;
  detail::method_settings settings_;
};

/// A method that works on the actor's GPU: its calls follow each other in stream order.
template <class T, class Method, std::size_t N, class... P>
class actor_method<T, Method, N, detail::parameter_list<gpu_context&, P...>> {
 public:
  actor_method(actor_handle<T> handle, Method method, detail::method_settings settings = {})
      : handle_{std::move(handle)}, method_{method}, settings_{std::move(settings)} {}

  /// As of any other method.
  auto remote(detail::argument<P, detail::task_place::gpu>... arguments,
              source_location location = source_location::current()) const {
    return detail::launch_call<N, detail::parameter_list<gpu_context&, P...>>(
        handle_, method_, settings_, location, std::move(arguments)...);
  }
  template <std::size_t M>
  actor_method<T, Method, M, detail::parameter_list<gpu_context&, P...>> num_returns() const {
    return {handle_, method_, settings_};
  }
  /// As of any other method.
  actor_method options(const call_options& replaced) const {
    return {
        handle_, method_,
        detail::settings_for_method(detail::handle_access::checked(handle_, "options"), replaced)};
  }

 private:
  actor_handle<T> handle_;
  Method method_;
  detail::method_settings settings_;
};

/// A class of actors with its options: remote(…) makes one.
template <class T>
class actor_class {
 public:
  explicit actor_class(actor_options options) : options_{std::move(options)} {
    detail::check_actor_options(options_);
  }

  /// The same class with these options and no others.
  actor_class options(actor_options replaced) const { return actor_class{std::move(replaced)}; }

  /// Makes an actor and returns at once; T's constructor runs with these arguments in the runtime.
  /// Refs stand for their values, read by const reference, or moved when it is the last of an
  /// rvalue, unless T's constructor takes refs. With max_restarts the arguments are kept for the
  /// life of the actor, and copied for each constructor call. Throws std::invalid_argument for a
  /// name that is taken, and for arguments that cannot be copied but would have to be;
  /// infeasible_request, and as a task's remote. Any thread.
  template <class... A>
  actor_handle<T> remote(A&&... arguments) const {
    using parameters = decltype(detail::constructor_parameters_of<T, A...>());
    detail::check_can_submit(nullptr);
    if (options_.isolation == isolation::process) {
      using elsewhere = detail::constructor_elsewhere<T, parameters>;
      if constexpr (elsewhere::can_be) {
        return make<typename elsewhere::call>(typename elsewhere::parameters{},
                                              std::forward<A>(arguments)...);
      } else {
        elsewhere::refuse();
      }
    }
    using holder = detail::owned_callable<detail::construct_actor<T>>;
    return make<detail::call_node<holder, 0, parameters>>(parameters{},
                                                          std::forward<A>(arguments)...);
  }

 private:
  template <class Call, class... P, class... A>
  actor_handle<T> make(detail::parameter_list<P...> parameters, A&&... arguments) const {
    static_assert(detail::makes<T, P...>, "narke::actor: no constructor takes these arguments");
    using node = typename Call::type;
    std::unique_ptr<const detail::constructor_source> source;
    if (options_.max_restarts != 0) {
      source = kept<node, typename Call::arguments>(parameters, arguments...);
    }
    typename Call::arguments checked{std::forward<A>(arguments)...};
    const detail::made_actor made = detail::make_or_find_actor(options_for(parameters), typeid(T));
    auto handle = detail::handle_access::adopt<T>(*made.actor);
    if (!made.is_made) {
      return handle;
    }
    detail::actor_core& actor = *made.actor;
    detail::keep_constructor(actor, std::move(source));
    std::apply(
        [&](auto&... each) {
          auto* call = new node{detail::construct_actor<T>{&actor}, std::move(each)...};
          const typename node::refs dropped = call->make_refs();
          detail::submit_constructor(actor, *call);
        },
        checked);
    return handle;
  }

  // What an actor that may be lost is made again from: copies of the arguments.
  template <class Node, class Arguments, class Parameters, class... A>
  std::unique_ptr<const detail::constructor_source> kept(Parameters, const A&... arguments) const {
    using place = detail::place_of<Parameters>;
    if constexpr (detail::are_repeatable<place::value, typename place::plain, const A&...>) {
      using source = detail::kept_constructor<T, Node, Arguments, const A&...>;
      return std::make_unique<const source>(arguments...);
    } else {
      detail::throw_cannot_restart(options_);
    }
  }

  // A constructor on a GPU needs one.
  template <class Parameters>
  actor_options options_for(Parameters) const {
    actor_options options = options_;
    if (detail::is_gpu_parameter_list<Parameters>::value && options.num_gpus == 0) {
      options.num_gpus = 1;
    }
    return options;
  }

  actor_options options_;
};

/// Makes T an actor class. Throws std::invalid_argument for bad options.
template <class T>
actor_class<T> actor(actor_options options = {}) {
  return actor_class<T>{std::move(options)};
}

/// The living actor of that name. Throws actor_not_found, and std::invalid_argument when it is not
/// a T.
template <class T>
actor_handle<T> get_actor(const std::string& name) {
  return detail::handle_access::adopt<T>(*detail::find_actor(name, typeid(T)));
}

/// What a method says of the actor that it runs in. Each throws narke::error anywhere else; a task
/// that a method submits is elsewhere.
namespace this_actor {

/// Ends the actor, by an exception that unwinds the method: calls that wait, run or come later
/// throw actor_died_error, this one too. It is not made again. When the method catches the
/// exception, the actor ends with the method.
[[noreturn]] NARKE_EXPORT void end();
/// The actor is lost, as when its GPU fails: with max_restarts left it is made again, else it is
/// dead. This call throws actor_died_error, whose cause is a narke::error with `reason`. By an
/// exception, as end.
[[noreturn]] NARKE_EXPORT void fail(const std::string& reason);
/// The name that the actor was given; empty for none.
NARKE_EXPORT std::string name();
/// How often the actor was made again since it was first made.
NARKE_EXPORT int restarts();
/// A handle to the actor, whose class is T. Throws std::invalid_argument when it is not. While an
/// actor holds a handle to itself, only kill, end or shutdown ends it.
template <class T>
actor_handle<T> handle() {
  return detail::handle_access::adopt<T>(*detail::this_actor_handle(typeid(T)));
}

}  // namespace this_actor

/// Ends the actor: pending and later calls throw actor_died_error, and so does the one that runs,
/// at once; the state is destroyed when its method returns. Does nothing to a dead actor. Any
/// thread.
template <class T>
void kill(const actor_handle<T>& handle) {
  detail::kill_actor(detail::handle_access::checked(handle, "kill"));
}

}  // namespace narke

template <class T>
struct std::hash<narke::actor_handle<T>> {
  std::size_t operator()(const narke::actor_handle<T>& handle) const noexcept {
    return handle ? std::hash<const void*>{}(&narke::detail::handle_access::checked(handle, "hash"))
                  : 0;
  }
};
