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

// One instance of each template serves both simple networks: Mode::rnn_tanh stands for them.
template <class F>
CLEW_INLINE auto with_mode(Mode mode, const F& f) {
  switch (mode) {
    case Mode::lstm: return f.template operator()<Mode::lstm>();
    case Mode::gru: return f.template operator()<Mode::gru>();
    default: return f.template operator()<Mode::rnn_tanh>();
  }
}

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
  bool relu;    // of an RNN, for tanh
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

// From the arguments of the activations to the activations in their slots: i f g o; r z n; h.
template <class T>
struct Opened {
  Vec<T> gate[4];
};

template <class T, Mode mode>
CLEW_INLINE Opened<T> open_gates(T* g, std::ptrdiff_t slot, bool relu) {
  if constexpr (mode == Mode::lstm) {
    const Vec<T> i = sigmoid<T>(load<T>(g)), f = sigmoid<T>(load<T>(g + slot));
    const Vec<T> n = tanh<T>(load<T>(g + 2 * slot)), o = sigmoid<T>(load<T>(g + 3 * slot));
    store<T>(g, i);
    store<T>(g + slot, f);
    store<T>(g + 2 * slot, n);
    store<T>(g + 3 * slot, o);
    return {{i, f, n, o}};
  } else if constexpr (mode == Mode::gru) {
    const Vec<T> r = sigmoid<T>(load<T>(g + slot)), z = sigmoid<T>(load<T>(g + 2 * slot));
    const Vec<T> n = tanh<T>(load<T>(g + 3 * slot) + r * load<T>(g));
    store<T>(g + slot, r);
    store<T>(g + 2 * slot, z);
    store<T>(g + 3 * slot, n);
    return {{r, z, n}};
  } else {
    const Vec<T> a = load<T>(g);
    const Vec<T> h = relu ? (a < T(0) ? Vec<T>{} : a) : tanh<T>(a);
    store<T>(g, h);
    return {{h}};
  }
}

// The new c of an LSTM before zoneout, which is carried on here, and what lets it be seen.
template <class T>
struct NewCell {
  Vec<T> c, o;
};

template <class T>
CLEW_INLINE NewCell<T> new_cell(const Forward<T>& row) {
  const auto [i, f, n, o] = open_gates<T, Mode::lstm>(row.gates, row.slot, false).gate;
  const Vec<T> old = load<T>(row.c);
  const Vec<T> fresh = f * old + rounded<T>(i * n);
  Vec<T> c = fresh;
  if (row.zone_c)
    c = blended<T>(c, old, load_some<T>(row.zone_c, row.left));
  else if (row.hold_c != T(0))
    c = blended<T>(c, old, broadcast<T>(row.hold_c));
  if (row.kept_c) store<T>(row.kept_c, c);
  if (row.c_n) store_some<T>(row.c_n, c, row.left);
  store<T>(row.c, row.forget ? Vec<T>{} : c);
  return {fresh, o};
}

// From the arguments of the activations, which become the activations, to the new h before zoneout.
template <class T, Mode mode>
CLEW_INLINE Vec<T> activate(const Forward<T>& row) {
  if constexpr (mode == Mode::lstm) {
    const NewCell<T> cell = new_cell<T>(row);
    return cell.o * tanh<T>(cell.c);
  } else if constexpr (mode == Mode::gru) {
    const Opened<T> open = open_gates<T, mode>(row.gates, row.slot, false);
    return open.gate[2] + open.gate[1] * (load<T>(row.h) - open.gate[2]);
  } else {
    return open_gates<T, mode>(row.gates, row.slot, row.relu).gate[0];
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
  bool relu;
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

// The new c of an LSTM before zoneout.
template <class T>
CLEW_INLINE Vec<T> cell_before_zoneout(const Backward<T>& row) {
  if (!row.zone_c && row.hold_c == T(0)) return load<T>(row.c);
  const T* const g = row.gates;
  const Vec<T> old = row.c_old ? load<T>(row.c_old) : Vec<T>{};
  return load<T>(g + row.slot) * old + rounded<T>(load<T>(g) * load<T>(g + 2 * row.slot));
}

// The gates of an LSTM from the gradients of o and, by way of h, of the new c before zoneout.
template <class T>
CLEW_INLINE void pass_cell(const Backward<T>& row, Vec<T> of_c, Vec<T> of_o) {
  T* const g = row.gates;
  const Vec<T> i = load<T>(g), f = load<T>(g + row.slot);
  const Vec<T> n = load<T>(g + 2 * row.slot), o = load<T>(g + 3 * row.slot);
  const Vec<T> old = row.c_old ? load<T>(row.c_old) : Vec<T>{};
  Vec<T> dc = load<T>(row.dc);
  if (row.dc_n) dc += load_some<T>(row.dc_n, row.left);
  Vec<T> carry{};
  if (row.zone_c || row.hold_c != T(0)) {
    const Vec<T> keep =
        row.zone_c ? load_some<T>(row.zone_c, row.left) : broadcast<T>(row.hold_c);
    carry = dc * keep;
    dc *= T(1) - keep;
  }
  dc += of_c;
  store<T>(row.dc, carry + dc * f);
  store<T>(g, dc * n * i * (T(1) - i));
  store<T>(g + row.slot, dc * old * f * (T(1) - f));
  store<T>(g + 2 * row.slot, dc * i * (T(1) - n * n));
  store<T>(g + 3 * row.slot, of_o * o * (T(1) - o));
}

// `dh` is the gradient of what `activate` returned.
template <class T, Mode mode>
CLEW_INLINE void deactivate(const Backward<T>& row, Vec<T> dh) {
  T* const g = row.gates;
  if constexpr (mode == Mode::lstm) {
    const Vec<T> shown = tanh<T>(cell_before_zoneout<T>(row));
    pass_cell<T>(row, dh * load<T>(g + 3 * row.slot) * (T(1) - shown * shown), dh * shown);
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
    store<T>(g, row.relu ? (h <= T(0) ? Vec<T>{} : dh) : dh * (T(1) - h * h));
  }
}

}  // namespace clew::CLEW_TARGET
