package goal

import (
	"regexp"
	"testing"

	"github.com/shmbus/shmbus/internal/layouttest"
)

// Other implementations and readers of a recording rely on the tables.
func TestLayout_MatchesDocument(t *testing.T) {
	wrong, err := layouttest.Package{
		Name: "service/goal", Root: "../..", Files: []string{"layout.go"},
		Field: regexp.MustCompile(`^(req|upd)Off[A-Z]`),
		Sizes: map[string]int{
			"reqOffID": 16, "reqOffOperation": 1,
			"updOffState": 1, "updOffContent": 1, "updOffCode": 4, "updOffText": 4,
		},
		Ends: map[string]int{"Goal request": requestHeader, "Goal update": updateHeader},
	}.Check()
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range wrong {
		t.Error(w)
	}
}
