// spin MILLISECONDS: one process writes a stamp and a number into one cache line, the other looks at it all the time. The next
// message comes when the other has the last one. undisturbed is the share of the time in which both had a processor.
#include "measure.h"

struct line {
    uint64_t stamp, number;
} __attribute__((aligned(64)));

struct page {
    struct line line;
    uint64_t got __attribute__((aligned(64)));
    uint64_t last __attribute__((aligned(64)));
    uint64_t disturbed, all; // nanoseconds of the sender, written before last
};

enum { WARM = 1000, DISTURBED = 20000 }; // a round trip of so many nanoseconds met other work

static int receive(struct page *b) {
    struct delays d = delays_new(1 << 21);
    for (uint64_t n = 1;; n++) {
        while (load(&b->line.number) != n) relax();
        uint64_t now = now_ns();
        if (n > WARM) delays_add(&d, now - b->line.stamp);
        int last = load(&b->last) == n;
        store(&b->got, n);
        if (last) break;
    }
    delays_sort(&d);
    printf("{\"count\":%zu,\"p50_ns\":%llu,\"p99_ns\":%llu,\"undisturbed\":%.3f}\n", d.n, (unsigned long long)d.v[d.n / 2],
           (unsigned long long)d.v[d.n * 99 / 100], 1 - (double)b->disturbed / (double)b->all);
    return 0;
}

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    struct page *b = shared(sizeof *b);
    pid_t p = second();
    if (p == 0) {
        int code = receive(b);
        fflush(stdout);
        _exit(code);
    }
    uint64_t began = now_ns(), before = began, disturbed = 0, end = began + strtoull(argv[1], NULL, 10) * 1000000u;
    for (uint64_t n = 1, done = 0; !done; n++) {
        uint64_t now = now_ns();
        if (now - before > DISTURBED) disturbed += now - before;
        before = now;
        if (now > end && n > WARM) {
            done = 1;
            b->disturbed = disturbed, b->all = now - began;
            store(&b->last, n);
        }
        b->line.stamp = now_ns();
        store(&b->line.number, n);
        while (load(&b->got) != n) relax();
    }
    return finish(p);
}
