// One vector type on the compiler's vector extensions, and exp, sigmoid and tanh on it.
//
// A file that includes this defines first
//   CLEW_TARGET        the name of its target: portable, avx2, avx512
//   CLEW_VECTOR_BYTES  the width of that target's registers: 16, 32, 64
// Everything here lives in a namespace of that name: the same source is compiled once for each
// target, and the linker must never hand one target's code to another. For the same reason nothing
// of the standard library that has a body is used in a target's file.
//
// The error of each is at most the bound of kernels.h, for every input and every target;
// tests/kernels/test_simd.py measures it. NaN stays NaN, infinities and values out of range give the
// limits, denormals and signed zeros are kept.

#pragma once

#ifdef CLEW_X86
#include <immintrin.h>
#endif

#include <cstdint>

#include "tanh_table.h"

#define CLEW_INLINE inline __attribute__((always_inline))

namespace clew::CLEW_TARGET {

// While it lives, its thread takes numbers too small to be normal ones (in float32 below 1.2e-38) as
// zeros, read and written. For gradients that vanish: on x86 arithmetic with denormals is many times
// slower, and what is left of such a gradient is of no use. Other processors need no such help.
struct VanishToZero {
#ifdef CLEW_X86
  unsigned before = __builtin_ia32_stmxcsr();
  VanishToZero() { __builtin_ia32_ldmxcsr(before | 0x8040); }
  ~VanishToZero() { __builtin_ia32_ldmxcsr(before); }
#else
  VanishToZero() {}
#endif
  VanishToZero(const VanishToZero&) = delete;
  VanishToZero& operator=(const VanishToZero&) = delete;
};

template <class T>
struct VectorOf {
  typedef T type __attribute__((vector_size(CLEW_VECTOR_BYTES)));
};
template <class T>
using Vec = typename VectorOf<T>::type;

// Whether this target rounds a product and the sum that takes it once, together.
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
inline constexpr bool fused = true;
#else
inline constexpr bool fused = false;
#endif

template <class T>
inline constexpr long lanes = CLEW_VECTOR_BYTES / static_cast<long>(sizeof(T));

// What the functions need to know of a floating point type. The polynomial P is the minimax
// approximation of (e^r - 1 - r) / r^2 on |r| <= ln(2) / 2, weighted with |r|; ln2_high has so few
// bits that its products with whole numbers of the exponent's range are exact.
template <class T>
struct Real;

template <>
struct Real<float> {
  using Bits = std::int32_t;
  static constexpr int mantissa = 23, bias = 127;
  // Adding this leaves the nearest whole number, and that plus the bias in the lowest bits.
  static constexpr float round = 12582912.0f + 127;  // 1.5 * 2^23
  static constexpr float ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f;
  static constexpr float exp_most = 89.0f, exp_least = -104.0f;  // beyond: infinity, zero
  static constexpr float sigmoid_most = 20.0f, tanh_most = 10.0f;  // beyond: one
  static constexpr float P[] = {0.500000006207813022f, 0.166665427942958875f,
                                0.0416662814462352547f, 0.00836661057454400357f,
                                0.00139464936794115012f};
};

template <>
struct Real<double> {
  using Bits = std::int64_t;
  static constexpr int mantissa = 52, bias = 1023;
  static constexpr double round = 6755399441055744.0 + 1023;  // 1.5 * 2^52
  static constexpr double ln2_high = 6.93147180369123816490e-01,
                          ln2_low = 1.90821492927058770002e-10;
  static constexpr double exp_most = 710.0, exp_least = -746.0;
  static constexpr double sigmoid_most = 40.0, tanh_most = 20.0;
  static constexpr double P[] = {
      0.500000000000000557,     0.166666666666666861,    0.0416666666665733277,
      0.00833333333331452184,   0.00138888889324830086,  0.000198412699032092833,
      0.0000248015043135859589, 2.75572277724137917e-6,  2.76263816627765583e-7,
      2.51145365810692232e-8};
};

template <class T>
using Whole = Vec<typename Real<T>::Bits>;

template <class T>
CLEW_INLINE Vec<T> all(T value) {
  return Vec<T>{} + value;
}

template <class T>
CLEW_INLINE Vec<T> magnitude(Vec<T> x) {
  constexpr int sign_bit = sizeof(T) * 8 - 1;
  constexpr auto others = ~(static_cast<typename Real<T>::Bits>(-1) << sign_bit);
  return (Vec<T>)((Whole<T>)x & others);
}

template <class T>
CLEW_INLINE Vec<T> with_sign_of(Vec<T> x, Vec<T> sign) {
  return (Vec<T>)((Whole<T>)x | ((Whole<T>)sign ^ (Whole<T>)magnitude<T>(sign)));
}

template <class T>
CLEW_INLINE Vec<T> at_most(Vec<T> x, T limit) {
  return x > limit ? all<T>(limit) : x;  // false for NaN, which stays
}

template <class T>
CLEW_INLINE Vec<T> at_least(Vec<T> x, T limit) {
  return x < limit ? all<T>(limit) : x;
}

// x as it is rounded here: a product is not fused with a sum that follows or with one of a caller,
// so that the same x gives the same bits wherever a function is used.
template <class T>
CLEW_INLINE Vec<T> rounded(Vec<T> x) {
#if defined(CLEW_X86) && CLEW_VECTOR_BYTES == 64
  __asm__("" : "+v"(x));
#elif defined(CLEW_X86)
  __asm__("" : "+x"(x));
#elif defined(__aarch64__)
  __asm__("" : "+w"(x));
#else
  __asm__("" : "+m"(x));
#endif
  return x;
}

// e^x = 2^n e^r with r at most ln(2) / 2 in magnitude: the rounded difference of high, which is
// exact, and the small low.
template <class T>
struct Reduced {
  Vec<T> n, r, high, low;
  Whole<T> biased;  // n + bias, with bits above those of an exponent that a shift drops
};

template <class T>
CLEW_INLINE Reduced<T> reduce(Vec<T> x) {
  using R = Real<T>;
  constexpr T log2_e = static_cast<T>(1.44269504088896340736);
  const Vec<T> shifted = x * log2_e + R::round;
  const Vec<T> n = shifted - R::round;
  const Vec<T> high = x - n * R::ln2_high, low = rounded<T>(n * R::ln2_low);
  return {n, high - n * R::ln2_low, high, low, (Whole<T>)shifted};
}

// (e^r - 1) / r - 1 is this times r.
template <class T>
CLEW_INLINE Vec<T> polynomial(Vec<T> r) {
  using R = Real<T>;
  constexpr int last = sizeof(R::P) / sizeof(T) - 1;
  Vec<T> p = all<T>(R::P[last]);
#pragma GCC unroll 16
  for (int i = last - 1; i >= 0; --i) p = p * r + R::P[i];
  return p;
}

// y 2^n in two steps: 2^n may be no normal number where the result is a denormal or infinity.
template <class T>
CLEW_INLINE Vec<T> scaled(Vec<T> y, const Reduced<T>& e) {
  using R = Real<T>;
  const Whole<T> half = e.biased >> 1;
  const Vec<T> first = (Vec<T>)((half + (R::bias / 2 + 1)) << R::mantissa);
  const Vec<T> second = (Vec<T>)((e.biased - half + R::bias / 2) << R::mantissa);
  return rounded<T>(y * first * second);
}

// 2^n where it is less than 2^60, denormals too: 2^(n+64) is a normal number.
template <class T>
CLEW_INLINE Vec<T> power_of_two(const Reduced<T>& e) {
  const auto grown = (e.biased + 64) << Real<T>::mantissa;
  return (Vec<T>)grown * T(0x1p-64);
}

// Where x86 has one instruction for what takes several in general.
#ifdef CLEW_X86
#if CLEW_VECTOR_BYTES == 64
// Masked with all ones, which costs nothing: GCC 12 warns within the plain forms.
#define CLEW_X86_CALL(operation, a, b) _mm512_maskz_##operation(-1, a, b)
#elif CLEW_VECTOR_BYTES == 32
#define CLEW_X86_CALL(operation, a, b) _mm256_##operation(a, b)
#else
#define CLEW_X86_CALL(operation, a, b) _mm_##operation(a, b)
#endif
#define CLEW_X86_LIMITS(T, kind)                                               \
  template <>                                                                  \
  CLEW_INLINE Vec<T> at_most<T>(Vec<T> x, T limit) { /* x where that is NaN */ \
    return (Vec<T>)CLEW_X86_CALL(min_##kind, all<T>(limit), x);                \
  }                                                                            \
  template <>                                                                  \
  CLEW_INLINE Vec<T> at_least<T>(Vec<T> x, T limit) {                          \
    return (Vec<T>)CLEW_X86_CALL(max_##kind, all<T>(limit), x);                \
  }
CLEW_X86_LIMITS(float, ps)
CLEW_X86_LIMITS(double, pd)
#if CLEW_VECTOR_BYTES == 64
template <>
CLEW_INLINE Vec<float> scaled(Vec<float> y, const Reduced<float>& e) {
  return (Vec<float>)_mm512_maskz_scalef_ps(-1, y, e.n);
}
template <>
CLEW_INLINE Vec<double> scaled(Vec<double> y, const Reduced<double>& e) {
  return (Vec<double>)_mm512_maskz_scalef_pd(-1, y, e.n);
}
template <>
CLEW_INLINE Vec<float> power_of_two(const Reduced<float>& e) {
  return scaled<float>(all<float>(1), e);
}
template <>
CLEW_INLINE Vec<double> power_of_two(const Reduced<double>& e) {
  return scaled<double>(all<double>(1), e);
}
#endif
#endif

template <class T>
CLEW_INLINE Vec<T> exp(Vec<T> x) {
  using R = Real<T>;
  const Reduced<T> e = reduce<T>(at_least<T>(at_most<T>(x, R::exp_most), R::exp_least));
  const Vec<T> slope = polynomial<T>(e.r) * e.r + T(1);
  return scaled<T>(slope * e.r + T(1), e);
}

// 1 / (1 + e^-x) = 2^n / (2^n + e^-r) for x = n ln(2) + r: the far left ends in denormals and not
// in 1 / infinity, and e^-r is added without being rounded before.
template <class T>
CLEW_INLINE Vec<T> sigmoid(Vec<T> x) {
  using R = Real<T>;
  const Reduced<T> e = reduce<T>(at_least<T>(at_most<T>(x, R::sigmoid_most), R::exp_least));
  const Vec<T> power = power_of_two<T>(e);
  const Vec<T> slope = polynomial<T>(-e.r) * -e.r + T(1);
  const Vec<T> sum = slope * -e.r + (power + T(1));
  // A power too small to change a one is missing in the sum: 2^n - 2^2n makes up for it.
  const Vec<T> top = e.n < T(-R::mantissa) ? power - power * power : power;
  return top / sum;
}

// (1 - e^-2|x|) / (1 + e^-2|x|), where e^-2|x| is 2^n and a rest that is small near zero: nothing
// cancels there.
template <class T>
CLEW_INLINE Vec<T> tanh(Vec<T> x) {
  const Reduced<T> e = reduce<T>(at_most<T>(magnitude<T>(x), Real<T>::tanh_most) * T(-2));
  const Vec<T> power = (Vec<T>)(e.biased << Real<T>::mantissa);  // 2^n
  const Vec<T> less = T(1) - power, more = T(1) + power;
  const Vec<T> square = polynomial<T>(e.r) * (e.r * e.r);
  // Within the bound already: every float was tried. Doubles are too many to try.
  if constexpr (fused && sizeof(T) == sizeof(float)) {
    const Vec<T> rest = power * (square + e.r);
    return with_sign_of<T>((less - rest) / (more + rest), x);
  } else {
    const Vec<T> high = power * e.high, tail = power * (square - e.low);
    const Vec<T> rest = high + tail, sum = more + rest;
    // What was lost in rounding the sum goes into the numerator before that is rounded in turn,
    // times the quotient, for which two thirds of the numerator are near enough.
    const Vec<T> lost = (rest - (sum - more)) * T(0.66);
    const Vec<T> top = less - (high + ((less - rest) * lost + tail));
    return with_sign_of<T>(top / sum, x);
  }
}

#if defined(CLEW_X86) && CLEW_VECTOR_BYTES == 64
// Two registers are a table of 32 here: |x| + 5/8 has eight segments an octave from 5/8 to 10, and
// tanh is a polynomial on each, without a division.
template <>
CLEW_INLINE Vec<float> tanh<float>(Vec<float> x) {
  const Vec<float> a = at_most<float>(magnitude<float>(x), 9.3699999f);
  const __m512i segment = (__m512i)((Whole<float>)(a + 0.625f) >> 20);  // its last five bits
  const auto entry = [segment](const float (&table)[32]) __attribute__((always_inline)) {
    return (Vec<float>)_mm512_permutex2var_ps(_mm512_loadu_ps(table), segment,
                                              _mm512_loadu_ps(table + 16));
  };
  const Vec<float> t = a - entry(tanh_centre);
  Vec<float> y = entry(tanh_terms[4]);
#pragma GCC unroll 4
  for (int i = 3; i >= 0; --i) y = y * t + entry(tanh_terms[i]);
  return with_sign_of<float>(y, x);
}
#endif

}  // namespace clew::CLEW_TARGET
