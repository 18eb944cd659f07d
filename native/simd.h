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

#define CLEW_INLINE inline __attribute__((always_inline))

namespace clew::CLEW_TARGET {

template <class T>
struct VectorOf {
  typedef T type __attribute__((vector_size(CLEW_VECTOR_BYTES)));
};
template <class T>
using Vec = typename VectorOf<T>::type;

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
  static constexpr float tanh_most = 10.0f;                      // beyond: one
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
  static constexpr double tanh_most = 20.0;
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

// e^x = 2^n (1 + r + tail): r is exact and at most ln(2) / 2 in magnitude, and the tail is the
// small rest. Callers add the two last, so that only the tail carries an error.
template <class T>
struct Reduced {
  Vec<T> n;
  Whole<T> biased;  // n + bias, with bits above those of an exponent that a shift drops
  Vec<T> r, tail;
};

template <class T>
CLEW_INLINE Reduced<T> reduce(Vec<T> x) {
  using R = Real<T>;
  constexpr T log2_e = static_cast<T>(1.44269504088896340736);
  const Vec<T> shifted = x * log2_e + R::round;
  const Vec<T> n = shifted - R::round;
  const Vec<T> high = x - n * R::ln2_high, low = n * R::ln2_low;
  const Vec<T> r = high - low;
  constexpr int last = sizeof(R::P) / sizeof(T) - 1;
  Vec<T> p = all<T>(R::P[last]);
#pragma GCC unroll 16
  for (int i = last - 1; i >= 0; --i) p = p * r + R::P[i];
  return {n, (Whole<T>)shifted, high, p * (r * r) - low};
}

// y 2^n in two steps: 2^n may be no normal number where the result is a denormal or infinity.
template <class T>
CLEW_INLINE Vec<T> scaled(Vec<T> y, const Reduced<T>& e) {
  using R = Real<T>;
  const Whole<T> half = e.biased >> 1;
  const Vec<T> first = (Vec<T>)((half + (R::bias / 2 + 1)) << R::mantissa);
  const Vec<T> second = (Vec<T>)((e.biased - half + R::bias / 2) << R::mantissa);
  return y * first * second;
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
#endif
#endif

template <class T>
CLEW_INLINE Vec<T> exp(Vec<T> x) {
  using R = Real<T>;
  const Reduced<T> e = reduce<T>(at_least<T>(at_most<T>(x, R::exp_most), R::exp_least));
  return scaled<T>((e.r + e.tail) + T(1), e);
}

// 1 / (1 + e^-x), from e^-|x| so that the far left ends in denormals and not in 1 / infinity.
template <class T>
CLEW_INLINE Vec<T> sigmoid(Vec<T> x) {
  const Reduced<T> e = reduce<T>(at_least<T>(-magnitude<T>(x), Real<T>::exp_least));
  const Vec<T> small = e.r + e.tail;
  const Vec<T> y = scaled<T>(small + T(1), e);  // e^-|x|
  const Vec<T> sum = y + T(1);
  // What was lost in rounding the sum goes into the numerator before that is rounded in turn.
  const Vec<T> lost = y - (sum - T(1));
  const Vec<T> left = scaled<T>((small - lost) + T(1), e);
  return (x < T(0) ? left : T(1) - lost) / sum;
}

// (e^2x - 1) / (e^2x + 1), from e^2|x| - 1 so that nothing cancels near zero.
template <class T>
CLEW_INLINE Vec<T> tanh(Vec<T> x) {
  const Vec<T> a = at_most<T>(magnitude<T>(x), Real<T>::tanh_most);
  const Reduced<T> e = reduce<T>(a + a);
  const Whole<T> power = e.biased << Real<T>::mantissa;
  const Vec<T> scale = (Vec<T>)power;  // 2^n
  const Vec<T> shrink = (Vec<T>)(2 * ((Whole<T>)all<T>(T(1))) - power);  // 2^-n
  const Vec<T> grown = (e.r + e.tail) * scale + (scale - T(1));  // e^2|x| - 1
  const Vec<T> sum = grown + T(2);
  // As above; the sum is about 2^(n+1) and its numerator's small part is scaled by 2^n.
  const Vec<T> lost = (grown * shrink) * ((grown - (sum - T(2))) * (T(0.5) * shrink));
  const Vec<T> top = (e.r + (e.tail - lost)) * scale + (scale - T(1));
  return with_sign_of<T>(top / sum, x);
}

}  // namespace clew::CLEW_TARGET
