// Weights of a layer as its kernels read them, and where a call keeps what it needs meanwhile.
#pragma once

#include <stdlib.h>

#include "cells.h"
#include "kernels.h"
#include "memory.h"
#include "pool.h"
#include "transpose.h"

namespace clew::CLEW_TARGET {

// Memory of one call, 64-byte aligned: first counted, then given out in the same order.
class Arena {
 public:
  template <class T>
  T* take(std::ptrdiff_t count) {
    char* const here = base_ ? base_ + used_ : nullptr;
    used_ += round_up(count * static_cast<std::ptrdiff_t>(sizeof(T)), 64);
    return reinterpret_cast<T*>(here);
  }
  // True where the memory is there: what was counted so far can be given out from the start.
  bool fill() {
    const auto size = static_cast<std::size_t>(round_up(used_ + 64, 4096));
    if (used_ < 1 << 20) {
      base_ = static_cast<char*>(aligned_alloc(64, size));
    } else {
      block_ = borrow(size);
      base_ = static_cast<char*>(block_.memory);
    }
    used_ = 0;
    return base_ != nullptr;
  }
  Arena() = default;
  Arena(const Arena&) = delete;
  ~Arena() {
    if (block_.memory)
      give_back(block_);
    else
      free(base_);
  }

 private:
  char* base_ = nullptr;
  std::ptrdiff_t used_ = 0;
  Block block_{};
};

struct Part {
  std::ptrdiff_t begin, end;
};

// Slots that h reaches: all of them, of the GRU hn r z. Those that x reaches: of the GRU r z n.
template <Mode mode>
inline constexpr int h_slots = mode == Mode::gru ? 3 : slots_of(mode);
template <Mode mode>
inline constexpr int x_slot = mode == Mode::gru ? 1 : 0;

// Part `index` of `count` about equal parts of n.
CLEW_INLINE Part part(std::ptrdiff_t n, int index, int count) {
  return {n * index / count, n * (index + 1) / count};
}

// The sizes of one direction of a layer, in values of T.
template <class T, Mode mode>
struct Sizes {
  static constexpr bool apart = mode == Mode::lstm || mode == Mode::gru;  // W_ih x, W_hh h normed
  static constexpr int slots = slots_of(mode), vectors = panel_vectors<mode>,
                       units = unit_vectors<mode> * static_cast<int>(lanes<T>),
                       pair = 2 * static_cast<int>(lanes<T>);
  std::ptrdiff_t D, H, P;
  std::ptrdiff_t Hp, Pp;   // rounded up to whole panels
  std::ptrdiff_t panels;   // of the gates
  std::ptrdiff_t row;      // the gates of one row
  bool project, norm;

  // Rows read side by side at a distance of a power of two would fall on the same places of the
  // caches: a gap of 64 bytes behind each keeps them apart.
  static constexpr std::ptrdiff_t spaced(std::ptrdiff_t n) {
    constexpr std::ptrdiff_t size = sizeof(T);
    return n * size % 1024 ? n : n + 64 / size;
  }
  explicit Sizes(const Layer<T>& layer)
      : D(layer.D), H(layer.H), P(layer.P), Hp(round_up(H, pair)), Pp(round_up(P, pair)),
        panels(Hp / units), row(spaced(slots * Hp)), project(layer.weights[0].w_hr != nullptr),
        norm(layer.weights[0].ln_ih != nullptr) {}

