// ring stream|latency SIZE SLOTS MILLISECONDS: a ring of slots between two processes that poll. The sender copies a payload into a slot
// with memcpy, the receiver compares every byte in place with memcmp. latency: the next payload follows when the receiver has the last
// one; p50_ns begins after the copy, total_p50_ns before it.
#include "measure.h"

struct entry {
    uint64_t began, stamp;
} __attribute__((aligned(64)));

struct page {
    uint64_t head __attribute__((aligned(64)));
    uint64_t tail __attribute__((aligned(64)));
    uint64_t last __attribute__((aligned(64)));
    uint64_t began __attribute__((aligned(64))); // when and after how many payloads measuring begins
    uint64_t before;
};

struct ring {
    struct page *page;
    struct entry *entries;
    unsigned char *payloads;
    size_t size, stride, slots;
    int timed;
};

enum { WARM = 200 };

static unsigned char *example(size_t size) {
    unsigned char *b = aligned_alloc(4096, (size + 4095) / 4096 * 4096);
    if (b == NULL) die("aligned_alloc");
    memset(b, 0x5a, size);
    return b;
}

static int receive(struct ring *r) {
    struct delays d = delays_new(1 << 20), totals = delays_new(1 << 20);
    struct page *page = r->page;
    const unsigned char *want = example(r->size);
    for (uint64_t n = 1;; n++) {
        while (load(&page->head) < n) relax();
        size_t slot = n % r->slots;
        if (memcmp(r->payloads + slot * r->stride, want, r->size)) {
            fprintf(stderr, "payload %llu differs\n", (unsigned long long)n);
            return 1;
        }
        if (r->timed && n > WARM) {
            uint64_t now = now_ns();
            delays_add(&d, now - r->entries[slot].stamp);
            delays_add(&totals, now - r->entries[slot].began);
        }
        int last = load(&page->last) == n;
        store(&page->tail, n);
        if (!last) continue;
        if (r->timed) {
            delays_print(&d, &totals);
        } else {
            rate_print(n - load(&page->before), r->size, now_ns() - load(&page->began));
        }
        return 0;
    }
}

static void send(struct ring *r, uint64_t ns) {
    struct page *page = r->page;
    const unsigned char *payload = example(r->size);
    uint64_t window = r->timed ? 1 : r->slots, now = now_ns(), warm = now + ns / 5, end = warm + ns;
    int warming = 1, last = 0;
    for (uint64_t n = 1; !last; n++) {
        if (r->timed || n % 32 == 0 || r->size > 4096) {
            now = now_ns();
            if (warming && now >= warm) {
                warming = 0;
                store(&page->before, n - 1);
                store(&page->began, now);
            }
            if ((last = now > end && n > 2 * WARM)) store(&page->last, n);
        }
        while (n - load(&page->tail) > window) relax();
        size_t slot = n % r->slots;
        if (r->timed) r->entries[slot].began = now_ns();
        memcpy(r->payloads + slot * r->stride, payload, r->size);
        if (r->timed) r->entries[slot].stamp = now_ns();
        store(&page->head, n);
    }
}

int main(int argc, char **argv) {
    if (argc != 5) return 2;
    struct ring r = {.size = strtoull(argv[2], NULL, 10), .slots = strtoull(argv[3], NULL, 10), .timed = !strcmp(argv[1], "latency")};
    if (r.size == 0 || r.slots == 0) return 2;
    r.stride = (r.size + 63) / 64 * 64;
    r.page = shared(sizeof *r.page);
    r.entries = shared(r.slots * sizeof *r.entries);
    r.payloads = shared(r.slots * r.stride);
    pid_t p = second();
    if (p == 0) {
        int code = receive(&r);
        fflush(stdout);
        _exit(code);
    }
    send(&r, strtoull(argv[4], NULL, 10) * 1000000u);
    return finish(p);
}
