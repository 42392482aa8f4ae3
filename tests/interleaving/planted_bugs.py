"""Bugs that the tests of interleavings have to find: name, source, the right text, the wrong text.

PLANTED in the wrong text stands for "this bug is switched on". The wrong text has the right one in
it, for when it is not.
"""

DEQUE = "src/worker/work_deque.hpp"
QUEUE = "src/worker/injection_queue.hpp"
PARKER = "src/worker/parker.cpp"
IDLE = "src/worker/idle_state.hpp"
SLOT = "src/task/slot.cpp"
SLOT_HEADER = "include/narke/detail/result_slot.hpp"
NODE = "include/narke/detail/task_node.hpp"
NODE_SOURCE = "src/task/node.cpp"
ROOM = "src/task/waiting_room.cpp"
INBOX = "src/actor/call_inbox.hpp"
GPU_PART = "src/task/gpu_part.cpp"
CO_WAIT = "src/worker/co_wait.hpp"
FAILURES = "src/worker/failure_watch.cpp"

BUGS = [
    ("failures: one watcher is told", FAILURES,
     "each != nullptr; each = each->next_) {\n",
     "each != nullptr; each = PLANTED ? nullptr : each->next_) {\n"),
    ("deque: the last item is taken without a race for it", DEQUE,
     "if (top == bottom) {",
     "if (top == bottom && !PLANTED) {"),
    ("deque: the owner reads the top before he lowers the bottom", DEQUE,
     "    bottom_.store(bottom, std::memory_order_seq_cst);\n"
     "    std::int64_t top = top_.load(std::memory_order_seq_cst);\n",
     "    std::int64_t top = PLANTED ? top_.load() : 0;\n"
     "    bottom_.store(bottom, std::memory_order_seq_cst);\n"
     "    top = PLANTED ? top : top_.load(std::memory_order_seq_cst);\n"),
    ("deque: the bottom is raised before several are there", DEQUE,
     "    for (std::size_t i = 0; i != count; ++i) {\n"
     "      to->at(",
     "    if (PLANTED) {\n"
     "      bottom_.store(end);\n"
     "    }\n"
     "    for (std::size_t i = 0; i != count; ++i) {\n"
     "      to->at("),
    ("deque: a thief reads the item after his swap", DEQUE,
     "    if (!top_.compare_exchange_strong(top, top + 1, std::memory_order_seq_cst,\n"
     "                                      std::memory_order_relaxed)) {\n"
     "      return nullptr;\n"
     "    }\n"
     "    return item;\n",
     "    const std::int64_t seen = top;\n"
     "    if (!top_.compare_exchange_strong(top, top + 1, std::memory_order_seq_cst,\n"
     "                                      std::memory_order_relaxed)) {\n"
     "      return nullptr;\n"
     "    }\n"
     "    return PLANTED ? ring_.load()->at(seen).load() : item;\n"),
    ("queue: two consumers at once", QUEUE,
     "        consumer_busy_.exchange(true, std::memory_order_acquire)) {",
     "        (consumer_busy_.exchange(true, std::memory_order_acquire) && !PLANTED)) {"),
    ("queue: empty looks at the consumer's end alone", QUEUE,
     "    return head == tail_.load(std::memory_order_seq_cst);\n",
     "    return (PLANTED && head != 0) || head == tail_.load(std::memory_order_seq_cst);\n"),
    ("queue: a segment may be pushed to before its place is free", QUEUE,
     "        place_of(head - 1).store(nullptr, std::memory_order_relaxed);\n"
     "        end_.store(head + Segments * Slots, std::memory_order_release);\n",
     "        if (PLANTED) {\n"
     "          end_.store(head + Segments * Slots);\n"
     "        }\n"
     "        place_of(head - 1).store(nullptr, std::memory_order_relaxed);\n"
     "        end_.store(head + Segments * Slots, std::memory_order_release);\n"),
    ("queue: two make a segment, and each uses his own", QUEUE,
     "    keep(made);\n"
     "    return found;\n",
     "    if (PLANTED) {\n"
     "      place.store(made);\n"
     "      return made;\n"
     "    }\n"
     "    keep(made);\n"
     "    return found;\n"),
    ("parker: the sleeper writes over a wake", PARKER,
     "    state_.compare_exchange_strong(nothing, 2, std::memory_order_acq_rel,\n"
     "                                   std::memory_order_acquire);\n",
     "    if (PLANTED) {\n"
     "      state_.store(2);\n"
     "    } else\n"
     "    state_.compare_exchange_strong(nothing, 2, std::memory_order_acq_rel,\n"
     "                                   std::memory_order_acquire);\n"),
    ("parker: the waker calls the kernel only by what it saw before", PARKER,
     "  if (word->exchange(1, std::memory_order_acq_rel) == 2) {",
     "  const bool sleeps = PLANTED && word->load() == 2;\n"
     "  if (word->exchange(1, std::memory_order_acq_rel) == 2 && (sleeps || !PLANTED)) {"),
    ("parker: who gives up takes a wake with him", PARKER,
     "      if (state_.compare_exchange_strong(asleep, 0, std::memory_order_acq_rel,\n"
     "                                         std::memory_order_acquire) ||\n"
     "          asleep == 0) {\n",
     "      if ((PLANTED && state_.exchange(0) != 3) ||\n"
     "          state_.compare_exchange_strong(asleep, 0, std::memory_order_acq_rel,\n"
     "                                         std::memory_order_acquire) ||\n"
     "          asleep == 0) {\n"),
    ("idle: a change is written over what others wrote", IDLE,
     "      if (word_.compare_exchange_weak(seen, packed(wanted), std::memory_order_seq_cst,\n",
     "      if (PLANTED) {\n"
     "        word_.store(packed(wanted));\n"
     "        return true;\n"
     "      }\n"
     "      if (word_.compare_exchange_weak(seen, packed(wanted), std::memory_order_seq_cst,\n"),
    ("slot: an entry goes on a closed list", SLOT,
     "    entry.next = newest_of(seen);\n",
     "    if (PLANTED) {\n"
     "      entry.next = nullptr;\n"
     "      word_.store(reinterpret_cast<std::uintptr_t>(&entry) | (seen & ~address_mask));\n"
     "      return true;\n"
     "    }\n"
     "    entry.next = newest_of(seen);\n"),
    ("slot: the list is read, then closed", SLOT,
     "    leaves = is_asked && (seen & thread_waits_mark) == 0;\n",
     "    leaves = is_asked && (seen & thread_waits_mark) == 0;\n"
     "    if (PLANTED) {\n"
     "      word_.store(closed_word(leaves));\n"
     "      break;\n"
     "    }\n"),
    ("slot: a dependent takes the mark of waiting threads away", SLOT,
     "      seen, reinterpret_cast<std::uintptr_t>(&entry) | (seen & ~address_mask),\n",
     "      seen, reinterpret_cast<std::uintptr_t>(&entry) |\n"
     "                (seen & ~(PLANTED ? address_mask | thread_waits_mark : address_mask)),\n"),
    ("slot: the producer does not look for a stop", SLOT,
     "    if ((seen & stop_mark) != 0) {\n",
     "    if ((seen & stop_mark) != 0 && !PLANTED) {\n"),
    ("slot: a stop that came too late counts as one in time", SLOT,
     "bool result_slot::mark_stop() noexcept {\n"
     "  std::uintptr_t seen = word_.load(std::memory_order_acquire);\n"
     "  do {\n"
     "    if ((seen & pending_mark) == 0) {\n",
     "bool result_slot::mark_stop() noexcept {\n"
     "  std::uintptr_t seen = word_.load(std::memory_order_acquire);\n"
     "  do {\n"
     "    if ((seen & pending_mark) == 0 && !PLANTED) {\n"),
    ("slot: unwanted is written over what the producer wrote", SLOT,
     "  } while (!word_.compare_exchange_weak(seen, seen | unwanted_mark,"
     " std::memory_order_acq_rel,\n",
     "    if (PLANTED) {\n"
     "      word_.store(seen | unwanted_mark);\n"
     "      return true;\n"
     "    }\n"
     "  } while (!word_.compare_exchange_weak(seen, seen | unwanted_mark,"
     " std::memory_order_acq_rel,\n"),
    ("slot: the last reference does not look for a producer", SLOT,
     "  if ((word_.load(std::memory_order_acquire) & pending_mark) != 0 && leave_to_producer())\n",
     "  if ((word_.load(std::memory_order_acquire) & pending_mark) != 0 && !PLANTED &&\n"
     "      leave_to_producer())\n"),
    ("slot: the producer does not look whether it is unwanted", SLOT,
     "  return (seen & unwanted_mark) != 0 ? settled::unwanted : settled::done;\n",
     "  return (seen & unwanted_mark) != 0 && !PLANTED ? settled::unwanted : settled::done;\n"),
    ("slot: the node is left while threads wait", SLOT,
     "    leaves = is_asked && (seen & thread_waits_mark) == 0;\n",
     "    leaves = is_asked && ((seen & thread_waits_mark) == 0 || PLANTED);\n"),
    ("slot: the node is left, and given up as well", SLOT_HEADER,
     " & leaves_node_mark) != 0 ? 2 : 1;\n",
     " & leaves_node_mark) != 0 && !PLANTED ? 2 : 1;\n"),
    ("slot: a hold ends in two steps", SLOT_HEADER,
     "        refs_.fetch_sub(held_mark, std::memory_order_acq_rel) == held_mark) {\n",
     "        (PLANTED ? (refs_.store(refs_.load() - held_mark), refs_.load() == 0)\n"
     "                 : refs_.fetch_sub(held_mark, std::memory_order_acq_rel) == held_mark)) {\n"),
    ("slot: a hold counts as a reference", SLOT_HEADER,
     "    return (refs_.load(std::memory_order_acquire) & ~held_mark) == 1;\n",
     "    return (refs_.load(std::memory_order_acquire) & ~(PLANTED ? 0 : held_mark)) == 1;\n"),
    ("slot: a reference is dropped in two steps", SLOT_HEADER,
     "        refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) {",
     "        (PLANTED ? (refs_.store(refs_.load() - 1), refs_.load() == 0)\n"
     "                 : refs_.fetch_sub(1, std::memory_order_acq_rel) == 1)) {"),
    ("room: a thread marks the slot before its entry is in", ROOM,
     "  {\n"
     "    bucket& its = bucket_of(slot);\n"
     "    const std::lock_guard lock{its.mutex};\n"
     "    its.link_locked(entry);\n"
     "  }\n"
     "  if (slot.mark_thread_waits()) {\n"
     "    return true;\n"
     "  }\n",
     "  const bool is_marked = PLANTED && slot.mark_thread_waits();\n"
     "  {\n"
     "    bucket& its = bucket_of(slot);\n"
     "    const std::lock_guard lock{its.mutex};\n"
     "    its.link_locked(entry);\n"
     "  }\n"
     "  if (is_marked || slot.mark_thread_waits()) {\n"
     "    return true;\n"
     "  }\n"),
    ("node: a task is looked at, then claimed", NODE,
     "    task_state expected = from;\n",
     "    if (PLANTED && state_.load() == from) {\n"
     "      state_.store(task_state::claimed);\n"
     "      return true;\n"
     "    }\n"
     "    task_state expected = from;\n"),
    ("node: who claims does not wait for who looks", NODE,
     "      let_inspection_end();\n",
     "      if (PLANTED) {\n"
     "        state_.store(task_state::claimed);\n"
     "        return true;\n"
     "      }\n"
     "      let_inspection_end();\n"),
    ("node: arguments are counted in two steps", NODE,
     "    return unready_.fetch_sub(1, std::memory_order_acq_rel) == 1;\n",
     "    if (PLANTED) {\n"
     "      const std::int32_t before = unready_.load();\n"
     "      unready_.store(before - 1);\n"
     "      return before == 1;\n"
     "    }\n"
     "    return unready_.fetch_sub(1, std::memory_order_acq_rel) == 1;\n"),
    ("node: the end of the registration counts in two steps", NODE,
     "    return unready_.fetch_sub(surplus, std::memory_order_acq_rel) == surplus;\n",
     "    if (PLANTED) {\n"
     "      const std::int32_t before = unready_.load();\n"
     "      unready_.store(before - surplus);\n"
     "      return before == surplus;\n"
     "    }\n"
     "    return unready_.fetch_sub(surplus, std::memory_order_acq_rel) == surplus;\n"),
    ("node: a looker counts though no argument is missing", NODE,
     "      if (unready <= 0) {\n",
     "      if (unready <= 0 && !PLANTED) {\n"),
    ("node: an early end does not ask who has the outcome", NODE,
     "    return outcome_.compare_exchange_strong(expected, outcome::early_begun,\n",
     "    if (PLANTED) {\n"
     "      outcome_.store(outcome::early_begun);\n"
     "      return true;\n"
     "    }\n"
     "    return outcome_.compare_exchange_strong(expected, outcome::early_begun,\n"),
    ("node: a body does not wait for who ends it early", NODE_SOURCE,
     "  while (outcome_.load(std::memory_order_acquire) == outcome::early_begun) {\n",
     "  while (outcome_.load(std::memory_order_acquire) == outcome::early_begun && !PLANTED) {\n"),
    ("node: ready is written over a claim", NODE,
     "    task_state expected = task_state::waiting;\n"
     "    return state_.compare_exchange_strong(expected, task_state::ready,"
     " std::memory_order_acq_rel,\n",
     "    task_state expected = task_state::waiting;\n"
     "    if (PLANTED) {\n"
     "      state_.store(task_state::ready);\n"
     "      return true;\n"
     "    }\n"
     "    return state_.compare_exchange_strong(expected, task_state::ready,"
     " std::memory_order_acq_rel,\n"),
    ("inbox: the flag is looked at before the call is in", INBOX,
     "    queue_.push(call);\n"
     "    return !is_watched_.load(std::memory_order_seq_cst) &&\n",
     "    const bool seen = PLANTED && is_watched_.load();\n"
     "    queue_.push(call);\n"
     "    return (PLANTED ? !seen : !is_watched_.load(std::memory_order_seq_cst)) &&\n"),
    ("co_wait: who ends it does not ask who was first", CO_WAIT,
     "    state expected = state::open;\n",
     "    if (PLANTED) {\n"
     "      const bool is_open = state_.load() == state::open;\n"
     "      state_.store(state::taken);\n"
     "      return is_open;\n"
     "    }\n"
     "    state expected = state::open;\n"),
    ("co_wait: it is opened before it is counted", CO_WAIT,
     "    node_.begin_suspension();\n",
     "    if (PLANTED) {\n"
     "      state_.store(state::open);\n"
     "    }\n"
     "    node_.begin_suspension();\n"),
    ("co_wait: the entry is on the list before it has a hold", CO_WAIT,
     "    refs_.fetch_add(1, std::memory_order_relaxed);\n",
     "    if (PLANTED) {\n"
     "      const bool is_hung_on = slot.add_dependent(entry_);\n"
     "      refs_.fetch_add(is_hung_on ? 1 : 0);\n"
     "      return is_hung_on;\n"
     "    }\n"
     "    refs_.fetch_add(1, std::memory_order_relaxed);\n"),
    ("co_wait: who hangs the entry on is not counted", NODE,
     "unready_.store(2, std::memory_order_release); }",
     "unready_.store(PLANTED ? 1 : 2, std::memory_order_release); }"),
    ("gpu part: the ordered list is read, then closed", GPU_PART,
     "  } while (!ordered_.compare_exchange_weak(head, closed, std::memory_order_acq_rel,\n",
     "    if (PLANTED) {\n"
     "      ordered_.store(closed);\n"
     "      break;\n"
     "    }\n"
     "  } while (!ordered_.compare_exchange_weak(head, closed, std::memory_order_acq_rel,\n"),
]
