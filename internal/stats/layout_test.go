package stats

import (
	"regexp"
	"testing"

	"github.com/shmbus/shmbus/internal/layouttest"
)

// The tables are what other implementations and readers of a dump go by.
func TestDocumentAndCommentSayWhatTheConstantsSay(t *testing.T) {
	wrong, err := layouttest.Package{
		Name: "internal/stats", Root: "../..", Files: []string{"block.go", "figures.go"},
		Field: regexp.MustCompile(`^off[A-Z]`),
		Sizes: map[string]int{"offLatency": 4 * Buckets},
		Ends:  map[string]int{"Figures of a publisher": offLatency, "Figures of a subscription": Size},
	}.Check()
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range wrong {
		t.Error(w)
	}
	if offLatency+4*Buckets != Size || BucketStart(1) != 80 || BucketStart(Buckets-1) != 240518168576 {
		t.Error("the histogram is not the one that the document describes")
	}
}
