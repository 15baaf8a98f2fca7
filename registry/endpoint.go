package registry

import (
	"fmt"

	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/internal/process"
)

// Limits. The writer checks each before it writes anything, and the reader checks it again.
const (
	MaxParticipants = 1024     // of a domain
	MaxEndpoints    = 4096     // publishers and subscriptions of one participant at a time
	MaxSchema       = 16 << 20 // bytes of one schema
	MaxSchemas      = 64 << 20 // bytes of all schemas of one participant together
	MaxMetadata     = 1024     // bytes of the metadata of one publisher, keys and values together
)

// An ID identifies a participant. It is random, not zero, and never reused.
type ID uint64

// String returns the 16 hexadecimal digits with which the names of the participant's files begin.
func (id ID) String() string { return fmt.Sprintf("%016x", uint64(id)) }

// MarshalText makes JSON carry the ID as its String: JSON numbers do not hold 64 bits.
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

// An EndpointID identifies a publisher or a subscription. It is never reused.
type EndpointID struct {
	Participant ID
	Number      uint32 // from 1, in the order of ReserveID
}

func (id EndpointID) String() string { return fmt.Sprintf("%v.%d", id.Participant, id.Number) }

// MarshalText makes JSON carry the EndpointID as its String.
func (id EndpointID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// A Kind is that of an endpoint: publisher or subscription.
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

// A Participant describes one participant of a domain. Alive, State, UID, GID and PIDCheck come from the kernel, and an Executable that is
// proved. All other fields come from the participant's own file.
type Participant struct {
	ID         ID
	UID        int      // owner of its participant file
	GID        int      // the group of its participant file
	PID        int      // in the pid namespace of the participant
	PIDCheck   PIDCheck // what the kernel confirms of the PID
	StartTime  uint64   // of the process, clock ticks after boot
	BootID     [16]byte
	Executable string // path
	// ExecutableProved says that Executable is what the kernel says of the process PID, which is the participant's as far as PIDCheck says.
	// The kernel tells root and mostly the same user. Otherwise Executable is the participant's own word.
	ExecutableProved bool
	Unit             string
	Since            clock.Stamp  // moment of joining
	Alive            bool         // its process holds the lock of the participant file
	State            ProcessState // at the time of an Observer.Snapshot, or as the function says that returns the participant
	Endpoints        []Endpoint
	Incomplete       bool // a record could not be read this time: Endpoints may lack some
}

// A ProcessState is the state of a participant's process according to the kernel. It does not decide whether the participant
// lives: a stopped process is alive, and the state of a process that cannot be seen from here is not known.
type ProcessState uint8

const (
	StateUnknown ProcessState = iota // not determined
	StateRunning
	StateStopped // by a signal or a debugger
	StateEnded   // the process ended; another process holds the lock, or the kernel is about to drop it
	StateUnseen  // the pid is of another pid namespace, or /proc hides the process
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

// StateOf asks the kernel for the present state of a participant's process. It is StateUnseen if the kernel does not confirm the PID.
func StateOf(p Participant) ProcessState {
	if p.PIDCheck == PIDUnverified {
		return StateUnseen
	}
	return stateOf(&p)
}

// stateOf asks the kernel for the state of a participant's process.
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

// An Endpoint describes one publisher or subscription. All copies share Patterns, Schema and Metadata, which must not be
// changed.
type Endpoint struct {
	ID             EndpointID
	Kind           Kind
	Topic          string   // publisher: its topic; subscription: empty, or the pattern that it is shown under
	Patterns       []string // subscription: at least one
	TypeName       string
	Encoding       string
	SchemaEncoding string
	Schema         []byte
	AnyType        bool              // subscription: accepts any type
	ChecksSchema   bool              // subscription: accepts or declines a publisher whose schema differs by rules of its own
	Latched        bool              // publisher: a late subscription gets the newest sample
	Lossless       bool              // subscription: publishers wait for it
	Depth          uint32            // publisher: ring entries
	History        uint32            // subscription: number of past samples that it asks for
	MaxPayload     uint64            // publisher: bytes
	Since          clock.Stamp       // moment of advertising
	Metadata       map[string]string // publisher: keys and values of the application
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
