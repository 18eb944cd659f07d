// The arithmetic of a step, gate by gate: forward, and backward beside it.
//
// A row is one sequence at one step. Its gates lie in slots of Hp units (H rounded up to whole
// vectors), first as sums, then as activations, then as gradients of the sums:
//   LSTM  i f g o        GRU  hn r z n, where hn is W_hn h + b_hn        RNN  h
// so that what multiplies W_hh, and what multiplies W_ih, are each without a gap.
// The units beyond H hold zeros in every state and every gradient.
#pragma once

#include "layer.h"
#include "tile.h"

namespace clew::CLEW_TARGET {

inline constexpr int slots_of(Mode mode) {
  return mode == Mode::lstm || mode == Mode::gru ? 4 : 1;
}
// Vectors in a panel of the weights of a step: one of each gate, or two of the only one.
template <Mode mode>
inline constexpr int panel_vectors = mode == Mode::lstm ? 4 : mode == Mode::gru ? 3 : 2;
// Vectors of units that a panel serves.
template <Mode mode>
inline constexpr int unit_vectors = mode == Mode::lstm || mode == Mode::gru ? 1 : 2;

template <class T>
CLEW_INLINE Vec<T> blended(Vec<T> fresh, Vec<T> old, Vec<T> keep) {
  // Exact at 0 and at 1, as torch's lerp.
  const Vec<T> change = old - fresh;
  return keep < T(0.5) ? fresh + keep * change : old - change * (T(1) - keep);
}

// What a row carries and writes at some units; all pointers are at the first of them.
template <class T>
struct Forward {
  T* gates;
  std::ptrdiff_t slot;  // from slot to slot
  const T* h;           // (., Hp or Pp) carried so far
  T *h_next, *fed_next;  // carried on, and as W_hh sees it
  T* c;                 // carried, replaced
  T* kept_c;            // for backward; null: not kept
  T *y, *h_n, *c_n;     // the output; the final state, null before the last step
  const T *mask, *zone_h, *zone_c;
  T hold_h, hold_c;
  bool forget;  // before the next step
  std::ptrdiff_t left;  // real units from here
};

// The new hidden units of a row: zoned out, shown, carried on.
template <class T>
CLEW_INLINE void hand_on(const Forward<T>& row, Vec<T> h) {
  if (row.zone_h)
    h = blended<T>(h, load<T>(row.h), load_some<T>(row.zone_h, row.left));
  else if (row.hold_h != T(0))
    h = blended<T>(h, load<T>(row.h), broadcast<T>(row.hold_h));
  store_some<T>(row.y, h, row.left);
  if (row.h_n) store_some<T>(row.h_n, h, row.left);
  if (row.forget) h = Vec<T>{};
  store<T>(row.h_next, h);
  if (row.mask) store<T>(row.fed_next, h * load_some<T>(row.mask, row.left));
}

template <class T, Mode mode>
CLEW_INLINE Vec<T> activate(const Forward<T>& row) {
  T* const g = row.gates;
  if constexpr (mode == Mode::lstm) {
    const Vec<T> i = sigmoid<T>(load<T>(g)), f = sigmoid<T>(load<T>(g + row.slot));
    const Vec<T> n = tanh<T>(load<T>(g + 2 * row.slot)), o = sigmoid<T>(load<T>(g + 3 * row.slot));
    store<T>(g, i);
    store<T>(g + row.slot, f);
    store<T>(g + 2 * row.slot, n);
    store<T>(g + 3 * row.slot, o);
    const Vec<T> old = load<T>(row.c);
    const Vec<T> fresh = f * old + i * n;
    Vec<T> c = fresh;
    if (row.zone_c)
      c = blended<T>(c, old, load_some<T>(row.zone_c, row.left));
    else if (row.hold_c != T(0))
      c = blended<T>(c, old, broadcast<T>(row.hold_c));
    if (row.kept_c) store<T>(row.kept_c, c);
    if (row.c_n) store_some<T>(row.c_n, c, row.left);
    store<T>(row.c, row.forget ? Vec<T>{} : c);
    return o * tanh<T>(fresh);
  } else if constexpr (mode == Mode::gru) {
    const Vec<T> r = sigmoid<T>(load<T>(g + row.slot)), z = sigmoid<T>(load<T>(g + 2 * row.slot));
    const Vec<T> n = tanh<T>(load<T>(g + 3 * row.slot) + r * load<T>(g));
    store<T>(g + row.slot, r);
    store<T>(g + 2 * row.slot, z);
    store<T>(g + 3 * row.slot, n);
    return n + z * (load<T>(row.h) - n);
  } else {
    const Vec<T> a = load<T>(g);
    const Vec<T> h = mode == Mode::rnn_tanh ? tanh<T>(a) : (a < T(0) ? Vec<T>{} : a);
    store<T>(g, h);
    return h;
  }
}

// The same backwards.
template <class T>
struct Backward {
  T* gates;             // activations in, gradients of the sums out
  std::ptrdiff_t slot;
  const T* c;           // after this step
  const T *c_old, *h_old;  // before it; null: zeros. h_old has `left` real units
  const T* dy;          // of the output; null: zero
  const T *dh_n, *dc_n;  // of the final state, null before the last step
  T* dh;                // in: through W_hh from the next step (masked already); out: not used
  T* carry;             // directly from the next step, and on to the former one
  T* dc;                // the same for c
  const T *zone_h, *zone_c;
  T hold_h, hold_c;
  std::ptrdiff_t left;
};

// The gradient of the hidden units of a row from all that they reached; what zoneout passes on stays
// in `carry`.
template <class T>
CLEW_INLINE Vec<T> gathered(const Backward<T>& row) {
  Vec<T> dh = load<T>(row.dh) + load<T>(row.carry);
  if (row.dy) dh += load_some<T>(row.dy, row.left);
  if (row.dh_n) dh += load_some<T>(row.dh_n, row.left);
  Vec<T> carry{};
  if (row.zone_h || row.hold_h != T(0)) {
    const Vec<T> keep =
        row.zone_h ? load_some<T>(row.zone_h, row.left) : broadcast<T>(row.hold_h);
    carry = dh * keep;
    dh *= T(1) - keep;
  }
  store<T>(row.carry, carry);
  return dh;
}

// `dh` is the gradient of what `activate` returned.
template <class T, Mode mode>
CLEW_INLINE void deactivate(const Backward<T>& row, Vec<T> dh) {
  T* const g = row.gates;
  if constexpr (mode == Mode::lstm) {
    const Vec<T> i = load<T>(g), f = load<T>(g + row.slot);
    const Vec<T> n = load<T>(g + 2 * row.slot), o = load<T>(g + 3 * row.slot);
    const Vec<T> old = row.c_old ? load<T>(row.c_old) : Vec<T>{};
    Vec<T> c = load<T>(row.c);
    Vec<T> dc = load<T>(row.dc);
    if (row.dc_n) dc += load_some<T>(row.dc_n, row.left);
    Vec<T> carry{};
    if (row.zone_c || row.hold_c != T(0)) {
      const Vec<T> keep =
          row.zone_c ? load_some<T>(row.zone_c, row.left) : broadcast<T>(row.hold_c);
      carry = dc * keep;
      dc *= T(1) - keep;
      c = f * old + i * n;
    }
    const Vec<T> shown = tanh<T>(c);
    dc += dh * o * (T(1) - shown * shown);
    store<T>(row.dc, carry + dc * f);
    store<T>(g, dc * n * i * (T(1) - i));
    store<T>(g + row.slot, dc * old * f * (T(1) - f));
    store<T>(g + 2 * row.slot, dc * i * (T(1) - n * n));
    store<T>(g + 3 * row.slot, dh * shown * o * (T(1) - o));
  } else if constexpr (mode == Mode::gru) {
    const Vec<T> hn = load<T>(g), r = load<T>(g + row.slot);
    const Vec<T> z = load<T>(g + 2 * row.slot), n = load<T>(g + 3 * row.slot);
    const Vec<T> old = row.h_old ? load_some<T>(row.h_old, row.left) : Vec<T>{};
    const Vec<T> dn = dh * (T(1) - z) * (T(1) - n * n);
    store<T>(row.carry, load<T>(row.carry) + dh * z);
    store<T>(g, dn * r);
    store<T>(g + row.slot, dn * hn * r * (T(1) - r));
    store<T>(g + 2 * row.slot, dh * (old - n) * z * (T(1) - z));
    store<T>(g + 3 * row.slot, dn);
  } else {
    const Vec<T> h = load<T>(g);
    store<T>(g, mode == Mode::rnn_tanh ? dh * (T(1) - h * h) : (h <= T(0) ? Vec<T>{} : dh));
  }
}

}  // namespace clew::CLEW_TARGET
