// What this processor can do at most: multiplications and additions a second, and how fast each
// level of memory is read. The best of repeated tries, since other work only ever slows one down.
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <thread>

#include "kernels.h"

namespace clew {
namespace {

using Clock = std::chrono::steady_clock;

double since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Runs work(0) ... work(threads - 1) at the same time; gives the seconds of the slowest.
template <class Work>
double together(int threads, const Work& work) {
  std::atomic<int> waiting{threads};
  std::vector<double> took(threads);
  const auto run = [&](int index) {
    waiting.fetch_sub(1);
    while (waiting.load() > 0) std::this_thread::yield();
    const auto start = Clock::now();
    work(index);
    took[index] = since(start);
  };
  std::vector<std::thread> others;
  for (int index = 1; index < threads; ++index) others.emplace_back(run, index);
  run(0);
  for (auto& other : others) other.join();
  return *std::max_element(took.begin(), took.end());
}

// The most of work(repeats) a second, repeats chosen so that one try takes about a tenth of the
// time there is.
template <class Work>
double best_rate(double seconds, const Work& work) {
  const auto start = Clock::now();
  std::ptrdiff_t repeats = 1;
  double best = 0;
  do {
    const auto [done, took] = work(repeats);
    if (took > 0) best = std::max(best, done / took);
    if (took < seconds / 20) repeats *= 2;
  } while (since(start) < seconds);
  return best;
}

struct Free {
  void operator()(char* memory) const { std::free(memory); }
};

}  // namespace

double multiply_add_gflops(const Kernels& kernels, bool is_double, int threads, double seconds) {
  const auto loop = is_double ? kernels.multiply_add_f64 : kernels.multiply_add_f32;
  return best_rate(seconds, [&](std::ptrdiff_t repeats) {
    std::vector<double> done(threads);
    const double took =
        together(threads, [&](int index) { done[index] = loop(1000 * repeats); });
    return std::pair(done[0] * threads, took);
  }) * 1e-9;
}

double read_gigabytes(const Kernels& kernels, std::size_t bytes, int threads, double seconds) {
  const std::size_t each = std::max<std::size_t>(bytes / threads / 1024, 1) * 1024;
  std::vector<std::unique_ptr<char, Free>> data;
  for (int index = 0; index < threads; ++index) {
    data.emplace_back(static_cast<char*>(std::aligned_alloc(1024, each)));
    if (!data.back()) throw std::bad_alloc();
    std::memset(data.back().get(), index, each);  // real pages, not the one page of zeros
  }
  return best_rate(seconds, [&](std::ptrdiff_t repeats) {
    const double took = together(
        threads, [&](int index) { kernels.read(data[index].get(), each, repeats); });
    return std::pair(static_cast<double>(each) * threads * repeats, took);
  }) * 1e-9;
}

std::size_t cache_bytes(int level) {
  long size = 0;
#ifdef _SC_LEVEL1_DCACHE_SIZE
  size = level == 1   ? sysconf(_SC_LEVEL1_DCACHE_SIZE)
         : level == 2 ? sysconf(_SC_LEVEL2_CACHE_SIZE)
         : level == 3 ? sysconf(_SC_LEVEL3_CACHE_SIZE)
                      : 0;
#else
  (void)level;
#endif
  return size > 0 ? static_cast<std::size_t>(size) : 0;
}

}  // namespace clew
