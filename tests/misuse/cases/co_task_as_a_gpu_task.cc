// expect: a GPU task cannot be a co_task
#include <narke/narke.hpp>

narke::co_task<int> on_gpu(narke::gpu_context&, int x) { co_return x; }

int main() { narke::task(on_gpu, {.num_gpus = 1}).remote(1); }
