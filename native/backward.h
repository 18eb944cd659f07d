// The loop through time, backward.
//
// From the last step read to the first: what reaches h through W_hh from the step after, directly,
// and from the output becomes the gradient of the step's sums, which replace its activations in the
// record. The gradients of the weights are large products after the loop.
#pragma once

#include "norm_backward.h"

namespace clew::CLEW_TARGET {

// The weights as backward reads them: panels of two vectors of columns, k over the rows of W in the
// order of the slots.
template <class T>
struct Transposed {
  T* w_hh;  // (Pp / pair) panels of (depth_h, pair)
  T* w_ih;  // (Dp / pair) panels of (depth_x, pair)
  T* w_hr;  // (Hp / pair) panels of (P, pair)
};

// Panel p of the columns of w (rows of `columns`), for `count` slots from `first`.
template <class T, Mode mode>
void pack_transposed(const Sizes<T, mode>& s, const T* w, std::ptrdiff_t columns, int first,
                     int count, std::ptrdiff_t p, T* panel) {
  const std::ptrdiff_t from = p * s.pair;
  for (int slot = first; slot < first + count; ++slot) {
    const T* rows = w + torch_row(s, slot) * columns + from;
    for (std::ptrdiff_t u = 0; u < s.Hp; ++u)
      for (int v = 0; v < 2; ++v, panel += lanes<T>) {
        const std::ptrdiff_t left = columns - from - v * lanes<T>;
        store<T>(panel, u < s.H ? load_some<T>(rows + u * columns + v * lanes<T>, left) : Vec<T>{});
      }
  }
}

template <class T, Mode mode>
void pack_projection_transposed(const Sizes<T, mode>& s, const T* w_hr, std::ptrdiff_t p,
                                T* panel) {
  for (std::ptrdiff_t k = 0; k < s.P; ++k)
    for (int v = 0; v < 2; ++v, panel += lanes<T>) {
      const std::ptrdiff_t from = p * s.pair + v * lanes<T>, left = s.H - from;
      store<T>(panel, load_some<T>(w_hr + k * s.H + from, left));
    }
}

// n rows times panels [panels.begin, panels.end) of two vectors, from zero, or onto what is there.
// Long sums are made in pieces, so that the rows of a piece stay in the first cache.
template <class T>
void multiply_pairs(std::ptrdiff_t n, std::ptrdiff_t K, const T* a, std::ptrdiff_t lda, const T* w,
                    Part panels, T* to, std::ptrdiff_t ld, bool onto, bool far = false) {
  constexpr std::ptrdiff_t width = lanes<T>, piece = 2048 / sizeof(T);
  const std::ptrdiff_t at[2] = {0, width};
  alignas(64) static const T zeros[2 * width] = {};
  for (std::ptrdiff_t k = 0; k < K || k == 0; k += piece) {
    const std::ptrdiff_t depth = K - k < piece ? K - k : piece;
    for (std::ptrdiff_t p = panels.begin; p < panels.end; ++p) {
      T* const c = to + p * 2 * width;
      const Sums<T> sums{k == 0 && !onto ? zeros : c, k == 0 && !onto ? 0 : ld, c, ld};
      const bool same = p + 1 < panels.end;  // the same piece of the next panel follows
      const std::ptrdiff_t after = same                 ? (p + 1) * K + k
                                   : k + piece < K ? panels.begin * K + k + piece
                                                   : panels.begin * K;
      multiply<T, 2, T>(n, depth, a + k, lda, w + (p * K + k) * 2 * width, sums, at,
                        far ? w + after * 2 * width : nullptr);
    }
  }
}

template <class T, Mode mode>
struct BackJob {
  Sizes<T, mode> s;
  const Layer<T>* layer = nullptr;
  const Gradients<T>* gradients = nullptr;
  int direction = 0;
  Transposed<T> packed{};
  Part rows{};
  int members = 1;
  Barrier* barrier = nullptr;
  T *gates = nullptr, *cells = nullptr;  // the record
  T *dh = nullptr, *carry = nullptr;     // (R, Pp) through W_hh, and directly
  T *dc = nullptr, *c_0 = nullptr;       // (R, Hp)
  T *shown = nullptr, *dshown = nullptr;  // with a projection: (N, Hp), (R, Hp)
  T* dprojected = nullptr;                // with a projection: (N, Pp)
  // With layer norm, the record's further parts; sums (B, norm_sums) and what this member needs.
  Gains<T> gains{};
  T *in = nullptr, *over = nullptr, *scale = nullptr, *sums = nullptr, *own = nullptr;

  bool far = false;  // whether a member's weights are more than its second cache holds

  explicit BackJob(const Sizes<T, mode>& sizes) : s(sizes) {}

