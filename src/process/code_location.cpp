#include "process/code_location.hpp"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <set>
#include <span>
#include <string_view>

#include <fmt/format.h>

#include <narke/errors.hpp>

namespace narke::internal {

namespace {

// Calls visit(const dl_phdr_info&) for each object until it returns true. Whether it did.
template <class Visit>
bool find_object(Visit&& visit) {
  return ::dl_iterate_phdr(
             [](dl_phdr_info* object, std::size_t, void* context) {
               return (*static_cast<std::remove_reference_t<Visit>*>(context))(*object) ? 1 : 0;
             },
             &visit) != 0;
}

std::span<const ElfW(Phdr)> segments(const dl_phdr_info& object) {
  return {object.dlpi_phdr, object.dlpi_phnum};
}

bool has_code_at(const dl_phdr_info& object, std::uintptr_t offset) {
  return std::any_of(segments(object).begin(), segments(object).end(), [&](const auto& segment) {
    return segment.p_type == PT_LOAD && (segment.p_flags & PF_X) != 0 &&
           offset >= segment.p_vaddr && offset - segment.p_vaddr < segment.p_memsz;
  });
}

// The description of the note that the linker makes, in the memory of the object.
std::span<const std::byte> build_id_in(const std::byte* notes, std::size_t size) {
  constexpr std::string_view owner{"GNU\0", 4};
  const auto padded = [](std::size_t bytes) { return (bytes + 3) / 4 * 4; };
  while (size >= sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) head;
    std::memcpy(&head, notes, sizeof head);
    const std::size_t name = padded(head.n_namesz);
    const std::size_t all = sizeof head + name + padded(head.n_descsz);
    if (all > size) {
      return {};
    }
    const auto* text = reinterpret_cast<const char*>(notes + sizeof head);
    if (head.n_type == NT_GNU_BUILD_ID && std::string_view{text, head.n_namesz} == owner) {
      return {notes + sizeof head + name, head.n_descsz};
    }
    notes += all;
    size -= all;
  }
  return {};
}

std::span<const std::byte> build_id_of(const dl_phdr_info& object) {
  for (const auto& segment : segments(object)) {
    if (segment.p_type == PT_NOTE) {
      const auto found = build_id_in(
          reinterpret_cast<const std::byte*>(object.dlpi_addr + segment.p_vaddr), segment.p_memsz);
      if (!found.empty()) {
        return found;
      }
    }
  }
  return {};
}

bool is_executable(const dl_phdr_info& object) {
  return object.dlpi_name == nullptr || *object.dlpi_name == '\0';
}

bool is_same_object(const dl_phdr_info& object, const std::vector<std::byte>& build_id) {
  const auto found = build_id_of(object);
  return build_id.empty()
             ? is_executable(object) && found.empty()
             : std::equal(found.begin(), found.end(), build_id.begin(), build_id.end());
}

std::string hexadecimal(const std::vector<std::byte>& bytes) {
  std::string text;
  for (const std::byte each : bytes) {
    text += fmt::format("{:02x}", static_cast<unsigned>(each));
  }
  return text;
}

}  // namespace

code_location locate(detail::code_address function) {
  const auto address = reinterpret_cast<std::uintptr_t>(function);
  std::optional<code_location> location;
  std::string nameless;
  find_object([&](const dl_phdr_info& object) {
    if (!has_code_at(object, address - object.dlpi_addr)) {
      return false;
    }
    const auto build_id = build_id_of(object);
    if (build_id.empty() && !is_executable(object)) {
      nameless = object.dlpi_name;
      return true;
    }
    location = code_location{{build_id.begin(), build_id.end()}, address - object.dlpi_addr};
    return true;
  });
  if (!nameless.empty()) {
    throw error{fmt::format(
        "narke: isolation::process: the function is in {}, which has no build id to know it by in "
        "another process. Link it with -Wl,--build-id",
        nameless)};
  }
  if (!location) {
    throw error{
        "narke: isolation::process: the function is in no executable or library of this process"};
  }
  return std::move(*location);
}

detail::code_address find(const code_location& location) {
  std::uintptr_t address = 0;
  bool is_known = false;
  find_object([&](const dl_phdr_info& object) {
    if (!is_same_object(object, location.build_id)) {
      return false;
    }
    is_known = true;
    if (has_code_at(object, location.offset)) {
      address = object.dlpi_addr + location.offset;
    }
    return true;
  });
  if (!is_known) {
    throw error{fmt::format(
        "the function is in a library that this worker does not have (build id {}). Workers have "
        "what the program loads when it starts, and not what it opens by dlopen; a library that "
        "was replaced while the program runs is another one",
        hexadecimal(location.build_id))};
  }
  if (address == 0) {
    throw error{fmt::format("there is no code at offset {:#x} of its object", location.offset)};
  }
  return reinterpret_cast<detail::code_address>(address);
}

namespace {

struct dynamic_section {
  explicit dynamic_section(const link_map& object) : base{object.l_addr}, entries{object.l_ld} {}

  // Some loaders make these values addresses, some leave them relative.
  [[nodiscard]] std::uintptr_t address(ElfW(Sxword) tag) const {
    for (const ElfW(Dyn)* each = entries; each->d_tag != DT_NULL; ++each) {
      if (each->d_tag == tag) {
        const auto value = static_cast<std::uintptr_t>(each->d_un.d_ptr);
        return value < base ? value + base : value;
      }
    }
    return 0;
  }

  std::uintptr_t base;
  const ElfW(Dyn) * entries;
};

std::vector<std::string> needed_by(const link_map& object) {
  const dynamic_section section{object};
  const auto* names = reinterpret_cast<const char*>(section.address(DT_STRTAB));
  std::vector<std::string> needed;
  for (const ElfW(Dyn)* each = section.entries; each->d_tag != DT_NULL; ++each) {
    if (each->d_tag == DT_NEEDED) {
      needed.emplace_back(names + each->d_un.d_val);
    }
  }
  return needed;
}

const link_map* object_named(const link_map* first, const std::string& name) {
  for (const link_map* each = first; each != nullptr; each = each->l_next) {
    const std::string_view path{each->l_name};
    if (path == name || path.substr(path.rfind('/') + 1) == name) {
      return each;
    }
  }
  return nullptr;
}

}  // namespace

bool is_loaded_at_start() {
  Dl_info facts{};
  link_map* mine = nullptr;
  const link_map* first = nullptr;
  void* program = ::dlopen(nullptr, RTLD_LAZY);
  if (program == nullptr || ::dlinfo(program, RTLD_DI_LINKMAP, &first) != 0 ||
      ::dladdr1(reinterpret_cast<const void*>(&is_loaded_at_start), &facts,
                reinterpret_cast<void**>(&mine), RTLD_DL_LINKMAP) == 0 ||
      mine == first) {
    return false;
  }
  ::dlclose(program);
  // From the executable on, along what each object needs.
  std::vector<const link_map*> to_visit{first};
  std::set<const link_map*> seen{first};
  while (!to_visit.empty() && !seen.contains(mine)) {
    const link_map* object = to_visit.back();
    to_visit.pop_back();
    for (const std::string& name : needed_by(*object)) {
      const link_map* next = object_named(first, name);
      if (next != nullptr && seen.insert(next).second) {
        to_visit.push_back(next);
      }
    }
  }
  return seen.contains(mine);
}

}  // namespace narke::internal
