// The loop through time, forward.
//
// A job reads some rows of a batch in one direction; its members each own some panels of units. A
// chunk of steps is projected through W_ih at once; then each step adds W_hh h and applies the cell.
// Between steps the members meet, because each needs the whole h of the step before.
#pragma once

#include "norm.h"

namespace clew::CLEW_TARGET {

// With layer norm, besides: what backward needs (null: not kept), and where it is otherwise.
template <class T>
struct NormJob {
  Gains<T> gains;
  T *in, *over, *scale;  // (N, in_row), (N, over_row), (N, scales)
  T* over_now;           // (R, over_row)
  T* own;                // norm_own values of this member
};

template <class T, Mode mode, class W = T>
struct Job {
  const Layer<T>* layer;
  Sizes<T, mode> s;
  int direction;
  Packed<T, W> packed;
  Part rows;  // of the sorted sequences
  int members;
  Barrier* barrier;
  T *h[2], *fed[2];      // (R, Pp) carried, and as W_hh sees it
  T* c;                  // (R, Hp) carried
  T *shown, *projected;  // (R, Hp), (R, Pp) where there is a projection
  T *gates, *cells;      // (N, row), (N, Hp): the record; null: not kept
  T* chunk;              // (steps of a chunk, R, row) where there is no record
  T* gathered;           // (steps of a chunk, R, D) where rows are not in the batch's order
  std::ptrdiff_t chunk_steps;
  NormJob<T> norm{};
  bool far = false;  // whether a member's weights are more than its second cache holds

