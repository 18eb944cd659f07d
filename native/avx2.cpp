// x86-64 with AVX2 and fused multiply-add.
#define CLEW_TARGET avx2
#define CLEW_VECTOR_BYTES 32
#include "loops.h"

namespace clew {

const Kernels avx2_kernels = {
    "avx2", CLEW_VECTOR_BYTES,        avx2::maps<float>, avx2::maps<double>,
    avx2::products<float>, avx2::products<double>,
    avx2::layers<float>, avx2::layers<double>,
    avx2::streams<float>, avx2::streams<double>,
    avx2::losses<float>, avx2::losses<double>,
    avx2::multiply_add<float>, avx2::multiply_add<double>, avx2::read,
};

}  // namespace clew
