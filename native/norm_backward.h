// Layer normalisation backward: from the gradients of the activations' arguments to those of the
// products before they were normalised, and the sums that gains and biases get.
//
// With n = norm(v) and g = gain * da:  dv = 1/std (g - mean(g) - n mean(g n)).
#pragma once

#include "norm.h"

namespace clew::CLEW_TARGET {

// Where each row of a batch sums what its gains and biases get; the rows are added up afterwards, so
// that the result does not depend on which thread had which row. Parts of `row` values: the biases
// slot by slot, gains of W_ih x, gains of W_hh h, of the LSTM's c its gain and shift.
template <class T, Mode mode>
CLEW_INLINE std::ptrdiff_t norm_sums(const Sizes<T, mode>& s) {
  return !s.norm ? 0 : (s.apart ? 3 : 2) * s.row + (mode == Mode::lstm ? 2 * s.Hp : 0);
}

// Units that are there only for whole vectors have no gradient, whatever they held.
template <class T, Mode mode>
CLEW_INLINE void clear_rest(const Sizes<T, mode>& s, T* gates, int slots = slots_of(mode)) {
  if (s.H == s.Hp) return;
  for (int slot = 0; slot < slots; ++slot)
    __builtin_memset(gates + slot * s.Hp + s.H, 0, (s.Hp - s.H) * sizeof(T));
}

// dv from da over `slots` slots that were normalised together; n is v * scale. `to` may be v.
template <class T, Mode mode>
CLEW_INLINE void through_norm(const Sizes<T, mode>& s, int slots, const T* da, const T* v, T scale,
                              const T* gain, T* of_gain, T* to) {
  constexpr std::ptrdiff_t width = lanes<T>;
  const std::ptrdiff_t extent = slots * s.Hp;
  Vec<T> sum[2] = {}, product[2] = {};  // of g, of g n
  for (std::ptrdiff_t u = 0; u < extent; u += 2 * width)
#pragma GCC unroll 2
    for (int k = 0; k < 2; ++k) {
      const std::ptrdiff_t at = u + k * width;
      const Vec<T> d = load<T>(da + at), n = load<T>(v + at) * scale;
      const Vec<T> g = d * load<T>(gain + at);
      store<T>(of_gain + at, load<T>(of_gain + at) + d * n);
      sum[k] += g;
      product[k] += g * n;
    }
  const T count = static_cast<T>(slots * s.H);
  const T mean = total<T>(sum[0] + sum[1]) / count;
  const T along = total<T>(product[0] + product[1]) / count;
  for (std::ptrdiff_t u = 0; u < extent; u += width) {
    const Vec<T> n = load<T>(v + u) * scale;
    store<T>(to + u, (load<T>(da + u) * load<T>(gain + u) - mean - n * along) * scale);
  }
  clear_rest(s, to, slots);
}

// Arguments of the activations to products, for a row whose gates hold the former. Afterwards `in`
// holds what W_ih x gets; `over` holds what W_hh h gets, for an RNN that is the same.
template <class T, Mode mode>
CLEW_INLINE void unscale_row(const Sizes<T, mode>& s, const Gains<T>& gains, const NormRow<T>& n,
                             const T* gates, T* sums) {
  const std::ptrdiff_t H = s.Hp;
  for (std::ptrdiff_t u = 0; u < s.row; u += lanes<T>)
    store<T>(sums + u, load<T>(sums + u) + load<T>(gates + u));
  T *const in = sums + s.row, *const over = in + s.row;
  if constexpr (mode == Mode::lstm) {
    through_norm(s, 4, gates, n.over, n.scale[1], gains.over, over, n.over);
    through_norm(s, 4, gates, n.in, n.scale[0], gains.in, in, n.in);
  } else if constexpr (mode == Mode::gru) {
    through_norm(s, 2, gates + H, n.over + H, n.scale[2], gains.over + H, over + H, n.over + H);
    through_norm(s, 1, gates, n.over, n.scale[3], gains.over, over, n.over);
    through_norm(s, 2, gates + H, n.in, n.scale[0], gains.in + H, in + H, n.in);
    through_norm(s, 1, gates + 3 * H, n.in + 2 * H, n.scale[1], gains.in + 3 * H, in + 3 * H,
                 n.in + 2 * H);
  } else {
    through_norm(s, 1, gates, n.in, n.scale[0], gains.in, in, n.in);
  }
}

// The cell of a whole row backward. Where h was projected its gradient is `dshown`, and h before
// the projection goes to `shown`.
template <class T, Mode mode>
__attribute__((noinline)) void unapply_normed(const Sizes<T, mode>& s, const Gains<T>& gains,
                                              const NormRow<T>& n, const Backward<T>& whole,
                                              const T* dshown, T* shown, T* sums) {
  const std::ptrdiff_t H = s.H;
  if constexpr (mode == Mode::lstm) {
    T *const of_o = n.own, *const of_c = of_o + s.Hp, *const normed = of_c + s.Hp;
    T *const of_gain = sums + 3 * s.row, *const of_shift = of_gain + s.Hp;
    const T mean = n.scale[2], scale = n.scale[3];
    Vec<T> sum{}, product{};
    for (std::ptrdiff_t u = 0; u < H; u += lanes<T>) {
      normed_sums(s, gains, n, u, whole.gates);
      const Backward<T> row = from_unit(whole, u, H);
      open_gates<T, mode>(row.gates, row.slot, false);
      const Vec<T> dh = dshown ? load<T>(dshown + u) : gathered<T>(row);
      const Vec<T> c = (cell_before_zoneout<T>(row) - mean) * scale;
      const Vec<T> gain = load<T>(gains.cell + u), o = load<T>(row.gates + 3 * row.slot);
      const Vec<T> seen = tanh<T>(c * gain + load<T>(gains.cell_shift + u));
      const Vec<T> d = dh * o * (T(1) - seen * seen), g = d * gain;
      store<T>(of_shift + u, load<T>(of_shift + u) + d);
      store<T>(of_gain + u, load<T>(of_gain + u) + d * c);
      store<T>(of_o + u, dh * seen);
      store<T>(of_c + u, g);
      store<T>(normed + u, c);
      if (shown) store<T>(shown + u, o * seen);
      sum += g;
      product += g * c;
    }
    const T along_one = total<T>(sum) / static_cast<T>(H);
    const T along = total<T>(product) / static_cast<T>(H);
    for (std::ptrdiff_t u = 0; u < H; u += lanes<T>) {
      const Vec<T> g = load<T>(of_c + u) - along_one - load<T>(normed + u) * along;
      pass_cell<T>(from_unit(whole, u, H), g * scale, load<T>(of_o + u));
    }
  } else {
    for (std::ptrdiff_t u = 0; u < H; u += lanes<T>) {
      normed_sums(s, gains, n, u, whole.gates);
      const Backward<T> row = from_unit(whole, u, H);
      open_gates<T, mode>(row.gates, row.slot, row.relu);
      deactivate<T, mode>(row, gathered<T>(row));
    }
  }
  clear_rest(s, whole.gates);
  unscale_row(s, gains, n, whole.gates, sums);
}

// Adds up the sums of B rows into those of the first, columns [columns.begin, columns.end).
template <class T>
void add_rows(std::ptrdiff_t B, std::ptrdiff_t width, T* sums, Part columns) {
  for (std::ptrdiff_t r = 1; r < B; ++r)
    for (std::ptrdiff_t k = columns.begin; k < columns.end; ++k) sums[k] += sums[r * width + k];
}

// From the sums of all rows to torch's: units [units.begin, units.end) of each gate.
template <class T, Mode mode>
void hand_out_sums(const Sizes<T, mode>& s, const T* sums, const Parameters<T>& to, Part units) {
  const T *const in = sums + s.row, *const over = in + s.row, *const cell = over + s.row;
  for (std::ptrdiff_t u = units.begin; u < units.end; ++u) {
    for (int slot = 0; slot < s.slots; ++slot) {
      const std::ptrdiff_t row = torch_row(s, slot) + u, from = slot * s.Hp + u;
      if (slot >= x_slot<mode>) {
        to.ln_ih[row] = in[from];
        if (to.b_ih) to.b_ih[row] = sums[from];
      }
      if (slot < h_slots<mode>) {
        if (s.apart) to.ln_hh[row] = over[from];
        if (to.b_hh) to.b_hh[row] = sums[from];
      }
    }
    if constexpr (mode == Mode::lstm) {
      to.ln_c_weight[u] = cell[u];
      to.ln_c_bias[u] = cell[s.Hp + u];
    }
  }
}

}  // namespace clew::CLEW_TARGET
