// Worker threads. torch's are used wherever they can be: its OpenMP workers spin for a while after
// each region, and a second pool beside them would fight them for the cores.
//
// GCC's OpenMP does not survive fork() by itself: the child has the runtime's memory of threads that
// do not exist there, and would wait for them for ever. So it is told to end them before each fork;
// where that cannot be, the child gets threads of our own.
#include "pool.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>

namespace clew {
namespace {

using Work = void (*)(void* context, int index, int count);

// A pause takes 10 to 140 cycles: 5 to 60 us in all. Then there may be more threads than cores, and
// the one awaited needs this one's.
constexpr int spins = 1000;

void pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory");  // "yield" does nothing on most
#endif
}

template <class Done>
void wait_until(const Done& done) {
  for (int spin = 0; !done(); ++spin)
    if (spin < spins)
      pause();
    else
      sched_yield();
}

// ------------------------------------------------------------------------------------- OpenMP

struct OpenMP {
  void (*parallel)(void (*)(void*), void*, unsigned threads, unsigned flags);  // as GCC calls it
  int (*thread_num)(), (*num_threads)(), (*max_threads)(), (*in_parallel)();
  int (*pause)(int kind);  // since OpenMP 5; null before
};

std::atomic<const OpenMP*> openmp{nullptr};
std::atomic<bool> openmp_lost{false};  // in this process, for ever

// As the dynamic linker binds a call in `library`: what was loaded for all comes first, for
// instance with LD_PRELOAD, then what the library is linked with.
template <class Function>
bool find(void* library, const char* name, Function*& function) {
  void* found = dlsym(RTLD_DEFAULT, name);
  if (found == nullptr) found = dlsym(library, name);
  function = reinterpret_cast<Function*>(found);
  return found != nullptr;
}

struct Region {
  Work work;
  void* context;
  int threads;
  const OpenMP* omp;
};

void run_region(void* data) {
  const Region region = *static_cast<const Region*>(data);
  const int index = region.omp->thread_num();
  const int count = std::min(region.threads, region.omp->num_threads());
  if (index < count) region.work(region.context, index, count);
}

void run_openmp(const OpenMP* omp, int threads, Work work, void* context) {
  if (omp->in_parallel()) return work(context, 0, 1);
  // Always torch's whole team, as torch's own regions do: a smaller one would end threads that the
  // next operation of torch had to start again.
  Region region{work, context, threads, omp};
  omp->parallel(run_region, &region, std::max(threads, omp->max_threads()), 0);
}

// ---------------------------------------------------------------------------------- own threads

// Threads that are started when first needed and never end. Each waits for its own count of jobs to
// rise, spinning shortly, then asleep; so a job wakes no more threads than it uses.
class Pool {
 public:
  void run(int threads, Work work, void* context) {
    if (busy_.exchange(true, std::memory_order_acquire)) return work(context, 0, 1);
    start(threads - 1);
    const int others = std::min(threads - 1, size_);
    work_ = work, context_ = context, count_ = others + 1;
    left_.store(others, std::memory_order_relaxed);
    for (int i = 0; i < others; ++i) wake(*workers_[i]);
    work(context, 0, count_);
    wait_until([&] { return left_.load(std::memory_order_acquire) == 0; });
    busy_.store(false, std::memory_order_release);
  }

 private:
  struct alignas(64) Worker {
    std::atomic<std::uint32_t> jobs{0};
    std::atomic<bool> asleep{false};
    std::mutex mutex;
    std::condition_variable woken;
  };

  void start(int others) {
    for (; size_ < std::min(others, most_threads - 1); ++size_) {
      try {
        workers_[size_] = std::make_unique<Worker>();
        std::thread([this, index = size_ + 1, worker = workers_[size_].get()] {
          serve(index, *worker);
        }).detach();
      } catch (const std::exception&) {  // the system gives no more: run on those there are
        return;
      }
    }
  }

  // Either the worker sees the job before it sleeps, or it is seen asleep here: both orders are
  // the sequentially consistent one.
  static void wake(Worker& worker) {
    worker.jobs.fetch_add(1);
    if (!worker.asleep.load()) return;
    const std::lock_guard lock(worker.mutex);
    worker.woken.notify_one();
  }

