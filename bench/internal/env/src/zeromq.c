// zeromq ADDRESS SIZE RATE MILLISECONDS: publish and subscribe of ZeroMQ. The publisher waits where the subscriber falls behind
// (ZMQ_XPUB_NODROP), so that nothing is lost. RATE 0 is as fast as it goes.
#include "pair.h"
#include <zmq.h>

static const char *address;
static void *end;

static void check(int bad, const char *what) {
    if (!bad) return;
    fprintf(stderr, "%s: %s\n", what, zmq_strerror(zmq_errno()));
    exit(1);
}

static void new_end(int type, size_t size) {
    void *context = zmq_ctx_new();
    check(context == NULL, "zmq_ctx_new");
    end = zmq_socket(context, type);
    check(end == NULL, "zmq_socket");
    int most = size > 4096 ? 8 : 1000; // 1000 is the default
    check(zmq_setsockopt(end, type == ZMQ_SUB ? ZMQ_RCVHWM : ZMQ_SNDHWM, &most, sizeof most), "high water mark");
}

static void open_sender(size_t size) {
    new_end(ZMQ_XPUB, size);
    int on = 1;
    check(zmq_setsockopt(end, ZMQ_XPUB_NODROP, &on, sizeof on), "ZMQ_XPUB_NODROP");
    check(zmq_bind(end, address), "zmq_bind");
    char subscription[16];
    check(zmq_recv(end, subscription, sizeof subscription, 0) < 0, "wait for the subscriber");
}

static void open_receiver(size_t size) {
    new_end(ZMQ_SUB, size);
    check(zmq_setsockopt(end, ZMQ_SUBSCRIBE, "", 0), "ZMQ_SUBSCRIBE");
    check(zmq_connect(end, address), "zmq_connect");
}

static void send_message(const void *b, size_t size) { check(zmq_send(end, b, size, 0) < 0, "zmq_send"); }

static void receive_message(void *b, size_t size) { check(zmq_recv(end, b, size, 0) != (int)size, "zmq_recv"); }

int main(int argc, char **argv) {
    if (argc != 5) return 2;
    address = argv[1];
    struct transport t = {open_sender, open_receiver, send_message, NULL, receive_message, 0};
    return run(&t, strtoull(argv[2], NULL, 10), atof(argv[3]), strtoull(argv[4], NULL, 10) * 1000000u);
}
