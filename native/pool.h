// Worker threads: the same work on several threads at once, and a barrier between them.
//
// The targets' files include this, so nothing here has a body that the linker could take from one
// target for another: what is not a template over the caller's own type is defined in pool.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace clew {

inline constexpr int most_threads = 64;

// Runs work(context, index, count) for index 0 ... count - 1, each on a thread of its own, all at
// the same time (so that work may wait at a Barrier), the caller being index 0; returns when all
// are done. count is at most `threads` and most_threads, and what there really was: 1 inside
// another parallel region, or where the system gives no more. No exception may leave work.
void parallel(int threads, void (*work)(void* context, int index, int count), void* context);

// The same for f(index, count). F is to be of the caller's target: a lambda there is.
template <class F>
inline __attribute__((always_inline)) void parallel(int threads, const F& f) {
  parallel(
      threads,
      [](void* context, int index, int count) { (*static_cast<const F*>(context))(index, count); },
      const_cast<F*>(&f));
}

// Where `count` threads wait for each other, again and again. Each counts its rounds on a cache
// line of its own, written by nobody else; what was written before wait() is seen after it.
struct alignas(64) Barrier {
  explicit Barrier(int count);  // 1 to most_threads
  void wait(int index);
  void wait(int index, int count);  // of the first `count`: parallel() may give fewer than asked

 private:
  struct alignas(64) Line {
    std::uint32_t round;
  };
  int count_;
  Line lines_[most_threads];
};

// The OpenMP runtime to run on: that which the loaded library of this path calls (the runtime
// itself, or one linked with it). Own threads are used if the path is empty, if no runtime is found,
// and in a forked process whose parent could not prepare the runtime for it.
void use_openmp(const std::string& path);

// Whose threads parallel() runs on: "openmp" or "own".
std::string thread_source();

// A trial: the indices that ran. Each meets the others at a barrier `rounds` times; std::logic_error
// if one ever ran ahead.
std::vector<int> parallel_probe(int threads, int rounds);

}  // namespace clew
