// Random masks, drawn by all threads, the same whatever their number.
#pragma once

#include <cstddef>
#include <cstdint>

namespace clew {

// out[k] = 1 with probability `chance`, in steps of 2^-32, else 0, for k of 0 ... count - 1.
//
// Value k is a function of seed and k alone: a half of number k / 2 of the SplitMix64 sequence that
// begins at `seed` (Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators").
template <class T>
void draw(std::uint64_t seed, double chance, T* out, std::ptrdiff_t count, int threads);

}  // namespace clew
