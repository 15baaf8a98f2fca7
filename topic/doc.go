// Package topic is what applications use: publishers and subscribers of typed samples on named topics, between the processes
// of one machine.
//
// A process joins a domain as a Participant, and makes Publishers and Subscribers of it. There is no daemon and nothing to
// configure. Publishers and subscribers find each other in whichever order they start: NewPublisher and NewSubscriber return
// when those that are there already are connected, so what is published from then on arrives.
//
// A topic is a name such as "robot/arm/pose". A subscriber may ask for a pattern: "*" stands for one segment, "**" for any
// number of them. Several publishers may use one topic; a subscriber takes from each of them in turn, and the order of each
// is kept.
//
// What is sent is a value of the type parameter, through a serde.Codec: []byte as it is, string as text, anything else as
// MessagePack unless the options say otherwise. Type name and encoding are compared when a subscriber meets a publisher, and
// a publisher of another type is left alone; a Subscriber of []byte takes any type.
//
// # Loss
//
// A publisher keeps its last Depth samples. A subscriber that falls further behind loses the oldest, and Sample.Lost says
// how many, exactly: received plus lost is what was published. A subscriber that asks for Lossless makes publishers wait for
// it instead, for as long as it lives and LosslessTimeout allows.
//
// # Lifetime of memory
//
// A Sample's bytes are the publisher's shared memory, mapped read-only, valid until Release. A value decoded from them is a
// copy and has no such limit, except that of a []byte, which is those bytes. A Loan's bytes are the caller's until Commit or
// Discard.
//
// # Concurrency
//
// Every method may be called from any goroutine. Goroutines that receive from one Subscriber share its samples, each goes to
// one of them. Publishes of one Publisher take their turns.
//
// # Errors
//
// Errors of ctx come back wrapped or as they are, so ask with errors.Is; so does os.ErrClosed after Close. *registry.NameError, *registry.TypeMismatchError,
// *registry.AccessError (the kernel does not let this user), *registry.ForbiddenError (nor does the policy of the domain),
// *registry.PolicyError, *registry.SpaceError (a full file system), *registry.MemoryError (no address space), *shmtransport.TooLargeError,
// *shmtransport.NoSpaceError, *shmtransport.LimitError, *shmtransport.CorruptError, and a
// VersionError of either package say what, the limit and the remedy.
package topic
