#include "draw.h"

#include "pool.h"

namespace clew {
namespace {

std::uint64_t number(std::uint64_t seed, std::uint64_t k) {
  std::uint64_t z = seed + (k + 1) * 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

constexpr std::ptrdiff_t pairs_a_thread = 1 << 14;  // fewer are done before a thread is awake

}  // namespace

template <class T>
void draw(std::uint64_t seed, double chance, T* out, std::ptrdiff_t count, int threads) {
  const auto limit = static_cast<std::uint64_t>(chance * 4294967296.0 + 0.5);
  const std::ptrdiff_t pairs = (count + 1) / 2, most = 1 + pairs / pairs_a_thread;
  parallel(most < threads ? static_cast<int>(most) : threads, [&](int index, int team) {
    const std::ptrdiff_t end = pairs * (index + 1) / team;
    for (std::ptrdiff_t k = pairs * index / team; k < end; ++k) {
      const std::uint64_t drawn = number(seed, static_cast<std::uint64_t>(k));
      out[2 * k] = static_cast<T>((drawn & 0xffffffffu) < limit);
      if (2 * k + 1 < count) out[2 * k + 1] = static_cast<T>((drawn >> 32) < limit);
    }
  });
}

template void draw(std::uint64_t, double, float*, std::ptrdiff_t, int);
template void draw(std::uint64_t, double, double*, std::ptrdiff_t, int);

}  // namespace clew
