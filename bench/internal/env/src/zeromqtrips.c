// zeromqtrips ADDRESS SIZE RATE MILLISECONDS: REQ and REP of ZeroMQ.
#include "trips.h"
#include <zmq.h>

static const char *address;
static void *context, *end;

static void check(int bad, const char *what) {
    if (!bad) return;
    fprintf(stderr, "%s: %s\n", what, zmq_strerror(zmq_errno()));
    exit(1);
}

static void new_end(int type) {
    context = zmq_ctx_new();
    check(context == NULL, "zmq_ctx_new");
    end = zmq_socket(context, type);
    check(end == NULL, "zmq_socket");
}

static void open_client(size_t size) {
    (void)size;
    new_end(ZMQ_REQ);
    check(zmq_connect(end, address), "zmq_connect");
}

static void open_server(size_t size) {
    (void)size;
    new_end(ZMQ_REP);
    check(zmq_bind(end, address), "zmq_bind");
}

static void reply(const void *b, size_t size) { check(zmq_send(end, b, size, 0) < 0, "zmq_send"); }

static void take(void *b, size_t size) { check(zmq_recv(end, b, size, 0) != (int)size, "zmq_recv"); }

static void call(void *b, size_t size) {
    reply(b, size);
    take(b, size);
}

static void close_server(void) { // the thread of the library still has the last response
    zmq_close(end);
    zmq_ctx_term(context);
}

int main(int argc, char **argv) {
    if (argc != 5) return 2;
    address = argv[1];
    struct service s = {open_client, open_server, call, take, reply, close_server};
    int code = measure_calls(&s, strtoull(argv[2], NULL, 10), atof(argv[3]), strtoull(argv[4], NULL, 10) * 1000000u);
    fflush(stdout);
    _exit(code);
}
