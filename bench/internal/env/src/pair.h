// One process sends, another receives, through something that copies messages in and out: the same loops for all of it.
#ifndef PAIR_H
#define PAIR_H

#include "measure.h"

// What messages go through. Each process calls its open first; an open of the sender returns when the receiver is there.
struct transport {
    void (*open_sender)(size_t size);
    void (*open_receiver)(size_t size);
    void (*send)(const void *b, size_t size);
    void (*flush)(void); // what is sent in pieces of its own making; may be NULL
    void (*receive)(void *b, size_t size);
    uint64_t window; // messages that the sender may be ahead of the receiver where nothing else holds it back; 0 is no limit
};

// Every message begins with this.
struct head {
    uint64_t stamp, number;
};

#define LAST ((uint64_t)1 << 63)

struct page {
    uint64_t ready __attribute__((aligned(64)));
    uint64_t got __attribute__((aligned(64)));
    uint64_t began __attribute__((aligned(64))); // when and after how many messages measuring begins
    uint64_t before;
};

enum { WARM = 200 };

static int receive_delays(const struct transport *t, struct page *page, size_t size) {
    struct delays d = delays_new(1 << 20);
    struct head *h = (struct head *)malloc(size);
    volatile uint64_t read = 0;
    store(&page->ready, 1);
    for (;;) {
        t->receive(h, size);
        read += sum(h, size);
        uint64_t now = now_ns(), number = h->number & ~LAST;
        if (number > WARM) delays_add(&d, now - h->stamp);
        if (h->number & LAST) break;
    }
    delays_print(&d, &d);
    return 0;
}

static int receive_rate(const struct transport *t, struct page *page, size_t size) {
    struct head *h = (struct head *)malloc(size);
    volatile uint64_t read = 0;
    uint64_t expected = 0, step = t->window / 4 + 1;
    store(&page->ready, 1);
    for (;;) {
        t->receive(h, size);
        if (size <= 4096) read += sum(h, size); // larger ones are read when they are copied out
        if ((h->number & ~LAST) != ++expected) {
            fprintf(stderr, "message %llu came instead of %llu\n", (unsigned long long)(h->number & ~LAST), (unsigned long long)expected);
            return 1;
        }
        if (h->number & LAST) break;
        if (expected % step == 0) store(&page->got, expected);
    }
    rate_print(expected - load(&page->before), size, now_ns() - load(&page->began));
    return 0;
}

static void send_all(const struct transport *t, struct page *page, size_t size, double rate, uint64_t ns) {
    struct head *h = (struct head *)malloc(size);
    memset(h, 0x5a, size);
    struct pace pace = pace_of(rate);
    uint64_t began = now_ns(), warm = rate > 0 ? began : began + ns / 5, end = warm + ns;
    int warming = 1;
    for (uint64_t number = 1;; number++) {
        pace_wait(&pace);
        uint64_t now = rate > 0 || number % 32 == 0 || size > 4096 ? now_ns() : 0;
        if (warming && now >= warm && now > 0) {
            warming = 0;
            store(&page->before, number - 1);
            store(&page->began, now);
        }
        int last = now > end && number > 2 * WARM;
        h->number = number | (last ? LAST : 0);
        h->stamp = rate > 0 ? now_ns() : 0;
        t->send(h, size);
        if (last) break;
        if (t->window > 0 && number > load(&page->got) + t->window) {
            if (t->flush) t->flush();
            while (number > load(&page->got) + t->window) nap(20000);
        }
    }
    if (t->flush) t->flush();
}

// run measures delays if rate is not 0, and messages per second otherwise.
static int run(const struct transport *t, size_t size, double rate, uint64_t ns) {
    struct page *page = (struct page *)shared(sizeof *page);
    if (size < sizeof(struct head)) {
        fprintf(stderr, "messages of less than %zu bytes have no room for a stamp\n", sizeof(struct head));
        return 2;
    }
    pid_t p = second();
    if (p == 0) {
        t->open_receiver(size);
        int code = rate > 0 ? receive_delays(t, page, size) : receive_rate(t, page, size);
        fflush(stdout);
        _exit(code);
    }
    t->open_sender(size);
    while (load(&page->ready) == 0) nap(100000);
    send_all(t, page, size, rate, ns);
    return finish(p);
}

#endif