  // A row of W_ih x, and one of W_hh h, where they are kept apart from the gates.
  std::ptrdiff_t in_row() const { return spaced((slots - x_slot<mode>) * Hp); }
  std::ptrdiff_t over_row() const { return spaced(h_slots<mode> * Hp); }
  std::ptrdiff_t h_row() const { return spaced(Pp); }
  std::ptrdiff_t c_row() const { return spaced(Hp); }
  std::ptrdiff_t panel(std::ptrdiff_t K) const { return K * vectors * lanes<T>; }
  // Where the vectors of panel p stand within a row; those of W_ih x, those of W_hh h.
  void at(std::ptrdiff_t p, bool recurrent, std::ptrdiff_t (&to)[vectors]) const {
    for (int v = 0; v < vectors; ++v) {
      if constexpr (mode == Mode::gru)
        to[v] = (v + (recurrent ? 0 : 1)) * Hp + p * units;
      else if constexpr (mode == Mode::lstm)
        to[v] = v * Hp + p * units;
      else
        to[v] = p * units + v * lanes<T>;
    }
  }
};

// The row of torch's weights where vector v of panel p begins: torch's GRU is r z n, ours hn r z n.
template <class T, Mode mode>
CLEW_INLINE std::ptrdiff_t weight_row(const Sizes<T, mode>& s, std::ptrdiff_t p, int v,
                                      bool recurrent) {
  if constexpr (mode == Mode::gru) {
    const int gate = recurrent ? (v + 2) % 3 : v;
    return gate * s.H + p * s.units;
  } else if constexpr (mode == Mode::lstm) {
    return v * s.H + p * s.units;
  } else {
    return p * s.units + v * lanes<T>;
  }
}

// Where a slot begins in torch's order of gates.
template <class T, Mode mode>
CLEW_INLINE std::ptrdiff_t torch_row(const Sizes<T, mode>& s, int slot) {
  return (mode == Mode::gru ? (slot == 0 ? 2 : slot == 3 ? 2 : slot - 1) : slot) * s.H;
}

template <class T, class W = T>
struct Packed {
  W *w_ih, *w_hh;  // panels of (D, vectors), (P, vectors)
  W* w_hr;         // panels of (H, 2 vectors) over P
  T* bias;         // a row: what the sums start from
};

template <class T, class W>
CLEW_INLINE W as_weight(T value) {
  if constexpr (sizeof(W) == sizeof(T)) {
    return value;
  } else {  // to the nearest, ties to even; NaN stays NaN
    std::uint32_t bits;
    __builtin_memcpy(&bits, &value, sizeof bits);
    const bool nan = (bits & 0x7fffffffu) > 0x7f800000u;
    return W{static_cast<std::uint16_t>(nan ? (bits >> 16) | 64
                                            : (bits + 0x7fffu + ((bits >> 16) & 1)) >> 16)};
  }
}

// One vector of a panel: column j is row j of `from` where j < count, else zero.
template <class T, class W>
CLEW_INLINE void pack_vector(const T* from, std::ptrdiff_t ld, std::ptrdiff_t K,
                             std::ptrdiff_t count, W* to, std::ptrdiff_t stride) {
  if constexpr (sizeof(W) == sizeof(T)) {
    const std::ptrdiff_t real = count < 0 ? 0 : count < lanes<T> ? count : lanes<T>;
    return pack_columns<T>(from, ld, K, real, to, stride);
  }
  constexpr std::ptrdiff_t piece = 32;  // of k: what is written stays in the first cache
  for (std::ptrdiff_t low = 0; low < K; low += piece) {
    const std::ptrdiff_t high = low + piece < K ? low + piece : K;
    for (std::ptrdiff_t j = 0; j < lanes<T>; ++j)
      for (std::ptrdiff_t k = low; k < high; ++k)
        to[k * stride + j] = as_weight<T, W>(j < count ? from[j * ld + k] : T(0));
  }
}

template <class T, Mode mode, class W>
Packed<T, W> take_packed(Arena& arena, const Sizes<T, mode>& s) {
  Packed<T, W> packed{};
  packed.w_ih = arena.take<W>(s.panels * s.panel(s.D));
  packed.w_hh = arena.take<W>(s.panels * s.panel(s.P));
  packed.w_hr = arena.take<W>(s.project ? s.Pp * s.H : 0);
  packed.bias = arena.take<T>(s.row);
  return packed;
}

// Packs panels [begin, end) of the gates; a thread may take some of them.
template <class T, Mode mode, class W>
void pack_gates(const Sizes<T, mode>& s, const Parameters<const T>& w, Packed<T, W>& packed,
                Part panels) {
  constexpr std::ptrdiff_t width = lanes<T>, vectors = Sizes<T, mode>::vectors;
  for (std::ptrdiff_t p = panels.begin; p < panels.end; ++p) {
    for (int v = 0; v < vectors; ++v) {
      const std::ptrdiff_t unit =
          p * s.units + (mode == Mode::lstm || mode == Mode::gru ? 0 : v * width);
      const std::ptrdiff_t real = s.H - unit;  // may be negative: all zeros
      const std::ptrdiff_t in = weight_row(s, p, v, false), over = weight_row(s, p, v, true);
      pack_vector<T, W>(w.w_ih + in * s.D, s.D, s.D, real,
                        packed.w_ih + p * s.panel(s.D) + v * width, vectors * width);
      pack_vector<T, W>(w.w_hh + over * s.P, s.P, s.P, real,
                        packed.w_hh + p * s.panel(s.P) + v * width, vectors * width);
    }
    std::ptrdiff_t in_at[vectors], over_at[vectors];
    s.at(p, false, in_at);
    s.at(p, true, over_at);
    for (int v = 0; v < vectors; ++v)
      for (std::ptrdiff_t j = 0; j < width; ++j) {
        const std::ptrdiff_t unit =
            p * s.units + (mode == Mode::lstm || mode == Mode::gru ? 0 : v * width) + j;
        const bool real = unit < s.H && w.b_ih;
        const T b_ih = real ? w.b_ih[weight_row(s, p, v, false) + j] : T(0);
        if constexpr (mode == Mode::gru) {
          // The candidate's two biases stay apart: r stands between them.
          const bool candidate = v == 2;
          const T b_rz = real && !candidate ? w.b_hh[weight_row(s, p, v, false) + j] : T(0);
          packed.bias[in_at[v] + j] = b_ih + b_rz;
          if (v == 0)
            packed.bias[over_at[0] + j] = real ? w.b_hh[weight_row(s, p, 0, true) + j] : T(0);
        } else {
          packed.bias[in_at[v] + j] =
              real ? b_ih + w.b_hh[weight_row(s, p, v, false) + j] : T(0);
        }
      }
  }
}

// Packs the projection's panels [begin, end) of Pp / (2 lanes).
template <class T, Mode mode, class W>
void pack_projection(const Sizes<T, mode>& s, const Parameters<const T>& w, Packed<T, W>& packed,
                     Part panels) {
  for (std::ptrdiff_t p = panels.begin; p < panels.end; ++p)
    for (int v = 0; v < 2; ++v) {
      const std::ptrdiff_t unit = p * s.pair + v * lanes<T>;
      pack_vector<T, W>(w.w_hr + unit * s.H, s.H, s.H, s.P - unit,
                        packed.w_hr + p * s.H * s.pair + v * lanes<T>, s.pair);
    }
}

// How a layer's work is cut: `groups` of rows in each direction, each done by `members` threads that
// share the units. Rows alone need no barrier in time; units are shared where a step is long enough
// to be worth one, because then each thread's weights stay in its own cache.
struct Plan {
  int members, groups;
};

}  // namespace clew::CLEW_TARGET
