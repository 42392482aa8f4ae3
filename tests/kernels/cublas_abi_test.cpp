// Holds our own words for cuBLAS against the toolkit's header, where there is one.
#include "kernels/cublas_abi.hpp"

#include <gtest/gtest.h>

#include <type_traits>

#if __has_include(<cublas_v2.h>) && __has_include(<cuda_runtime_api.h>)
#include <cublas_v2.h>

namespace {

using namespace narke::kernels;

// Both sides as functions of the C language see them: enumerations are ints, handles are pointers.
template <class Argument>
using plain = std::conditional_t<
    std::is_enum_v<Argument>, int,
    std::conditional_t<std::is_same_v<Argument, cublasHandle_t> ||
                           std::is_same_v<Argument, cublas_handle> ||
                           std::is_same_v<Argument, cudaStream_t>,
                       void*,
                       std::conditional_t<std::is_same_v<Argument, cublasHandle_t*> ||
                                              std::is_same_v<Argument, cublas_handle*>,
                                          void**, Argument>>>;

template <class Function>
struct signature;
template <class Result, class... Arguments>
struct signature<Result(Arguments...)> {
  using type = plain<Result>(plain<Arguments>...);
};

template <class Ours, class Theirs>
constexpr bool same =
    std::is_same_v<typename signature<Ours>::type, typename signature<Theirs>::type>;

static_assert(same<cublas_create_fn, decltype(cublasCreate_v2)>);
static_assert(same<cublas_destroy_fn, decltype(cublasDestroy_v2)>);
static_assert(same<cublas_set_stream_fn, decltype(cublasSetStream_v2)>);
static_assert(same<cublas_set_workspace_fn, decltype(cublasSetWorkspace_v2)>);
static_assert(same<cublas_sgemm_fn, decltype(cublasSgemm_v2)>);

static_assert(sizeof(cublas_status) == sizeof(cublasStatus_t));
static_assert(sizeof(cublas_operation) == sizeof(cublasOperation_t));
static_assert(int(cublas_status::success) == CUBLAS_STATUS_SUCCESS);
static_assert(int(cublas_status::not_initialized) == CUBLAS_STATUS_NOT_INITIALIZED);
static_assert(int(cublas_status::alloc_failed) == CUBLAS_STATUS_ALLOC_FAILED);
static_assert(int(cublas_status::invalid_value) == CUBLAS_STATUS_INVALID_VALUE);
static_assert(int(cublas_status::execution_failed) == CUBLAS_STATUS_EXECUTION_FAILED);
static_assert(int(cublas_operation::none) == CUBLAS_OP_N);

}  // namespace

TEST(cublas_abi, agrees_with_the_toolkit) {
  SUCCEED() << "held by the assertions above when this file was compiled";
}

#else

TEST(cublas_abi, agrees_with_the_toolkit) {
  GTEST_SKIP() << "no cublas_v2.h here to hold our words against";
}

#endif
