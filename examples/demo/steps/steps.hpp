// The steps of the tutorial, in order, one file each. Every step runs the same work as a plain
// serial loop and in two forms of tasks, compares all results with the serial loop's and returns
// what it measured. Each needs a runtime to be there, draws progress on the standard error stream
// and prints nothing else.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "../contact_sheet.hpp"
#include "../figures.hpp"
#include "../options.hpp"

namespace demo {

/// Three results from a task: packed in one ref, as three refs, and from a method of an actor.
step_figures return_three_values(const workload& work);

/// Slow tasks, with `get` in the loop that submits them and with one `get` at its end.
step_figures get_at_the_end(const workload& work);

/// Many tiny calls: a task for each, and a task for every thousand.
step_figures make_tasks_larger(const workload& work);

struct pictures_result {
  step_figures figures;
  std::vector<captioned_picture> sheet;  // of all pictures that could be decoded, at most a hundred
  std::vector<picture_file> decoded;     // those that could be
  std::vector<std::string> unreadable;   // those that could not
  std::vector<picture_checksum> blurred;  // one for each of `decoded`
};

/// Pictures decoded, blurred and classified: with `get` on all, and one by one as `wait` reports
/// them. Throws `input_error` when none of the pictures can be decoded.
pictures_result process_pictures(std::span<const picture_file> pictures);

/// Why pictures cannot be blurred on a GPU here, and what to do; "" when they can.
std::string why_no_gpu();

struct gpu_pictures_result {
  step_figures figures;
  std::vector<image> blurred;  // as they came from the GPUs, in the order of the pictures
};

/// Pictures decoded on CPUs and blurred on the runtime's GPUs, each waited for before the next, and
/// all enqueued at once; compared byte by byte with those that a CPU blurred. Requires: all
/// pictures can be decoded, and `why_no_gpu()` is empty.
gpu_pictures_result blur_on_gpus(std::span<const picture_file> pictures);

/// Takes the GPUs' pictures in place of the CPUs': for the contact sheet and the checksums.
void show_gpu_pictures(pictures_result& result, const gpu_pictures_result& from_gpus);

/// One large matrix for several tasks: by value to each, and once by `put`. A matrix that memory is
/// too short for is made smaller, with a remark.
step_figures share_large_matrix(const workload& work);

}  // namespace demo
