package shmtransport

import (
	"regexp"
	"testing"

	"github.com/shmbus/shmbus/internal/layouttest"
	"github.com/shmbus/shmbus/shmtransport/internal/ring"
)

// Other implementations and readers of a dump rely on the tables.
func TestLayout_MatchesDocument(t *testing.T) {
	wrong, err := layouttest.Package{
		Name: "shmtransport", Root: "..", Files: []string{"layout.go"},
		Field: regexp.MustCompile(`^(pub|arena|adm|slot|rdr|link|page|wake)Off[A-Z]`),
		Sizes: map[string]int{
			"pubOffArenas":     MaxArenas * arenaEntrySize,
			"pubOffAdmissions": MaxReaders * admissionEntrySize,
			"rdrOffChanges":    MaxLinks / linksPerGroup * 4,
			"rdrOffGroups":     MaxLinks * (linkEntrySize + linkPageSize),
			"wakeOffBells":     wakeFileSize - wakeOffBells,
			"pageOffMarks":     MaxHeld * 4,
		},
		Ends: map[string]int{
			"Publisher header":      pubOffRing + ring.EntrySize*MaxDepth,
			"Arena table entry":     arenaEntrySize,
			"Admission table entry": admissionEntrySize,
			"Slot header":           slotHeaderSize,
			"Reader header":         rdrFileSize,
			"Wake file":             wakeFileSize,
			"Link directory entry":  linkEntrySize,
			"Link page":             linkPageSize,
		},
	}.Check()
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range wrong {
		t.Error(w)
	}
}

func TestLayout_TablesFillTheirFiles(t *testing.T) {
	for what, between := range map[string][2]int{
		"arena table":     {MaxArenas * arenaEntrySize, pubOffAdmissions - pubOffArenas},
		"admission table": {MaxReaders * admissionEntrySize, pubOffRing - pubOffAdmissions},
		"change counts":   {MaxLinks / linksPerGroup * 4, 1024},
		"groups of links": {MaxLinks * (linkEntrySize + linkPageSize), rdrFileSize - rdrOffGroups},
		"a group":         {linksPerGroup * linkEntrySize, linkPageSize},
		"bells":           {wakeLines * 64, wakeFileSize - wakeOffBells},
		"marks":           {MaxHeld * 4, linkPageSize - pageOffMarks},
	} {
		if between[0] != between[1] {
			t.Errorf("the %s takes %d bytes and has %d", what, between[0], between[1])
		}
	}
	if maxSlots != 1<<ring.SlotIndexBits || ring.InEntry>>ring.SlotIndexBits < MaxArenas || ring.InEntry+ring.SmallPayload >= ring.Withdrawn || ring.Withdrawn > ring.SlotMask {
		t.Error("a ring word does not hold the number of every slot")
	}
}
