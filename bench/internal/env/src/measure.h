// What every program here needs: a clock, a pace, delays and their percentiles, memory that two processes share, and a second
// process that ends with the first. Plain C that a C++ compiler takes too.
#ifndef MEASURE_H
#define MEASURE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define load(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define store(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)

#if defined(__x86_64__) || defined(__i386__)
#define relax() __builtin_ia32_pause()
#else
#define relax() __asm__ volatile("yield")
#endif

static void die(const char *what) {
    fprintf(stderr, "%s: %s\n", what, errno ? strerror(errno) : "failed");
    exit(1);
}

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

// nap sleeps for a number of nanoseconds.
static void nap(uint64_t ns) {
    struct timespec t;
    t.tv_sec = (time_t)(ns / 1000000000u);
    t.tv_nsec = (long)(ns % 1000000000u);
    while (nanosleep(&t, &t) != 0 && errno == EINTR) {
    }
}

// A pace limits a loop to a number of turns per second. A late caller sleeps a whole period, as in shmperf: two messages in immediate
// succession would find a receiver that is awake.
struct pace {
    uint64_t period, next;
};

static struct pace pace_of(double rate) {
    struct pace p = {rate > 0 ? (uint64_t)(1e9 / rate) : 0, now_ns()};
    return p;
}

static void pace_wait(struct pace *p) {
    if (p->period == 0) return;
    p->next += p->period;
    uint64_t now = now_ns();
    if (now >= p->next) p->next = now + p->period;
    for (; now < p->next; now = now_ns()) nap(p->next - now);
}

// Delays that were measured, at most as many as there is room for.
struct delays {
    uint64_t *v;
    size_t n, room;
};

static struct delays delays_new(size_t room) {
    struct delays d = {(uint64_t *)malloc(room * sizeof(uint64_t)), 0, room};
    if (d.v == NULL) die("malloc");
    memset(d.v, 0, room * sizeof(uint64_t)); // no page fault while it is measured
    return d;
}

static void delays_add(struct delays *d, uint64_t ns) {
    if (d->n < d->room) d->v[d->n++] = ns;
}

static int by_size(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void delays_sort(struct delays *d) {
    if (d->n == 0) {
        fprintf(stderr, "nothing was measured\n");
        exit(1);
    }
    qsort(d->v, d->n, sizeof(uint64_t), by_size);
}

// delays_print prints delays and, as total_p50_ns, the median of those that begin before the payload is written.
static void delays_print(struct delays *d, struct delays *totals) {
    delays_sort(d);
    delays_sort(totals);
    printf("{\"count\":%zu,\"p50_ns\":%llu,\"p90_ns\":%llu,\"p99_ns\":%llu,\"max_ns\":%llu,\"total_p50_ns\":%llu}\n", d->n,
           (unsigned long long)d->v[d->n / 2], (unsigned long long)d->v[d->n * 9 / 10],
           (unsigned long long)d->v[d->n * 99 / 100], (unsigned long long)d->v[d->n - 1],
           (unsigned long long)totals->v[totals->n / 2]);
}

static void rate_print(uint64_t count, size_t size, uint64_t ns) {
    if (count == 0 || ns == 0) {
        fprintf(stderr, "nothing was measured\n");
        exit(1);
    }
    double per_s = (double)count * 1e9 / (double)ns;
    printf("{\"count\":%llu,\"msgs_per_s\":%.1f,\"bytes_per_s\":%.1f}\n", (unsigned long long)count, per_s, per_s * (double)size);
}

// shared returns memory that processes share which are started later.
static void *shared(size_t size) {
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (p == MAP_FAILED) die("mmap");
    return p;
}

// at puts this process on the first or second processor that BENCH_CPUS names, if it names any.
static void at(int which) {
    const char *names = getenv("BENCH_CPUS");
    int cpus[2];
    if (names == NULL || sscanf(names, "%d %d", &cpus[0], &cpus[1]) != 2) return;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpus[which], &set);
    if (sched_setaffinity(0, sizeof set, &set)) die("sched_setaffinity");
}

// second starts another process, where it returns 0. That one ends when this one does.
static pid_t second(void) {
    fflush(stdout);
    pid_t self = getpid(), p = fork();
    if (p < 0) die("fork");
    if (p == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != self) _exit(1);
    }
    at(p == 0);
    return p;
}

// finish waits for the other process and ends as it did.
static int finish(pid_t p) {
    int status;
    while (waitpid(p, &status, 0) < 0) {
        if (errno != EINTR) die("waitpid");
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

// sum reads every byte, in wide loads: one word at a time has few cache lines on their way and takes several times as long.
typedef uint64_t lanes __attribute__((vector_size(64)));

static uint64_t sum(const void *b, size_t size) {
    const unsigned char *p = (const unsigned char *)b;
    lanes s = {0}, w;
    uint64_t all = 0;
    for (; size >= sizeof w; p += sizeof w, size -= sizeof w) {
        memcpy(&w, p, sizeof w);
        s += w;
    }
    for (size_t i = 0; i < sizeof w / sizeof all; i++) all += s[i];
    for (; size > 0; size--) all += *p++;
    return all;
}

#endif
