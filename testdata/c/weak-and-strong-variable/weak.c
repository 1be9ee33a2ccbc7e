int wv __attribute__((weak)) = 1;
