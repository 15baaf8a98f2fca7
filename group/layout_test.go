package group

import (
	"regexp"
	"testing"

	"github.com/shmbus/shmbus/internal/layouttest"
)

// Other implementations rely on the tables.
func TestLayout_MatchesDocument(t *testing.T) {
	wrong, err := layouttest.Package{
		Name: "group", Root: "..", Files: []string{"layout.go"},
		Field: regexp.MustCompile(`^(acc|ann)Off[A-Z]`),
		Sizes: map[string]int{
			"accOffMember": 8, "accOffParticipant": 8, "accOffPublisher": 4, "accOffRanges": 4, "accOffClaims": 4, "accOffFirst": 8,
			"annOffMember": 8, "annOffFile": 8, "annOffNoticed": 4, "annOffJoined": 4,
		},
		Ends: map[string]int{"Account": accountSize, "Announcement": announcementSize},
	}.Check()
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range wrong {
		t.Error(w)
	}
}
