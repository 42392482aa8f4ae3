// Options as the environment and the command line give them: a value within its bounds, or
// std::invalid_argument.
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "base/byte_size.hpp"
#include "base/option_text.hpp"
#include "fuzz/fuzz_targets.hpp"
#include "jobs/granted_machine.hpp"
#include "jobs/job_settings.hpp"
#include "resources/resource_request.hpp"

namespace narke_fuzz {
namespace {

using namespace narke::internal;

template <typename Parse>
void allowed_to_refuse(Parse parse) {
  try {
    parse();
  } catch (const std::invalid_argument& refused) {
    require(std::string_view{refused.what()}.size() > 10, "a refusal says why");
  }
}

}  // namespace

void option_text(std::string_view bytes) {
  allowed_to_refuse([&] {
    const auto size = parse_byte_size(bytes, "field");
    require(size >= 1 && size < (std::uint64_t{1} << 63U), "a size");
    require(!format_byte_size(size).empty(), "a size in words");
  });
  allowed_to_refuse([&] {
    const auto asked = parse_emulated_gpus(bytes, "field");
    require(asked.count >= 0 && asked.count <= 1'024, "a number of devices");
  });
  allowed_to_refuse([&] {
    const auto amounts = amounts_from(bytes, "NARKE_RESOURCES");
    for (const auto& total : make_custom_totals({amounts.begin(), amounts.end()})) {
      require(total.amount >= quantity::zero() && !total.name.empty(), "an amount with a name");
    }
  });
  allowed_to_refuse([&] { (void)flag_from(bytes, "field"); });
  allowed_to_refuse([&] {
    const double units = number_from(bytes, "field");
    const quantity amount = quantity::from_double(units, "field");
    require(amount >= quantity::zero() && amount.whole() <= quantity::units_max, "an amount");
  });
  allowed_to_refuse([&] { require(parse_duration(bytes, "field").count() > 0, "a duration"); });
  allowed_to_refuse([&] { require(parse_count(bytes, "field", 1) >= 1, "a count"); });
  allowed_to_refuse([&] { (void)parse_directive(bytes, {}); });
  if (const auto indices = parse_index_list(bytes)) {
    for (const int index : *indices) require(index >= 0 && index < 4'096, "an index");
  }
}

}  // namespace narke_fuzz
