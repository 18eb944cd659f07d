// What a recurrent layer is called with: shapes, weights, schedule. Shared by all targets.
//
// Letters: T steps, B sequences, D features in, H hidden units, P width of h (H, or less with a
// projection), G rows of a weight matrix (4H, 3H, H), N real steps of all sequences together.
#pragma once

#include <cstddef>
#include <cstdint>

namespace clew {

enum class Mode : int { rnn_tanh, rnn_relu, gru, lstm };

// The parameters of one direction by torch's names; null where there is none.
template <class P>
struct Parameters {
  P *w_ih, *w_hh;  // (G, D), (G, P)
  P *b_ih, *b_hh;  // (G,)
  P* w_hr;         // (P, H)
  P *ln_ih, *ln_hh, *ln_c_weight, *ln_c_bias;  // (G,), (G,), (H,), (H,)
};

// Masks of one direction during one call; null where nothing is drawn. Where no mask is drawn, a
// unit keeps the part hold_h (hold_c) of its former value.
template <class T>
struct Noise {
  const T* recurrent;        // (B, P)
  const T *zone_h, *zone_c;  // (T, B, P), (T, B, H)
  T hold_h, hold_c;
};

// Which steps are real. Inside a kernel the sequences stand sorted, the longest first, so that those
// still running at a step are the first `active` rows; real steps are numbered t by t, row by row.
struct Schedule {
  std::ptrdiff_t steps, batch;  // T and B as the tensors have them
  std::ptrdiff_t longest;       // steps that any sequence has
  std::ptrdiff_t total;         // N
  const std::int32_t* order;    // (B,) sorted row -> place in the batch; null: the same
  const std::int64_t* length;   // (B,) of the sorted rows; null: all T
  const std::ptrdiff_t* begin;  // (longest + 1,) number of the first real step at t; null: t * B
  const std::uint8_t* reset;    // (T, B): forget before this step; null: never

  std::ptrdiff_t first(std::ptrdiff_t t) const { return begin ? begin[t] : t * batch; }
  std::ptrdiff_t active(std::ptrdiff_t t) const { return begin ? begin[t + 1] - begin[t] : batch; }
  std::ptrdiff_t place(std::ptrdiff_t row) const { return order ? order[row] : row; }
  std::ptrdiff_t last(std::ptrdiff_t row) const { return (length ? length[row] : steps) - 1; }
};

// One layer, read forward in time or in both directions.
template <class T>
struct Layer {
  Mode mode;
  std::ptrdiff_t D, H, P;
  int directions;
  Schedule schedule;
  const T* x;          // (T, B, D)
  const T *h_0, *c_0;  // (directions, B, P), (directions, B, H); null: zeros
  Parameters<const T> weights[2];
  Noise<T> noise[2];
  T* y;           // (T, B, directions * P)
  T *h_n, *c_n;   // as h_0, c_0
  T* record;      // what backward needs, `record_size` values, 64-byte aligned; null: not kept
};

template <class T>
struct Gradients {
  const T *y, *h_n, *c_n;  // of the outputs; null: zeros
  T *x, *h_0, *c_0;        // null: not wanted
  Parameters<T> weights[2];  // every one that the layer has
};

}  // namespace clew
