// trips futex|unix SIZE RATE MILLISECONDS: round trips of a pair of processes through shared memory, each of which sleeps in FUTEX_WAIT
// and wakes the other only if that one sleeps, or through a pair of unix sockets.
#include "trips.h"
#include <limits.h>
#include <linux/futex.h>
#include <sys/socket.h>
#include <sys/syscall.h>

enum { ROOM = 4096 };

// One direction.
struct way {
    uint32_t number __attribute__((aligned(64)));
    uint32_t sleeping __attribute__((aligned(64)));
    unsigned char payload[ROOM] __attribute__((aligned(64)));
};

static struct way *there, *back;
static uint32_t asked, answered;
static int ends[2]; // that of the client, that of the server

static void nothing(size_t size) { (void)size; }

static long futex(uint32_t *word, int op, uint32_t value) { return syscall(SYS_futex, word, op, value, NULL, NULL, 0); }

static void put(struct way *w, uint32_t number, const void *b, size_t size) {
    memcpy(w->payload, b, size);
    __atomic_store_n(&w->number, number, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&w->sleeping, __ATOMIC_SEQ_CST)) futex(&w->number, FUTEX_WAKE, INT_MAX);
}

static void get(struct way *w, uint32_t number, void *b, size_t size) {
    while (load(&w->number) != number) {
        __atomic_store_n(&w->sleeping, 1, __ATOMIC_SEQ_CST);
        if (__atomic_load_n(&w->number, __ATOMIC_SEQ_CST) != number) futex(&w->number, FUTEX_WAIT, number - 1);
        store(&w->sleeping, 0);
    }
    memcpy(b, w->payload, size);
}

static void call_futex(void *b, size_t size) {
    put(there, ++asked, b, size);
    get(back, asked, b, size);
}

static void take_futex(void *b, size_t size) { get(there, ++answered, b, size); }

static void reply_futex(const void *b, size_t size) { put(back, answered, b, size); }

static void write_all(int end, const void *b, size_t size) {
    for (const char *p = b; size > 0;) {
        ssize_t n = write(end, p, size);
        if (n <= 0) die("write");
        p += n, size -= (size_t)n;
    }
}

static void read_all(int end, void *b, size_t size) {
    for (char *p = b; size > 0;) {
        ssize_t n = read(end, p, size);
        if (n <= 0) die("read");
        p += n, size -= (size_t)n;
    }
}

static void open_client(size_t size) {
    (void)size;
    close(ends[1]);
}

static void open_server(size_t size) {
    (void)size;
    close(ends[0]);
}

static void call_socket(void *b, size_t size) {
    write_all(ends[0], b, size);
    read_all(ends[0], b, size);
}

static void take_socket(void *b, size_t size) { read_all(ends[1], b, size); }

static void reply_socket(const void *b, size_t size) { write_all(ends[1], b, size); }

int main(int argc, char **argv) {
    if (argc != 5) return 2;
    size_t size = strtoull(argv[2], NULL, 10);
    struct service s = {open_client, open_server, call_socket, take_socket, reply_socket, NULL};
    if (!strcmp(argv[1], "futex")) {
        if (size > ROOM) return 2;
        there = shared(sizeof *there);
        back = shared(sizeof *back);
        s = (struct service){nothing, nothing, call_futex, take_futex, reply_futex, NULL};
    } else if (strcmp(argv[1], "unix")) {
        return 2;
    } else if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends)) {
        die("socketpair");
    }
    return measure_calls(&s, size, atof(argv[3]), strtoull(argv[4], NULL, 10) * 1000000u);
}
