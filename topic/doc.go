// Package topic is the API for applications: publishers and subscribers of typed samples on named topics, between the
// processes of one machine.
//
// A process joins a domain as a Participant and creates Publishers and Subscribers from it. No daemon runs and no
// configuration is needed. Publishers and subscribers find each other in any start order. NewPublisher and NewSubscriber
// return when the endpoints that already exist are connected, so every sample published after that arrives.
//
// A topic is a name such as "robot/arm/pose". A subscriber may use a pattern: "*" stands for one segment, "**" for any
// number of segments. Several publishers may use one topic. A subscriber takes from its publishers in turn and keeps the
// order of each publisher.
//
// A sample carries a value of the type parameter, serialized by a serde.Codec. By default []byte is sent unchanged, string
// as text, and every other type as MessagePack. Type name and encoding are compared when a subscriber finds a publisher. A
// publisher of another type is not connected. A Subscriber of []byte accepts every type.
//
// Join2 and Join3 match the samples of several subscribers by their stamps, exactly or within a tolerance, and report the
// samples that they dropped.
//
// # Loss
//
// A publisher keeps its last Depth samples. A subscriber that falls further behind loses the oldest samples. Sample.Lost
// gives the exact number: received plus lost plus passed over by Latest equals published, since a publisher's first sample if the
// Subscriber is older, else since the connection, with the History. MaxAge and MinSeparation keep further samples from the application,
// which Stats counts as Stale and Filtered: they were not lost. For a subscriber with the option Lossless the publishers wait
// instead, while its process lives, until it has taken nothing for LosslessTimeout. Of a publisher with the option Key, a Subscriber that
// lost samples or came late still gets the newest sample of each key.
//
// # Lifetime of memory
//
// A payload is valid until Release, also after Close of the Subscriber and the Participant. It is the publisher's shared
// memory, mapped read-only, or a copy: of a small payload, or in a loop over Samples. A decoded value is a copy without that
// limit, except a value of type []byte, which is the payload itself. If the publisher's process truncates its file, reading a
// payload in place through Bytes faults and ends the program. Value, Read and AppendTo return a
// *CorruptError instead, Handle goes on with the next sample, and Samples yields the error if the copy cannot be
// made. The bytes of a Loan belong to the caller until Commit or Discard.
//
// # Concurrency
//
// Every method may be called from any goroutine. Goroutines that receive from one Subscriber share its samples: each sample
// goes to one of them. Publish calls on one Publisher run one after the other, except for encoding.
//
// # Errors
//
// Errors of ctx, and os.ErrClosed after Close, may be wrapped: test for them with errors.Is. Each other condition has one
// type, for errors.As, wherever the error comes from; the types are in this package and in serde. Their texts say what failed,
// the limit and the remedy:
//
//   - *NameError, *DirError, *PolicyError: an argument, a directory or a policy file is not valid
//   - *AccessError: the kernel denies this user access
//   - *ForbiddenError: the policy of the domain denies it
//   - *TypeMismatchError: publisher and subscription have different types
//   - *LimitError: a fixed limit is reached
//   - *SpaceError: the file system is full
//   - *MemoryError: no address space is left
//   - *NoSlotError: no slot for a payload is left
//   - *TooLargeError: a payload exceeds a limit
//   - *VersionError, *CorruptError: a shared file has another layout version, or is not valid
//   - *serde.DecodeError: a payload is not valid for its type
package topic
