// The loops of one target: what a target's file instantiates. See simd.h for the two macros.
#pragma once

#include "gradient.h"
#include "kernels.h"
#include "layer_backward.h"
#include "layer_forward.h"
#include "layer_trace.h"
#include "loss.h"
#include "simd.h"
#include "stream_push.h"
#include "tile.h"

namespace clew::CLEW_TARGET {

template <class T, Vec<T> (*f)(Vec<T>)>
void map(const T* x, T* y, std::ptrdiff_t n) {
  constexpr std::ptrdiff_t width = lanes<T>;
  std::ptrdiff_t i = 0;
  for (; i + 2 * width <= n; i += 2 * width) {  // two at once hide each other's latency
    const Vec<T> first = f(load<T>(x + i)), second = f(load<T>(x + i + width));
    store<T>(y + i, first);
    store<T>(y + i + width, second);
  }
  for (; i < n; i += width) {
    const std::ptrdiff_t left = n - i < width ? n - i : width;
    Vec<T> last{};
    __builtin_memcpy(&last, x + i, left * sizeof(T));
    last = f(last);
    __builtin_memcpy(y + i, &last, left * sizeof(T));
  }
}

// Ten sums are enough to hide the latency of two fused units (4 to 5 cycles each).
template <class T>
double multiply_add(std::ptrdiff_t rounds) {
  constexpr int sums = 10, unrolled = 8;
  Vec<T> sum[sums];
  for (int k = 0; k < sums; ++k) sum[k] = all<T>(T(k));
  Vec<T> factor = all<T>(T(0.999)), term = all<T>(T(0.001));
  __asm__ volatile("" : "+m"(factor), "+m"(term));  // not known while compiling
  for (std::ptrdiff_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 8
    for (int u = 0; u < unrolled; ++u) {
#pragma GCC unroll 10
      for (int k = 0; k < sums; ++k) sum[k] = sum[k] * factor + term;
    }
  }
  Vec<T> total{};
  for (int k = 0; k < sums; ++k) total += sum[k];
  __asm__ volatile("" : : "m"(total));  // used
  return 2.0 * lanes<T> * sums * unrolled * static_cast<double>(rounds);
}

inline void read(const void* data, std::size_t bytes, std::ptrdiff_t passes) {
  using Word = Vec<std::int64_t>;
  constexpr std::size_t step = 16 * sizeof(Word);  // divides 1024
  const char* from = static_cast<const char*>(data);
  Word seen[8] = {};
  for (std::ptrdiff_t pass = 0; pass < passes; ++pass) {
    __asm__ volatile("" : : "r"(from) : "memory");  // every pass reads anew
    for (std::size_t at = 0; at < bytes; at += step) {
#pragma GCC unroll 16
      for (std::size_t k = 0; k < 16; ++k) {
        Word word;
        __builtin_memcpy(&word, from + at + k * sizeof(Word), sizeof word);
        seen[k % 8] |= word;
      }
    }
  }
  Word total{};
  for (const Word& word : seen) total |= word;
  __asm__ volatile("" : : "m"(total));
}

template <class T>
inline constexpr Maps<T> maps = {map<T, exp<T>>, map<T, sigmoid<T>>, map<T, tanh<T>>};

}  // namespace clew::CLEW_TARGET
