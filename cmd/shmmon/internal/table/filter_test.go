package table

import (
	"strings"
	"testing"
)

func TestFilter_Forms(t *testing.T) {
	for typed, want := range map[string]string{
		"":             "bush/berry/blue bush/berry/red kiwi tree/apple tree/pear",
		"APPLE":        "tree/apple",
		"apple|kiwi":   "kiwi tree/apple",
		"^tree/.*r$":   "tree/pear",
		"!tree":        "bush/berry/blue bush/berry/red kiwi",
		"!":            "bush/berry/blue bush/berry/red kiwi tree/apple tree/pear",
		"~bbr":         "bush/berry/blue bush/berry/red",
		"!~bbr":        "kiwi tree/apple tree/pear",
		"vine":         "kiwi", // by another column
		"berry/(":      "",     // not an expression
		"berry/[blue":  "",
		"no such text": "",
	} {
		x := newTable(basket()...)
		x.SetFilter(NewFilter(typed))
		if got := strings.Join(names(x), " "); got != want {
			t.Errorf("%q: %q", typed, got)
		}
		shown, all := x.Count()
		if shown != len(strings.Fields(want)) || all != 5 {
			t.Errorf("%q: %d of %d", typed, shown, all)
		}
	}
	if f := NewFilter(strings.Repeat("ä", 400)); len(f.Text) > MaxFilter {
		t.Errorf("a filter of %d bytes", len(f.Text))
	}
}
