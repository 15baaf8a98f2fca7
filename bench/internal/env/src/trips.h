// One process asks, another returns what it gets: the same loops for everything that has calls. A round trip begins before the request is
// written and ends when every byte of the response is read.
#ifndef TRIPS_H
#define TRIPS_H

#include "measure.h"

// What calls go through. Each process calls its open first; that of the client returns when the server is there.
struct service {
    void (*open_client)(size_t size);
    void (*open_server)(size_t size);
    void (*call)(void *b, size_t size); // sends b, and receives the response into b
    void (*take)(void *b, size_t size); // receives a request
    void (*reply)(const void *b, size_t size);
    void (*close_server)(void); // may be NULL; returns when the last response is on its way
};

static const uint64_t LAST_CALL = (uint64_t)1 << 63;

enum { WARM_CALLS = 200 };

static int serve(const struct service *s, uint64_t *ready, size_t size) {
    uint64_t *b = (uint64_t *)malloc(size);
    volatile uint64_t read = 0;
    s->open_server(size);
    store(ready, 1);
    for (int last = 0; !last;) {
        s->take(b, size);
        read += sum(b, size);
        last = (b[0] & LAST_CALL) != 0;
        s->reply(b, size);
    }
    if (s->close_server) s->close_server();
    return 0;
}

static void call_all(const struct service *s, size_t size, double rate, uint64_t ns) {
    struct delays d = delays_new(1 << 20);
    uint64_t *b = (uint64_t *)malloc(size);
    volatile uint64_t read = 0;
    memset(b, 0x5a, size);
    struct pace pace = pace_of(rate);
    uint64_t end = now_ns() + ns;
    for (uint64_t number = 1, last = 0; !last; number++) {
        pace_wait(&pace);
        uint64_t began = now_ns();
        if (began > end && number > 2 * WARM_CALLS) last = LAST_CALL;
        b[0] = number | last;
        s->call(b, size);
        read += sum(b, size);
        uint64_t took = now_ns() - began;
        if (b[0] != (number | last)) {
            fprintf(stderr, "call %llu got the response %llu\n", (unsigned long long)number, (unsigned long long)b[0]);
            exit(1);
        }
        if (number > WARM_CALLS) delays_add(&d, took);
    }
    delays_print(&d, &d);
}

// measure_calls measures round trips. Rate 0 is the next call when the response has come.
static int measure_calls(const struct service *s, size_t size, double rate, uint64_t ns) {
    if (size < sizeof(uint64_t)) {
        fprintf(stderr, "payloads of less than %zu bytes have no room for a number\n", sizeof(uint64_t));
        return 2;
    }
    uint64_t *ready = (uint64_t *)shared(sizeof *ready);
    pid_t p = second();
    if (p == 0) {
        int code = serve(s, ready, size);
        fflush(stdout);
        _exit(code);
    }
    while (load(ready) == 0) nap(100000);
    s->open_client(size);
    call_all(s, size, rate, ns);
    return finish(p);
}

#endif
