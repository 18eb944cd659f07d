// Cross-entropy of an output layer: its scores, hidden W^T + b, are never stored all at once.
//
// Rows of hidden are taken a block at a time, and for each block the vocabulary twice. First in
// chunks: the scores of a chunk give its part of each row's softmax. Then in groups of chunks: the
// scores are made again (unless a single group holds them all), become their own gradients, and
// are multiplied with W and with hidden. That is one product more than if they were kept, and takes
// less time than to write them to memory and to read them back.
//
// Each result is one chain of sums in the order of rows or of words, and each row's softmax is put
// together in the order of chunks, which depend on the vocabulary alone: threads change no bit.
#pragma once

#include "backward.h"
#include "kernels.h"
#include "loss_softmax.h"
#include "packed.h"
#include "transpose.h"

namespace clew::CLEW_TARGET {

template <class T>
struct LossSizes {
  static constexpr std::ptrdiff_t pair = 2 * lanes<T>, tall = tile_rows<2>;
  std::ptrdiff_t N, H, V;
  std::ptrdiff_t Q;       // pairs of vectors that H takes
  std::ptrdiff_t R;       // rows of a block, at most; whole pairs of vectors
  std::ptrdiff_t ld;      // from word to word of the scores: not a power of two
  std::ptrdiff_t chunks, chunk, groups, group;  // and words of each, at most

