// A step of a stream: what is read, layer above layer, what is made of the last one's output.
#pragma once

#include "stream.h"

namespace clew::CLEW_TARGET {

template <class T>
CLEW_INLINE void copy_row(T* to, const T* from, std::ptrdiff_t count) {
  __builtin_memcpy(to, from, count * sizeof(T));
}

// Pools row r of the last layer's outputs, which is sequence b, and gives what the head reads.
template <class T>
const T* pool_row(Running<T>& s, const T* y, std::ptrdiff_t r, std::ptrdiff_t b) {
  const std::ptrdiff_t P = s.pooled_size;
  const T* const row = y + r * P;
  T* const so_far = s.pooled + b * P;
  T* const read = s.read + r * P;
  const std::int64_t steps = ++s.steps[b];
  if (steps == 1) {
    copy_row(so_far, row, P);
  } else if (s.pool == Pool::most) {
    for (std::ptrdiff_t u = 0; u < P; ++u) so_far[u] = row[u] > so_far[u] ? row[u] : so_far[u];
  } else {
    for (std::ptrdiff_t u = 0; u < P; ++u) so_far[u] += row[u];
  }
  if (s.pool == Pool::most) {
    copy_row(read, so_far, P);
  } else {
    for (std::ptrdiff_t u = 0; u < P; ++u) read[u] = so_far[u] / static_cast<T>(steps);
  }
  return read;
}

// Scores (width,) into probabilities of the first `count`, or their logarithms.
template <class T>
void end_row(const T* scores, std::ptrdiff_t width, std::ptrdiff_t count, Ending ending, T* out) {
  if (ending == Ending::none) return copy_row(out, scores, count);
  Vec<T> most = load<T>(scores);
  for (std::ptrdiff_t k = lanes<T>; k < width; k += lanes<T>) {
    const Vec<T> x = load<T>(scores + k);
    most = x > most ? x : most;
  }
  T top = most[0];
  for (long j = 1; j < lanes<T>; ++j) top = most[j] > top ? most[j] : top;
  Vec<T> sums{};
  for (std::ptrdiff_t k = 0; k < width; k += lanes<T>) sums += exp<T>(load<T>(scores + k) - top);
  T sum = sums[0];
  for (long j = 1; j < lanes<T>; ++j) sum += sums[j];
  const T log_sum = static_cast<T>(__builtin_log(static_cast<double>(sum)));
  for (std::ptrdiff_t k = 0; k < count; k += lanes<T>) {
    const Vec<T> x = load<T>(scores + k) - top;
    store_some<T>(out + k, ending == Ending::probabilities ? exp<T>(x) / sum : x - log_sum,
                  count - k);
  }
}

// One push as all threads see it.
template <class T>
struct Push {
  Running<T>& s;
  const T* x;
  std::ptrdiff_t n;
  bool some;  // not all move; they are s.moving

  std::ptrdiff_t place(std::ptrdiff_t r) const { return some ? s.moving[r] : r; }

  void meet(int member, int members) const {
    if (members > 1) s.barrier->wait(member, members);
  }

  // All layers for these rows, and their answers.
  void climb(Part rows, int member, int members, int index) const {
    const T* below = x;
    const Part mine{rows.begin + part(rows.end - rows.begin, member, members).begin,
                    rows.begin + part(rows.end - rows.begin, member, members).end};
    for (int k = 0; k < s.layers; ++k) {
      Floor<T>& floor = s.floors[k];
      floor.step(floor, some ? floor.moved : s.carried[k], n, below, rows, s.barrier, member,
                 members, index);
      meet(member, members);
      if (floor.residual) {
        const std::ptrdiff_t P = floor.layer.P;
        for (std::ptrdiff_t i = mine.begin * P; i < mine.end * P; ++i) floor.y[i] += below[i];
        meet(member, members);
      }
      below = floor.y;
    }
    answer(below, rows, mine, member, members);
  }