  bool reverse() const { return direction == 1; }
  void meet(int member) const {
    if (members > 1) barrier->wait(member, members);
  }
  // Rows of this job that run at t.
  std::ptrdiff_t active(std::ptrdiff_t t) const {
    const std::ptrdiff_t n = layer->schedule.active(t);
    return n >= rows.end ? rows.end - rows.begin : n > rows.begin ? n - rows.begin : 0;
  }
  T* gates_at(std::ptrdiff_t t, std::ptrdiff_t low) const {
    if (gates) return gates + (layer->schedule.first(t) + rows.begin) * s.row;
    return chunk + (t - low) * (rows.end - rows.begin) * s.row;
  }
  // Where W_ih x of step t is: with layer norm not among the gates.
  T* sums_at(std::ptrdiff_t t, std::ptrdiff_t low) const {
    if (!s.norm) return gates_at(t, low);
    if (norm.in) return norm.in + (layer->schedule.first(t) + rows.begin) * s.in_row();
    return chunk + (t - low) * (rows.end - rows.begin) * s.in_row();
  }
  std::ptrdiff_t sums_row() const { return s.norm ? s.in_row() : s.row; }
};

// The initial state of the job's rows, units [units.begin, units.end) of it.
template <class T, Mode mode, class W>
void begin_states(const Job<T, mode, W>& job, int member) {
  const Layer<T>& layer = *job.layer;
  const Schedule& schedule = layer.schedule;
  const auto& s = job.s;
  const std::ptrdiff_t R = job.rows.end - job.rows.begin;
  const Part mine = part(R, member, job.members);
  const T* mask = layer.noise[job.direction].recurrent;
  for (std::ptrdiff_t r = mine.begin; r < mine.end; ++r) {
    const std::ptrdiff_t place = schedule.place(job.rows.begin + r);
    const std::ptrdiff_t from = job.direction * schedule.batch + place;
    const bool forget = !job.reverse() && schedule.reset && schedule.longest > 0 &&
                        schedule.last(job.rows.begin + r) >= 0 && schedule.reset[place];
    for (std::ptrdiff_t u = 0; u < s.Pp; ++u) {
      const T h = layer.h_0 && !forget && u < s.P ? layer.h_0[from * s.P + u] : T(0);
      const T fed = mask && u < s.P ? h * mask[place * s.P + u] : h;
      for (int k = 0; k < 2; ++k) {
        job.h[k][r * s.h_row() + u] = h;
        if (mask) job.fed[k][r * s.h_row() + u] = fed;
      }
    }
    if constexpr (mode == Mode::lstm)
      for (std::ptrdiff_t u = 0; u < s.Hp; ++u)
        job.c[r * s.c_row() + u] =
            layer.c_0 && !forget && u < s.H ? layer.c_0[from * s.H + u] : T(0);
  }
}

// x of steps [low, high) row by row, where the rows are not in the batch's order.
template <class T, Mode mode, class W>
void gather_inputs(const Job<T, mode, W>& job, int member, std::ptrdiff_t low,
                   std::ptrdiff_t high) {
  const Layer<T>& layer = *job.layer;
  const Schedule& schedule = layer.schedule;
  if (!schedule.order) return;
  const std::ptrdiff_t R = job.rows.end - job.rows.begin, D = job.s.D;
  const Part mine = part(high - low, member, job.members);
  for (std::ptrdiff_t t = low + mine.begin; t < low + mine.end; ++t)
    for (std::ptrdiff_t r = 0; r < job.active(t); ++r)
      __builtin_memcpy(
          job.gathered + ((t - low) * R + r) * D,
          layer.x + (t * schedule.batch + schedule.place(job.rows.begin + r)) * D, D * sizeof(T));
  job.meet(member);
}

// The input's part of the gates for steps [low, high), of some panels; `after` as in `multiply`.
template <class T, Mode mode, class W>
void project_inputs(const Job<T, mode, W>& job, Part panels, std::ptrdiff_t low,
                    std::ptrdiff_t high, const W* after = nullptr) {
  const Layer<T>& layer = *job.layer;
  const Schedule& schedule = layer.schedule;
  const auto& s = job.s;
  const std::ptrdiff_t R = job.rows.end - job.rows.begin, B = schedule.batch;
  const bool regular = !schedule.begin;
  const bool whole = regular && R == B && !schedule.order;
  const bool by_row = regular && !whole && !schedule.order && R < 4;
  const std::ptrdiff_t ld = job.sums_row();
  const std::ptrdiff_t step = (layer.record ? B : R) * ld;  // from t to t + 1, if regular
  const T* const start = s.norm ? job.norm.gains.zeros : job.packed.bias;
  // One row reads several panels at once.
  const std::ptrdiff_t together = whole && (high - low) * B == 1 ? panels.end - panels.begin : 1;
  for (std::ptrdiff_t p = panels.begin; p < panels.end; p += together) {
    std::ptrdiff_t at[Sizes<T, mode>::vectors];
    s.at(p, false, at);
    if (s.norm)  // only x's slots are there
      for (std::ptrdiff_t& place : at) place -= x_slot<mode> * s.Hp;
    const W* const w = job.packed.w_ih + p * s.panel(s.D);
    const auto product = [&](std::ptrdiff_t n, const T* x, std::ptrdiff_t x_ld, T* to,
                             std::ptrdiff_t to_ld) {
      multiply_panels<T, Sizes<T, mode>::vectors, W>(n, s.D, x, x_ld, w, together, s.panel(s.D),
                                                     Sums<T>{start, 0, to, to_ld}, at, s.units,
                                                     after);
      if (mode == Mode::gru && !s.norm)  // where W_hh h of the candidate starts
        for (std::ptrdiff_t u = p * s.units; u < (p + together) * s.units; u += lanes<T>)
          for (std::ptrdiff_t r = 0; r < n; ++r)
            store<T>(to + r * to_ld + u, load<T>(job.packed.bias + u));
    };
    if (whole) {
      product((high - low) * B, layer.x + low * B * s.D, s.D, job.sums_at(low, low), ld);
    } else if (by_row) {
      for (std::ptrdiff_t r = 0; r < R; ++r)
        product(high - low, layer.x + (low * B + job.rows.begin + r) * s.D, B * s.D,
                job.sums_at(low, low) + r * ld, step);
    } else {
      for (std::ptrdiff_t t = low; t < high; ++t)
        product(job.active(t),
                schedule.order ? job.gathered + (t - low) * R * s.D
                               : layer.x + (t * B + job.rows.begin) * s.D,
                s.D, job.sums_at(t, low), ld);
    }
  }
}

// Whether all rows are in the batch's order and nothing but the cell happens to them: then the
// compiler sees what never changes from row to row.
template <class T, Mode mode, class W>
CLEW_INLINE bool is_regular(const Job<T, mode, W>& job) {
  const Noise<T>& noise = job.layer->noise[job.direction];
  return !job.layer->schedule.length && !job.layer->schedule.reset && !noise.recurrent &&
         !noise.zone_h && !noise.zone_c && noise.hold_h == T(0) && noise.hold_c == T(0);
}

// What a row reads and writes at step t, from unit 0 of its states.
template <bool regular, class T, Mode mode, class W>
CLEW_INLINE Forward<T> row_at(const Job<T, mode, W>& job, std::ptrdiff_t t, std::ptrdiff_t r,
                              T* gates, int now) {
  const Layer<T>& layer = *job.layer;
  const Schedule& schedule = layer.schedule;
  const auto& s = job.s;
  const Noise<T>& noise = layer.noise[job.direction];
  const std::ptrdiff_t sorted = job.rows.begin + r,
                       place = regular ? sorted : schedule.place(sorted);
  const std::ptrdiff_t at = t * schedule.batch + place;
  const std::ptrdiff_t end = job.direction * schedule.batch + place;
  const bool last =
      job.reverse() ? t == 0 : t == (regular ? schedule.steps - 1 : schedule.last(sorted));
  Forward<T> row{};
  row.gates = gates + r * s.row;
  row.slot = s.Hp;
  row.h = job.h[now] + r * s.h_row();
  row.h_next = job.h[1 - now] + r * s.h_row();
  row.fed_next = job.fed[1 - now] + r * s.h_row();
  row.c = job.c + r * s.c_row();
  row.kept_c =
      job.cells ? job.cells + ((regular ? t * schedule.batch : schedule.first(t)) + sorted) * s.Hp
                : nullptr;
  row.y = layer.y + (at * layer.directions + job.direction) * s.P;
  row.h_n = last ? layer.h_n + end * s.P : nullptr;
  row.c_n = last && mode == Mode::lstm ? layer.c_n + end * s.H : nullptr;
  row.relu = layer.mode == Mode::rnn_relu;
  if (regular) return row;
  row.mask = noise.recurrent ? noise.recurrent + place * s.P : nullptr;
  row.zone_h = noise.zone_h ? noise.zone_h + at * s.P : nullptr;
  row.zone_c = noise.zone_c ? noise.zone_c + at * s.H : nullptr;
  row.hold_h = noise.hold_h;
  row.hold_c = noise.hold_c;
  if (schedule.reset) {
    // The border before step t + 1 is crossed forward on leaving t; backward that before t is.
    if (job.reverse())
      row.forget = schedule.reset[at];
    else if (t + 1 < schedule.steps)
      row.forget = schedule.reset[at + schedule.batch];
  }
  return row;
}

template <class T>
CLEW_INLINE Forward<T> from_unit(Forward<T> row, std::ptrdiff_t u, std::ptrdiff_t H) {
  row.gates += u;
  row.h += u;
  row.h_next += u;
  row.fed_next += u;
  row.c += u;
  if (row.kept_c) row.kept_c += u;
  row.y += u;
  if (row.h_n) row.h_n += u;
  if (row.c_n) row.c_n += u;
  if (row.mask) row.mask += u;
  if (row.zone_h) row.zone_h += u;
  if (row.zone_c) row.zone_c += u;
  row.left = H - u;
  return row;
}

// The cell at step t for units [begin, end) of n rows, whose sums are complete.
template <bool regular, class T, Mode mode, class W>
__attribute__((noinline)) void apply_cell(const Job<T, mode, W>& job, std::ptrdiff_t t,
                                          std::ptrdiff_t n, Part units, T* gates, int now) {
  const Sizes<T, mode> s = job.s;  // a copy, which no store can change
  const std::ptrdiff_t end = units.end < s.H ? units.end : s.H;
  for (std::ptrdiff_t r = 0; r < n; ++r) {
    const Forward<T> whole = row_at<regular>(job, t, r, gates, now);
    for (std::ptrdiff_t u = units.begin; u < end; u += lanes<T>) {
      const Forward<T> row = from_unit<T>(whole, u, s.H);
      const Vec<T> h = activate<T, mode>(row);
      if (s.project)
        store<T>(job.shown + r * s.Hp + u, h);
      else
        hand_on<T>(row, h);
    }
  }
}

// h = W_hr shown, for n rows.
template <class T, Mode mode, class W>
void apply_projection(const Job<T, mode, W>& job, std::ptrdiff_t t, std::ptrdiff_t n, T* gates,
                      int now) {
  const auto& s = job.s;
  const std::ptrdiff_t at[2] = {0, lanes<T>};
  __builtin_memset(job.projected, 0, n * s.Pp * sizeof(T));
  multiply_panels<T, 2, W>(n, s.H, job.shown, s.Hp, job.packed.w_hr, s.Pp / s.pair, s.H * s.pair,
                           Sums<T>{job.projected, s.Pp, job.projected, s.Pp}, at, s.pair);
  for (std::ptrdiff_t r = 0; r < n; ++r) {
    const Forward<T> whole = row_at<false>(job, t, r, gates, now);
    for (std::ptrdiff_t u = 0; u < s.P; u += lanes<T>)
      hand_on<T>(from_unit<T>(whole, u, s.P), load<T>(job.projected + r * s.Pp + u));
  }
}

// One step with layer norm: the members make the products of their panels, then each normalises
// whole rows of its own.
template <class T, Mode mode, class W>
void take_normed_step(const Job<T, mode, W>& job, Part panels, std::ptrdiff_t t, std::ptrdiff_t n,
                      T* in, int now, int member) {
  const auto& s = job.s;
  const NormJob<T>& norm = job.norm;
  const std::ptrdiff_t number = job.layer->schedule.first(t) + job.rows.begin;
  T* const over = norm.over ? norm.over + number * s.over_row() : norm.over_now;
  const Sums<T> sums = s.apart ? Sums<T>{norm.gains.zeros, 0, over, s.over_row()}
                               : Sums<T>{in, s.in_row(), in, s.in_row()};
  const std::ptrdiff_t together = n == 1 ? panels.end - panels.begin : 1;
  for (std::ptrdiff_t p = panels.begin; p < panels.end; p += together) {
    std::ptrdiff_t at[Sizes<T, mode>::vectors];
    s.at(p, true, at);
    multiply_panels<T, Sizes<T, mode>::vectors, W>(
        n, s.P, job.fed[now], s.h_row(), job.packed.w_hh + p * s.panel(s.P), together,
        s.panel(s.P), sums, at, s.units);
  }
  job.meet(member);
  T* const gates = own_gates(s, norm.own);
  const Part mine = part(n, member, job.members);
  for (std::ptrdiff_t r = mine.begin; r < mine.end; ++r) {
    Forward<T> row = row_at<false>(job, t, r, gates, now);
    row.gates = gates;
    const NormRow<T> parts{in + r * s.in_row(), over + r * s.over_row(),
                           norm.scale ? norm.scale + (number + r) * scales : gates + s.row,
                           norm.own};
    apply_normed(s, norm.gains, parts, row, s.project ? job.shown + r * s.Hp : nullptr);
  }
  if (s.project) apply_projection(job, t, n, gates, now);
}

// One step of n rows: W_hh h added to the sums, and the cell. Where `with_inputs`, W_ih x is made
// here too, panel by panel, so that the gates of a panel never leave the nearest caches.
template <class T, Mode mode, class W>
void take_step(const Job<T, mode, W>& job, Part panels, std::ptrdiff_t t, std::ptrdiff_t n,
               T* gates, int now, int member = 0, bool with_inputs = false) {
  const auto& s = job.s;
  if (s.norm) return take_normed_step(job, panels, t, n, gates, now, member);
  const bool regular = is_regular(job);
  // One row reads several panels at once; many rows finish one before the next, while it is warm.
  const std::ptrdiff_t together = n == 1 ? panels.end - panels.begin : 1;
  for (std::ptrdiff_t p = panels.begin; p < panels.end; p += together) {
    std::ptrdiff_t at[Sizes<T, mode>::vectors];
    s.at(p, true, at);
    const W* const w = job.packed.w_hh + p * s.panel(s.P);
    const std::ptrdiff_t following = p + together < panels.end ? p + together : panels.begin;
    if (with_inputs)
      project_inputs(job, Part{p, p + together}, t, t + 1, job.far && s.D == s.P ? w : nullptr);
    multiply_panels<T, Sizes<T, mode>::vectors, W>(
        n, s.P, job.fed[now], s.h_row(), w, together, s.panel(s.P),
        Sums<T>{gates, s.row, gates, s.row}, at, s.units,
        !job.far                       ? nullptr
        : with_inputs && s.D == s.P ? job.packed.w_ih + following * s.panel(s.D)
                                       : job.packed.w_hh + following * s.panel(s.P));
    const Part units{p * s.units, (p + together) * s.units};
    if (regular)
      apply_cell<true>(job, t, n, units, gates, now);
    else
      apply_cell<false>(job, t, n, units, gates, now);
  }
  if (s.project) apply_projection(job, t, n, gates, now);
}

// Outputs beyond the lengths, and the state of sequences that are empty.
template <class T, Mode mode, class W>
void finish_rows(const Job<T, mode, W>& job, int member) {
  const Layer<T>& layer = *job.layer;
  const Schedule& schedule = layer.schedule;
  const auto& s = job.s;
  const Part mine = part(job.rows.end - job.rows.begin, member, job.members);
  for (std::ptrdiff_t r = mine.begin; r < mine.end; ++r) {
    const std::ptrdiff_t sorted = job.rows.begin + r, place = schedule.place(sorted);
    const std::ptrdiff_t length = schedule.last(sorted) + 1;
    for (std::ptrdiff_t t = length; t < schedule.steps; ++t)
      __builtin_memset(
          layer.y + ((t * schedule.batch + place) * layer.directions + job.direction) * s.P, 0,
          s.P * sizeof(T));
    if (length > 0) continue;
    const std::ptrdiff_t end = job.direction * schedule.batch + place;
    for (std::ptrdiff_t u = 0; u < s.P; ++u)
      layer.h_n[end * s.P + u] = layer.h_0 ? layer.h_0[end * s.P + u] : T(0);
    if constexpr (mode == Mode::lstm)
      for (std::ptrdiff_t u = 0; u < s.H; ++u)
        layer.c_n[end * s.H + u] = layer.c_0 ? layer.c_0[end * s.H + u] : T(0);
  }
}

// The whole of a job, by each of its members.
template <class T, Mode mode, class W>
void read_job(const Job<T, mode, W>& job, int member) {
  const Schedule& schedule = job.layer->schedule;
  const Part panels = part(job.s.panels, member, job.members);
  begin_states(job, member);
  job.meet(member);
  const std::ptrdiff_t steps = schedule.longest;
  int now = 0;
  for (std::ptrdiff_t done = 0; done < steps;) {
    const std::ptrdiff_t next = done + job.chunk_steps < steps ? done + job.chunk_steps : steps;
    const std::ptrdiff_t low = job.reverse() ? steps - next : done;
    const std::ptrdiff_t high = job.reverse() ? steps - done : next;
    if (job.active(low) == 0) {  // the longest come first: none of these rows is that long
      done = next;
      continue;
    }
    gather_inputs(job, member, low, high);
    const bool with_inputs = high - low == 1 && !job.s.norm && job.active(low) > 1;
    if (!with_inputs) project_inputs(job, panels, low, high);
    for (std::ptrdiff_t k = 0; k < high - low; ++k) {
      const std::ptrdiff_t t = job.reverse() ? high - 1 - k : low + k;
      const std::ptrdiff_t n = job.active(t);
      if (n == 0) continue;
      take_step(job, panels, t, n, job.sums_at(t, low), now, member, with_inputs);
      job.meet(member);
      now = 1 - now;
    }
    done = next;
  }
  finish_rows(job, member);
}

}  // namespace clew::CLEW_TARGET
