// What is said of jobs in words: the options of the command line and of the lines `#NARKE …` of a
// job file. Pure functions; everything that is wrong is a std::invalid_argument that names it.
#pragma once

#include <chrono>
#include <string_view>

#include "jobs/job.hpp"

namespace narke::internal {

/// A number as the option `field` takes it: "2", "0.5". Throws unless it is all of the text.
double parse_number(std::string_view text, std::string_view field);

/// A count of at least `least`.
int parse_count(std::string_view text, std::string_view field, int least);

/// "90", "1.5", "10m", "2h", "1d": seconds unless it says s, m, h or d; above 0, at most 10 years.
std::chrono::nanoseconds parse_duration(std::string_view text, std::string_view field);

/// One option, "--num-gpus" with its value, into `settings`. Options: --num-gpus, --num-cpus,
/// --retries, --timeout, --name.
void set_job_option(std::string_view option, std::string_view value, job_settings& settings);

/// What stands behind `#NARKE`, over `defaults`: "--num-gpus 0.5 --timeout=10m". Nothing there:
/// the defaults.
job_settings parse_directive(std::string_view text, const job_settings& defaults);

}  // namespace narke::internal
