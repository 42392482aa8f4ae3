// What a test cannot do in a build with sanitizers.
#pragma once

#include <gtest/gtest.h>

// In a test that leaves no descriptor free: the undefined-behaviour sanitizer opens a pipe to check
// the type of an object, and takes one that it cannot open for a wrong type.
#if defined(__SANITIZE_ADDRESS__)
#define NARKE_SKIP_WITHOUT_DESCRIPTORS() \
  GTEST_SKIP() << "the sanitizer cannot check types without free descriptors"
#else
#define NARKE_SKIP_WITHOUT_DESCRIPTORS() static_cast<void>(0)
#endif
