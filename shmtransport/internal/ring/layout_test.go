package ring

import (
	"regexp"
	"testing"

	"github.com/shmbus/shmbus/internal/layouttest"
)

// Other implementations and readers of a dump rely on the tables.
func TestLayout_MatchesDocument(t *testing.T) {
	wrong, err := layouttest.Package{
		Name: "shmtransport/internal/ring", Root: "../../..", Files: []string{"layout.go"},
		Field: regexp.MustCompile(`^Off[A-Z]`),
		Sizes: map[string]int{
			"OffWord":    8,
			"OffGuard":   8,
			"OffStamp":   8,
			"OffPayload": SmallPayload,
		},
		Ends: map[string]int{"Ring entry": EntrySize},
	}.Check()
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range wrong {
		t.Error(w)
	}
}
