// Rows to columns, a square of one vector by as many rows at a time, within the registers.
#pragma once

#include <utility>

#include "tile.h"

namespace clew::CLEW_TARGET {

// Lanes with the bit `step` of a change places with those without it of b.
template <class T, std::size_t step, std::size_t... lane>
CLEW_INLINE void exchange(Vec<T>& a, Vec<T>& b, std::index_sequence<lane...>) {
  constexpr std::size_t n = sizeof...(lane);
  const Vec<T> first =
      __builtin_shufflevector(a, b, static_cast<int>(lane & step ? n + lane - step : lane)...);
  b = __builtin_shufflevector(a, b, static_cast<int>(lane & step ? n + lane : lane + step)...);
  a = first;
}

template <class T, std::size_t step = 1>
CLEW_INLINE void transpose(Vec<T> (&x)[lanes<T>]) {
  constexpr std::size_t n = lanes<T>;
#pragma GCC unroll 16
  for (std::size_t i = 0; i < n; ++i)
    if (!(i & step)) exchange<T, step>(x[i], x[i + step], std::make_index_sequence<n>());
  if constexpr (2 * step < n) transpose<T, 2 * step>(x);
}

// `count` rows of K values, as many as there are lanes at most, become K vectors, zeros where there
// is no row.
template <class T>
__attribute__((noinline)) void pack_columns(const T* from, std::ptrdiff_t ld, std::ptrdiff_t K,
                                            std::ptrdiff_t count, T* to, std::ptrdiff_t stride) {
  constexpr std::ptrdiff_t n = lanes<T>;
  for (std::ptrdiff_t k = 0; k < K; k += n) {
    Vec<T> x[n];
#pragma GCC unroll 16
    for (std::ptrdiff_t j = 0; j < n; ++j)
      x[j] = j < count ? load_some<T>(from + j * ld + k, K - k) : Vec<T>{};
    transpose<T>(x);
#pragma GCC unroll 16
    for (std::ptrdiff_t i = 0; i < n; ++i)
      if (k + i < K) store<T>(to + (k + i) * stride, x[i]);
  }
}

}  // namespace clew::CLEW_TARGET
