// One step after the other, the state staying here: the jobs of forward.h with a single step.
//
// What a stream says has the bits of the whole sequence because it is made by the same functions,
// from the same panels, in the same order.
#pragma once

#include "forward.h"
#include "streams.h"

namespace clew::CLEW_TARGET {

// A layer as a stream keeps it.
template <class T>
struct Floor {
  Layer<T> layer;
  bool residual;
  Packed<T, T> whole;  // one of the two
  Packed<T, Half> half;
  Carried<T> moved;  // room for the states of those who move, where not all do
  T *shown, *projected, *gates, *y;
  Gains<T> gains;
  T *over, *own;  // see NormJob
  void (*step)(Floor<T>& floor, const Carried<T>& carried, std::ptrdiff_t n, const T* x, Part rows,
               Barrier* barrier, int member, int members, int index);
};

template <class T>
struct Running : Stream<T> {
  Arena arena;
  Floor<T>* floors;
  std::int32_t* moving;  // (B,) who moves
  T* fed;                // (B, D) of those who move, or what ids stand for
  T* table;              // (ids, D)
  T* head;               // panels of 2 vectors, of the one or the other kind
  Half* half_head;
  T *head_bias, *scores;  // (width,), (B, width): the outputs in whole panels
  T* read;                // (B, P) what was made of the pooled
  std::ptrdiff_t width;
  Pool pool;
  Ending ending;
  Barrier* barrier;
  int threads;  // at most
  bool halved;  // weights are of the latter kind
  bool shared;  // several threads may share the units: there is no projection
  ~Running() {
    delete[] floors;
    delete[] this->carried;
  }
};

template <class T>
CLEW_INLINE Packed<T, T>& packed_of(Floor<T>& floor, const T*) {
  return floor.whole;
}
template <class T>
CLEW_INLINE Packed<T, Half>& packed_of(Floor<T>& floor, const Half*) {
  return floor.half;
}

// A step of rows [rows.begin, rows.end) of n, the member's panels of units, by thread `index`.
template <class T, Mode mode, class W>
void step_floor(Floor<T>& floor, const Carried<T>& carried, std::ptrdiff_t n, const T* x,
                Part rows, Barrier* barrier, int member, int members, int index) {
  Layer<T> layer = floor.layer;
  layer.x = x;
  layer.y = floor.y;
  layer.schedule.steps = 2;  // so that this step is not the last, whose state is handed out
  layer.schedule.longest = 1;
  layer.schedule.batch = layer.schedule.total = n;
  const Sizes<T, mode> s(layer);
  const std::ptrdiff_t at = rows.begin;
  Job<T, mode, W> job{&layer, s, 0, packed_of(floor, static_cast<const W*>(nullptr)), rows,
                      members, barrier,
                      {carried.h[0] + at * s.h_row(), carried.h[1] + at * s.h_row()},
                      {carried.h[0] + at * s.h_row(), carried.h[1] + at * s.h_row()},
                      carried.c + at * s.c_row(), floor.shown + at * s.Hp,
                      floor.projected + at * s.Pp, nullptr, nullptr, floor.gates + at * s.row,
                      nullptr, 1,
                      {floor.gains, nullptr, nullptr, nullptr, floor.over + at * s.over_row(),
                       floor.own + index * norm_own(s)}};
  const Part panels = part(s.panels, member, members);
  project_inputs(job, panels, 0, 1);
  take_step(job, panels, 0, rows.end - rows.begin, job.chunk, carried.now, member);
}

// The panels of a floor, of weights that need not stay; false where there is no memory for it.
template <class T, Mode mode, class W>
bool pack_floor(const Sizes<T, mode>& s, Floor<T>& floor, Packed<T, W>& packed) {
  Parameters<const T>& w = floor.layer.weights[0];
  Arena arena;
  Gains<T> centred = take_gains(arena, s, s.norm);
  if (s.norm) {
    if (!arena.fill()) return false;
    centred = take_gains(arena, s, true);
    centre_weights(s, w, centred, 0, 1);
    pack_gains(s, w, floor.gains);
  }
  pack_gates(s, s.norm ? centred.centred(w) : w, packed, Part{0, s.panels});
  if (s.project) pack_projection(s, w, packed, Part{0, s.Pp / s.pair});
  w = {};  // what is there counts from now on, not where
  if (s.project) w.w_hr = floor.y;
  if (s.norm) w.ln_ih = floor.y;
  return true;
}

template <class T, Mode mode, class W>
bool furnish_of(Running<T>& s, Floor<T>& floor, Carried<T>& carried, bool there) {
  const std::ptrdiff_t B = s.batch;
  const Sizes<T, mode> sizes(floor.layer);
  const bool cells = mode == Mode::lstm;
  auto& packed = packed_of(floor, static_cast<const W*>(nullptr));
  packed = take_packed<T, mode, W>(s.arena, sizes);
  Carried<T>* const both[2] = {&carried, &floor.moved};
  for (Carried<T>* const states : both) {
    for (T*& h : states->h) h = s.arena.template take<T>(B * sizes.h_row());
    states->c = s.arena.template take<T>(cells ? B * sizes.c_row() : 0);
    states->P = sizes.P;
    states->H = cells ? sizes.H : 0;
    states->h_ld = sizes.h_row();
    states->c_ld = sizes.c_row();
    states->now = 0;
  }
  floor.shown = s.arena.template take<T>(sizes.project ? B * sizes.Hp : 0);
  floor.projected = s.arena.template take<T>(sizes.project ? B * sizes.Pp : 0);
  floor.gates = s.arena.template take<T>(B * sizes.row);
  floor.y = s.arena.template take<T>(B * sizes.P);
  floor.gains = take_gains(s.arena, sizes, false);
  floor.over = s.arena.template take<T>(sizes.norm && sizes.apart ? B * sizes.over_row() : 0);
  floor.own = s.arena.template take<T>(norm_own(sizes) * s.threads);
  floor.step = &step_floor<T, mode, W>;
  return !there || pack_floor(sizes, floor, packed);
}

template <class T, class W>
bool furnish(Running<T>& s, Floor<T>& floor, Carried<T>& carried, bool there) {
  return with_mode(floor.layer.mode, [&]<Mode mode>() {
    return furnish_of<T, mode, W>(s, floor, carried, there);
  });
}

// The head in panels; what stands for no output scores minus infinity.
template <class T, class W>
void pack_head(const Network<T>& network, Running<T>& s, W* panels) {
  constexpr std::ptrdiff_t pair = 2 * lanes<T>;
  const std::ptrdiff_t P = s.pooled_size;
  for (std::ptrdiff_t p = 0; p * pair < s.width; ++p)
    for (int v = 0; v < 2; ++v) {
      const std::ptrdiff_t first = p * pair + v * lanes<T>;
      pack_vector<T, W>(network.w_out + first * P, P, P, s.outputs - first,
                        panels + p * P * pair + v * lanes<T>, pair);
    }
  for (std::ptrdiff_t k = 0; k < s.width; ++k)
    s.head_bias[k] = k >= s.outputs    ? -static_cast<T>(__builtin_inf())
                     : network.b_out ? network.b_out[k]
                                     : T(0);
}

template <class T>
Stream<T>* make_stream(const Network<T>& network, std::ptrdiff_t B) {
  auto* const made = new Running<T>();
  Running<T>& s = *made;
  const Storey<T>* const storeys = network.storeys;
  const std::ptrdiff_t D = storeys[0].layer.D, P = storeys[network.count - 1].layer.P;
  const bool head = network.w_out != nullptr, pools = network.pool != Pool::none;
  s.batch = B;
  s.inputs = D;
  s.outputs = head ? network.outputs : P;
  s.vocabulary = network.table ? network.ids : 0;
  s.layers = network.count;
  s.pool = network.pool;
  s.ending = network.ending;
  s.pooled_size = P;
  s.halved = network.half;
  s.threads = network.threads < most_threads ? network.threads : most_threads;
  s.width = head ? round_up(s.outputs, 2 * lanes<T>) : 0;
  s.floors = new Floor<T>[s.layers]();
  s.carried = new Carried<T>[s.layers]();
  s.shared = true;
  s.work = static_cast<double>(head ? s.outputs * P : 0);
  for (int k = 0; k < s.layers; ++k) {
    const Layer<T>& layer = s.floors[k].layer = storeys[k].layer;
    s.floors[k].layer.directions = 1;
    s.floors[k].residual = storeys[k].residual;
    if (layer.weights[0].w_hr) s.shared = false;
    const double rows = layer.mode == Mode::lstm ? 4 : layer.mode == Mode::gru ? 3 : 1;
    s.work += rows * static_cast<double>(layer.H * (layer.D + layer.P));
  }
  s.work *= static_cast<double>(B);
  bool there = true;
  for (int pass = 0; pass < 2; ++pass) {
    for (int k = 0; k < s.layers; ++k) {
      if constexpr (sizeof(T) == sizeof(float))
        if (network.half) {
          there = furnish<T, Half>(s, s.floors[k], s.carried[k], pass == 1) && there;
          continue;
        }
      there = furnish<T, T>(s, s.floors[k], s.carried[k], pass == 1) && there;
    }
    s.x = s.arena.template take<T>(B * D);
    s.ids = s.arena.template take<std::int64_t>(B);
    s.out = s.arena.template take<T>(B * s.outputs);
    s.pooled = s.arena.template take<T>(pools ? B * P : 0);
    s.steps = s.arena.template take<std::int64_t>(B);
    s.moving = s.arena.template take<std::int32_t>(B);
    s.fed = s.arena.template take<T>(B * D);
    s.table = s.arena.template take<T>(s.vocabulary * D);
    s.head = s.arena.template take<T>(network.half ? 0 : s.width * P);
    s.half_head = s.arena.template take<Half>(network.half ? s.width * P : 0);
    s.head_bias = s.arena.template take<T>(s.width);
    s.scores = s.arena.template take<T>(B * s.width);
    s.read = s.arena.template take<T>(pools ? B * P : 0);
    s.barrier = s.arena.template take<Barrier>(1);
    if (pass == 0) there = s.arena.fill();
    if (!there) {
      delete made;
      return nullptr;
    }
  }
  if (!pools) s.pooled = nullptr;
  __builtin_memset(static_cast<void*>(s.barrier), 0, sizeof(Barrier));
  __builtin_memset(s.steps, 0, B * sizeof(std::int64_t));
  if (pools) __builtin_memset(s.pooled, 0, B * P * sizeof(T));
  for (int k = 0; k < s.layers; ++k) {
    const Carried<T>& zero = s.carried[k];
    for (T* const h : zero.h) __builtin_memset(h, 0, B * zero.h_ld * sizeof(T));
    if (zero.H) __builtin_memset(zero.c, 0, B * zero.c_ld * sizeof(T));
  }
  if (s.vocabulary) __builtin_memcpy(s.table, network.table, s.vocabulary * D * sizeof(T));
  if (head && network.half) {
    if constexpr (sizeof(T) == sizeof(float)) pack_head(network, s, s.half_head);
  } else if (head) {
    pack_head(network, s, s.head);
  }
  return made;
}

template <class T>
void end_stream(Stream<T>* stream) {
  delete static_cast<Running<T>*>(stream);
}

}  // namespace clew::CLEW_TARGET
