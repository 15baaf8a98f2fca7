package record

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/shmbus/shmbus/record/mcapfile"
)

// A NoTopicError says that a choice of topics leaves none of a recording.
type NoTopicError struct {
	Path   string   // of the recording
	Chosen string   // the choice, as ChosenString describes it
	Topics []string // of the recording, those first that resemble the choice; at most five
	Total  int      // number of topics
}

func (e *NoTopicError) Error() string {
	s := fmt.Sprintf("%s: no topic is chosen by %s", e.Path, e.Chosen)
	if len(e.Topics) == 0 {
		return s + "; the recording has no topics"
	}
	s += "; the recording has " + strings.Join(quoteAll(e.Topics), ", ")
	if more := e.Total - len(e.Topics); more > 0 {
		s += fmt.Sprintf(" and %d more, which shmrec info lists", more)
	}
	return s
}

// CheckChosen returns a *NoTopicError if a choice leaves none of the channels of a recording. Services count by their names. An empty choice
// chooses all.
func CheckChosen(path, choice string, channels []*mcapfile.Channel, chosen func(*mcapfile.Channel) bool) error {
	if choice == "" || slices.ContainsFunc(channels, chosen) {
		return nil
	}
	var names []string
	for _, c := range channels {
		names = append(names, ChosenName(c))
	}
	slices.Sort(names)
	names = slices.Compact(names)
	return &NoTopicError{Path: path, Chosen: choice, Topics: nearest(choice, names), Total: len(names)}
}

// nearest returns the names that resemble a choice most.
func nearest(choice string, names []string) []string {
	names = slices.Clone(names)
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(resemblance(choice, b), resemblance(choice, a)) })
	return names[:min(len(names), maxNear)]
}

const maxNear = 5

// resemblance is the length of the longest beginning of one of the parts of a name that the choice contains, without regard to case.
func resemblance(choice, name string) (longest int) {
	choice = strings.ToLower(choice)
	for part := range strings.SplitSeq(strings.ToLower(name), "/") {
		n := len(part)
		for n > longest && !strings.Contains(choice, part[:n]) {
			n--
		}
		longest = max(longest, n)
	}
	return longest
}

func quoteAll(names []string) (quoted []string) {
	for _, n := range names {
		quoted = append(quoted, quote(n))
	}
	return quoted
}

// ChosenString describes a choice of topics for a NoTopicError. Each part may be missing.
func ChosenString(names []string, topics, exclude, types *regexp.Regexp) string {
	var parts []string
	if len(names) > 0 {
		parts = append(parts, "the names "+strings.Join(quoteAll(names), ", "))
	}
	for _, e := range []struct {
		what string
		re   *regexp.Regexp
	}{{"names that match", topics}, {"names that do not match", exclude}, {"types that match", types}} {
		if e.re != nil {
			parts = append(parts, e.what+" "+quote(e.re.String()))
		}
	}
	return strings.Join(parts, " and ")
}
