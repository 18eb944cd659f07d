// The loop through time, forward.
//
// A job reads some rows of a batch in one direction; its members each own some panels of units. A
// chunk of steps is projected through W_ih at once; then each step adds W_hh h and applies the cell.
// Between steps the members meet, because each needs the whole h of the step before.
#pragma once

#include "packed.h"

namespace clew::CLEW_TARGET {

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
        job.h[k][r * s.Pp + u] = h;
        if (mask) job.fed[k][r * s.Pp + u] = fed;
      }
    }
    if constexpr (mode == Mode::lstm)
      for (std::ptrdiff_t u = 0; u < s.Hp; ++u)
        job.c[r * s.Hp + u] =
            layer.c_0 && !forget && u < s.H ? layer.c_0[from * s.H + u] : T(0);
  }
}

// The input's part of the gates for steps [low, high), of the member's panels.
template <class T, Mode mode, class W>
void project_inputs(const Job<T, mode, W>& job, Part panels, int member, std::ptrdiff_t low,
                    std::ptrdiff_t high) {
  const Layer<T>& layer = *job.layer;
  const Schedule& schedule = layer.schedule;
  const auto& s = job.s;
  const std::ptrdiff_t R = job.rows.end - job.rows.begin, B = schedule.batch;
  const bool regular = !schedule.begin;
  if (schedule.order) {  // x row by row in the sorted order
    const Part mine = part(high - low, member, job.members);
    for (std::ptrdiff_t t = low + mine.begin; t < low + mine.end; ++t)
      for (std::ptrdiff_t r = 0; r < job.active(t); ++r)
        __builtin_memcpy(job.gathered + ((t - low) * R + r) * s.D,
                         layer.x + (t * B + schedule.place(job.rows.begin + r)) * s.D,
                         s.D * sizeof(T));
    job.meet(member);
  }
  const bool whole = regular && R == B && !schedule.order;
  const bool by_row = regular && !whole && !schedule.order && R < 4;
  const std::ptrdiff_t step = (job.gates ? B : R) * s.row;  // of gates from t to t + 1, if regular
  for (std::ptrdiff_t p = panels.begin; p < panels.end; ++p) {
    std::ptrdiff_t at[s.vectors];
    s.at(p, false, at);
    const W* const w = job.packed.w_ih + p * s.panel(s.D);
    const auto product = [&](std::ptrdiff_t n, const T* x, std::ptrdiff_t ld, T* to,
                             std::ptrdiff_t to_ld) {
      multiply<T, s.vectors, W>(n, s.D, x, ld, w, Sums<T>{job.packed.bias, 0, to, to_ld}, at);
      if constexpr (mode == Mode::gru) {  // where W_hh h of the candidate starts
        const std::ptrdiff_t u = p * s.units;
        for (std::ptrdiff_t r = 0; r < n; ++r)
          store<T>(to + r * to_ld + u, load<T>(job.packed.bias + u));
      }
    };
    if (whole) {
      product((high - low) * B, layer.x + low * B * s.D, s.D, job.gates_at(low, low), s.row);
    } else if (by_row) {
      for (std::ptrdiff_t r = 0; r < R; ++r)
        product(high - low, layer.x + (low * B + job.rows.begin + r) * s.D, B * s.D,
                job.gates_at(low, low) + r * s.row, step);
    } else {
      for (std::ptrdiff_t t = low; t < high; ++t)
        product(job.active(t),
                schedule.order ? job.gathered + (t - low) * R * s.D
                               : layer.x + (t * B + job.rows.begin) * s.D,
                s.D, job.gates_at(t, low), s.row);
    }
  }
}

