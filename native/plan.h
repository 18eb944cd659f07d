// How a layer's work is cut between threads, from what a step costs either way.
#pragma once

#include "packed.h"

namespace clew::CLEW_TARGET {

// Rough figures of a core, in values of T a nanosecond; only their proportions matter.
template <class T>
struct Rates {
  static constexpr double products = CLEW_VECTOR_BYTES / 64.0 * 60 / sizeof(T) * 4,
                          second_cache = 60.0 / sizeof(T), third_cache = 10.0 / sizeof(T),
                          gates = CLEW_VECTOR_BYTES / 64.0 * 6.0 / sizeof(T),
                          meeting = 2000;  // nanoseconds, more than it takes when all cores are free
};

// The cheapest of the ways to share a step of `rows` rows, each `width` sums of `depth` products,
// between `threads`: `groups` of rows in each of the `directions`, `members` threads each. Beside the
// weights of the step, those of `beside` more products a sum want to stay in the cache.
template <class T>
Plan choose_plan(int threads, int directions, std::ptrdiff_t rows, std::ptrdiff_t width,
                 std::ptrdiff_t depth, std::ptrdiff_t beside, std::size_t cache,
                 bool may_share) {
  using R = Rates<T>;
  Plan best{1, 1};
  double least = -1;
  const std::ptrdiff_t tile = tile_rows<3>;
  for (int members = 1; members <= (may_share ? threads : 1); ++members) {
    const int teams = threads / members;
    // Jobs are handed round: a direction needs no team of its own.
    for (int groups = 1; groups <= teams && groups <= (rows > 1 ? rows : 1); ++groups) {
      const std::ptrdiff_t jobs = (groups * directions + teams - 1) / teams;
      const std::ptrdiff_t n = (rows + groups - 1) / groups;
      const double own = static_cast<double>(width) / members;
      const double weights = own * static_cast<double>(depth);
      // A tile of few rows cannot keep the units busy.
      const std::ptrdiff_t filled = n >= 2 ? n : 2;
      const double sums = weights * static_cast<double>(filled) / R::products;
      const std::ptrdiff_t passes = (n + tile - 1) / tile;
      const double bytes = weights * sizeof(T);
      const double near = bytes < 24e3 ? 0 : weights * static_cast<double>(passes) / R::second_cache;
      const double all = own * static_cast<double>(depth + beside) * sizeof(T);
      const double far = all < 0.75 * static_cast<double>(cache) ? 0 : weights / R::third_cache;
      const double busy = sums > near ? sums : near;
      const double step = busy + far + own * static_cast<double>(n) / R::gates +
                          (members > 1 ? R::meeting : 0.0);
      const double cost = step * static_cast<double>(jobs);
      if (least < 0 || cost < least) {
        least = cost;
        best = {members, groups};
      }
    }
  }
  return best;
}

}  // namespace clew::CLEW_TARGET
