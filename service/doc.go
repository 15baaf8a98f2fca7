// Package service calls functions of other processes: a client sends a request, a server's handler answers it.
//
// A server registers a name, such as "robot/arm/plan", with NewServer or NewStreamServer. A client calls it with Client.Call, receives
// any number of responses with Client.Stream, or sends a request without a response with Client.Send. Clients and servers find each other
// in any start order, without a daemon. One process serves a name, unless all of its servers have the option Group.
//
// # Outcome
//
// The library sends no request twice. A call has exactly one of these results:
//
//   - a response
//   - a *HandlerError: the handler ran and returned an error
//   - ErrNoServer or ErrBusy: no request was sent. Nor was one with an error of the request itself: a *topic.TooLargeError or
//     *topic.NoSlotError of the client's MaxPayload and MemoryLimit, or that of the codec
//   - ErrNotStarted: the handler did not run and will not, for example because the server's process died before it took the request
//   - ErrOutcomeUnknown: the server's process died, or the connection failed, after the server had taken the request; or the handler has
//     returned, and its result is too large for the server's limits or cannot be decoded here; or, as ErrClientSlow, the client was too
//     slow for a stream
//   - the error of ctx: the handler's context is cancelled; whether the handler had an effect is unknown
//   - os.ErrClosed: this client was closed; if that was during the call, as with the error of ctx
//
// Servers and clients learn of each other's death from the kernel, at once. The context of a handler ends when its caller cancels, dies,
// or has waited until its deadline.
//
// # Memory and waiting
//
// Requests and responses travel as samples of topics whose names begin with "$service/", through shared memory: one ring for each pair
// of client and server, and direction. Only the addressed process wakes. A client that does not read its responses delays no other one,
// because a server never waits to publish a response; except that with a ServerOptions.Concurrency of 1 a stream that its client does not
// take holds up the others.
//
// # Concurrency
//
// All methods of Client and Server may be called from any goroutine. A server runs as many handlers at once as ServerOptions.Concurrency
// says.
package service
