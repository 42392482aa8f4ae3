// What the fake cuBLAS notes and is told; a test finds it under the name "fake_cublas".
#pragma once

#include <cstddef>

struct fake_cublas_calls {
  void* stream = nullptr;
  void* workspace = nullptr;
  std::size_t workspace_bytes = 0;
  int open_handles = 0;
  bool create_fails = false;
};

using fake_cublas_fn = fake_cublas_calls*();
