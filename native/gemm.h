// The large products after the loop through time: the gradients of weights and biases.
//
//   c[i, j] = sum over r < n of a[r, i] b[r, j]        GradientTerms in kernels.h names the parts
//
// A block of rows r is packed: a into panels of `tall` columns, b into single vectors of columns,
// one below the other. The innermost function holds a tile of c, `tall` rows by up to `wide`
// vectors, in registers and adds the products of one block to it. Each sum is one chain of fused
// additions in the order of r, which the next block continues from memory, so that the bits of c
// depend neither on the size of a block nor on which thread made which part. It is fastest where c
// and its rows are aligned to whole vectors.
//
// Columns are padded to whole vectors in two segments, x and then h. The vector at the end of a
// segment that c cannot hold whole (an edge) is summed in scratch and copied when all is done.
#pragma once

#include "kernels.h"
#include "tile.h"

namespace clew::CLEW_TARGET {
namespace gemm {

using Size = std::ptrdiff_t;

// Sums, one row of b and a broadcast of a fill the registers without spilling.
#if CLEW_VECTOR_BYTES == 64 || !defined(CLEW_X86)
inline constexpr Size tall = 8, wide = 3;
#elif CLEW_VECTOR_BYTES == 32
inline constexpr Size tall = 4, wide = 3;
#else
inline constexpr Size tall = 4, wide = 2;
#endif

inline constexpr Size depth_most = 256;          // rows r of a block
inline constexpr Size panels_most = 256 / tall;  // of a, packed at a time: these stay in L2
// From panel to panel of a and vector to vector of b; a line more than they need, or all of them
// would fall on the same few places of the caches.
template <class T>
inline constexpr Size a_apart = depth_most * tall + 64 / static_cast<Size>(sizeof(T));
template <class T>
inline constexpr Size b_apart = depth_most * lanes<T> + 64 / static_cast<Size>(sizeof(T));
template <class T>
inline constexpr Size vectors_most = 1536 / lanes<T>;  // of b, packed at a time

CLEW_INLINE Size smaller(Size a, Size b) { return a < b ? a : b; }
CLEW_INLINE Size larger(Size a, Size b) { return a > b ? a : b; }
CLEW_INLINE Size divided_up(Size a, Size b) { return (a + b - 1) / b; }

// A range, of columns counted in vectors or of rows of c counted in panels.
struct Range {
  Size begin, end;
  CLEW_INLINE Size size() const { return end - begin; }
};

CLEW_INLINE Range common(Range a, Range b) {
  const Size begin = larger(a.begin, b.begin);
  return {begin, larger(begin, smaller(a.end, b.end))};
}

template <class T>
CLEW_INLINE Size x_vectors(const GradientTerms<T>& g) {
  return divided_up(g.D, lanes<T>);
}
template <class T>
CLEW_INLINE Size all_vectors(const GradientTerms<T>& g) {
  return x_vectors(g) + divided_up(g.P, lanes<T>);
}
CLEW_INLINE Size panels(const Band& band) {
  return divided_up(band.i_end - band.i_begin, tall);
}
template <class T>
CLEW_INLINE Size all_panels(const GradientTerms<T>& g) {
  Size sum = 0;
  for (int k = 0; k < g.bands_count; ++k) sum += panels(g.bands[k]);
  return sum;
}

// The vectors of columns that a band uses.
template <class T>
CLEW_INLINE Range columns(const GradientTerms<T>& g, const Band& band) {
  const Size x = x_vectors(g), all = all_vectors(g);
  if (!band.uses_x && !band.uses_h) return {0, 0};
  return {band.uses_x ? 0 : x, band.uses_h ? all : x};
}

// Whether who has these columns also makes the band's bias column: one thread does, once.
template <class T>
CLEW_INLINE bool makes_bias(const GradientTerms<T>& g, const Band& band, Range part) {
  const Range used = columns(g, band);
  if (used.size() == 0) return part.begin == 0;
  return part.begin <= used.begin && used.begin < part.end;
}

// rows x NV vectors of c += a^T b over `depth` rows of one block; `fresh` starts from zero. Each
// vector of columns has its own place and distance from row to row of c.
template <class T>
struct Place {
  T* at;
  Size step;
};

template <class T, int NV>
CLEW_INLINE void add_row(Vec<T> (&sum)[tall][NV], const T* a, const T* b) {
  Vec<T> row[NV];
#pragma GCC unroll 4
  for (int v = 0; v < NV; ++v) row[v] = load<T>(b + v * b_apart<T>);
#pragma GCC unroll 8
  for (Size i = 0; i < tall; ++i) {
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) sum[i][v] += row[v] * a[i];
  }
}

template <class T, int NV>
__attribute__((noinline)) void tile(Size depth, const T* a, const T* b, const Place<T>* c,
                                    Size rows, bool fresh) {
  constexpr Size width = lanes<T>;
  Vec<T> sum[tall][NV] = {};
  if (!fresh) {
#pragma GCC unroll 8
    for (Size i = 0; i < tall; ++i)
      if (i < rows) {
#pragma GCC unroll 4
        for (int v = 0; v < NV; ++v) sum[i][v] = load<T>(c[v].at + i * c[v].step);
      }
    // The next tile lies below this one; c is too large for the caches near the processor.
    for (Size i = tall; i < 2 * tall; ++i)
      for (int v = 0; v < NV; ++v) __builtin_prefetch(c[v].at + i * c[v].step, 1);
  }
  // Two rows for each jump: with one the loop runs a fifth slower than the multipliers can.
  for (; depth > 1; depth -= 2, a += 2 * tall, b += 2 * width) {
    add_row<T, NV>(sum, a, b);
    __asm__ volatile("" : : : "memory");  // one after the other: mixed they need more registers
    add_row<T, NV>(sum, a + tall, b + width);
  }
  if (depth) add_row<T, NV>(sum, a, b);
#pragma GCC unroll 8
  for (Size i = 0; i < tall; ++i)
    if (i < rows) {
#pragma GCC unroll 4
      for (int v = 0; v < NV; ++v) store<T>(c[v].at + i * c[v].step, sum[i][v]);
    }
}

template <class T>
CLEW_INLINE void any_tile(Size vectors, Size depth, const T* a, const T* b, const Place<T>* c,
                          Size rows, bool fresh) {
  if constexpr (wide > 2)
    if (vectors == 3) return tile<T, 3>(depth, a, b, c, rows, fresh);
  if (vectors == 2) return tile<T, 2>(depth, a, b, c, rows, fresh);
  tile<T, 1>(depth, a, b, c, rows, fresh);
}

template <class T>
CLEW_INLINE Vec<T> first_of(const T* from, Size count) {
  Vec<T> x{};
  __builtin_memcpy(&x, from, static_cast<std::size_t>(count) * sizeof(T));
  return x;
}

// One row of a segment of b, `size` values, into its vectors `part`; they lie depth_most vectors
// apart. A missing row is zeros; where there is a scale it multiplies.
template <class T>
CLEW_INLINE void pack_row(const T* row, const T* scale, Size size, Range part, T* to) {
  constexpr Size width = lanes<T>, apart = b_apart<T>;
  const Size whole = smaller(part.end, size / width);
  if (!row) {
    for (Size v = part.begin; v < part.end; ++v, to += apart) store<T>(to, Vec<T>{});
    return;
  }
  Size v = part.begin;
  if (scale) {
    for (; v < whole; ++v, to += apart)
      store<T>(to, load<T>(row + v * width) * load<T>(scale + v * width));
  } else {
    for (; v < whole; ++v, to += apart) store<T>(to, load<T>(row + v * width));
  }
  if (v < part.end) {
    Vec<T> last = first_of<T>(row + v * width, size - v * width);
    if (scale) last *= first_of<T>(scale + v * width, size - v * width);
    store<T>(to, last);
  }
}

template <class T>
void pack_b(const GradientTerms<T>& g, Size row, Size depth, Range part, T* to) {
  constexpr Size width = lanes<T>, apart = b_apart<T>;
  const Size x = x_vectors(g);
  const Range in_x = common(part, {0, x}), h = common(part, {x, all_vectors(g)});
  const Range in_h = {h.begin - x, h.end - x};
  for (Size r = row; r < row + depth; ++r, to += width) {
    if (in_x.size()) pack_row<T>(g.x_rows[r], nullptr, g.D, in_x, to);
    if (h.size())
      pack_row<T>(g.h_rows[r], g.h_scale ? g.h_scale[r] : nullptr, g.P, in_h,
                  to + in_x.size() * apart);
  }
}

// Columns i .. i + size of a into panels, and their sums for the bias where asked for.
template <class T>
void pack_a(const GradientTerms<T>& g, Size row, Size depth, Size i, Size size, T* to, T* sums) {
  typedef T Line __attribute__((vector_size(tall * sizeof(T))));
  constexpr Size together = 4;  // rows: each panel gets whole cache lines, few streams are read
  const T* from = g.a + row * g.lda + i;
  for (Size r = 0; r < depth; r += together, from += together * g.lda, to += together * tall) {
    const Size here = smaller(together, depth - r);
    T* panel = to;
    Size k = 0;
    if (here == together) {
      for (; k + tall <= size; k += tall, panel += a_apart<T>) {
        Line line[together], sum;
        if (k * static_cast<Size>(sizeof(T)) % 64 == 0) {  // rows soon read; past the last harmless
#pragma GCC unroll 4
          for (Size s = 0; s < together; ++s)
            __builtin_prefetch(from + (2 * together + s) * g.lda + k);
        }
#pragma GCC unroll 4
        for (Size s = 0; s < together; ++s) {
          __builtin_memcpy(&line[s], from + s * g.lda + k, sizeof(Line));
          __builtin_memcpy(panel + s * tall, &line[s], sizeof(Line));
        }
        if (!sums) continue;
        __builtin_memcpy(&sum, sums + k, sizeof sum);
#pragma GCC unroll 4
        for (Size s = 0; s < together; ++s) sum += line[s];
        __builtin_memcpy(sums + k, &sum, sizeof sum);
      }
    }
    for (; k < size; k += tall, panel += a_apart<T>) {
      for (Size s = 0; s < here; ++s) {
        for (Size l = 0; l < tall; ++l) {
          const T value = k + l < size ? from[s * g.lda + k + l] : T(0);
          panel[s * tall + l] = value;
          if (sums) sums[k + l] += value;
        }
      }
    }
  }
}

}  // namespace gemm
}  // namespace clew::CLEW_TARGET
