// x86-64 with AVX-512 (F, BW, DQ, VL).
#define CLEW_TARGET avx512
#define CLEW_VECTOR_BYTES 64
#include "loops.h"

namespace clew {

const Kernels avx512_kernels = {
    "avx512", CLEW_VECTOR_BYTES,        avx512::maps<float>, avx512::maps<double>,
    avx512::products<float>, avx512::products<double>,
    avx512::layers<float>, avx512::layers<double>,
    avx512::streams<float>, avx512::streams<double>,
    avx512::losses<float>, avx512::losses<double>,
    avx512::multiply_add<float>, avx512::multiply_add<double>, avx512::read,
};

}  // namespace clew
