// futex RATE MILLISECONDS: one process writes 64 bytes into a ring of slots, a stamp beside them, and then a number, and wakes the
// other if that one says that it sleeps: what a publisher has to do, and no more. The other is a thread of C in FUTEX_WAIT.
#include "measure.h"
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>

enum { SIZE = 64, SLOTS = 16, WARM = 200 };

struct slot {
    uint64_t stamp __attribute__((aligned(64)));
    unsigned char payload[SIZE] __attribute__((aligned(64)));
};

struct page {
    uint32_t number __attribute__((aligned(64)));
    uint32_t sleeping __attribute__((aligned(64)));
    uint32_t last __attribute__((aligned(64)));
    struct slot slots[SLOTS];
};

static long futex(uint32_t *word, int op, uint32_t value) { return syscall(SYS_futex, word, op, value, NULL, NULL, 0); }

static int receive(struct page *b) {
    struct delays d = delays_new(1 << 20);
    volatile uint64_t read = 0;
    for (uint32_t seen = 0;;) {
        while (load(&b->number) == seen) {
            __atomic_store_n(&b->sleeping, 1, __ATOMIC_SEQ_CST);
            if (__atomic_load_n(&b->number, __ATOMIC_SEQ_CST) == seen) futex(&b->number, FUTEX_WAIT, seen);
            store(&b->sleeping, 0);
        }
        seen++;
        struct slot *s = &b->slots[seen % SLOTS];
        read += sum(s->payload, SIZE);
        uint64_t now = now_ns();
        if (seen > WARM) delays_add(&d, now - s->stamp);
        if (load(&b->last) == seen) break;
    }
    delays_print(&d, &d);
    return 0;
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    struct page *b = shared(sizeof *b);
    pid_t p = second();
    if (p == 0) {
        int code = receive(b);
        fflush(stdout);
        _exit(code);
    }
    unsigned char payload[SIZE];
    memset(payload, 0x5a, sizeof payload);
    struct pace pace = pace_of(atof(argv[1]));
    uint64_t end = now_ns() + strtoull(argv[2], NULL, 10) * 1000000u;
    for (uint32_t n = 1, done = 0; !done; n++) {
        pace_wait(&pace);
        if (now_ns() > end && n > 2 * WARM) {
            done = 1;
            store(&b->last, n);
        }
        struct slot *s = &b->slots[n % SLOTS];
        memcpy(s->payload, payload, SIZE);
        s->stamp = now_ns();
        __atomic_store_n(&b->number, n, __ATOMIC_SEQ_CST);
        if (__atomic_load_n(&b->sleeping, __ATOMIC_SEQ_CST)) futex(&b->number, FUTEX_WAKE, INT_MAX);
    }
    return finish(p);
}
