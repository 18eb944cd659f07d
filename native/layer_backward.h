// A layer backward: the loop through time, then the gradients of weights and inputs as large
// products over all steps.
#pragma once

#include "backward.h"
#include "gradient.h"
#include "layer_forward.h"

namespace clew::CLEW_TARGET {

// What the gradients of the weights of one direction are summed from: a row for each real step.
template <class T, Mode mode>
struct Steps {
  const T **x, **h, **mask;  // (N,)
  const T** shown;           // (N,) with a projection

  Steps(Arena& arena, const Layer<T>& layer, const Sizes<T, mode>& s, int direction) {
    const std::ptrdiff_t N = layer.schedule.total;
    x = arena.take<const T*>(N);
    h = arena.take<const T*>(N);
    mask = arena.take<const T*>(layer.noise[direction].recurrent ? N : 0);
    shown = arena.take<const T*>(s.project ? N : 0);
  }
  Steps() = default;

  // Steps [part.begin, part.end): the input, and the h that W_hh saw; null where it was zero.
  void fill(const BackJob<T, mode>& job, Part steps) const {
    const Layer<T>& layer = *job.layer;
    const Schedule& schedule = layer.schedule;
    const auto& s = job.s;
    const T* const recurrent = layer.noise[job.direction].recurrent;
    for (std::ptrdiff_t t = steps.begin; t < steps.end; ++t)
      for (std::ptrdiff_t r = 0; r < schedule.active(t); ++r) {
        const std::ptrdiff_t number = schedule.first(t) + r, place = schedule.place(r);
        const bool first = job.reverse() ? t == schedule.last(r) : t == 0;
        const std::ptrdiff_t former = job.reverse() ? t + 1 : t - 1;
        x[number] = layer.x + (t * schedule.batch + place) * s.D;
        h[number] =
            job.forgets(t, r) ? nullptr
            : !first ? layer.y + ((former * schedule.batch + place) * layer.directions +
                                  job.direction) * s.P
            : layer.h_0 ? layer.h_0 + (job.direction * schedule.batch + place) * s.P
                        : nullptr;
        if (recurrent) mask[number] = recurrent + place * s.P;
        if (s.project) shown[number] = job.shown + number * s.Hp;
      }
  }
};

// Columns of a product over so many inputs: one more for the bias, and rows begin on whole lines.
template <class T>
CLEW_INLINE std::ptrdiff_t product_row(std::ptrdiff_t inputs) {
  return round_up(inputs + 1, 64 / static_cast<std::ptrdiff_t>(sizeof(T)));
}

// How the columns of the record's gates meet x and h.
template <class T, Mode mode>
CLEW_INLINE GradientTerms<T> terms_of(const BackJob<T, mode>& job, const Steps<T, mode>& steps,
                                      Band (&bands)[3], T* c) {
  const auto& s = job.s;
  GradientTerms<T> terms{};
  terms.a = job.gates;
  terms.lda = s.row;
  terms.m = s.slots * s.Hp;
  terms.n = job.layer->schedule.total;
  terms.x_rows = steps.x;
  terms.D = s.D;
  terms.h_rows = steps.h;
  terms.h_scale = job.layer->noise[job.direction].recurrent ? steps.mask : nullptr;
  terms.P = s.P;
  if constexpr (mode == Mode::gru) {
    bands[0] = {0, s.Hp, false, true};
    bands[1] = {s.Hp, 3 * s.Hp, true, true};
    bands[2] = {3 * s.Hp, 4 * s.Hp, true, false};
    terms.bands_count = 3;
  } else {
    bands[0] = {0, s.slots * s.Hp, true, true};
    terms.bands_count = 1;
  }
  terms.bands = bands;
  terms.c = c;
  terms.ldc = product_row<T>(s.D + s.P);
  if (s.norm) {
    terms.a = job.in;
    terms.lda = s.in_row();
    terms.m = (s.slots - x_slot<mode>) * s.Hp;
    bands[0] = {0, terms.m, true, !s.apart};
    terms.bands_count = 1;
  }
  if (job.apart()) {  // x alone; h has terms of its own
    terms.P = 0;
    terms.ldc = product_row<T>(s.D);
  }
  return terms;
}

// With layer norm, what W_hh gets of steps whose products were normalised apart from those of W_ih.
template <class T, Mode mode>
CLEW_INLINE GradientTerms<T> recurrent_terms(const BackJob<T, mode>& job,
                                             const Steps<T, mode>& steps, Band (&bands)[3], T* c) {
  const auto& s = job.s;
  GradientTerms<T> terms{};
  terms.a = job.over;
  terms.lda = s.over_row();
  terms.m = h_slots<mode> * s.Hp;
  terms.n = job.layer->schedule.total;
  terms.h_rows = steps.h;
  terms.h_scale = job.layer->noise[job.direction].recurrent ? steps.mask : nullptr;
  terms.P = s.P;
  bands[0] = {0, terms.m, false, true};
  terms.bands = bands;
  terms.bands_count = 1;
  terms.c = c;
  terms.ldc = product_row<T>(s.P);
  return terms;
}

template <class T, Mode mode>
CLEW_INLINE GradientTerms<T> projection_terms(const BackJob<T, mode>& job,
                                              const Steps<T, mode>& steps, Band (&bands)[3], T* c) {
  const auto& s = job.s;
  GradientTerms<T> terms{};
  terms.a = job.dprojected;
  terms.lda = s.Pp;
  terms.m = s.P;
  terms.n = job.layer->schedule.total;
  terms.x_rows = steps.shown;
  terms.D = s.H;
  bands[0] = {0, s.P, true, false};
  terms.bands = bands;
  terms.bands_count = 1;
  terms.c = c;
  terms.ldc = product_row<T>(s.H);
  return terms;
}

// From the product's rows (slots of Hp) to torch's: rows [units.begin, units.end) of each gate.
template <class T, Mode mode>
void hand_out(const Sizes<T, mode>& s, const GradientTerms<T>& terms,
              const GradientTerms<T>& recurrent, const Parameters<T>& to, Part units) {
  for (int slot = 0; slot < s.slots; ++slot)
    for (std::ptrdiff_t u = units.begin; u < units.end; ++u) {
      const int in_slot = s.norm ? slot - x_slot<mode> : slot;
      const T* const from = terms.c + (in_slot * s.Hp + u) * terms.ldc;
      const std::ptrdiff_t row = torch_row(s, slot) + u;
      const bool of_x = mode != Mode::gru || slot > 0, of_h = mode != Mode::gru || slot < 3;
      if (of_x) __builtin_memcpy(to.w_ih + row * s.D, from, s.D * sizeof(T));
      const T* const from_h = recurrent.c ? recurrent.c + (slot * s.Hp + u) * recurrent.ldc
                                          : from + s.D;
      if (of_h) __builtin_memcpy(to.w_hh + row * s.P, from_h, s.P * sizeof(T));
      if (s.norm) continue;  // hand_out_sums has the biases
      if (to.b_ih && of_x) to.b_ih[row] = from[s.D + s.P];
      if (to.b_hh && of_h) to.b_hh[row] = from[s.D + s.P];
    }
}

// The gradient of x for real steps [rows.begin, rows.end), as they are numbered; `block` has room
// for input_rows rows.
inline constexpr std::ptrdiff_t input_rows = 96;

template <class T, Mode mode>
void input_gradients(const BackJob<T, mode>* jobs, Part rows, T* block) {
  const Layer<T>& layer = *jobs[0].layer;
  const Schedule& schedule = layer.schedule;
  const auto& s = jobs[0].s;
  const std::ptrdiff_t Dp = round_up(s.D, s.pair);
  const std::ptrdiff_t depth = (mode == Mode::gru ? 3 : s.slots) * s.Hp;
  std::ptrdiff_t t = 0;
  for (std::ptrdiff_t at = rows.begin; at < rows.end; at += input_rows) {
    const std::ptrdiff_t n = rows.end - at < input_rows ? rows.end - at : input_rows;
    for (int d = 0; d < layer.directions; ++d)
      multiply_pairs<T>(n, depth, jobs[d].entered() + at * jobs[d].entered_row(),
                        jobs[d].entered_row(), jobs[d].packed.w_ih, Part{0, Dp / s.pair}, block,
                        Dp, d > 0);
    for (std::ptrdiff_t r = 0; r < n; ++r) {
      while (schedule.first(t + 1) <= at + r) ++t;
      const std::ptrdiff_t place = schedule.place(at + r - schedule.first(t));
      __builtin_memcpy(jobs[0].gradients->x + (t * schedule.batch + place) * s.D, block + r * Dp,
                       s.D * sizeof(T));
    }
  }
}

template <class T, Mode mode>
bool backward_of(const Layer<T>& layer, const Gradients<T>& gradients, int threads) {
  const Sizes<T, mode> s(layer);
  const Schedule& schedule = layer.schedule;
  const std::ptrdiff_t B = schedule.batch, N = schedule.total;
  const int dirs = layer.directions;
  const std::size_t cache = cache_bytes(2) ? cache_bytes(2) : 1 << 20;
  if (threads > most_threads) threads = most_threads;
  const double work = static_cast<double>(N) * dirs * static_cast<double>(s.row) *
                      static_cast<double>(s.D + s.P);
  if (work < 1e5) threads = 1;
  const std::ptrdiff_t Dp = round_up(s.D, s.pair), h_depth = h_slots<mode> * s.Hp,
                       x_depth = (mode == Mode::gru ? 3 : s.slots) * s.Hp;
  const std::ptrdiff_t sums_rows = B > 0 ? B : 1;  // the first gets the total

  const auto plan_for = [&](int count) {
    return choose_plan<T>(count, dirs, B, s.Pp, h_depth, 0, cache,
                          !s.project && schedule.longest > 1);
  };
  const Plan likely = plan_for(threads);
  if (likely.members * likely.groups * dirs == 1 && work < 2e7) threads = 1;
  if (gradients.x) use_large_pages(gradients.x, schedule.steps * B * s.D * sizeof(T));

  Arena arena;
  BackJob<T, mode> whole[2]{BackJob<T, mode>(s), BackJob<T, mode>(s)};
  Steps<T, mode> steps[2];
  T *products[2], *of_projection[2], *blocks = nullptr, *scratch = nullptr;
  std::ptrdiff_t scratch_each = 0;
  Barrier* barriers = nullptr;
  Band bands[2][3], projection_bands[2][3];
  Band recurrent_bands[2][3];
  GradientTerms<T> terms[2]{}, projected_terms[2]{}, of_recurrent[2]{};
  T* own = nullptr;
  for (int pass = 0; pass < 2; ++pass) {
    for (int d = 0; d < dirs; ++d) {
      BackJob<T, mode>& job = whole[d];
      const Record<T, mode> record(layer, s, d);
      job.layer = &layer;
      job.gradients = &gradients;
      job.direction = d;
      job.rows = {0, B};
      job.gates = record.gates;
      job.cells = record.cells;
      job.in = record.in;
      job.over = record.over;
      job.scale = record.scale;
      job.gains = take_gains(arena, s, false);
      job.sums = arena.take<T>(sums_rows * norm_sums(s));
      job.packed.w_hh = arena.take<T>(s.Pp * h_depth);
      job.packed.w_ih = arena.take<T>(gradients.x ? Dp * x_depth : 0);
      job.packed.w_hr = arena.take<T>(s.project ? s.Hp * s.P : 0);
      job.dh = arena.take<T>(B * s.h_row());
      job.carry = arena.take<T>(B * s.h_row());
      job.dc = arena.take<T>(mode == Mode::lstm ? B * s.Hp : 0);
      job.c_0 = arena.take<T>(mode == Mode::lstm ? B * s.Hp : 0);
      job.shown = arena.take<T>(s.project ? N * s.Hp : 0);
      job.dshown = arena.take<T>(s.project ? B * s.Hp : 0);
      job.dprojected = arena.take<T>(s.project ? N * s.Pp : 0);
      steps[d] = Steps<T, mode>(arena, layer, s, d);
      products[d] = arena.take<T>(s.row * (product_row<T>(s.D) + product_row<T>(s.P)));
      of_projection[d] = arena.take<T>(s.project ? s.P * product_row<T>(s.H) : 0);
      terms[d] = terms_of(job, steps[d], bands[d], products[d]);
      if (s.project)
        projected_terms[d] =
            projection_terms(job, steps[d], projection_bands[d], of_projection[d]);
      if (job.apart())
        of_recurrent[d] = recurrent_terms(job, steps[d], recurrent_bands[d],
                                          products[d] + s.row * product_row<T>(s.D));
      for (const GradientTerms<T>* g : {&terms[d], &projected_terms[d], &of_recurrent[d]}) {
        const auto needed =
            g->bands_count ? static_cast<std::ptrdiff_t>(gradient_scratch<T>(*g)) : 0;
        if (needed > scratch_each) scratch_each = needed;
      }
    }
    scratch_each = round_up(scratch_each, 64);
    scratch = arena.take<T>(scratch_each * threads);
    blocks = arena.take<T>(gradients.x ? input_rows * Dp * threads : 0);
    own = arena.take<T>(norm_own(s) * threads);
    barriers = arena.take<Barrier>(threads + 1);
    if (pass == 0 && !arena.fill()) return false;
  }
  __builtin_memset(static_cast<void*>(barriers), 0, (threads + 1) * sizeof(Barrier));

  parallel(threads, [&](int index, int count) {
    const VanishToZero vanish;
    const auto meet = [&] {
      if (count > 1) barriers[0].wait(index, count);
    };
    const Plan plan = plan_for(count);
    for (int d = 0; d < dirs; ++d) {
      const Parameters<const T>& w = layer.weights[d];
      const BackJob<T, mode>& job = whole[d];
      const Part h = part(s.Pp / s.pair, index, count), x = part(Dp / s.pair, index, count),
                 m = part(s.Hp / s.pair, index, count);
      for (std::ptrdiff_t p = h.begin; p < h.end; ++p)
        pack_transposed(s, w.w_hh, s.P, 0, h_slots<mode>, p, job.packed.w_hh + p * h_depth * s.pair);
      for (std::ptrdiff_t p = x.begin; gradients.x && p < x.end; ++p)
        pack_transposed(s, w.w_ih, s.D, x_slot<mode>, mode == Mode::gru ? 3 : s.slots, p,
                        job.packed.w_ih + p * x_depth * s.pair);
      for (std::ptrdiff_t p = m.begin; s.project && p < m.end; ++p)
        pack_projection_transposed(s, w.w_hr, p, job.packed.w_hr + p * s.P * s.pair);
      steps[d].fill(job, part(schedule.longest, index, count));
      if (!s.norm) continue;
      if (index == 0) pack_gains(s, w, job.gains);
      const Part sums = part(sums_rows * norm_sums(s), index, count);
      __builtin_memset(job.sums + sums.begin, 0, (sums.end - sums.begin) * sizeof(T));
    }
    meet();
    const int teams = count / plan.members, team = index / plan.members,
              member = index % plan.members;
    for (int number = team; team < teams && number < plan.groups * dirs; number += teams) {
      const int d = number % dirs, group = number / dirs;
      BackJob<T, mode> job = whole[d];
      job.rows = group_rows(schedule, group, plan.groups);
      if (job.rows.begin == job.rows.end) continue;
      const std::ptrdiff_t at = job.rows.begin;
      job.members = plan.members;
      job.barrier = &barriers[1 + team];
      job.far = static_cast<double>(h_depth * s.Pp) / plan.members * sizeof(T) >
                0.6 * static_cast<double>(cache);
      job.dh += at * s.h_row();
      job.carry += at * s.h_row();
      job.dc += at * s.Hp;
      job.c_0 += at * s.Hp;
      job.dshown += at * s.Hp;
      job.own = own + index * norm_own(s);
      unread_job(job, member);
      job.meet(member);
    }
    meet();
    for (int d = 0; d < dirs; ++d) {
      gradient<T>(terms[d], scratch + index * scratch_each, index, count);
      if (whole[d].apart())
        gradient<T>(of_recurrent[d], scratch + index * scratch_each, index, count);
      if (s.norm) add_rows(B, norm_sums(s), whole[d].sums, part(norm_sums(s), index, count));
      if (s.project) gradient<T>(projected_terms[d], scratch + index * scratch_each, index, count);
    }
    if (gradients.x) {
      input_gradients<T, mode>(whole, part(N, index, count), blocks + index * input_rows * Dp);
      const Part rows = part(B, index, count);
      for (std::ptrdiff_t r = rows.begin; schedule.length && r < rows.end; ++r)
        for (std::ptrdiff_t t = schedule.last(r) + 1; t < schedule.steps; ++t)
          __builtin_memset(gradients.x + (t * B + schedule.place(r)) * s.D, 0, s.D * sizeof(T));
    }
    meet();
    for (int d = 0; d < dirs; ++d) {
      const Part units = part(s.H, index, count);
      hand_out(s, terms[d], of_recurrent[d], gradients.weights[d], units);
      if (s.norm) hand_out_sums(s, whole[d].sums, gradients.weights[d], units);
      if (!s.project) continue;
      const Part rows = part(s.P, index, count);
      for (std::ptrdiff_t p = rows.begin; p < rows.end; ++p)
        __builtin_memcpy(gradients.weights[d].w_hr + p * s.H, of_projection[d] + p * product_row<T>(s.H),
                         s.H * sizeof(T));
    }
  });
  return true;
}

template <class T>
bool backward(const Layer<T>& layer, const Gradients<T>& gradients, int threads) {
  return with_mode(layer.mode,
                   [&]<Mode mode>() { return backward_of<T, mode>(layer, gradients, threads); });
}

}  // namespace clew::CLEW_TARGET
