// memcpy SIZE MILLISECONDS: one process copies payloads into 8 MiB of shared memory, repeatedly. No process reads them.
#include "measure.h"

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    size_t size = strtoull(argv[1], NULL, 10), room = 8 << 20;
    uint64_t ns = strtoull(argv[2], NULL, 10) * 1000000u;
    if (size == 0 || size > room) return 2;
    unsigned char *to = shared(room), *from = malloc(size);
    memset(from, 0x5a, size);
    size_t slots = room / size;
    uint64_t count = 0, began = 0, now = now_ns(), end = now + ns;
    for (size_t i = 0; now < end; i = (i + 1) % slots) {
        memcpy(to + i * size, from, size);
        __asm__ volatile("" ::: "memory");
        if (i != slots - 1) continue;
        now = now_ns();
        if (began == 0) {
            began = now; // the first lap warms up
        } else {
            count += slots;
        }
    }
    rate_print(count, size, now - began);
    return 0;
}
