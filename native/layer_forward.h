// A layer forward: memory, weights packed, jobs shared out.
#pragma once

#include "forward.h"
#include "plan.h"

namespace clew::CLEW_TARGET {

// What a record holds of one direction, one after the other.
template <class T, Mode mode>
struct Record {
  T *gates = nullptr, *cells = nullptr;
  T *in = nullptr, *over = nullptr, *scale = nullptr;  // with layer norm, and no gates then
  std::ptrdiff_t size = 0;  // of all directions
  Record(const Layer<T>& layer, const Sizes<T, mode>& s, int direction) {
    const std::ptrdiff_t N = layer.schedule.total;
    const std::ptrdiff_t of_gates = s.norm ? 0 : N * s.row;
    const std::ptrdiff_t of_cells = mode == Mode::lstm ? N * s.Hp : 0;
    const std::ptrdiff_t of_in = s.norm ? N * s.in_row() : 0;
    const std::ptrdiff_t of_over = s.norm && s.apart ? N * s.over_row() : 0;
    const std::ptrdiff_t of_scale = s.norm ? round_up(N * scales, s.pair) : 0;
    const std::ptrdiff_t each = of_gates + of_cells + of_in + of_over + of_scale;
    size = each * layer.directions;
    if (!layer.record) return;
    T* const own = layer.record + direction * each;
    if (mode == Mode::lstm) cells = own + of_gates;
    if (!s.norm) {
      gates = own;
      return;
    }
    in = own + of_cells;
    over = in + of_in;
    scale = over + of_over;
  }
};

template <class T, Mode mode>
std::size_t record_size_of(const Layer<T>& layer) {
  return static_cast<std::size_t>(Record<T, mode>(layer, Sizes<T, mode>(layer), 0).size);
}

// Rows [begin, end) of each group, such that all groups have about as many real steps.
CLEW_INLINE Part group_rows(const Schedule& schedule, int group, int groups) {
  if (!schedule.length) return part(schedule.batch, group, groups);
  const auto bound = [&](int k) {
    if (k == 0) return std::ptrdiff_t(0);
    if (k == groups) return schedule.batch;
    const double wanted = static_cast<double>(schedule.total) * k / groups;
    double sum = 0;
    std::ptrdiff_t row = 0;
    while (row < schedule.batch && sum < wanted) sum += static_cast<double>(schedule.length[row++]);
    return row;
  };
  return {bound(group), bound(group + 1)};
}

template <class T, Mode mode>
bool forward_of(const Layer<T>& layer, int threads) {
  const Sizes<T, mode> s(layer);
  const Schedule& schedule = layer.schedule;
  const std::ptrdiff_t B = schedule.batch, dirs = layer.directions;
  const std::size_t cache = cache_bytes(2) ? cache_bytes(2) : 1 << 20;
  if (threads > most_threads) threads = most_threads;
  const double work = static_cast<double>(schedule.total) * static_cast<double>(dirs) *
                      static_cast<double>(s.row) * static_cast<double>(s.D + s.P);
  if (work < 2e5) threads = 1;  // less than what waking them takes

  const auto plan_for = [&](int count) {
    return choose_plan<T>(count, static_cast<int>(dirs), B, s.row, s.P, s.D, cache,
                          !s.project && schedule.longest > 1);
  };
  // Enough rows at once for whole tiles, and no more: their gates stay near.
  const std::ptrdiff_t group = B / plan_for(threads).groups;
  std::ptrdiff_t chunk_steps = group > 32 ? 1 : 64 / (group > 0 ? group : 1);
  if (chunk_steps > schedule.longest) chunk_steps = schedule.longest;

  const Plan likely = plan_for(threads);
  if (likely.members * likely.groups * dirs == 1 && work < 2e7) threads = 1;
  if (layer.record) use_large_pages(layer.record, record_size_of<T, mode>(layer) * sizeof(T));
  use_large_pages(layer.y, schedule.steps * B * dirs * s.P * sizeof(T));

  Arena arena;
  Packed<T, T> packed[2];
  T *h[2][2], *fed[2][2], *c[2], *shown[2], *projected[2], *chunk[2], *gathered[2];
  Gains<T> gains[2];
  T *over[2], *own = nullptr;
  Barrier* barriers = nullptr;
  for (int pass = 0; pass < 2; ++pass) {
    for (int d = 0; d < dirs; ++d) {
      packed[d] = take_packed<T, mode, T>(arena, s);
      gains[d] = take_gains(arena, s, true);
      over[d] = arena.take<T>(s.norm && s.apart && !layer.record ? B * s.over_row() : 0);
      for (int k = 0; k < 2; ++k) {
        h[d][k] = arena.take<T>(B * s.h_row());
        fed[d][k] = layer.noise[d].recurrent ? arena.take<T>(B * s.h_row()) : h[d][k];
      }
      c[d] = arena.take<T>(mode == Mode::lstm ? B * s.c_row() : 0);
      shown[d] = arena.take<T>(s.project ? B * s.Hp : 0);
      projected[d] = arena.take<T>(s.project ? B * s.Pp : 0);
      chunk[d] = arena.take<T>(layer.record ? 0 : chunk_steps * B * s.row);
      gathered[d] = arena.take<T>(schedule.order ? chunk_steps * B * s.D : 0);
    }
    own = arena.take<T>(norm_own(s) * threads);
    barriers = arena.take<Barrier>(threads + 1);
    if (pass == 0 && !arena.fill()) return false;
  }
  __builtin_memset(static_cast<void*>(barriers), 0, (threads + 1) * sizeof(Barrier));

  parallel(threads, [&](int index, int count) {
    const Plan plan = plan_for(count);
    if (s.norm) {
      for (int d = 0; d < dirs; ++d) {
        centre_weights(s, layer.weights[d], gains[d], index, count);
        if (index == 0) pack_gains(s, layer.weights[d], gains[d]);
      }
      if (count > 1) barriers[0].wait(index, count);
    }
    for (int d = 0; d < dirs; ++d) {
      const Parameters<const T> w =
          s.norm ? gains[d].centred(layer.weights[d]) : layer.weights[d];
      pack_gates(s, w, packed[d], part(s.panels, index, count));
      if (s.project)
        pack_projection(s, layer.weights[d], packed[d], part(s.Pp / s.pair, index, count));
    }
    if (count > 1) barriers[0].wait(index, count);
    const int teams = count / plan.members, team = index / plan.members,
              member = index % plan.members;
    if (team >= teams) return;
    for (int number = team; number < plan.groups * dirs; number += teams) {
      const int d = number % dirs, group = number / dirs;
      const Part rows = group_rows(schedule, group, plan.groups);
      const std::ptrdiff_t R = rows.end - rows.begin;
      if (R == 0) continue;
      const Record<T, mode> record(layer, s, d);
      const std::ptrdiff_t at = rows.begin;
      Job<T, mode, T> job{&layer, s, d, packed[d], rows, plan.members, &barriers[1 + team],
                          {h[d][0] + at * s.h_row(), h[d][1] + at * s.h_row()},
                          {fed[d][0] + at * s.h_row(), fed[d][1] + at * s.h_row()},
                          c[d] + at * s.c_row(), shown[d] + at * s.Hp, projected[d] + at * s.Pp,
                          record.gates, record.cells, chunk[d] + at * chunk_steps * s.row,
                          gathered[d] + at * chunk_steps * s.D, chunk_steps,
                          {gains[d], record.in, record.over, record.scale,
                           over[d] + at * s.over_row(), own + index * norm_own(s)}};
      job.far = static_cast<double>(s.row * (s.D + s.P)) / plan.members * sizeof(T) >
                0.6 * static_cast<double>(cache);
      read_job(job, member);
      job.meet(member);  // before anyone begins the next
    }
  });
  return true;
}

template <class T>
std::size_t record_size(const Layer<T>& layer) {
  return with_mode(layer.mode, [&]<Mode mode>() { return record_size_of<T, mode>(layer); });
}

template <class T>
bool forward(const Layer<T>& layer, int threads) {
  return with_mode(layer.mode, [&]<Mode mode>() { return forward_of<T, mode>(layer, threads); });
}

}  // namespace clew::CLEW_TARGET
