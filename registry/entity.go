package registry

import (
	"fmt"

	"github.com/shmbus/shmbus/internal/process"
	"github.com/shmbus/shmbus/internal/stats"
)

// Limits. Each is checked before anything is written, and again by whoever reads.
const (
	MaxParticipants = 1024     // of a domain
	MaxEntities     = 4096     // publishers and subscriptions of one participant at a time
	MaxSchema       = 16 << 20 // bytes of one schema
	MaxSchemas      = 64 << 20 // bytes of all schemas of one participant together
	MaxMetadata     = 1024     // bytes of the metadata of one publisher, keys and values together
)

// An ID names a participant. It is random, never zero, and not used again.
type ID uint64

// String returns the 16 hexadecimal digits that file names begin with.
func (id ID) String() string { return fmt.Sprintf("%016x", uint64(id)) }

// MarshalText makes JSON carry the ID as its String: a number of 64 bits would lose digits there.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// ParseID is the reverse of String.
func ParseID(s string) (ID, error) {
	id, ok := parseID(s)
	if !ok {
		return 0, fmt.Errorf("%.40q is not a participant id: it takes 16 digits 0-9, a-f", s)
	}
	return id, nil
}

func parseID(s string) (id ID, ok bool) {
	if len(s) != idDigits {
		return 0, false
	}
	for _, c := range []byte(s) {
		switch {
		case '0' <= c && c <= '9':
			id = id<<4 | ID(c-'0')
		case 'a' <= c && c <= 'f':
			id = id<<4 | ID(c-'a'+10)
		default:
			return 0, false
		}
	}
	return id, true
}

// An EndpointID names a publisher or a subscription. It is not used again.
type EndpointID struct {
	Participant ID
	Number      uint32 // from 1, in the order in which the participant asked for them
}

func (id EndpointID) String() string { return fmt.Sprintf("%v.%d", id.Participant, id.Number) }

// MarshalText makes JSON carry the EndpointID as its String.
func (id EndpointID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// Kind tells publishers from subscriptions.
type Kind uint8

const (
	KindPublisher    Kind = 1
	KindSubscription Kind = 2
)

func (k Kind) String() string {
	switch k {
	case KindPublisher:
		return "publisher"
	case KindSubscription:
		return "subscription"
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// MarshalText makes JSON carry the Kind as its String.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// A Participant is one member of a domain as its own file describes it. What the kernel says is Alive, UID, GID and PIDCheck;
// everything else is what it says of itself.
type Participant struct {
	ID         ID
	UID        int      // the user to whom its files belong
	GID        int      // the group of its participant file
	PID        int      // in the pid namespace of the participant
	PIDCheck   PIDCheck // what the kernel knows of the PID
	StartTime  uint64   // of the process, clock ticks after boot
	BootID     [16]byte
	Executable string // path
	Unit       string
	Since      int64        // stamp of joining, ns of CLOCK_MONOTONIC
	Alive      bool         // the kernel says that its process holds the lock
	State      ProcessState // filled by Observer.Snapshot
	Entities   []Endpoint
}

// A ProcessState is what the kernel says the process of a participant is doing. It says nothing about whether the participant
// lives: a stopped process is as alive as one that runs, and one that cannot be seen from here may be anything.
type ProcessState uint8

const (
	StateUnknown ProcessState = iota // nobody asked
	StateRunning
	StateStopped // by a signal or a debugger
	StateEnded   // it ended; what holds the participant's lock is something else, or about to let it go
	StateUnseen  // the pid is of another pid namespace, or /proc hides it
)

func (s ProcessState) String() string {
	switch s {
	case StateRunning:
		return "running"
	case StateStopped:
		return "stopped"
	case StateEnded:
		return "ended"
	case StateUnseen:
		return "unseen"
	}
	return "unknown"
}

// MarshalText makes JSON carry the ProcessState as its String.
func (s ProcessState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// stateOf asks the kernel.
func stateOf(p *Participant) ProcessState {
	switch process.StateOf(p.PID, p.StartTime) {
	case process.Running:
		return StateRunning
	case process.Stopped:
		return StateStopped
	case process.Ended:
		return StateEnded
	}
	return StateUnseen
}

// An Endpoint is one publisher or subscription. Patterns, Schema and Metadata are shared between all copies and must not be changed.
type Endpoint struct {
	ID             EndpointID
	Kind           Kind
	Topic          string   // publisher: what it publishes; subscription: empty, or what it goes by (a pattern)
	Patterns       []string // subscription: what it wants to hear, at least one
	TypeName       string
	Encoding       string
	SchemaEncoding string
	Schema         []byte
	AnyType        bool              // subscription: takes whatever type a publisher announces
	Latched        bool              // publisher: the newest sample is for late joiners too
	Lossless       bool              // subscription: publishers wait for it
	Depth          uint32            // publisher: ring entries
	History        uint32            // subscription: how many older samples it asks for
	MaxPayload     uint64            // publisher: bytes
	Since          int64             // stamp of advertising, ns of CLOCK_MONOTONIC
	Metadata       map[string]string // publisher: what else it says of itself

	// The counters, filled by Observer.Snapshot; the one of the entity's kind.
	Publisher    stats.PublisherCounts
	Subscription stats.SubscriptionCounts
}

// Interested reports whether any pattern of the subscription matches the topic.
func Interested(sub Endpoint, topic string) bool {
	for _, p := range sub.Patterns {
		if MatchPattern(p, topic) {
			return true
		}
	}
	return false
}
