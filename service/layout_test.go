package service

import (
	"regexp"
	"testing"

	"github.com/shmbus/shmbus/internal/layouttest"
)

// Other implementations and readers of a recording rely on the tables.
func TestLayout_MatchesDocument(t *testing.T) {
	wrong, err := layouttest.Package{
		Name: "service", Root: "..", Files: []string{"layout.go"},
		Field: regexp.MustCompile(`^(hdr|ctl)Off[A-Z]`),
		Sizes: map[string]int{
			"hdrOffNumber": 8, "hdrOffDeadline": 8, "hdrOffKind": 4, "hdrOffCode": 4,
			"ctlOffSlot": 4, "ctlOffRequests": 4, "ctlOffNumber": 8, "ctlOffCredit": 8, "ctlOffCancelled": 4,
		},
		Ends: map[string]int{"Message header": HeaderSize, "Control message": controlSize},
	}.Check()
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range wrong {
		t.Error(w)
	}
}