  bool reverse() const { return direction == 1; }
  void meet(int member) const {
    if (members > 1) barrier->wait(member, members);
  }
  std::ptrdiff_t active(std::ptrdiff_t t) const {
    const std::ptrdiff_t n = layer->schedule.active(t);
    return n >= rows.end ? rows.end - rows.begin : n > rows.begin ? n - rows.begin : 0;
  }
  T* gates_at(std::ptrdiff_t t) const {
    return gates + (layer->schedule.first(t) + rows.begin) * s.row;
  }
  // What W_hh passes back at t, and from row to row of it.
  T* passed_at(std::ptrdiff_t t) const {
    if (!s.norm) return gates_at(t);
    return (s.apart ? over : in) + (layer->schedule.first(t) + rows.begin) * s.over_row();
  }
  std::ptrdiff_t passed_row() const { return s.norm ? s.over_row() : s.row; }
  // What W_ih gets of each step, and from row to row of it.
  T* entered() const { return s.norm ? in : gates + x_slot<mode> * s.Hp; }
  std::ptrdiff_t entered_row() const { return s.norm ? s.in_row() : s.row; }
  bool apart() const { return s.norm && s.apart; }
  // Whether everything is forgotten before a row reads step t in its direction.
  bool forgets(std::ptrdiff_t t, std::ptrdiff_t sorted) const {
    const Schedule& schedule = layer->schedule;
    if (!schedule.reset) return false;
    if (reverse() && t == schedule.last(sorted)) return false;
    return schedule.reset[(reverse() ? t + 1 : t) * schedule.batch + schedule.place(sorted)];
  }
};

template <class T, Mode mode>
CLEW_INLINE Backward<T> back_row_at(const BackJob<T, mode>& job, std::ptrdiff_t t,
                                    std::ptrdiff_t r) {
  const Layer<T>& layer = *job.layer;
  const Schedule& schedule = layer.schedule;
  const Gradients<T>& g = *job.gradients;
  const auto& s = job.s;
  const Noise<T>& noise = layer.noise[job.direction];
  const std::ptrdiff_t sorted = job.rows.begin + r, place = schedule.place(sorted);
  const std::ptrdiff_t B = schedule.batch, at = t * B + place;
  const std::ptrdiff_t end = job.direction * B + place, number = schedule.first(t) + sorted;
  const std::ptrdiff_t final_step = schedule.last(sorted);
  const bool last = job.reverse() ? t == 0 : t == final_step;
  const bool first = job.reverse() ? t == final_step : t == 0;
  const std::ptrdiff_t former = job.reverse() ? t + 1 : t - 1;
  const auto y_at = [&](std::ptrdiff_t step) {
    return ((step * B + place) * layer.directions + job.direction) * s.P;
  };
  Backward<T> row{};
  row.gates = job.gates + number * s.row;
  row.slot = s.Hp;
  if (mode == Mode::lstm) row.c = job.cells + number * s.Hp;
  if (!job.forgets(t, sorted)) {
    if (first) {
      row.h_old = layer.h_0 ? layer.h_0 + end * s.P : nullptr;
      row.c_old = layer.c_0 && mode == Mode::lstm ? job.c_0 + r * s.Hp : nullptr;
    } else {
      row.h_old = layer.y + y_at(former);
      if (mode == Mode::lstm) row.c_old = job.cells + (schedule.first(former) + sorted) * s.Hp;
    }
  }
  row.dy = g.y ? g.y + y_at(t) : nullptr;
  row.dh_n = last && g.h_n ? g.h_n + end * s.P : nullptr;
  row.dc_n = last && g.c_n && mode == Mode::lstm ? g.c_n + end * s.H : nullptr;
  row.dh = job.dh + r * s.h_row();
  row.carry = job.carry + r * s.h_row();
  row.dc = job.dc + r * s.Hp;
  row.zone_h = noise.zone_h ? noise.zone_h + at * s.P : nullptr;
  row.zone_c = noise.zone_c ? noise.zone_c + at * s.H : nullptr;
  row.hold_h = noise.hold_h;
  row.hold_c = noise.hold_c;
  row.relu = layer.mode == Mode::rnn_relu;
  return row;
}

template <class T>
CLEW_INLINE Backward<T> from_unit(Backward<T> row, std::ptrdiff_t u, std::ptrdiff_t width) {
  const auto move = [u](auto*& pointer) {
    if (pointer) pointer += u;
  };
  move(row.gates);
  move(row.c);
  move(row.c_old);
  move(row.h_old);
  move(row.dy);
  move(row.dh_n);
  move(row.dc_n);
  move(row.dh);
  move(row.carry);
  move(row.dc);
  move(row.zone_h);
  move(row.zone_c);
  row.left = width - u;
  return row;
}

// What came through W_hh to units [units.begin, units.end) of the rows that read step `after`
// (n of them) is masked; rows that do not remember the step before get nothing.
template <class T, Mode mode>
void mask_gradients(const BackJob<T, mode>& job, std::ptrdiff_t after, std::ptrdiff_t n,
                    Part units) {
  const auto& s = job.s;
  const T* const mask = job.layer->noise[job.direction].recurrent;
  const Schedule& schedule = job.layer->schedule;
  if (!mask && !schedule.reset) return;
  for (std::ptrdiff_t r = 0; r < n; ++r) {
    const std::ptrdiff_t sorted = job.rows.begin + r;
    const bool forgets = job.forgets(after, sorted);
    for (std::ptrdiff_t u = units.begin; u < units.end && u < s.Hp; u += lanes<T>) {
      if (forgets && mode == Mode::lstm) store<T>(job.dc + r * s.Hp + u, Vec<T>{});
      if (u >= s.Pp) continue;
      T* const dh = job.dh + r * s.h_row() + u;
      if (forgets) {
        store<T>(dh, Vec<T>{});
        store<T>(job.carry + r * s.h_row() + u, Vec<T>{});
      } else if (mask && u < s.P) {
        store<T>(dh, load<T>(dh) *
                         load_some<T>(mask + schedule.place(sorted) * s.P + u, s.P - u));
      }
    }
  }
}

// The gradients of the initial states of rows [begin, end), which have reached their first step.
template <class T, Mode mode>
void leave_rows(const BackJob<T, mode>& job, std::ptrdiff_t begin, std::ptrdiff_t end, Part units) {
  const auto& s = job.s;
  const Gradients<T>& g = *job.gradients;
  for (std::ptrdiff_t r = begin; r < end; ++r) {
    const std::ptrdiff_t to =
        job.direction * job.layer->schedule.batch + job.layer->schedule.place(job.rows.begin + r);
    for (std::ptrdiff_t u = units.begin; u < units.end; u += lanes<T>) {
      if (g.h_0 && u < s.P)
        store_some<T>(g.h_0 + to * s.P + u,
                      load<T>(job.dh + r * s.h_row() + u) + load<T>(job.carry + r * s.h_row() + u), s.P - u);
      if (g.c_0 && mode == Mode::lstm && u < s.H)
        store_some<T>(g.c_0 + to * s.H + u, load<T>(job.dc + r * s.Hp + u), s.H - u);
    }
  }
}

template <class T, Mode mode>
__attribute__((noinline)) void unapply_cell(const BackJob<T, mode>& job, std::ptrdiff_t t,
                                            std::ptrdiff_t n, Part units) {
  const auto& s = job.s;
  for (std::ptrdiff_t r = 0; r < n; ++r) {
    const Backward<T> whole = back_row_at(job, t, r);
    for (std::ptrdiff_t u = units.begin; u < units.end && u < s.H; u += lanes<T>) {
      const Backward<T> row = from_unit<T>(whole, u, s.H);
      deactivate<T, mode>(row, gathered<T>(row));
    }
    if (units.end >= s.H) clear_rest(s, whole.gates);
  }
}

// Where h was projected: the gradient of what was projected, and through W_hr that of h before.
template <class T, Mode mode>
void unproject(const BackJob<T, mode>& job, std::ptrdiff_t t, std::ptrdiff_t n) {
  const auto& s = job.s;
  T* const dprojected = job.dprojected + (job.layer->schedule.first(t) + job.rows.begin) * s.Pp;
  for (std::ptrdiff_t r = 0; r < n; ++r) {
    const Backward<T> whole = back_row_at(job, t, r);
    for (std::ptrdiff_t u = 0; u < s.Pp; u += lanes<T>)
      store<T>(dprojected + r * s.Pp + u,
               u < s.P ? gathered<T>(from_unit<T>(whole, u, s.P)) : Vec<T>{});
  }
  multiply_pairs<T>(n, s.P, dprojected, s.Pp, job.packed.w_hr, Part{0, s.Hp / s.pair}, job.dshown,
                    s.Hp, false);
}

// The cell where h was projected.
template <class T, Mode mode>
void unapply_projected(const BackJob<T, mode>& job, std::ptrdiff_t t, std::ptrdiff_t n) {
  const auto& s = job.s;
  const std::ptrdiff_t number = job.layer->schedule.first(t) + job.rows.begin;
  for (std::ptrdiff_t r = 0; r < n; ++r) {
    const Backward<T> whole = back_row_at(job, t, r);
    for (std::ptrdiff_t u = 0; u < s.H; u += lanes<T>) {
      const Backward<T> row = from_unit<T>(whole, u, s.H);
      store<T>(job.shown + (number + r) * s.Hp + u,
               load<T>(row.gates + 3 * row.slot) * tanh<T>(cell_before_zoneout<T>(row)));
      deactivate<T, mode>(row, load<T>(job.dshown + r * s.Hp + u));
    }
    clear_rest(s, whole.gates);
  }
}

// The cell with layer norm: each member has whole rows.
template <class T, Mode mode>
void unapply_rows(const BackJob<T, mode>& job, std::ptrdiff_t t, std::ptrdiff_t n, int member) {
  const auto& s = job.s;
  const std::ptrdiff_t number = job.layer->schedule.first(t) + job.rows.begin;
  const Part mine = part(n, member, job.members);
  for (std::ptrdiff_t r = mine.begin; r < mine.end; ++r) {
    const NormRow<T> parts{job.in + (number + r) * s.in_row(),
                           job.over + (number + r) * s.over_row(),
                           job.scale + (number + r) * scales, job.own};
    Backward<T> row = back_row_at(job, t, r);
    row.gates = own_gates(s, job.own);
    unapply_normed(s, job.gains, parts, row,
                   s.project ? job.dshown + r * s.Hp : nullptr,
                   s.project ? job.shown + (number + r) * s.Hp : nullptr,
                   job.sums + (job.rows.begin + r) * norm_sums(s));
  }
}

template <class T, Mode mode>
void unread_job(const BackJob<T, mode>& job, int member) {
  const Layer<T>& layer = *job.layer;
  const Schedule& schedule = layer.schedule;
  const auto& s = job.s;
  const std::ptrdiff_t R = job.rows.end - job.rows.begin;
  const std::ptrdiff_t pairs = (s.Hp > s.Pp ? s.Hp : s.Pp) / s.pair;
  const Part panels = part(pairs, member, job.members);
  const Part units{panels.begin * s.pair, panels.end * s.pair};
  const Part h_panels = s.project ? Part{0, s.Pp / s.pair} : panels;
  for (std::ptrdiff_t r = 0; r < R; ++r) {
    const std::ptrdiff_t from = job.direction * schedule.batch + schedule.place(job.rows.begin + r);
    for (std::ptrdiff_t u = units.begin; u < units.end; ++u) {
      if (u < s.Pp) job.dh[r * s.h_row() + u] = job.carry[r * s.h_row() + u] = T(0);
      if (mode == Mode::lstm && u < s.Hp) {
        job.dc[r * s.Hp + u] = T(0);
        job.c_0[r * s.Hp + u] = layer.c_0 && u < s.H ? layer.c_0[from * s.H + u] : T(0);
      }
    }
  }
  const std::ptrdiff_t depth = h_slots<mode> * s.Hp;
  std::ptrdiff_t after = -1, behind = 0;  // the step unread last, and its rows
  for (std::ptrdiff_t k = 0; k < schedule.longest; ++k) {
    const std::ptrdiff_t t = job.reverse() ? k : schedule.longest - 1 - k;
    const std::ptrdiff_t n = job.active(t);
    if (behind > 0) {
      multiply_pairs<T>(behind, depth, job.passed_at(after), job.passed_row(), job.packed.w_hh,
                        h_panels, job.dh, s.h_row(), false, job.far);
      mask_gradients(job, after, behind, units);
      leave_rows(job, n, behind, units);
    }
    if (n > 0) {
      if (s.project) unproject(job, t, n);
      if (s.norm) {
        job.meet(member);  // rows need all units of the others
        unapply_rows(job, t, n, member);
      } else if (s.project) {
        unapply_projected(job, t, n);
      } else {
        unapply_cell(job, t, n, units);
      }
      job.meet(member);
    }
    after = t;
    behind = n;
  }
  if (behind > 0) {
    multiply_pairs<T>(behind, depth, job.passed_at(after), job.passed_row(), job.packed.w_hh,
                      h_panels, job.dh, s.h_row(), false, job.far);
    mask_gradients(job, after, behind, units);
    leave_rows(job, 0, behind, units);
  }
  // An empty sequence hands its initial state through.
  const Gradients<T>& g = *job.gradients;
  for (std::ptrdiff_t r = R - 1; member == 0 && r >= 0; --r) {
    if (schedule.last(job.rows.begin + r) >= 0) break;
    const std::ptrdiff_t to = job.direction * schedule.batch + schedule.place(job.rows.begin + r);
    for (std::ptrdiff_t u = 0; g.h_0 && u < s.P; ++u)
      g.h_0[to * s.P + u] = g.h_n ? g.h_n[to * s.P + u] : T(0);
    for (std::ptrdiff_t u = 0; mode == Mode::lstm && g.c_0 && u < s.H; ++u)
      g.c_0[to * s.H + u] = g.c_n ? g.c_n[to * s.H + u] : T(0);
  }
}

}  // namespace clew::CLEW_TARGET
