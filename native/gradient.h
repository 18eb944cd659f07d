// How the products of gemm.h are shared among threads and cut into blocks.
#pragma once

#include "gemm.h"

namespace clew::CLEW_TARGET {
namespace gemm {

// What one thread makes: panels x vectors of c.
struct Part {
  Range panels, vectors;
};

// Columns go to groups of threads of equal work, then within each group the panels in use there.
template <class T>
Part part(const GradientTerms<T>& g, Size index, Size count) {
  const Size x = x_vectors(g), vectors = all_vectors(g), total_panels = all_panels(g);
  Size groups = 1;
  double least = -1;
  for (Size n = 1; n <= count; ++n) {
    if (count % n || (n > 1 && n > vectors)) continue;
    const double height = static_cast<double>(divided_up(total_panels, count / n) * tall);
    const double width = static_cast<double>(divided_up(vectors, n) * lanes<T>);
    const double cost = height * width / (2 * lanes<T>) + height + width;  // products, packing
    if (least < 0 || cost < least) least = cost, groups = n;
  }

  Size using_x = 0, using_h = 0;
  for (int k = 0; k < g.bands_count; ++k) {
    const Size rows = panels(g.bands[k]);
    using_x += g.bands[k].uses_x ? rows : 0;
    using_h += g.bands[k].uses_h ? rows : 0;
  }
  const Size work_x = x * using_x, work = work_x + (vectors - x) * using_h;
  auto cut = [&](Size k) -> Size {
    if (k == 0) return 0;
    if (k == groups) return vectors;
    const Size before = work * k / groups;
    if (before < work_x) return (before + using_x / 2) / using_x;
    return using_h ? x + (before - work_x + using_h / 2) / using_h : x;
  };
  const Size group = index % groups;
  const Range own = {cut(group), cut(group + 1)};
  if (own.size() == 0 && vectors > 0) return {{0, 0}, own};

  auto weight = [&](const Band& band) {
    const Size used = common(columns(g, band), own).size();
    // Packing a panel costs about as much as the products with two of its vectors.
    return used || makes_bias(g, band, own) ? used + 2 : 0;
  };
  Size total = 0;
  for (int k = 0; k < g.bands_count; ++k) total += weight(g.bands[k]) * panels(g.bands[k]);
  auto row_cut = [&](Size k) -> Size {
    const Size parts = count / groups;
    if (k == parts) return total_panels;
    Size before = total * k / parts, at = 0;
    for (int b = 0; b < g.bands_count; ++b) {
      const Size each = weight(g.bands[b]), here = panels(g.bands[b]);
      if (before < each * here) return at + (before + each / 2) / each;
      before -= each * here;
      at += here;
    }
    return total_panels;
  };
  return {{row_cut(index / groups), row_cut(index / groups + 1)}, own};
}

// One thread's scratch; the sums and edges of row i of c are those of its place among the panels.
template <class T>
struct Scratch {
  T *b, *a, *sums, *edges;
  std::size_t size;

