// Layer normalisation within a step: norm(v) = (v - mean) / sqrt(var + 1e-5) with the biased
// variance, of W_ih x and of W_hh h apart (LSTM: all gates at once; GRU: r z at once, n alone), of
// their sum (RNN), and of the LSTM's new c.
//
// The mean of W x over a block of gates is the mean of W's rows times x. So weights are packed less
// that mean row: their products have no mean, and a row's variance is its mean square.
//
// A row is normalised by one thread, in sums of one fixed order, so that its bits depend on nothing
// around it. What is kept of it for backward are the products as they came, from which the gates
// are made again, which takes less time than to keep them, and its `scales`:
//   LSTM  1/std of W_ih x, of W_hh h, mean of c, 1/std of c
//   GRU   1/std of W_ih x: r z, n; of W_hh h: r z, hn        RNN  1/std
#pragma once

#include "packed.h"

namespace clew::CLEW_TARGET {

inline constexpr int scales = 4;

// Gains as rows of slots, and weights less their mean rows. Units beyond H have gain 0.
template <class T>
struct Gains {
  T *in, *over;           // (row), (row)
  T *cell, *cell_shift;   // (Hp), (Hp)
  T *bias, *zeros;        // (row), (row)
  T *w_ih, *w_hh;         // (G, D), (G, P)

