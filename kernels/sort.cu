#include "sort.hpp"

#include <limits>

#if defined(__CUDACC__)
#include <cub/device/device_radix_sort.cuh>
#endif

namespace narke::kernels {
namespace {

constexpr std::size_t keys_max = std::numeric_limits<std::int32_t>::max();

#if defined(__CUDACC__)
template <class Key>
launch_code sort_on_device(std::size_t n, const Key* in, Key* out, void* workspace,
                           std::size_t& workspace_bytes, void* stream) {
  return cub::DeviceRadixSort::SortKeys(workspace, workspace_bytes, in, out, std::uint32_t(n), 0,
                                        int(8 * sizeof(Key)), static_cast<cudaStream_t>(stream));
}
#endif

template <class Key>
launch_code checked(std::size_t n, const Key* in, Key* out, void* workspace,
                    std::size_t workspace_bytes, void* stream) {
  if (n == 0) return launched;
  if (n > keys_max || in == nullptr || out == nullptr || in == out || workspace == nullptr)
    return launch_bad_argument;
  if (stream == host_stream) {
    if (workspace_bytes < n * sizeof(Key)) return launch_bad_argument;
    sort_cpu(n, in, out, static_cast<Key*>(workspace));
    return launched;
  }
#if defined(__CUDACC__)
  return sort_on_device(n, in, out, workspace, workspace_bytes, stream);
#else
  return launch_without_cuda;
#endif
}

}  // namespace

std::size_t sort_workspace_bytes(std::size_t n, void* stream) {
  if (stream == host_stream) return n * sizeof(std::uint32_t);
  std::size_t bytes = 0;
#if defined(__CUDACC__)
  std::size_t bytes_of_floats = 0;
  const auto* const numbers = static_cast<const std::uint32_t*>(nullptr);
  const auto* const floats = static_cast<const float*>(nullptr);
  if (n > keys_max ||
      sort_on_device(n, numbers, static_cast<std::uint32_t*>(nullptr), nullptr, bytes, stream) ||
      sort_on_device(n, floats, static_cast<float*>(nullptr), nullptr, bytes_of_floats, stream))
    return 0;
  if (bytes_of_floats > bytes) bytes = bytes_of_floats;
#endif
  return bytes;
}

launch_code sort_launch(std::size_t n, const std::uint32_t* in, std::uint32_t* out, void* workspace,
                        std::size_t workspace_bytes, void* stream) {
  return checked(n, in, out, workspace, workspace_bytes, stream);
}

launch_code sort_launch(std::size_t n, const float* in, float* out, void* workspace,
                        std::size_t workspace_bytes, void* stream) {
  return checked(n, in, out, workspace, workspace_bytes, stream);
}

}  // namespace narke::kernels
