// Rows times packed weights: the product at the bottom of every kernel.
//
// Weights are packed in panels of NV vectors: panel p holds for each k the NV * lanes columns it
// serves, one after the other, so that reading it is reading memory from end to end.
//
// Every output is one chain of fused multiply-adds in the order of k, from a first value given. So
// the bits of a result depend neither on the rows beside it, nor on how rows and panels were cut
// into tiles, nor on whether the sum was continued in a second call.
#pragma once

#include <cstddef>

#include "simd.h"

namespace clew::CLEW_TARGET {

template <class T>
CLEW_INLINE Vec<T> load(const T* from) {
  Vec<T> x;
  __builtin_memcpy(&x, from, sizeof x);
  return x;
}

template <class T>
CLEW_INLINE void store(T* to, Vec<T> x) {
  __builtin_memcpy(to, &x, sizeof x);
}

// Less nothing, which changes no number and costs nothing; adding zero would turn -0 into 0.
template <class T>
CLEW_INLINE Vec<T> broadcast(T value) {
  return value - Vec<T>{};
}

// The first `left` of the lanes; the rest are zeros.
template <class T>
CLEW_INLINE Vec<T> load_some(const T* from, std::ptrdiff_t left) {
  if (left >= lanes<T>) return load<T>(from);
  Vec<T> x{};
  if (left > 0) __builtin_memcpy(&x, from, left * sizeof(T));
  return x;
}

template <class T>
CLEW_INLINE void store_some(T* to, Vec<T> x, std::ptrdiff_t left) {
  if (left >= lanes<T>)
    store<T>(to, x);
  else if (left > 0)
    __builtin_memcpy(to, &x, left * sizeof(T));
}

CLEW_INLINE constexpr std::ptrdiff_t round_up(std::ptrdiff_t n, std::ptrdiff_t to) {
  return (n + to - 1) / to * to;
}

// Weights as they lie in a panel: T, or the upper half of a float.
struct Half {
  std::uint16_t bits;
};

template <class T>
CLEW_INLINE Vec<T> load_weights(const T* from) {
  return load<T>(from);
}

template <class T>
CLEW_INLINE Vec<T> load_weights(const Half* from) {
  static_assert(sizeof(T) == 4);
  typedef std::uint16_t Halves __attribute__((vector_size(CLEW_VECTOR_BYTES / 2)));
  typedef std::uint32_t Words __attribute__((vector_size(CLEW_VECTOR_BYTES)));
  Halves halves;
  __builtin_memcpy(&halves, from, sizeof halves);
#if defined(CLEW_X86) && CLEW_VECTOR_BYTES == 64  // GCC 12 makes four instructions of this one
  return (Vec<T>)((Words)_mm512_maskz_cvtepu16_epi32(-1, (__m256i)halves) << 16);
#elif defined(CLEW_X86) && CLEW_VECTOR_BYTES == 32
  return (Vec<T>)((Words)_mm256_cvtepu16_epi32((__m128i)halves) << 16);
#else
  return (Vec<T>)(__builtin_convertvector(halves, Words) << 16);
#endif
}

// How many rows of accumulators suit panels of NV vectors: what the registers hold.
template <int NV>
inline constexpr int tile_rows =
#if CLEW_VECTOR_BYTES == 64 || defined(__aarch64__)
    NV == 4 ? 6 : NV == 3 ? 8 : NV == 2 ? 12 : 16;
#else
    NV == 4 ? 3 : NV == 3 ? 4 : NV == 2 ? 6 : 8;
#endif

// How many panels are read side by side where there is only one row, to hide the adders' latency.
template <int NV>
inline constexpr int single_panels = 4;

// Where the sums start and where they go: row r, vector v at base + r * ld + at[v].
template <class T>
struct Sums {
  const T* from;
  std::ptrdiff_t from_ld;  // 0: every row starts from the same values, a bias
  T* to;
  std::ptrdiff_t to_ld;
};

// What is brought near meanwhile: `step` bytes further for each k.
struct Ahead {
  const char* from;
  std::ptrdiff_t step;
};

template <class T, int MR, int NV, int NP, class W>
__attribute__((noinline)) void tile(std::ptrdiff_t K, const T* a, std::ptrdiff_t lda,
                                    const W* panel, std::ptrdiff_t panel_size, Sums<T> sums,
                                    const std::ptrdiff_t* at, std::ptrdiff_t next,
                                    Ahead ahead) {
  constexpr std::ptrdiff_t width = lanes<T>;
  Vec<T> sum[MR][NP][NV];
#pragma GCC unroll 16
  for (int r = 0; r < MR; ++r)
#pragma GCC unroll 16
    for (int p = 0; p < NP; ++p)
#pragma GCC unroll 16
      for (int v = 0; v < NV; ++v)
        sum[r][p][v] = load<T>(sums.from + r * sums.from_ld + at[v] + p * next);
  // Three rows to a pointer, which is all that addresses can hold: more pointers would not fit.
  constexpr int bases = (MR + 2) / 3;
  const char* base[bases];
  const std::ptrdiff_t ld = lda * sizeof(T);
#pragma GCC unroll 16
  for (int q = 0; q < bases; ++q) base[q] = reinterpret_cast<const char*>(a + 3 * q * lda);
  for (std::ptrdiff_t k = 0; k < K; ++k) {
    if constexpr (MR > 1) __builtin_prefetch(ahead.from, 0, 2);
    ahead.from += ahead.step;
    Vec<T> w[NP][NV];
#pragma GCC unroll 16
    for (int p = 0; p < NP; ++p)
#pragma GCC unroll 16
      for (int v = 0; v < NV; ++v) w[p][v] = load_weights<T>(panel + p * panel_size + v * width);
#pragma GCC unroll 16
    for (int r = 0; r < MR; ++r) {
      const Vec<T> x = broadcast<T>(*reinterpret_cast<const T*>(base[r / 3] + r % 3 * ld));
#pragma GCC unroll 16
      for (int p = 0; p < NP; ++p)
#pragma GCC unroll 16
        for (int v = 0; v < NV; ++v) sum[r][p][v] += x * w[p][v];
    }
    panel += NV * width;
#pragma GCC unroll 16
    for (int q = 0; q < bases; ++q) {
      base[q] += sizeof(T);
      __asm__("" : "+r"(base[q]));
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < MR; ++r)
#pragma GCC unroll 16
    for (int p = 0; p < NP; ++p)
#pragma GCC unroll 16
      for (int v = 0; v < NV; ++v)
        store<T>(sums.to + r * sums.to_ld + at[v] + p * next, sum[r][p][v]);
}

// Heights of tiles that there are: enough to leave little over, few enough to compile soon.
template <int most>
inline constexpr int lower = most > 8 ? 8 : most > 6 ? 6 : most > 4 ? 4 : most - 1;

// A tile as high as can be, MR at most; gives its height.
template <class T, int NV, class W, int MR>
CLEW_INLINE std::ptrdiff_t tile_of(std::ptrdiff_t rows, std::ptrdiff_t K, const T* a,
                                   std::ptrdiff_t lda, const W* panel, Sums<T> sums,
                                   const std::ptrdiff_t* at, Ahead ahead) {
  if constexpr (MR > 1)
    if (rows < MR)
      return tile_of<T, NV, W, lower<MR>>(rows, K, a, lda, panel, sums, at, ahead);
  tile<T, MR, NV, 1, W>(K, a, lda, panel, 0, sums, at, 0, ahead);
  return MR;
}

// Any number of rows times one panel. Where `after` is given, the panel of that size that is used
// next, it is brought near on the way: weights that do not fit the second cache arrive while there
// is work to do.
template <class T, int NV, class W>
__attribute__((noinline)) void multiply(std::ptrdiff_t rows, std::ptrdiff_t K, const T* a, std::ptrdiff_t lda,
                          const W* panel, Sums<T> sums, const std::ptrdiff_t* at,
                          const W* after = nullptr) {
  const std::ptrdiff_t tiles = (rows + tile_rows<NV> - 1) / tile_rows<NV>;
  // Evenly over all tiles, or it would be in its own way. Without `after` what is read anyway is
  // asked for.
  Ahead ahead{reinterpret_cast<const char*>(after ? after : panel), 0};
  if (after && rows > 0)
    ahead.step =
        (NV * lanes<T> * static_cast<std::ptrdiff_t>(sizeof(W)) + tiles - 1) / tiles;
  while (rows > 0) {
    const std::ptrdiff_t now =
        tile_of<T, NV, W, tile_rows<NV>>(rows, K, a, lda, panel, sums, at, ahead);
    ahead.from += K * ahead.step;
    a += now * lda;
    sums.from += now * sums.from_ld;
    sums.to += now * sums.to_ld;
    rows -= now;
  }
}

// Rows times panels, one after the other in memory; `at` moves by `next` from panel to panel.
template <class T, int NV, class W>
__attribute__((noinline)) void multiply_panels(std::ptrdiff_t rows, std::ptrdiff_t K, const T* a,
                                 std::ptrdiff_t lda, const W* panel, std::ptrdiff_t panels,
                                 std::ptrdiff_t panel_size, Sums<T> sums,
                                 const std::ptrdiff_t* at, std::ptrdiff_t next,
                                 const W* after = nullptr) {
  const auto several = [&]<int many>() __attribute__((always_inline)) {
    for (; panels >= many; panels -= many) {
      tile<T, 1, NV, many, W>(K, a, lda, panel, panel_size, sums, at, next, Ahead{nullptr, 0});
      panel += many * panel_size;
      sums.from += many * next;
      sums.to += many * next;
    }
  };
  if (rows == 1) {
    several.template operator()<single_panels<NV>>();
    several.template operator()<2>();
  }
  for (; panels > 0; --panels) {
    multiply<T, NV, W>(rows, K, a, lda, panel, sums, at,
                       after && panels > 1 ? panel + panel_size : after);
    panel += panel_size;
    sums.from += next;
    sums.to += next;
  }
}

}  // namespace clew::CLEW_TARGET