  void answer(const T* y, Part rows, Part mine, int member, int members) const {
    constexpr std::ptrdiff_t pair = 2 * lanes<T>;
    const std::ptrdiff_t P = s.pooled_size;
    const T* in = y;
    if (s.pool != Pool::none) {
      for (std::ptrdiff_t r = mine.begin; r < mine.end; ++r) pool_row(s, y, r, place(r));
      in = s.read;
      meet(member, members);
    }
    if (s.width == 0) {
      for (std::ptrdiff_t r = mine.begin; r < mine.end; ++r)
        copy_row(s.out + place(r) * P, in + r * P, P);
      return;
    }
    const Part panels = part(s.width / pair, member, members);
    const std::ptrdiff_t at[2] = {0, lanes<T>}, R = rows.end - rows.begin;
    const Sums<T> sums{s.head_bias + panels.begin * pair, 0,
                       s.scores + rows.begin * s.width + panels.begin * pair, s.width};
    const auto multiply_head = [&](const auto* head) {
      multiply_panels<T, 2>(R, P, in + rows.begin * P, P, head + panels.begin * P * pair,
                            panels.end - panels.begin, P * pair, sums, at, pair);
    };
    if constexpr (sizeof(T) == sizeof(float)) {
      if (s.halved) multiply_head(s.half_head);
    }
    if (!s.halved) multiply_head(s.head);
    meet(member, members);
    for (std::ptrdiff_t r = mine.begin; r < mine.end; ++r)
      end_row(s.scores + r * s.width, s.width, s.outputs, s.ending, s.out + place(r) * s.outputs);
  }
};

// The states of those who move, put side by side before a step and back after it.
template <class T>
void move_states(Running<T>& s, std::ptrdiff_t n, bool back) {
  for (int k = 0; k < s.layers; ++k) {
    Carried<T>&all = s.carried[k], &moved = s.floors[k].moved;
    for (std::ptrdiff_t r = 0; r < n; ++r) {
      T* const h = all.h[all.now] + s.moving[r] * all.h_ld;
      T* const c = all.c + s.moving[r] * all.c_ld;
      if (back)
        copy_row(h, moved.h[1] + r * all.h_ld, all.h_ld);
      else
        copy_row(moved.h[0] + r * all.h_ld, h, all.h_ld);
      if (all.H == 0) continue;
      if (back)
        copy_row(c, moved.c + r * all.c_ld, all.c_ld);
      else
        copy_row(moved.c + r * all.c_ld, c, all.c_ld);
    }
  }
}

template <class T>
void push_stream(Stream<T>& stream, const std::uint8_t* moves) {
  Running<T>& s = static_cast<Running<T>&>(stream);
  const std::ptrdiff_t B = s.batch, D = s.inputs;
  std::ptrdiff_t n = B;
  if (moves) {
    n = 0;
    for (std::ptrdiff_t b = 0; b < B; ++b)
      if (moves[b]) s.moving[n++] = static_cast<std::int32_t>(b);
  }
  Push<T> push{s, s.x, n, n < B};
  if (push.some) {
    __builtin_memset(s.out, 0, B * s.outputs * sizeof(T));
    if (n == 0) return;
    move_states(s, n, false);
  }
  if (push.some || s.vocabulary) {
    for (std::ptrdiff_t r = 0; r < n; ++r) {
      const std::ptrdiff_t b = push.place(r);
      copy_row(s.fed + r * D, s.vocabulary ? s.table + s.ids[b] * D : s.x + b * D, D);
    }
    push.x = s.fed;
  }
  // Less work than this is as soon done as shared, and does not wait for anyone.
  const double work = s.work * static_cast<double>(n) / static_cast<double>(B);
  const int threads = work < 2e6 ? 1 : s.threads;
  if (threads > 1 && (n >= 4 * threads || (!s.shared && n > 1))) {
    parallel(threads,
             [&](int index, int count) { push.climb(part(n, index, count), 0, 1, index); });
  } else if (threads > 1 && s.shared) {
    parallel(threads, [&](int index, int count) { push.climb(Part{0, n}, index, count, index); });
  } else {
    push.climb(Part{0, n}, 0, 1, 0);
  }
  if (push.some)
    move_states(s, n, true);
  else
    for (int k = 0; k < s.layers; ++k) s.carried[k].now = 1 - s.carried[k].now;
}

template <class T>
inline constexpr Streams<T> streams = {make_stream<T>, end_stream<T>, push_stream<T>};

}  // namespace clew::CLEW_TARGET
