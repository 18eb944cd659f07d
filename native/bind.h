// What bind.cpp puts together.
#pragma once

#include <nanobind/nanobind.h>

void bind_layers(nanobind::module_& module);
void bind_losses(nanobind::module_& module);
void bind_products(nanobind::module_& module);
void bind_streams(nanobind::module_& module);
