// The table of contents: every kernel with its shapes, and how one of the targets is chosen.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "layer.h"
#include "streams.h"

namespace clew {

// y[i] = f(x[i]) for i < n; x and y are the same array or do not overlap.
template <class T>
using Map = void (*)(const T* x, T* y, std::ptrdiff_t n);

template <class T>
struct Maps {
  Map<T> exp, sigmoid, tanh;
};

// The largest error of the elementwise functions, in units in the last place of the true value, for
// float and double on every target.
inline constexpr double exp_ulps = 1.25, sigmoid_ulps = 2.0, tanh_ulps = 2.0;

// Columns i_begin <= i < i_end of `a` below, and which columns of b they are multiplied with. The
// bands of a product do not overlap.
struct Band {
  std::ptrdiff_t i_begin, i_end;
  bool uses_x, uses_h;
};

// c[i, j] = sum over r < n of a[r, i] b[r, j] for all i of all bands: the gradients of the weights
// (m, D) and (m, P) and of the bias, from the gradients a of the pre-activations of n rows. Row r
// of b is never stored: the D values of x_rows[r], the P values of h_rows[r] and a 1. Where
// h_rows[r] is null it is P zeros; where h_scale and h_scale[r] are not null those P values
// multiply it. Elements of c that no band asks for are left as they are; the bias column D + P
// always is asked for.
template <class T>
struct GradientTerms {
  const T* a;  // (n, m), row to row lda
  std::ptrdiff_t lda, n, m;
  const T* const* x_rows;  // n of (D,); unused where D is 0
  std::ptrdiff_t D;
  const T* const* h_rows;   // n of (P,); unused where P is 0
  const T* const* h_scale;  // null, or n of (P,)
  std::ptrdiff_t P;
  const Band* bands;
  int bands_count;
  T* c;  // (m, D + P + 1), row to row ldc
  std::ptrdiff_t ldc;
};

// Large products. Each of `count` threads calls gradient with an index of its own and scratch of
// gradient_scratch elements, aligned to 64 bytes; none waits for another, and all together make c.
template <class T>
struct Products {
  std::size_t (*gradient_scratch)(const GradientTerms<T>& terms);
  void (*gradient)(const GradientTerms<T>& terms, T* scratch, int index, int count);
};

// Recurrent layers; layer.h says what they are called with. Those that work give false where there
// is no memory for them.
template <class T>
struct Layers {
  // How many values a record takes.
  std::size_t (*record_size)(const Layer<T>& layer);
  // y with zeros beyond the lengths, h_n, c_n (of an empty sequence its initial state), the record.
  bool (*forward)(const Layer<T>& layer, int threads);
  // Every gradient asked for is written, not added to; that of x is zero beyond the lengths. The
  // record is used up.
  bool (*backward)(const Layer<T>& layer, const Gradients<T>& gradients, int threads);
  // From the record for each direction in turn: i f g o c (LSTM), r z n (GRU), nothing (RNN), each
  // (T, B, H), zeros beyond the lengths.
  bool (*trace)(const Layer<T>& layer, T* const* out);
};

// The cross-entropy of an output layer with the scores hidden W^T + bias: for each row the log of
// the sum of e^score, less its target's score. With smoothing s that score counts 1 - s, and the
// mean of all scores s (Szegedy et al. 2016). Gradients are those of the sum over rows, each times
// `scale` and, where given, its row_scale. A row with the target `ignore` has loss and gradients 0.
template <class T>
struct CrossEntropy {
  std::ptrdiff_t N, H, V;
  const T* hidden;              // (N, H)
  const T* weight;              // (V, H)
  const T* bias;                // null, or (V,)
  const std::int64_t* targets;  // (N,), from 0 to V - 1, or `ignore`
  std::int64_t ignore;
  T smoothing, scale;
  const T* row_scale;                // null, or (N,)
  T* losses;                         // (N,)
  T *d_hidden, *d_weight, *d_bias;  // as those, null where not asked for
};

// Losses. cross_entropy never stores all scores; it gives false where there is no memory for a
// block of them. Results are the same bit for bit for any number of threads.
template <class T>
struct Losses {
  bool (*cross_entropy)(const CrossEntropy<T>& job, int threads);
};

// One target: the same templates compiled for one kind of processor.
struct Kernels {
  const char* target;
  int vector_bytes;
  Maps<float> f32;
  Maps<double> f64;
  Products<float> products_f32;
  Products<double> products_f64;
  Layers<float> layers_f32;
  Layers<double> layers_f64;
  Streams<float> streams_f32;
  Streams<double> streams_f64;
  Losses<float> losses_f32;
  Losses<double> losses_f64;
  // Multiplies and adds `rounds` times with all registers; gives the operations done.
  double (*multiply_add_f32)(std::ptrdiff_t rounds);
  double (*multiply_add_f64)(std::ptrdiff_t rounds);
  // Reads `bytes` (a multiple of 1024) at `data` from end to end, `passes` times.
  void (*read)(const void* data, std::size_t bytes, std::ptrdiff_t passes);

  const Maps<float>& maps(float) const { return f32; }
  const Maps<double>& maps(double) const { return f64; }
  const Products<float>& products(float) const { return products_f32; }
  const Products<double>& products(double) const { return products_f64; }
  const Layers<float>& layers(float) const { return layers_f32; }
  const Layers<double>& layers(double) const { return layers_f64; }
  const Streams<float>& streams(float) const { return streams_f32; }
  const Streams<double>& streams(double) const { return streams_f64; }
  const Losses<float>& losses(float) const { return losses_f32; }
  const Losses<double>& losses(double) const { return losses_f64; }
};

extern const Kernels portable_kernels;
#ifdef CLEW_X86
extern const Kernels avx2_kernels, avx512_kernels;
#endif

// The targets that this processor can run, the widest first.
std::vector<std::string> supported_targets();

// The kernels of that name; with an empty name those of the environment variable CLEW_SIMD, or the
// widest. Throws std::invalid_argument that says what was asked for and what there is.
const Kernels& choose(const std::string& name = "");

// Measurements of this processor, with the kernels chosen: the best of repeated tries.
double multiply_add_gflops(const Kernels& kernels, bool is_double, int threads, double seconds);
double read_gigabytes(const Kernels& kernels, std::size_t bytes, int threads, double seconds);

// Bytes of the data cache of a level (1, 2, 3) as the system tells them; 0 where it does not.
std::size_t cache_bytes(int level);

}  // namespace clew
