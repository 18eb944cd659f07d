// A layer forward: memory, weights packed, jobs shared out.
#pragma once

#include "forward.h"
#include "plan.h"

namespace clew::CLEW_TARGET {

// What a record holds of one direction, one after the other.
template <class T, Mode mode>
struct Record {
  T *gates, *cells;
  Record(const Layer<T>& layer, const Sizes<T, mode>& s, int direction) {
    const std::ptrdiff_t N = layer.schedule.total;
    const std::ptrdiff_t each = N * (s.row + (mode == Mode::lstm ? s.Hp : 0));
    gates = layer.record ? layer.record + direction * each : nullptr;
    cells = gates && mode == Mode::lstm ? gates + N * s.row : nullptr;
  }
};

template <class T, Mode mode>
std::size_t record_size_of(const Layer<T>& layer) {
  const Sizes<T, mode> s(layer);
  return static_cast<std::size_t>(layer.directions * layer.schedule.total *
                                  (s.row + (mode == Mode::lstm ? s.Hp : 0)));
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

  // A chunk's gates fit a core's cache beside the weights.
  const std::ptrdiff_t step_values = (B > 0 ? B : 1) * s.row;
  std::ptrdiff_t chunk_steps = (1 << 19) / static_cast<std::ptrdiff_t>(sizeof(T)) / step_values;
  chunk_steps = chunk_steps < 4 ? 4 : chunk_steps > 256 ? 256 : chunk_steps;
  if (chunk_steps > schedule.longest) chunk_steps = schedule.longest;

  Arena arena;
  Packed<T, T> packed[2];
  T *h[2][2], *fed[2][2], *c[2], *shown[2], *projected[2], *chunk[2], *gathered[2];
  Barrier* barriers = nullptr;
  for (int pass = 0; pass < 2; ++pass) {
    for (int d = 0; d < dirs; ++d) {
      packed[d] = take_packed<T, mode, T>(arena, s);
      for (int k = 0; k < 2; ++k) {
        h[d][k] = arena.take<T>(B * s.Pp);
        fed[d][k] = layer.noise[d].recurrent ? arena.take<T>(B * s.Pp) : h[d][k];
      }
      c[d] = arena.take<T>(mode == Mode::lstm ? B * s.Hp : 0);
      shown[d] = arena.take<T>(s.project ? B * s.Hp : 0);
      projected[d] = arena.take<T>(s.project ? B * s.Pp : 0);
      chunk[d] = arena.take<T>(layer.record ? 0 : chunk_steps * B * s.row);
      gathered[d] = arena.take<T>(schedule.order ? chunk_steps * B * s.D : 0);
    }
    barriers = arena.take<Barrier>(threads + 1);
    if (pass == 0 && !arena.fill()) return false;
  }
  __builtin_memset(static_cast<void*>(barriers), 0, (threads + 1) * sizeof(Barrier));

  parallel(threads, [&](int index, int count) {
    const Plan plan = choose_plan<T>(count, static_cast<int>(dirs), B, s.row, s.P, cache,
                                     !s.project && schedule.longest > 1);
    for (int d = 0; d < dirs; ++d) {
      pack_gates(s, layer.weights[d], packed[d], part(s.panels, index, count));
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
                          {h[d][0] + at * s.Pp, h[d][1] + at * s.Pp},
                          {fed[d][0] + at * s.Pp, fed[d][1] + at * s.Pp},
                          c[d] + at * s.Hp, shown[d] + at * s.Hp, projected[d] + at * s.Pp,
                          record.gates, record.cells, chunk[d] + at * chunk_steps * s.row,
                          gathered[d] + at * chunk_steps * s.D, chunk_steps};
      read_job(job, member);
      job.meet(member);  // before anyone begins the next
    }
  });
  return true;
}

template <class T>
std::size_t record_size(const Layer<T>& layer) {
  switch (layer.mode) {
    case Mode::lstm: return record_size_of<T, Mode::lstm>(layer);
    case Mode::gru: return record_size_of<T, Mode::gru>(layer);
    default: return record_size_of<T, Mode::rnn_tanh>(layer);
  }
}

template <class T>
bool forward(const Layer<T>& layer, int threads) {
  switch (layer.mode) {
    case Mode::lstm: return forward_of<T, Mode::lstm>(layer, threads);
    case Mode::gru: return forward_of<T, Mode::gru>(layer, threads);
    case Mode::rnn_tanh: return forward_of<T, Mode::rnn_tanh>(layer, threads);
    default: return forward_of<T, Mode::rnn_relu>(layer, threads);
  }
}

}  // namespace clew::CLEW_TARGET