  explicit LossSizes(const CrossEntropy<T>& job) : N(job.N), H(job.H), V(job.V) {
    constexpr std::ptrdiff_t float_size = 4, size = sizeof(T);
    const auto within = [](std::ptrdiff_t x, std::ptrdiff_t most) {
      return x < 96 ? 96 : x > most ? most : x / 96 * 96;
    };
    Q = (H + pair - 1) / pair;
    const std::ptrdiff_t wanted = V > 512 * 96 ? V / 512 : 96;
    chunks = (V + wanted - 1) / wanted;
    // With a single chunk each thread reads its own rows only: there may be more of them.
    const std::ptrdiff_t values = (chunks == 1 ? 196608 : 98304) * float_size / size;
    const std::ptrdiff_t fit = within(values / H, 768);
    R = round_up(N < fit ? N : fit, pair);
    ld = R + lanes<T>;
    chunk = (V + chunks - 1) / chunks;
    const std::ptrdiff_t words = within(196608 * float_size / size / H, 768);
    groups = V <= words + words / 4 ? 1 : (V + words - 1) / words;
    if (groups > chunks) groups = chunks;
    group = (chunks + groups - 1) / groups * chunk;
  }
  Part words(std::ptrdiff_t c) const { return {V * c / chunks, V * (c + 1) / chunks}; }
  Part chunks_of(std::ptrdiff_t g) const {
    return {chunks * g / groups, chunks * (g + 1) / groups};
  }
};

// rows x two vectors of c += a^T b, where row r of a^T is column r of a; `left` columns of c exist.
template <class T>
__attribute__((noinline)) void tile_across(std::ptrdiff_t K, const T* a, std::ptrdiff_t lda,
                                           const T* panel, T* c, std::ptrdiff_t ldc,
                                           std::ptrdiff_t rows, std::ptrdiff_t left, bool fresh) {
  constexpr int tall = tile_rows<2>;
  constexpr std::ptrdiff_t width = lanes<T>;
  Vec<T> sum[tall][2] = {};
  if (!fresh) {
#pragma GCC unroll 16
    for (int r = 0; r < tall; ++r)
      if (r < rows) {
        sum[r][0] = load_some<T>(c + r * ldc, left);
        sum[r][1] = load_some<T>(c + r * ldc + width, left - width);
      }
  }
  for (std::ptrdiff_t k = 0; k < K; ++k, a += lda, panel += 2 * width) {
    const Vec<T> first = load<T>(panel), second = load<T>(panel + width);
#pragma GCC unroll 16
    for (int r = 0; r < tall; ++r) {
      const Vec<T> x = broadcast<T>(a[r]);
      sum[r][0] += x * first;
      sum[r][1] += x * second;
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < tall; ++r)
    if (r < rows) {
      store_some<T>(c + r * ldc, sum[r][0], left);
      store_some<T>(c + r * ldc + width, sum[r][1], left - width);
    }
}

// One call, shared by its threads; the functions below are the phases of a block of rows.
template <class T>
struct LossJob {
  using S = LossSizes<T>;
  const CrossEntropy<T>& job;
  S s;
  std::ptrdiff_t at = 0, rows = 0, panels = 0;  // the block: its first row, how many, in pairs
  T *columns, *lines;  // of hidden: panels of (H, pair) over rows, of (rows, pair) over H
  T *scores, *weights;  // of a group: (words, ld), panels of (words, pair) over H
  Partial<T> partial;   // (chunks, R)
  Seen<T> seen;         // (R,)
  T* found;             // (R,) the targets' scores
  T* buffers;           // a chunk's scores of two vectors of rows, for each thread

  LossJob(const CrossEntropy<T>& given, const S& sizes) : job(given), s(sizes) {}

  void take(Arena& arena, int threads) {
    const bool learns = job.d_hidden || job.d_weight || job.d_bias;
    columns = arena.take<T>(s.R * s.H);
    lines = arena.take<T>(job.d_weight ? s.R * s.Q * s.pair : 0);
    scores = arena.take<T>(learns || s.groups == 1 ? s.group * s.ld + 64 : 0);
    weights = arena.take<T>(job.d_hidden ? s.group * s.Q * s.pair : 0);
    partial.most = arena.take<T>(s.chunks * s.R);
    partial.sum = arena.take<T>(s.chunks * s.R);
    partial.total = arena.take<T>(job.smoothing != 0 ? s.chunks * s.R : 0);
    for (T** each : {&seen.most, &seen.factor, &seen.each, &seen.target, &found})
      *each = arena.take<T>(s.R);
    buffers = arena.take<T>(threads * s.chunk * s.pair);
    if (job.smoothing == 0) partial.total = nullptr;
  }

  bool kept() const { return s.groups == 1; }

  void start(std::ptrdiff_t first) {
    at = first;
    rows = s.N - at < s.R ? s.N - at : s.R;
    panels = (rows + s.pair - 1) / s.pair;
  }

  void pack_hidden(Part mine, Part mine_of_H) const {
    constexpr std::ptrdiff_t width = lanes<T>;
    for (std::ptrdiff_t p = mine.begin; p < mine.end; ++p)
      for (int v = 0; v < 2; ++v) {
        const std::ptrdiff_t row = p * s.pair + v * width;
        pack_columns<T>(job.hidden + (at + row) * s.H, s.H, s.H, rows - row,
                        columns + p * s.H * s.pair + v * width, s.pair);
      }
    for (std::ptrdiff_t q = mine_of_H.begin; job.d_weight && q < mine_of_H.end; ++q)
      pack_pair(job.hidden + at * s.H, rows, q, lines + q * rows * s.pair);
  }

  // Pair q of the columns of some rows of H.
  void pack_pair(const T* from, std::ptrdiff_t count, std::ptrdiff_t q, T* to) const {
    constexpr std::ptrdiff_t width = lanes<T>;
    const std::ptrdiff_t column = q * s.pair, left = s.H - column;
    for (std::ptrdiff_t k = 0; k < count; ++k, to += s.pair) {
      store<T>(to, load_some<T>(from + k * s.H + column, left));
      store<T>(to + width, load_some<T>(from + k * s.H + column + width, left - width));
    }
  }

  // The scores of a chunk for panel p of the rows, without bias.
  void multiply_chunk(Part words, std::ptrdiff_t p, T* to, std::ptrdiff_t ld) const {
    multiply_pairs<T>(words.end - words.begin, s.H, job.weight + words.begin * s.H, s.H,
                      columns + p * s.H * s.pair, Part{0, 1}, to, ld, false);
  }

  // f(row of the block, word within the chunk) for the targets among `words` of panel p.
  template <class F>
  CLEW_INLINE void each_target(Part words, std::ptrdiff_t p, F f) const {
    const std::ptrdiff_t end = rows < (p + 1) * s.pair ? rows : (p + 1) * s.pair;
    for (std::ptrdiff_t n = p * s.pair; n < end; ++n) {
      const std::int64_t target = job.targets[at + n];
      if (target != job.ignore && words.begin <= target && target < words.end)
        f(n, static_cast<std::ptrdiff_t>(target) - words.begin);
    }
  }

  // Chunk c of the first reading, for panel p of the rows.
  void read(std::ptrdiff_t c, std::ptrdiff_t p, T* buffer) const {
    const Part words = s.words(c);
    const std::ptrdiff_t ld = kept() ? s.ld : s.pair, place = c * s.R + p * s.pair;
    T* const x = kept() ? scores + words.begin * s.ld + p * s.pair : buffer;
    multiply_chunk(words, p, x, ld);
    sum_scores<T>(x, ld, words.end - words.begin, job.bias ? job.bias + words.begin : nullptr,
                  {partial.most + place, partial.sum + place,
                   partial.total ? partial.total + place : nullptr});
    each_target(words, p, [&](std::ptrdiff_t n, std::ptrdiff_t word) {
      found[n] = x[word * ld + n - p * s.pair];
    });
  }

  // The softmax of the rows of panel p from its parts: their losses, and what gradients need.
  void conclude(std::ptrdiff_t p) const {
    constexpr std::ptrdiff_t width = lanes<T>;
    for (std::ptrdiff_t n = p * s.pair; n < (p + 1) * s.pair; n += width) {
      Vec<T> most = all<T>(-infinity<T>);
      for (std::ptrdiff_t c = 0; c < s.chunks; ++c) {
        const Vec<T> other = load<T>(partial.most + c * s.R + n);
        most = other > most ? other : most;
      }
      const Vec<T> shift = shift_of<T>(most);
      store<T>(seen.most + n, most);
      for (std::ptrdiff_t c = 0; c < s.chunks; ++c) {
        const std::ptrdiff_t place = c * s.R + n;
        store<T>(partial.sum + place, load<T>(partial.sum + place) *
                                          exp<T>(load<T>(partial.most + place) - shift));
      }
      for (std::ptrdiff_t k = n; k < n + width; ++k) conclude_row(k);
    }
  }

  void conclude_row(std::ptrdiff_t n) const {
    const bool real = n < rows && job.targets[at + n] != job.ignore;
    double sum = 0, total = 0;
    for (std::ptrdiff_t c = 0; c < s.chunks; ++c) sum += partial.sum[c * s.R + n];
    for (std::ptrdiff_t c = 0; partial.total && c < s.chunks; ++c)
      total += partial.total[c * s.R + n];
    const double smoothing = job.smoothing, mean = smoothing / static_cast<double>(s.V);
    const double most = seen.most[n] == -infinity<T> ? 0.0 : seen.most[n];
    const double scale =
        real ? static_cast<double>(job.scale) * (job.row_scale ? job.row_scale[at + n] : T(1)) : 0;
    seen.factor[n] = static_cast<T>(scale / sum);
    seen.each[n] = static_cast<T>(scale * mean);
    seen.target[n] = static_cast<T>(scale * (1 - smoothing));
    if (n >= rows || !job.losses) return;
    double loss = 0;
    if (real) {
      const double expected = smoothing == 0 ? found[n] : (1 - smoothing) * found[n] + mean * total;
      loss = __builtin_log(sum) + (most - expected);
    }
    job.losses[at + n] = static_cast<T>(loss);
  }

  // Chunk c of the second reading: the gradients of the scores of panel p, in their place.
  void differentiate(std::ptrdiff_t c, std::ptrdiff_t p, Part group) const {
    const Part words = s.words(c);
    const std::ptrdiff_t count = words.end - words.begin, row = p * s.pair;
    T* const x = scores + (words.begin - group.begin) * s.ld + row;
    if (!kept()) multiply_chunk(words, p, x, s.ld);
    differentiate_scores<T>(
        x, s.ld, count, kept() || !job.bias ? nullptr : job.bias + words.begin,
        {seen.most + row, seen.factor + row, seen.each + row, seen.target + row});
    each_target(words, p, [&](std::ptrdiff_t n, std::ptrdiff_t word) {
      x[word * s.ld + n - row] -= seen.target[n];
    });
    const std::ptrdiff_t depth = group.end - group.begin;
    for (std::ptrdiff_t q = 0; job.d_hidden && p == 0 && q < s.Q; ++q)
      pack_pair(job.weight + words.begin * s.H, count, q,
                weights + (q * depth + words.begin - group.begin) * s.pair);
  }

  // d hidden of the block: a part of its tiles, over the words of a group.
  void add_hidden(Part group, int index, int count) const {
    constexpr std::ptrdiff_t piece = 256;
    const std::ptrdiff_t depth = group.end - group.begin, tiles = (rows + s.tall - 1) / s.tall;
    const Part mine = part(tiles * s.Q, index, count);
    for (std::ptrdiff_t k = 0; k < depth; k += piece)
      for (std::ptrdiff_t unit = mine.begin; unit < mine.end; ++unit) {
        const std::ptrdiff_t n = unit / s.Q * s.tall, q = unit % s.Q;
        tile_across<T>(depth - k < piece ? depth - k : piece, scores + k * s.ld + n, s.ld,
                       weights + (q * depth + k) * s.pair,
                       job.d_hidden + (at + n) * s.H + q * s.pair, s.H,
                       rows - n < s.tall ? rows - n : s.tall, s.H - q * s.pair,
                       group.begin == 0 && k == 0);
      }
  }

  // d W and d bias of a group: a part of their tiles, over the rows of the block.
  void add_weight(Part group, int index, int count) const {
    const std::ptrdiff_t words = group.end - group.begin, tiles = (words + s.tall - 1) / s.tall;
    const Part mine = part(tiles * s.Q, index, count);
    for (std::ptrdiff_t unit = mine.begin; unit < mine.end; ++unit) {
      const std::ptrdiff_t tile = unit / s.Q, q = unit % s.Q;
      const std::ptrdiff_t first = words * tile / tiles, end = words * (tile + 1) / tiles;
      const T* const x = scores + first * s.ld;
      if (q == 0 && job.d_bias)
        for (std::ptrdiff_t v = first; v < end; ++v) {
          T* const to = job.d_bias + group.begin + v;
          *to = (at == 0 ? T(0) : *to) + sum_of<T>(scores + v * s.ld, rows);
        }
      if (job.d_weight) add_tile(x, end - first, q, group.begin + first);
    }
  }

  // Columns q of `count` words of d W. What c cannot hold whole is summed beside it.
  void add_tile(const T* x, std::ptrdiff_t count, std::ptrdiff_t q, std::ptrdiff_t word) const {
    constexpr std::ptrdiff_t width = lanes<T>, pair = 2 * width, off[2] = {0, width};
    alignas(64) static const T zeros[pair] = {};
    alignas(64) T edge[S::tall * pair];
    const std::ptrdiff_t left = s.H - q * pair;
    T* const c = job.d_weight + word * s.H + q * pair;
    T* const to = left < pair ? edge : c;
    const std::ptrdiff_t ld = left < pair ? pair : s.H;
    if (left < pair && at > 0)
      for (std::ptrdiff_t v = 0; v < count; ++v)
        __builtin_memcpy(edge + v * pair, c + v * s.H, left * sizeof(T));
    const Sums<T> sums{at == 0 ? zeros : to, at == 0 ? 0 : ld, to, ld};
    multiply<T, 2, T>(count, rows, x, s.ld, lines + q * rows * pair, sums, off);
    if (left < pair)
      for (std::ptrdiff_t v = 0; v < count; ++v)
        __builtin_memcpy(c + v * s.H, edge + v * pair, left * sizeof(T));
    else  // the next tile's rows lie below; d W is too large for the caches near the processor
      for (std::ptrdiff_t v = count; v < 2 * count; ++v)
        for (int k = 0; k < 2; ++k) __builtin_prefetch(c + v * s.H + k * width, 1);
  }
};

template <class T>
bool cross_entropy(const CrossEntropy<T>& given, int threads) {
  const LossSizes<T> s(given);
  if (threads > most_threads) threads = most_threads;
  if (static_cast<double>(s.N) * static_cast<double>(s.V) * static_cast<double>(s.H) < 1e5)
    threads = 1;
  const bool learns = given.d_hidden || given.d_weight || given.d_bias;
  Arena arena;
  LossJob<T> whole(given, s);
  Barrier* barrier = nullptr;
  for (int pass = 0; pass < 2; ++pass) {
    whole.take(arena, threads);
    barrier = arena.take<Barrier>(1);
    if (pass == 0 && !arena.fill()) return false;
  }
  __builtin_memset(static_cast<void*>(barrier), 0, sizeof(Barrier));
  parallel(threads, [&](int index, int count) {
    const auto meet = [&] {
      if (count > 1) barrier->wait(index, count);
    };
    // Of a single chunk each thread reads what it packed, and concludes what it read.
    const auto meet_of_chunks = [&] {
      if (s.chunks > 1) meet();
    };
    LossJob<T> job = whole;
    T* const buffer = job.buffers + index * s.chunk * s.pair;
    for (std::ptrdiff_t row = 0; row < s.N; row += s.R) {
      job.start(row);
      job.pack_hidden(part(job.panels, index, count), part(s.Q, index, count));
      meet_of_chunks();
      const Part units = part(s.chunks * job.panels, index, count);
      for (std::ptrdiff_t k = units.begin; k < units.end; ++k)
        job.read(k / job.panels, k % job.panels, buffer);
      meet_of_chunks();
      const Part panels = part(job.panels, index, count);
      for (std::ptrdiff_t p = panels.begin; p < panels.end; ++p) job.conclude(p);
      if (s.chunks > 1 || !learns) meet();  // the next block may give a row's place to another
      for (std::ptrdiff_t g = 0; learns && g < s.groups; ++g) {
        const Part chunks = s.chunks_of(g);
        const Part words = {s.words(chunks.begin).begin, s.words(chunks.end - 1).end};
        const Part mine = part((chunks.end - chunks.begin) * job.panels, index, count);
        for (std::ptrdiff_t k = mine.begin; k < mine.end; ++k)
          job.differentiate(chunks.begin + k / job.panels, k % job.panels, words);
        meet();
        if (given.d_hidden) job.add_hidden(words, index, count);
        if (given.d_weight || given.d_bias) job.add_weight(words, index, count);
        meet();
      }
    }
  });
  return true;
}

template <class T>
inline constexpr Losses<T> losses = {cross_entropy<T>};

}  // namespace clew::CLEW_TARGET
