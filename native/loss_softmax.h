// The softmax of the loss. Scores stand as (V, R): what belongs to one row of hidden is a column
// here, so that vectors hold the same word of several rows and nothing is added across lanes.
#pragma once

#include "simd.h"
#include "tile.h"

namespace clew::CLEW_TARGET {

// What a chunk of the vocabulary adds to a row, (R,) each: its largest score, the sum of
// e^(score - largest), the sum of scores. The last is null where there is no smoothing.
template <class T>
struct Partial {
  T *most, *sum, *total;
};

// A row when all of its scores were seen, (R,) each: the gradient of a score is
// e^(score - most) times `factor`, less `each`, and less `target` where it is the target's.
template <class T>
struct Seen {
  T *most, *factor, *each, *target;
};

template <class T>
inline constexpr T infinity = static_cast<T>(__builtin_inf());

// What is taken from scores before exp: their maximum, but zero where all are -inf, because
// -inf less itself is NaN.
template <class T>
CLEW_INLINE Vec<T> shift_of(Vec<T> most) {
  return most == -infinity<T> ? Vec<T>{} : most;
}

// x (count, two vectors) gets its bias; the columns' partial sums.
template <class T>
__attribute__((noinline)) void sum_scores(T* x, std::ptrdiff_t ld, std::ptrdiff_t count,
                                          const T* bias, Partial<T> to) {
  constexpr std::ptrdiff_t width = lanes<T>;
  Vec<T> most[2] = {all<T>(-infinity<T>), all<T>(-infinity<T>)}, total[2] = {};
  for (std::ptrdiff_t v = 0; v < count; ++v)
#pragma GCC unroll 2
    for (int k = 0; k < 2; ++k) {
      T* const at = x + v * ld + k * width;
      Vec<T> score = load<T>(at);
      if (bias) {
        score += broadcast<T>(bias[v]);
        store<T>(at, score);
      }
      most[k] = score > most[k] ? score : most[k];  // NaN is passed over, and met by exp
      if (to.total) total[k] += score;
    }
  const Vec<T> shift[2] = {shift_of<T>(most[0]), shift_of<T>(most[1])};
  Vec<T> sum[2] = {};
  for (std::ptrdiff_t v = 0; v < count; ++v)
#pragma GCC unroll 2
    for (int k = 0; k < 2; ++k) sum[k] += exp<T>(load<T>(x + v * ld + k * width) - shift[k]);
  for (int k = 0; k < 2; ++k) {
    store<T>(to.most + k * width, most[k]);
    store<T>(to.sum + k * width, sum[k]);
    if (to.total) store<T>(to.total + k * width, total[k]);
  }
}

// x (count, two vectors) becomes the gradient of the scores, but for the targets' part; `bias` is
// null where x has it already.
template <class T>
__attribute__((noinline)) void differentiate_scores(T* x, std::ptrdiff_t ld, std::ptrdiff_t count,
                                                    const T* bias, Seen<T> row) {
  constexpr std::ptrdiff_t width = lanes<T>;
  Vec<T> shift[2], factor[2], each[2];
  for (int k = 0; k < 2; ++k) {
    shift[k] = shift_of<T>(load<T>(row.most + k * width));
    factor[k] = load<T>(row.factor + k * width);
    each[k] = load<T>(row.each + k * width);
  }
  for (std::ptrdiff_t v = 0; v < count; ++v)
#pragma GCC unroll 2
    for (int k = 0; k < 2; ++k) {
      T* const at = x + v * ld + k * width;
      Vec<T> score = load<T>(at);
      if (bias) score += broadcast<T>(bias[v]);
      store<T>(at, exp<T>(score - shift[k]) * factor[k] - each[k]);
    }
}

// The sum of n values in a fixed order: lanes first, then across them.
template <class T>
CLEW_INLINE T sum_of(const T* x, std::ptrdiff_t n) {
  constexpr std::ptrdiff_t width = lanes<T>;
  Vec<T> sum[2] = {};
  std::ptrdiff_t i = 0;
  for (; i + 2 * width <= n; i += 2 * width) {
    sum[0] += load<T>(x + i);
    sum[1] += load<T>(x + i + width);
  }
  sum[0] += sum[1];
  T total = 0;
  for (std::ptrdiff_t k = 0; k < width; ++k) total += sum[0][k];
  for (; i < n; ++i) total += x[i];
  return total;
}

}  // namespace clew::CLEW_TARGET