  Scratch(const GradientTerms<T>& g, T* from) {
    const Size rows = all_panels(g) * tall;
    b = from;
    a = b + smaller(all_vectors(g), vectors_most<T>) * b_apart<T>;
    sums = a + smaller(all_panels(g), panels_most) * a_apart<T>;
    edges = sums + divided_up(rows, lanes<T>) * lanes<T>;
    size = static_cast<std::size_t>(edges + rows * 2 * lanes<T> - from);
  }
};

// Where vector v of columns of row i of c is summed; `place` is the row's place among the panels.
template <class T>
CLEW_INLINE Place<T> place_of(const GradientTerms<T>& g, T* edges, Size v, Size i, Size place) {
  constexpr Size width = lanes<T>;
  const Size x = x_vectors(g);
  const bool in_h = v >= x;
  const Size column = (v - (in_h ? x : 0)) * width, size = in_h ? g.P : g.D;
  if (size - column < width) return {edges + (place * 2 + in_h) * width, 2 * width};
  return {g.c + i * g.ldc + (in_h ? g.D : 0) + column, g.ldc};
}

// One packed block: the panels `own` of a band, the first of which is row i of c, times the vectors
// `used`. `from` is the first vector packed.
template <class T>
void multiply(const GradientTerms<T>& g, const Scratch<T>& scratch, Size depth, Range used,
              Size from, Range own, Size i, Size i_end, bool fresh) {
  for (Size v = used.begin; v < used.end;) {
    Size vectors = smaller(used.end - v, wide);
    if (used.end - v == wide + 1) vectors = (wide + 2) / 2;  // no narrow one last
    Place<T> c[wide];
    for (Size k = 0; k < vectors; ++k)
      c[k] = place_of(g, scratch.edges, v + k, i, own.begin * tall);
    const T* b = scratch.b + (v - from) * b_apart<T>;
    const T* a = scratch.a;
    for (Size left = i_end - i; left > 0; left -= tall, a += a_apart<T>) {
      any_tile<T>(vectors, depth, a, b, c, smaller(left, tall), fresh);
      for (Size k = 0; k < vectors; ++k) c[k].at += tall * c[k].step;
    }
    v += vectors;
  }
}

// f(band, panels of the band that are in `own`, the row of c they begin and end with), in pieces
// of at most `most` panels.
template <class T, class F>
CLEW_INLINE void each_piece(const GradientTerms<T>& g, Range own, Size most, F f) {
  Size first = 0;
  for (int k = 0; k < g.bands_count; ++k) {
    const Band& band = g.bands[k];
    const Range mine = common(own, {first, first + panels(band)});
    for (Size p = mine.begin; p < mine.end; p += most) {
      const Range piece = {p, smaller(p + most, mine.end)};
      const Size i = band.i_begin + (p - first) * tall;
      f(band, piece, i, smaller(band.i_end, i + piece.size() * tall));
    }
    first += panels(band);
  }
}

// Elements that each thread needs, aligned to 64 bytes.
template <class T>
std::size_t gradient_scratch(const GradientTerms<T>& g) {
  return gemm::Scratch<T>(g, nullptr).size;
}

// Thread `index` of `count` makes its part of c; all of them together make all of it.
template <class T>
void gradient(const GradientTerms<T>& g, T* memory, int index, int count) {
  constexpr Size width = lanes<T>;
  const Part mine = part(g, index, count);
  if (mine.panels.size() == 0) return;
  const Scratch<T> scratch(g, memory);
  for (Size k = mine.panels.begin * tall; k < mine.panels.end * tall; ++k)
    scratch.sums[k] = T(0);

  const Size pieces = larger(1, divided_up(mine.vectors.size(), vectors_most<T>));
  for (Size piece = 0; piece < pieces; ++piece) {
    const Range vectors = {mine.vectors.begin + mine.vectors.size() * piece / pieces,
                           mine.vectors.begin + mine.vectors.size() * (piece + 1) / pieces};
    Size row = 0;
    do {  // once even where there are no rows: the sums are zero then
      const Size depth = smaller(depth_most, g.n - row);
      pack_b(g, row, depth, vectors, scratch.b);
      each_piece(g, mine.panels, panels_most, [&](const Band& band, Range own, Size i, Size end) {
        const Range used = common(columns(g, band), vectors);
        const bool bias = makes_bias(g, band, vectors);
        if (!used.size() && !bias) return;
        T* sums = bias ? scratch.sums + own.begin * tall : nullptr;
        pack_a(g, row, depth, i, end - i, scratch.a, sums);
        multiply(g, scratch, depth, used, vectors.begin, own, i, end, row == 0);
      });
      row += depth_most;
    } while (row < g.n);
  }

  const Size x = x_vectors(g), all = all_vectors(g);
  each_piece(g, mine.panels, all_panels(g), [&](const Band& band, Range own, Size i, Size end) {
    const Range used = common(columns(g, band), mine.vectors);
    const bool bias = makes_bias(g, band, mine.vectors);
    const T* edge = scratch.edges + own.begin * tall * 2 * width;
    const T* sum = scratch.sums + own.begin * tall;
    auto ends_in = [&](Size v) { return used.begin <= v && v < used.end; };
    const Size D = g.D % width && ends_in(x - 1) ? g.D % width : 0;
    const Size P = g.P % width && ends_in(all - 1) ? g.P % width : 0;
    for (T* c = g.c + i * g.ldc; i < end; ++i, c += g.ldc, edge += 2 * width, ++sum) {
      for (Size k = 0; k < D; ++k) c[g.D - D + k] = edge[k];
      for (Size k = 0; k < P; ++k) c[g.D + g.P - P + k] = edge[width + k];
      if (bias) c[g.D + g.P] = *sum;
    }
  });
}

}  // namespace gemm

using gemm::gradient, gemm::gradient_scratch;

template <class T>
inline constexpr Products<T> products = {gradient_scratch<T>, gradient<T>};

}  // namespace clew::CLEW_TARGET
