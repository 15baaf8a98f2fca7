// stream pipe|unix|tcp SIZE RATE MILLISECONDS: one process writes, another reads, through what every system has. One write per
// message; the reader takes as much as there is. RATE 0 is as fast as it goes.
#include "pair.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

enum { ROOM = 64 << 10 };

static int ends[2]; // that of the reader, that of the writer
static unsigned char held[ROOM];
static size_t from, to;

static void open_sender(size_t size) {
    (void)size;
    close(ends[0]);
}

static void open_receiver(size_t size) {
    (void)size;
    close(ends[1]);
}

static void send_message(const void *b, size_t size) {
    for (const char *p = b; size > 0;) {
        ssize_t n = write(ends[1], p, size);
        if (n <= 0) die("write");
        p += n;
        size -= (size_t)n;
    }
}

static void fill(void *b, size_t room, size_t *n) {
    ssize_t got = read(ends[0], b, room);
    if (got <= 0) die("read");
    *n = (size_t)got;
}

static void receive_message(void *b, size_t size) {
    for (char *p = b; size > 0;) {
        size_t n = to - from < size ? to - from : size;
        memcpy(p, held + from, n);
        p += n, size -= n, from += n;
        if (size == 0) break;
        if (size >= ROOM) { // straight to where it belongs
            fill(p, size, &n);
            p += n, size -= n;
        } else {
            from = 0;
            fill(held, ROOM, &to);
        }
    }
}

static void loopback(void) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof a;
    int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    if (listener < 0 || bind(listener, (struct sockaddr *)&a, sizeof a) || listen(listener, 1) ||
        getsockname(listener, (struct sockaddr *)&a, &length))
        die("listen");
    ends[1] = socket(AF_INET, SOCK_STREAM, 0);
    if (ends[1] < 0 || connect(ends[1], (struct sockaddr *)&a, sizeof a)) die("connect");
    if ((ends[0] = accept(listener, NULL, NULL)) < 0) die("accept");
    if (setsockopt(ends[1], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on)) die("TCP_NODELAY");
    close(listener);
}

int main(int argc, char **argv) {
    if (argc != 5) return 2;
    if (!strcmp(argv[1], "pipe")) {
        if (pipe(ends)) die("pipe");
        fcntl(ends[1], F_SETPIPE_SZ, 1 << 20); // the kernel may refuse; then it is smaller
    } else if (!strcmp(argv[1], "unix")) {
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends)) die("socketpair");
    } else if (!strcmp(argv[1], "tcp")) {
        loopback();
    } else {
        return 2;
    }
    struct transport t = {open_sender, open_receiver, send_message, NULL, receive_message, 0};
    return run(&t, strtoull(argv[2], NULL, 10), atof(argv[3]), strtoull(argv[4], NULL, 10) * 1000000u);
}