  void serve(int index, Worker& worker) {
    for (std::uint32_t done = 0;; ++done) {
      const auto called = [&] { return worker.jobs.load() != done; };
      for (int spin = 0; spin < spins && !called(); ++spin) pause();
      if (!called()) {
        std::unique_lock lock(worker.mutex);
        worker.asleep.store(true);
        worker.woken.wait(lock, called);
        worker.asleep.store(false);
      }
      work_(context_, index, count_);
      left_.fetch_sub(1, std::memory_order_release);
    }
  }

  std::atomic<bool> busy_{false};
  int size_ = 0;
  std::unique_ptr<Worker> workers_[most_threads - 1];
  Work work_ = nullptr;
  void* context_ = nullptr;
  int count_ = 0;
  alignas(64) std::atomic<int> left_{0};
};

// Never destroyed: its threads wait in it until the process ends.
std::atomic<Pool*> pool{nullptr};

Pool& own() {
  Pool* found = pool.load();
  if (found == nullptr) {
    auto made = std::make_unique<Pool>();
    if (pool.compare_exchange_strong(found, made.get())) found = made.release();
  }
  return *found;
}

// ----------------------------------------------------------------------------------------- fork

thread_local bool rested = false;

// Ends the workers of the thread that forks, the only one that the child has; the next parallel
// region here or there starts new ones. It fails within a parallel region.
void before_fork() {
  constexpr int soft = 1;  // omp_pause_soft: settings are kept
  const OpenMP* omp = openmp.load();
  rested = omp != nullptr && omp->pause != nullptr && omp->pause(soft) == 0;
}

void after_fork_in_child() {
  pool.store(nullptr);  // its threads are not here: the memory is left to itself
  if (rested) return;
  openmp_lost.store(true);
  openmp.store(nullptr);
}

[[maybe_unused]] const int watched =
    pthread_atfork(before_fork, nullptr, after_fork_in_child);

}  // namespace

void parallel(int threads, Work work, void* context) {
  threads = std::min(threads, most_threads);
  if (threads <= 1) return work(context, 0, 1);
  if (const OpenMP* omp = openmp.load(std::memory_order_acquire))
    run_openmp(omp, threads, work, context);
  else
    own().run(threads, work, context);
}

Barrier::Barrier(int count) : count_(count) {
  for (int index = 0; index < count; ++index) lines_[index].round = 0;
}

void Barrier::wait(int index) { wait(index, count_); }

void Barrier::wait(int index, int count) {
  const std::uint32_t round = lines_[index].round + 1;
  __atomic_store_n(&lines_[index].round, round, __ATOMIC_RELEASE);
  for (int other = 0; other < count; ++other) {
    const std::uint32_t* theirs = &lines_[other].round;
    // Another may be one round ahead already; the difference is right beyond the largest count too.
    wait_until([&] {
      return static_cast<std::int32_t>(__atomic_load_n(theirs, __ATOMIC_ACQUIRE) - round) >= 0;
    });
  }
}

void use_openmp(const std::string& path) {
  openmp.store(nullptr);
  if (path.empty() || openmp_lost.load()) return;
  void* library = dlopen(path.c_str(), RTLD_LAZY | RTLD_NOLOAD);
  if (library == nullptr) return;
  auto omp = std::make_unique<OpenMP>();
  find(library, "omp_pause_resource_all", omp->pause);
  if (find(library, "GOMP_parallel", omp->parallel) &&
      find(library, "omp_get_thread_num", omp->thread_num) &&
      find(library, "omp_get_num_threads", omp->num_threads) &&
      find(library, "omp_get_max_threads", omp->max_threads) &&
      find(library, "omp_in_parallel", omp->in_parallel))
    openmp.store(omp.release());  // for ever: others may be running on it
}

std::string thread_source() { return openmp.load() ? "openmp" : "own"; }

std::vector<int> parallel_probe(int threads, int rounds) {
  std::vector<int> indices(most_threads, -1), progress(most_threads, 0);
  std::atomic<int> ran{0};
  std::atomic<bool> ahead{false};
  Barrier barrier(std::clamp(threads, 1, most_threads));
  parallel(threads, [&](int index, int count) {
    indices[index] = index;
    if (index == 0) ran.store(count);
    for (int round = 1; round <= rounds; ++round) {
      progress[index] = round;
      barrier.wait(index, count);
      for (int other = 0; other < count; ++other)
        if (progress[other] != round) ahead.store(true);
      barrier.wait(index, count);
    }
  });
  if (ahead.load()) throw std::logic_error("a thread ran ahead of a barrier");
  indices.resize(ran.load());
  return indices;
}

}  // namespace clew
