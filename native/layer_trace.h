// A record as a trace shows it: every gate of every step in the batch's order. Those of a layer with
// layer norm are made again, as for backward.
#pragma once

#include "layer_forward.h"

namespace clew::CLEW_TARGET {

// `out` holds for each direction in turn: i f g o c (LSTM), r z n (GRU), nothing (RNN); each
// (T, B, H), zeros beyond the lengths.
template <class T, Mode mode>
bool trace_of(const Layer<T>& layer, T* const* out) {
  const Sizes<T, mode> s(layer);
  const Schedule& schedule = layer.schedule;
  const std::ptrdiff_t B = schedule.batch;
  constexpr int shown = mode == Mode::lstm ? 5 : mode == Mode::gru ? 3 : 0;
  for (int d = 0; d < layer.directions; ++d) {
    const Record<T, mode> record(layer, s, d);
    Arena arena;
    Gains<T> gains{};
    T* own = nullptr;
    for (int pass = 0; s.norm && pass < 2; ++pass) {
      gains = take_gains(arena, s, false);
      own = arena.take<T>(norm_own(s));
      if (pass == 0 && !arena.fill()) return false;
    }
    if (s.norm) pack_gains(s, layer.weights[d], gains);
    for (std::ptrdiff_t t = 0; t < schedule.steps; ++t)
      for (std::ptrdiff_t r = 0; r < B; ++r) {
        const std::ptrdiff_t at = (t * B + schedule.place(r)) * s.H;
        const bool real = t <= schedule.last(r);
        const std::ptrdiff_t number = real ? schedule.first(t) + r : 0;
        T* gates = record.gates + number * s.row;
        if (s.norm && real) {
          gates = own_gates(s, own);
          const NormRow<T> row{record.in + number * s.in_row(), record.over + number * s.over_row(),
                               record.scale + number * scales, own};
          for (std::ptrdiff_t u = 0; u < s.H; u += lanes<T>) {
            normed_sums(s, gains, row, u, gates);
            open_gates<T, mode>(gates + u, s.Hp, false);
          }
        }
        for (int k = 0; k < shown; ++k) {
          T* const to = out[d * shown + k] + at;
          if (!real)
            __builtin_memset(to, 0, s.H * sizeof(T));
          else if (k == 4)
            __builtin_memcpy(to, record.cells + number * s.Hp, s.H * sizeof(T));
          else
            __builtin_memcpy(to, gates + (k + x_slot<mode>) * s.Hp, s.H * sizeof(T));
        }
      }
  }
  return true;
}

template <class T>
bool trace(const Layer<T>& layer, T* const* out) {
  if (layer.mode == Mode::lstm) return trace_of<T, Mode::lstm>(layer, out);
  if (layer.mode == Mode::gru) return trace_of<T, Mode::gru>(layer, out);
  return true;
}

template <class T>
inline constexpr Layers<T> layers = {record_size<T>, forward<T>, backward<T>, trace<T>};

}  // namespace clew::CLEW_TARGET
