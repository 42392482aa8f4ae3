// How a process of the user's program becomes a worker without the user's help.
//
// The parent spawns the program again, with one variable in the environment and two descriptors.
//  1. This library is loaded before the program begins; its initialiser, called by the loader, sees
//     the variable, removes it, and checks that the descriptors are what the parent makes.
//  2. It asks to be killed when the parent dies, and looks whether the parent is there still.
//  3. The start code of the program will call __libc_start_main with the address of main, through
//     its own table of imported functions. There it puts a function of ours, which goes on to the C
//     library's with the address of our loop in place of main's.
// So the static objects of the program and of all its libraries are made in the usual order, and
// main is not called. In a process that is no worker, step 1 is one look into the environment.
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "base/environment.hpp"
#include "process/worker_control.hpp"
#include "process/worker_side.hpp"

namespace narke::internal {

namespace {

using main_function = int (*)(int, char**, char**);
using start_function = int (*)(main_function, int, char**, void (*)(), void (*)(), void (*)(),
                               void*);

constexpr int exit_code_no_worker = 126;

constinit run_as_task the_runner = nullptr;
constinit start_function the_start = nullptr;

int worker_main(int, char**, char**) {
  return run_calls(worker_socket, the_runner);
}

int start_worker(main_function, int count, char** arguments, void (*init)(), void (*fini)(),
                 void (*loader_fini)(), void* stack_end) {
  return the_start(worker_main, count, arguments, init, fini, loader_fini, stack_end);
}

[[noreturn]] void give_up(std::string_view why) {
  static_cast<void>(::write(STDERR_FILENO, why.data(), why.size()) < 0);
  ::_exit(exit_code_no_worker);
}

bool is_parents_socket(pid_t parent) {
  ucred peer{};
  socklen_t size = sizeof peer;
  return ::getsockopt(worker_socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
         peer.pid == parent && peer.uid == ::geteuid();
}

bool is_control_file() {
  struct stat facts {};
  const int seals = ::fcntl(worker_control_file, F_GET_SEALS);
  return seals >= 0 && (seals & F_SEAL_SHRINK) != 0 && ::fstat(worker_control_file, &facts) == 0 &&
         facts.st_size == static_cast<off_t>(sizeof(worker_control));
}

// What the start code imports, and where it finds its address: an entry of the executable's table.
class imports_of_program {
 public:
  explicit imports_of_program(const dl_phdr_info& program) : base_{program.dlpi_addr} {
    for (std::size_t i = 0; i != program.dlpi_phnum; ++i) {
      const ElfW(Phdr)& segment = program.dlpi_phdr[i];
      if (segment.p_type == PT_DYNAMIC) {
        entries_ = reinterpret_cast<const ElfW(Dyn)*>(base_ + segment.p_vaddr);
      } else if (segment.p_type == PT_GNU_RELRO) {
        read_only_begin_ = base_ + segment.p_vaddr;
        read_only_end_ = read_only_begin_ + segment.p_memsz;
      }
    }
  }

  /// Whether the loader has made the entry read-only.
  [[nodiscard]] bool is_read_only(void** slot) const {
    const auto at = reinterpret_cast<std::uintptr_t>(slot);
    return at >= read_only_begin_ && at < read_only_end_;
  }
  /// Null when the program does not import it.
  void** slot_of(std::string_view name) const {
    if (entries_ == nullptr) {
      return nullptr;
    }
    void** slot = find(address(DT_RELA), value(DT_RELASZ), name);
    return slot != nullptr ? slot : find(address(DT_JMPREL), value(DT_PLTRELSZ), name);
  }

 private:
  [[nodiscard]] std::uintptr_t value(ElfW(Sxword) tag) const {
    for (const ElfW(Dyn)* each = entries_; each->d_tag != DT_NULL; ++each) {
      if (each->d_tag == tag) {
        return static_cast<std::uintptr_t>(each->d_un.d_val);
      }
    }
    return 0;
  }
  // Some loaders make these values addresses, some leave them relative.
  [[nodiscard]] std::uintptr_t address(ElfW(Sxword) tag) const {
    const std::uintptr_t found = value(tag);
    return found != 0 && found < base_ ? found + base_ : found;
  }
  [[nodiscard]] void** find(std::uintptr_t table, std::size_t bytes, std::string_view name) const {
    const auto* relocations = reinterpret_cast<const ElfW(Rela)*>(table);
    const auto* symbols = reinterpret_cast<const ElfW(Sym)*>(address(DT_SYMTAB));
    const auto* names = reinterpret_cast<const char*>(address(DT_STRTAB));
    for (std::size_t i = 0; table != 0 && i != bytes / sizeof(ElfW(Rela)); ++i) {
      const ElfW(Sym)& symbol = symbols[ELF64_R_SYM(relocations[i].r_info)];
      if (name == names + symbol.st_name) {
        return reinterpret_cast<void**>(base_ + relocations[i].r_offset);
      }
    }
    return nullptr;
  }

  const std::uintptr_t base_;
  const ElfW(Dyn) * entries_ = nullptr;
  std::uintptr_t read_only_begin_ = 0;
  std::uintptr_t read_only_end_ = 0;
};

struct start_slot {
  void** address = nullptr;
  bool is_read_only = false;
};

start_slot find_start_slot() {
  start_slot slot;
  ::dl_iterate_phdr(
      [](dl_phdr_info* program, std::size_t, void* found) {
        const imports_of_program imports{*program};
        auto& into = *static_cast<start_slot*>(found);
        into.address = imports.slot_of("__libc_start_main");
        into.is_read_only = imports.is_read_only(into.address);
        return 1;  // the first is the executable
      },
      &slot);
  return slot;
}

bool write_slot(const start_slot& slot, void* address) {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  void* first =
      reinterpret_cast<void*>(reinterpret_cast<std::uintptr_t>(slot.address) / page * page);
  if (slot.is_read_only && ::mprotect(first, page, PROT_READ | PROT_WRITE) != 0) {
    return false;
  }
  *slot.address = address;
  return !slot.is_read_only || ::mprotect(first, page, PROT_READ) == 0;
}

bool take_place_of_main() {
  const start_slot slot = find_start_slot();
  the_start = reinterpret_cast<start_function>(::dlsym(RTLD_DEFAULT, "__libc_start_main"));
  return slot.address != nullptr && the_start != nullptr &&
         write_slot(slot, reinterpret_cast<void*>(&start_worker));
}

void say_cannot_start(const std::string& why) {
  message_writer to;
  to.write(why);
  static_cast<void>(send_message(worker_socket, message_kind::cannot_start, to));
}

}  // namespace

void become_worker_if_spawned(run_as_task runner) noexcept {
  const auto parent_text = environment_value(worker_variable);
  if (!parent_text) {
    return;
  }
  ::unsetenv(worker_variable);
  pid_t parent = 0;
  std::from_chars(parent_text->data(), parent_text->data() + parent_text->size(), parent);
  if (!is_parents_socket(parent) || !is_control_file()) {
    give_up(
        "narke: NARKE_WORKER_OF is set, and this is no worker process of a narke program; it "
        "is not for people to set\n");
  }
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) {
    ::_exit(exit_code_no_worker);  // it died before it could be asked to tell
  }
  ::prctl(PR_SET_NAME, "narke-worker");
  ::fcntl(worker_socket, F_SETFD, FD_CLOEXEC);
  ::fcntl(worker_control_file, F_SETFD, FD_CLOEXEC);
  the_runner = runner;
  if (!take_place_of_main()) {
    say_cannot_start(
        "this program does not begin by __libc_start_main of a shared C library, so it cannot be "
        "started as a worker; leave isolation at isolation::thread");
    ::_exit(exit_code_no_worker);
  }
}

}  // namespace narke::internal
