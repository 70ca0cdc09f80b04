// A replacement for Android's libm.so and libdl.so. Our libc.so contains their functions, so this file defines only a
// versioned symbol.
__attribute__((visibility("default"))) int bionic_functions_are_in_libc;
