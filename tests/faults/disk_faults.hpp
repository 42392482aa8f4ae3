// A disk that is full or broken: write, pwrite and rename of this process fail from the n-th call
// on, for regular files alone. In place of the C library's, in the program that has this linked, or
// by LD_PRELOAD in any other, which is then told by NARKE_TEST_DISK_FAULT=CALL:ERRNO:NTH, such as
// write:28:2. The error 0 makes the n-th write a short one: half of what it was given, once.
#pragma once

namespace narke_test {

enum class disk_call : int { none, write, rename };

/// From the `nth` such call on (from 1), each fails with `error`; 0: the nth write alone is short.
void break_disk(disk_call call, int error, int nth);
void mend_disk();
/// How often it was called since break_disk.
int disk_calls();

}  // namespace narke_test
