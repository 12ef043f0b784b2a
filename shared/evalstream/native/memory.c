#include "kernels.h"

KERNEL native_free(void *memory) {
    free(memory);
    return 0;
}

/* Tell which sources this library is built of. */
KERNEL native_sources(char *digest) {
    memcpy(digest, SOURCES, sizeof(SOURCES));
    return 0;
}
