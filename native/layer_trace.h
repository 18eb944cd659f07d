// A record as a trace shows it: every gate of every step in the batch's order.
#pragma once

#include "layer_forward.h"

namespace clew::CLEW_TARGET {

// `out` holds for each direction in turn: i f g o c (LSTM), r z n (GRU), nothing (RNN); each
// (T, B, H), zeros beyond the lengths.
template <class T, Mode mode>
void trace_of(const Layer<T>& layer, T* const* out) {
  const Sizes<T, mode> s(layer);
  const Schedule& schedule = layer.schedule;
  const std::ptrdiff_t B = schedule.batch;
  constexpr int shown = mode == Mode::lstm ? 5 : mode == Mode::gru ? 3 : 0;
  for (int d = 0; d < layer.directions; ++d) {
    const Record<T, mode> record(layer, s, d);
    for (int k = 0; k < shown; ++k) {
      T* const to = out[d * shown + k];
      for (std::ptrdiff_t t = 0; t < schedule.steps; ++t)
        for (std::ptrdiff_t r = 0; r < B; ++r) {
          T* const row = to + (t * B + schedule.place(r)) * s.H;
          if (t > schedule.last(r)) {
            __builtin_memset(row, 0, s.H * sizeof(T));
            continue;
          }
          const std::ptrdiff_t number = schedule.first(t) + r;
          const T* const from = k == 4 ? record.cells + number * s.Hp
                                       : record.gates + number * s.row +
                                             (k + (mode == Mode::gru ? 1 : 0)) * s.Hp;
          __builtin_memcpy(row, from, s.H * sizeof(T));
        }
    }
  }
}

template <class T>
void trace(const Layer<T>& layer, T* const* out) {
  if (layer.mode == Mode::lstm) trace_of<T, Mode::lstm>(layer, out);
  if (layer.mode == Mode::gru) trace_of<T, Mode::gru>(layer, out);
}

template <class T>
inline constexpr Layers<T> layers = {record_size<T>, forward<T>, backward<T>, trace<T>};

}  // namespace clew::CLEW_TARGET
