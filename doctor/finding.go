package doctor

import (
	"cmp"
	"slices"
	"strings"

	"github.com/shmbus/shmbus/registry"
)

// A Severity says how bad a finding is.
type Severity uint8

// Severities, the least first.
const (
	Note    Severity = iota + 1 // worth knowing; nothing needs to be done
	Warning                     // something is lost or wasted, or will be soon
	Problem                     // something does not work, or is not safe
)

func (s Severity) String() string {
	switch s {
	case Note:
		return "note"
	case Warning:
		return "warning"
	case Problem:
		return "problem"
	}
	return "unknown"
}

// MarshalText makes JSON carry the Severity as its String.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// A Fault is a sort of finding, by a name that does not change.
type Fault string

// Faults. What they mean is in docs/shmmon.md.
const (
	Absent        Fault = "absent"
	BadDirectory  Fault = "bad-directory"
	DirectoryMode Fault = "directory-mode"
	WiderMode     Fault = "wider-mode"
	NarrowerMode  Fault = "narrower-mode"
	FileOwner     Fault = "file-owner"
	FileGroup     Fault = "file-group"
	Foreign       Fault = "foreign"
	NotAFile      Fault = "not-a-file"
	Unreadable    Fault = "unreadable"
	NotTmpfs      Fault = "not-tmpfs"
	NearlyFull    Fault = "nearly-full"
	NoBell        Fault = "no-registry"
	OtherVersion  Fault = "other-version"
	Corrupt       Fault = "corrupt"
	MissingFile   Fault = "missing-file"
	Dead          Fault = "dead"
	Nameless      Fault = "nameless"
	Stopped       Fault = "stopped"
	Ended         Fault = "ended"
	Unseen        Fault = "unseen"
	Losing        Fault = "losing"
	Lagging       Fault = "lagging"
	NotTaking     Fault = "not-taking"
	HoldingUp     Fault = "holding-up"
	Held          Fault = "held"
	DeadReader    Fault = "dead-reader"
	GoneReader    Fault = "gone-reader"
	Loans         Fault = "loans"
	IdleMemory    Fault = "idle-memory"
	Failing       Fault = "failing"
	NoPlace       Fault = "no-place"
	NotShown      Fault = "not-shown"
)

// A Finding is one thing that is wrong, or worth knowing. Texts may hold what other processes chose, so whoever prints them to a
// terminal escapes them.
type Finding struct {
	Severity Severity
	Fault    Fault
	What     string // a sentence
	Why      string // why it matters
	Remedy   string // what helps
	Command  string // a shell command that does, "" where there is none
	Where
}

// A Where is what a finding is about. What does not apply is zero.
type Where struct {
	Topic       string      // or the pattern of a subscription
	Participant registry.ID // 0 = of nobody
	Entity      uint32      // number of the publisher or subscription within the participant, from 1
	Unit        string
	PID         int      // as the participant says, in its own pid namespace
	Files       []string // names in the domain's directory, the first maxNames of them
	FileCount   int      // how many there are
}

const (
	maxNames = 20  // of files in one finding
	maxOfOne = 100 // findings of one fault
)

// files sets the names of files.
func (w Where) files(names ...string) Where {
	slices.Sort(names)
	w.FileCount = len(names)
	w.Files = names[:min(len(names), maxNames)]
	return w
}

// whose is the Where of a participant.
func whose(p registry.Participant) Where {
	return Where{Participant: p.ID, Unit: p.Unit, PID: p.PID}
}

// of is the Where of one of its publishers or subscriptions.
func of(p registry.Participant, e registry.Endpoint) Where {
	w := whose(p)
	w.Topic, w.Entity = e.Topic, e.ID.Number
	if w.Topic == "" {
		w.Topic = strings.Join(e.Patterns, ", ")
	}
	return w
}

// order puts the worst first, and otherwise what belongs together next to each other.
func order(all []Finding) {
	slices.SortStableFunc(all, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), cmp.Compare(a.Fault, b.Fault), cmp.Compare(a.Unit, b.Unit),
			cmp.Compare(a.Participant, b.Participant), cmp.Compare(a.Entity, b.Entity), cmp.Compare(a.What, b.What))
	})
}