  Parameters<const T> centred(Parameters<const T> w) const {
    w.w_ih = w_ih;
    w.w_hh = w_hh;
    return w;
  }
};

template <class T, Mode mode>
Gains<T> take_gains(Arena& arena, const Sizes<T, mode>& s, bool with_weights) {
  Gains<T> gains{};
  if (!s.norm) return gains;
  constexpr std::ptrdiff_t gates = mode == Mode::gru ? 3 : slots_of(mode);
  gains.in = arena.take<T>(s.row);
  gains.over = arena.take<T>(s.row);
  gains.cell = arena.take<T>(mode == Mode::lstm ? s.Hp : 0);
  gains.cell_shift = arena.take<T>(mode == Mode::lstm ? s.Hp : 0);
  gains.bias = arena.take<T>(s.row);
  gains.zeros = arena.take<T>(s.row);
  gains.w_ih = arena.take<T>(with_weights ? gates * s.H * s.D : 0);
  gains.w_hh = arena.take<T>(with_weights ? gates * s.H * s.P : 0);
  return gains;
}

template <class T, Mode mode>
void pack_gains(const Sizes<T, mode>& s, const Parameters<const T>& w, const Gains<T>& gains) {
  for (std::ptrdiff_t k = 0; k < s.row; ++k) gains.in[k] = gains.over[k] = gains.bias[k] = gains.zeros[k] = T(0);
  for (int slot = 0; slot < s.slots; ++slot)
    for (std::ptrdiff_t u = 0; u < s.H; ++u) {
      const std::ptrdiff_t from = torch_row(s, slot) + u, to = slot * s.Hp + u;
      if (slot >= x_slot<mode>) gains.in[to] = w.ln_ih[from];
      if (s.apart && slot < h_slots<mode>) gains.over[to] = w.ln_hh[from];
      if (w.b_ih && slot >= x_slot<mode>) gains.bias[to] = w.b_ih[from];
      if (w.b_ih && slot < h_slots<mode>) gains.bias[to] += w.b_hh[from];
    }
  if constexpr (mode == Mode::lstm)
    for (std::ptrdiff_t u = 0; u < s.Hp; ++u) {
      gains.cell[u] = u < s.H ? w.ln_c_weight[u] : T(0);
      gains.cell_shift[u] = u < s.H ? w.ln_c_bias[u] : T(0);
    }
}

// Rows [begin, end) of w less their mean, columns [columns.begin, columns.end).
template <class T>
void centre_block(const T* w, T* to, std::ptrdiff_t begin, std::ptrdiff_t end, std::ptrdiff_t K,
                  Part columns) {
  constexpr std::ptrdiff_t vectors = 4, width = vectors * lanes<T>;
  for (std::ptrdiff_t k = columns.begin; k < columns.end; k += width) {
    const std::ptrdiff_t left = columns.end - k;
    Vec<T> mean[vectors] = {};
    for (std::ptrdiff_t r = begin; r < end; ++r)
      for (int v = 0; v < vectors; ++v)
        mean[v] += load_some<T>(w + r * K + k + v * lanes<T>, left - v * lanes<T>);
    for (int v = 0; v < vectors; ++v) mean[v] /= static_cast<T>(end - begin);
    for (std::ptrdiff_t r = begin; r < end; ++r)
      for (int v = 0; v < vectors; ++v) {
        const std::ptrdiff_t at = r * K + k + v * lanes<T>, rest = left - v * lanes<T>;
        store_some<T>(to + at, load_some<T>(w + at, rest) - mean[v], rest);
      }
  }
}

// Thread `index` of `count` makes its part of the centred weights.
template <class T, Mode mode>
void centre_weights(const Sizes<T, mode>& s, const Parameters<const T>& w, const Gains<T>& gains,
                    int index, int count) {
  const Part x = part(s.D, index, count), h = part(s.P, index, count);
  const std::ptrdiff_t first = mode == Mode::gru ? 2 * s.H : slots_of(mode) * s.H;
  centre_block(w.w_ih, gains.w_ih, 0, first, s.D, x);
  centre_block(w.w_hh, gains.w_hh, 0, first, s.P, h);
  if constexpr (mode == Mode::gru) {
    centre_block(w.w_ih, gains.w_ih, first, 3 * s.H, s.D, x);
    centre_block(w.w_hh, gains.w_hh, first, 3 * s.H, s.P, h);
  }
}

// The sum of all lanes, halves onto halves.
template <class T, class V>
CLEW_INLINE T total_of(V x) {
  if constexpr (sizeof x == 2 * sizeof(T)) {
    return x[0] + x[1];
  } else {
    typedef T Half __attribute__((vector_size(sizeof(V) / 2)));
    Half half[2];
    __builtin_memcpy(half, &x, sizeof x);
    return total_of<T, Half>(half[0] + half[1]);
  }
}
template <class T>
CLEW_INLINE T total(Vec<T> x) {
  return total_of<T, Vec<T>>(x);
}

// The sum of f(u) over the vectors that begin at u = 0, lanes, ... below n.
template <class T, class F>
CLEW_INLINE T sum_of(std::ptrdiff_t n, const F& f) {
  constexpr std::ptrdiff_t width = lanes<T>;
  Vec<T> sum[4] = {};
  std::ptrdiff_t u = 0;
  for (; u + 4 * width <= n; u += 4 * width)
#pragma GCC unroll 4
    for (int k = 0; k < 4; ++k) sum[k] += f(u + k * width);
  for (; u < n; u += width) sum[0] += f(u);
  return total<T>((sum[0] + sum[1]) + (sum[2] + sum[3]));
}

CLEW_INLINE float square_root(float x) { return __builtin_sqrtf(x); }
CLEW_INLINE double square_root(double x) { return __builtin_sqrt(x); }

template <class T>
CLEW_INLINE T inverse_deviation(T squares, std::ptrdiff_t count) {
  return T(1) / square_root(squares / static_cast<T>(count) + T(1e-5));
}

// 1/std of `extent` values without mean, `count` of them real and the others zero.
template <class T>
CLEW_INLINE T inverse_deviation(const T* v, std::ptrdiff_t extent, std::ptrdiff_t count) {
  const T squares = sum_of<T>(extent, [v](std::ptrdiff_t u) __attribute__((always_inline)) {
    const Vec<T> x = load<T>(v + u);
    return x * x;
  });
  return inverse_deviation(squares, count);
}

// The first `left` lanes of x; the others are zeros.
template <class T>
CLEW_INLINE Vec<T> first_lanes(Vec<T> x, std::ptrdiff_t left) {
  if (left >= lanes<T>) return x;
  Vec<T> some{};
  __builtin_memcpy(&some, &x, left * sizeof(T));
  return some;
}

// The products of a row, slots of Hp values, and its scales.
template <class T>
struct NormRow {
  T* in;     // W_ih x; of an RNN with W_hh h
  T* over;   // W_hh h
  T* scale;  // (scales,)
  T* own;    // of who works on the row: (own_rows, Hp), gates (row), scales where none are kept
};
inline constexpr int own_rows = 3;
template <class T, Mode mode>
CLEW_INLINE std::ptrdiff_t norm_own(const Sizes<T, mode>& s) {
  return s.norm ? own_rows * s.Hp + s.row + s.pair : 0;
}
template <class T, Mode mode>
CLEW_INLINE T* own_gates(const Sizes<T, mode>& s, T* own) {
  return own + own_rows * s.Hp;
}

template <class T, Mode mode>
CLEW_INLINE void scale_row(const Sizes<T, mode>& s, const NormRow<T>& n) {
  if constexpr (mode == Mode::lstm) {
    n.scale[0] = inverse_deviation(n.in, 4 * s.Hp, 4 * s.H);
    n.scale[1] = inverse_deviation(n.over, 4 * s.Hp, 4 * s.H);
  } else if constexpr (mode == Mode::gru) {
    n.scale[0] = inverse_deviation(n.in, 2 * s.Hp, 2 * s.H);
    n.scale[1] = inverse_deviation(n.in + 2 * s.Hp, s.Hp, s.H);
    n.scale[2] = inverse_deviation(n.over + s.Hp, 2 * s.Hp, 2 * s.H);
    n.scale[3] = inverse_deviation(n.over, s.Hp, s.H);
  } else {
    n.scale[0] = inverse_deviation(n.in, s.Hp, s.H);
  }
}

// The arguments of the activations at unit u, into the gates.
template <class T, Mode mode>
CLEW_INLINE void normed_sums(const Sizes<T, mode>& s, const Gains<T>& gains, const NormRow<T>& n,
                             std::ptrdiff_t u, T* gates) {
  const auto part_of = [&](const T* v, const T* gain, int slot, int first, int scale)
      __attribute__((always_inline)) {
    const std::ptrdiff_t at = slot * s.Hp + u;
    return load<T>(v + at - first * s.Hp) * (load<T>(gain + at) * n.scale[scale]);
  };
  const auto put = [&](int slot, Vec<T> sum) __attribute__((always_inline)) {
    const std::ptrdiff_t at = slot * s.Hp + u;
    store<T>(gates + at, sum + load<T>(gains.bias + at));
  };
  if constexpr (mode == Mode::lstm) {
#pragma GCC unroll 4
    for (int slot = 0; slot < 4; ++slot)
      put(slot, part_of(n.in, gains.in, slot, 0, 0) + part_of(n.over, gains.over, slot, 0, 1));
  } else if constexpr (mode == Mode::gru) {
    put(0, part_of(n.over, gains.over, 0, 0, 3));
    for (int slot = 1; slot < 3; ++slot)
      put(slot, part_of(n.in, gains.in, slot, 1, 0) + part_of(n.over, gains.over, slot, 0, 2));
    put(3, part_of(n.in, gains.in, 3, 1, 1));
  } else {
    put(0, part_of(n.in, gains.in, 0, 0, 0));
  }
}

// The cell of a whole row whose products are complete. h goes to `shown` where it is projected.
template <class T, Mode mode>
__attribute__((noinline)) void apply_normed(const Sizes<T, mode>& s, const Gains<T>& gains,
                                            const NormRow<T>& n, const Forward<T>& whole,
                                            T* shown) {
  const std::ptrdiff_t H = s.H;
  scale_row(s, n);
  for (std::ptrdiff_t u = 0; u < H; u += lanes<T>) {
    normed_sums(s, gains, n, u, whole.gates);
    const Forward<T> row = from_unit(whole, u, H);
    if constexpr (mode == Mode::lstm)
      store<T>(n.own + u, new_cell<T>(row).c);
    else
      hand_on<T>(row, activate<T, mode>(row));
  }
  if constexpr (mode == Mode::lstm) {
    const T* const c = n.own;
    const T mean = sum_of<T>(H, [=](std::ptrdiff_t u) __attribute__((always_inline)) {
                     return first_lanes<T>(load<T>(c + u), H - u);
                   }) / static_cast<T>(H);
    const T squares = sum_of<T>(H, [=](std::ptrdiff_t u) __attribute__((always_inline)) {
      const Vec<T> off = first_lanes<T>(load<T>(c + u) - mean, H - u);
      return off * off;
    });
    const T scale = inverse_deviation(squares, H);
    n.scale[2] = mean;
    n.scale[3] = scale;
    for (std::ptrdiff_t u = 0; u < H; u += lanes<T>) {
      const Forward<T> row = from_unit(whole, u, H);
      const Vec<T> normed = (load<T>(c + u) - mean) * scale;
      const Vec<T> h =
          load<T>(row.gates + 3 * row.slot) *
          tanh<T>(normed * load<T>(gains.cell + u) + load<T>(gains.cell_shift + u));
      if (shown)
        store<T>(shown + u, h);
      else
        hand_on<T>(row, h);
    }
  }
}

}  // namespace clew::CLEW_TARGET
