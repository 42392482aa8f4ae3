// Everything of narke. Start here:
//   task.hpp       task(f).remote(…): a callable as a task
//   get.hpp        get, wait, as_completed, is_ready
//   map.hpp        map: a function over all elements of a range
//   put.hpp        put: a value into the store
//   array.hpp      array, array_builder, device_span: elements in memory or on GPUs
//   gpu_context.hpp  what the body of a GPU task works with
//   promise.hpp    promise: a ref that is completed from outside
//   actor.hpp      actor<T>().remote(…), get_actor, kill, this_actor
//   generator.hpp  generator<T>: tasks and methods that yield a stream of results
//   placement_group.hpp  resources reserved together, close or apart
//   object_ref.hpp what remote and put return
//   co_task.hpp    co_task<T>: tasks that wait by co_await, without a thread
//   runtime.hpp    init, shutdown, session, stop_requested, this_task
//   options.hpp    the options of all of these
//   resources.hpp  cluster_resources, available_resources, nodes, gpus, report, timeline, explain,
//                  advice
//   cancel.hpp     cancel
//   serialize.hpp  serializer<T>: your own types in tasks with isolation::process
//   errors.hpp     what is thrown
#pragma once

#include <narke/actor.hpp>
#include <narke/array.hpp>
#include <narke/cancel.hpp>
#include <narke/co_task.hpp>
#include <narke/errors.hpp>
#include <narke/generator.hpp>
#include <narke/get.hpp>
#include <narke/gpu_context.hpp>
#include <narke/map.hpp>
#include <narke/object_ref.hpp>
#include <narke/options.hpp>
#include <narke/placement_group.hpp>
#include <narke/promise.hpp>
#include <narke/put.hpp>
#include <narke/resources.hpp>
#include <narke/runtime.hpp>
#include <narke/serialize.hpp>
#include <narke/size_bytes.hpp>
#include <narke/task.hpp>
