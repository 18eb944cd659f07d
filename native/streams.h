// Streams: networks that are read one step at a time, and what they carry. Shared by all targets.
#pragma once

#include "layer.h"

namespace clew {

// What is read of the last layer's output before the head: that of this step, the largest or the
// mean of all steps so far.
enum class Pool : int { none, most, mean };

// What is done with the scores of the head, row by row.
enum class Ending : int { none, log_probabilities, probabilities };

// A layer of a network: mode, D, H, P, weights[0] and noise[0].hold_h, hold_c are read of `layer`.
template <class T>
struct Storey {
  Layer<T> layer;
  bool residual;  // adds what it reads to what it says
};

// A table of what ids stand for, layers one above the other, and a head. Copied when a stream is
// made of it.
template <class T>
struct Network {
  const T* table;  // (ids, D of the first layer); null: steps are features
  std::ptrdiff_t ids;
  const Storey<T>* storeys;
  int count;  // 1 or more
  Pool pool;
  const T *w_out, *b_out;   // (outputs, P of the last layer), (outputs,); null: none
  std::ptrdiff_t outputs;   // without a head P of the last layer
  Ending ending;
  bool half;    // weights of layers and head kept as the upper halves of floats; T is float
  int threads;  // at most, for a push that is worth more than one
};

// What one layer carries: row b of h at h[now] + b * h_ld.
template <class T>
struct Carried {
  T *h[2], *c;  // (B, P) twice and (B, H)
  std::ptrdiff_t P, H, h_ld, c_ld;  // H is 0 where there is no c
  int now;
};

// The native memory of a stream. Who calls writes what is read into `x` or `ids`, pushes, and finds
// the answer in `out`.
template <class T>
struct Stream {
  std::ptrdiff_t batch, inputs, outputs;
  std::ptrdiff_t vocabulary;  // ids below it are known; 0: steps are features
  T* x;                // (B, inputs)
  std::int64_t* ids;   // (B,)
  T* out;              // (B, outputs)
  Carried<T>* carried;  // of each layer
  int layers;
  T* pooled;            // (B, P of the last layer); null: nothing is pooled
  std::ptrdiff_t pooled_size;
  std::int64_t* steps;  // (B,) of those that are pooled
  double work;          // products of a push
};

// make gives null where there is no memory. push reads a step of those that `moves` (B,) names, of
// all where it is null; the others keep their state, and their rows of `out` are zeros.
template <class T>
struct Streams {
  Stream<T>* (*make)(const Network<T>& network, std::ptrdiff_t batch);
  void (*end)(Stream<T>* stream);
  void (*push)(Stream<T>& stream, const std::uint8_t* moves);
};

}  // namespace clew
