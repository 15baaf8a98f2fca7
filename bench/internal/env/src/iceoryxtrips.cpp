// iceoryxtrips poll|block SIZE RATE MILLISECONDS: request and response of iceoryx, beside a RouDi that runs already. Payloads are written
// and read in place. With poll both sides look all the time, with block they sleep in a WaitSet.
#include "iceoryx_posh/popo/untyped_client.hpp"
#include "iceoryx_posh/popo/untyped_server.hpp"
#include "iceoryx_posh/popo/wait_set.hpp"
#include "iceoryx_posh/runtime/posh_runtime.hpp"

#include "trips.h" // last: it has macros

static const iox::capro::ServiceDescription name{"bench", "pair", "call"};
static bool block;
static iox::popo::UntypedClient *client;
static iox::popo::UntypedServer *server;
static iox::popo::WaitSet<1> *waitset;
static const void *taken;

static void none(void) {
    fprintf(stderr, "there is no memory to loan, or nothing to send it to\n");
    exit(1);
}

static void open_client(size_t) {
    iox::runtime::PoshRuntime::initRuntime("bench-client");
    client = new iox::popo::UntypedClient(name);
    waitset = new iox::popo::WaitSet<1>();
    if (block && waitset->attachState(*client, iox::popo::ClientState::HAS_RESPONSE).has_error()) die("attachState");
    while (client->getConnectionState() != iox::ConnectionState::CONNECTED) nap(1000000);
}

static void open_server(size_t) {
    iox::runtime::PoshRuntime::initRuntime("bench-server");
    server = new iox::popo::UntypedServer(name);
    waitset = new iox::popo::WaitSet<1>();
    if (block && waitset->attachState(*server, iox::popo::ServerState::HAS_REQUEST).has_error()) die("attachState");
}

static void call(void *b, size_t size) {
    client->loan((uint32_t)size, 8)
        .and_then([&](void *&payload) {
            memcpy(payload, b, size);
            client->send(payload).or_else([](auto &) { none(); });
        })
        .or_else([](auto &) { none(); });
    for (bool got = false; !got;) {
        if (block) waitset->wait();
        client->take().and_then([&](const void *&payload) {
            memcpy(b, payload, size);
            client->releaseResponse(payload);
            got = true;
        });
    }
}

static void take(void *b, size_t size) {
    for (taken = nullptr; taken == nullptr;) {
        if (block) waitset->wait();
        server->take().and_then([&](const void *&payload) { taken = payload; });
    }
    memcpy(b, taken, size);
}

static void reply(const void *b, size_t size) {
    server->loan(iox::popo::RequestHeader::fromPayload(taken), (uint32_t)size, 8)
        .and_then([&](void *&payload) {
            memcpy(payload, b, size);
            server->send(payload).or_else([](auto &) { none(); });
        })
        .or_else([](auto &) { none(); });
    server->releaseRequest(taken);
}

int main(int argc, char **argv) {
    if (argc != 5) return 2;
    block = !strcmp(argv[1], "block");
    struct service s = {open_client, open_server, call, take, reply, NULL};
    return measure_calls(&s, strtoull(argv[2], NULL, 10), atof(argv[3]), strtoull(argv[4], NULL, 10) * 1000000u);
}
