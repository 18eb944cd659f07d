// Any processor: what the compiler takes for granted on this architecture.
#define CLEW_TARGET portable
#define CLEW_VECTOR_BYTES 16
#include "loops.h"

namespace clew {

const Kernels portable_kernels = {
    "portable", CLEW_VECTOR_BYTES,        portable::maps<float>, portable::maps<double>,
    portable::products<float>, portable::products<double>,
    portable::layers<float>, portable::layers<double>,
    portable::streams<float>, portable::streams<double>,
    portable::losses<float>, portable::losses<double>,
    portable::multiply_add<float>, portable::multiply_add<double>, portable::read,
};

}  // namespace clew
