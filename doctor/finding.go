package doctor

import (
	"cmp"
	"slices"
	"strings"

	"github.com/shmbus/shmbus/registry"
)

// A Severity is the weight of a finding.
type Severity uint8

// Severities, in ascending order.
const (
	Note    Severity = iota + 1 // information; no action is needed
	Warning                     // something is lost or wasted, or soon will be
	Problem                     // something does not work or is not safe
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

// A Fault is a kind of finding. Its value is stable.
type Fault string

// Faults. docs/shmmon.md explains them.
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
	Undecodable   Fault = "undecodable"
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

// A Finding is one fault or piece of information. Its texts may contain data of other processes. A program that prints them
// to a terminal must escape them.
type Finding struct {
	Severity Severity
	Fault    Fault
	What     string // a sentence
	Why      string // why it matters
	Remedy   string // what helps
	Command  string // a shell command for the remedy, "" if there is none
	Where
}

// A Where is the subject of a finding. Fields that do not apply are zero.
type Where struct {
	Topic       string      // or the pattern of a subscription
	Participant registry.ID // 0 = none
	Endpoint    uint32      // number of the publisher or subscription within the participant, from 1
	Unit        string
	PID         int      // as the participant announces it, in its own pid namespace
	Files       []string // names in the domain's directory, the first maxNames of them
	FileCount   int      // number of all files, also beyond maxNames
}

const (
	maxNames    = 20  // of files in one finding
	maxPerFault = 100 // findings of one fault
)

// files sets the file names.
func (w Where) files(names ...string) Where {
	slices.Sort(names)
	w.FileCount = len(names)
	w.Files = names[:min(len(names), maxNames)]
	return w
}

// whereParticipant is the Where of a participant.
func whereParticipant(p registry.Participant) Where {
	return Where{Participant: p.ID, Unit: p.Unit, PID: p.PID}
}

// whereEndpoint is the Where of a participant's publisher or subscription.
func whereEndpoint(p registry.Participant, e registry.Endpoint) Where {
	w := whereParticipant(p)
	w.Topic, w.Endpoint = e.Topic, e.ID.Number
	if w.Topic == "" {
		w.Topic = strings.Join(e.Patterns, ", ")
	}
	return w
}

// order sorts by descending severity and otherwise groups related findings.
func order(all []Finding) {
	slices.SortStableFunc(all, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), cmp.Compare(a.Fault, b.Fault), cmp.Compare(a.Unit, b.Unit),
			cmp.Compare(a.Participant, b.Participant), cmp.Compare(a.Endpoint, b.Endpoint), cmp.Compare(a.What, b.What))
	})
}