// What a row reads and writes at step t, from unit u of its states.
template <class T, Mode mode, class W>
CLEW_INLINE Forward<T> row_at(const Job<T, mode, W>& job, std::ptrdiff_t t, std::ptrdiff_t r,
                              T* gates, int now) {
  const Layer<T>& layer = *job.layer;
  const Schedule& schedule = layer.schedule;
  const auto& s = job.s;
  const Noise<T>& noise = layer.noise[job.direction];
  const std::ptrdiff_t sorted = job.rows.begin + r, place = schedule.place(sorted);
  const std::ptrdiff_t at = t * schedule.batch + place;
  const std::ptrdiff_t end = job.direction * schedule.batch + place;
  const bool last = job.reverse() ? t == 0 : t == schedule.last(sorted);
  Forward<T> row;
  row.gates = gates + r * s.row;
  row.slot = s.Hp;
  row.h = job.h[now] + r * s.Pp;
  row.h_next = job.h[1 - now] + r * s.Pp;
  row.fed_next = job.fed[1 - now] + r * s.Pp;
  row.c = job.c + r * s.Hp;
  row.kept_c = job.cells ? job.cells + (schedule.first(t) + sorted) * s.Hp : nullptr;
  row.y = layer.y + (at * layer.directions + job.direction) * s.P;
  row.h_n = last ? layer.h_n + end * s.P : nullptr;
  row.c_n = last && mode == Mode::lstm ? layer.c_n + end * s.H : nullptr;
  row.mask = noise.recurrent ? noise.recurrent + place * s.P : nullptr;
  row.zone_h = noise.zone_h ? noise.zone_h + at * s.P : nullptr;
  row.zone_c = noise.zone_c ? noise.zone_c + at * s.H : nullptr;
  row.hold_h = noise.hold_h;
  row.hold_c = noise.hold_c;
  row.forget = false;
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
template <class T, Mode mode, class W>
__attribute__((noinline)) void apply_cell(const Job<T, mode, W>& job, std::ptrdiff_t t,
                                          std::ptrdiff_t n, Part units, T* gates, int now) {
  const auto& s = job.s;
  for (std::ptrdiff_t r = 0; r < n; ++r) {
    const Forward<T> whole = row_at(job, t, r, gates, now);
    for (std::ptrdiff_t u = units.begin; u < units.end; u += lanes<T>) {
      if (u >= s.H) break;
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
    const Forward<T> whole = row_at(job, t, r, gates, now);
    for (std::ptrdiff_t u = 0; u < s.P; u += lanes<T>)
      hand_on<T>(from_unit<T>(whole, u, s.P), load<T>(job.projected + r * s.Pp + u));
  }
}

// One step of n rows: W_hh h added to the sums, and the cell.
template <class T, Mode mode, class W>
void take_step(const Job<T, mode, W>& job, Part panels, std::ptrdiff_t t, std::ptrdiff_t n,
               T* gates, int now) {
  const auto& s = job.s;
  // One row reads several panels at once; many rows finish one before the next, while it is warm.
  const std::ptrdiff_t together = n == 1 ? panels.end - panels.begin : 1;
  for (std::ptrdiff_t p = panels.begin; p < panels.end; p += together) {
    std::ptrdiff_t at[s.vectors];
    s.at(p, true, at);
    multiply_panels<T, s.vectors, W>(n, s.P, job.fed[now], s.Pp,
                                     job.packed.w_hh + p * s.panel(s.P), together, s.panel(s.P),
                                     Sums<T>{gates, s.row, gates, s.row}, at, s.units);
    apply_cell(job, t, n, Part{p * s.units, (p + together) * s.units}, gates, now);
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
    project_inputs(job, panels, member, low, high);
    for (std::ptrdiff_t k = 0; k < high - low; ++k) {
      const std::ptrdiff_t t = job.reverse() ? high - 1 - k : low + k;
      const std::ptrdiff_t n = job.active(t);
      if (n == 0) continue;
      take_step(job, panels, t, n, job.gates_at(t, low), now);
      job.meet(member);
      now = 1 - now;
    }
    done = next;
  }
  finish_rows(job, member);
}

}  // namespace clew::CLEW_TARGET
